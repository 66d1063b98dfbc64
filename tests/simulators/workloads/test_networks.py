"""The built-in networks against the MAC and parameter counts that their papers and model zoos publish."""

from __future__ import annotations

import time

import pytest

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import (
    BatchedMatrixMultiply,
    Embedding,
    MatrixMultiply,
    Precision,
    network,
    networks,
)

# name: (num_params, GFLOPS), as torchvision's documentation prints them for the weights of each model
# (https://docs.pytorch.org/vision/stable/models.html; its GFLOPS are 10^9 multiply-accumulates)
TORCHVISION = {
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "mobilenet_v2": (3_504_872, 0.301),
    "mobilenet_v3_large": (5_483_032, 0.217),
    "mobilenet_v3_small": (2_542_856, 0.057),
    "efficientnet_b0": (5_288_548, 0.386),
    "alexnet": (61_100_840, 0.714),
    "vgg16": (138_357_544, 15.470),
    "squeezenet1_0": (1_248_424, 0.819),
    "squeezenet1_1": (1_235_496, 0.349),
    "vit_b_16": (86_567_656, 17.564),
}

# name: parameters of the released model, as its card or loader prints them
RELEASED = {
    "bert_base": 109_482_240,  # Hugging Face bert-base-uncased, BertModel
    "bert_large": 335_141_888,  # Hugging Face bert-large-uncased, BertModel
    "gpt2": 124_439_808,  # Hugging Face gpt2, GPT2LMHeadModel
    "llama2_7b": 6_738_415_616,  # Hugging Face meta-llama/Llama-2-7b-hf
    "llama3_8b": 8_030_261_248,  # Hugging Face meta-llama/Meta-Llama-3-8B
    "unet": 31_030_658,  # the total that Keras prints for the paper's network with two classes
}

# name: (multiply-adds in 10^6, relative tolerance of the printed figure), as the papers print them
PAPERS = {
    "mobilenet_v2": (300, 0.01),  # Sandler et al. 2018, table 4
    "mobilenet_v3_large": (219, 0.02),  # Howard et al. 2019, table 3
    "mobilenet_v3_small": (56, 0.02),  # Howard et al. 2019, table 3
    "efficientnet_b0": (390, 0.02),  # Tan and Le 2019, table 2: 0.39 B
    "resnet18": (1_800, 0.01),  # He et al. 2016, table 1: 1.8e9
    "resnet34": (3_600, 0.02),  # He et al. 2016, table 1: 3.6e9
    "bert_base": (22_500 / 2, 0.01),  # Jiao et al., "TinyBERT", 2020, table 1: 22.5 B FLOPs at length 128
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameters_and_macs_are_torchvisions(name: str):
    parameters, giga_macs = TORCHVISION[name]
    built = network(name)
    assert built.parameters == parameters
    assert built.macs / 1e9 == pytest.approx(giga_macs, abs=0.0005001)


@pytest.mark.parametrize("name", RELEASED)
def test_parameters_are_the_released_models(name: str):
    assert network(name).parameters == RELEASED[name]


@pytest.mark.parametrize("name", PAPERS)
def test_macs_are_the_papers(name: str):
    mega_macs, tolerance = PAPERS[name]
    assert network(name).macs / 1e6 == pytest.approx(mega_macs, rel=tolerance)


@pytest.mark.parametrize(("name", "layers", "features"), [("gpt2", 12, 768), ("llama2_7b", 32, 4096)])
def test_language_models_follow_palms_formula(name: str, layers: int, features: int):
    """Chowdhery et al., "PaLM", 2022, appendix B: 2 N + 4 L H Q T FLOPs a token forward, in matrices alone.

    N has the matrices with the output's and without the tables; T is the context and H Q the features.
    """
    length = 1024
    built = network(name, sequence_length=length)
    matrices = sum(
        operator.tensor_elements["Weights"]
        for operator in built.operators
        if isinstance(operator, MatrixMultiply)
    )
    assert built.macs == length * (matrices + 2 * layers * features * length)


def test_unet_has_the_sizes_of_the_papers_figure():
    unet = network("unet")
    assert unet.operator("down4.conv2").out_size == (28, 28)
    assert unet.operator("classifier").out_size == (388, 388)
    assert sum("conv" in operator.name or operator.name == "classifier" for operator in unet.operators) == 23


def test_decoding_with_a_cache_does_the_last_rows_of_prefill():
    """Prefill of n + 1 tokens is prefill of n, a step of decoding and what a causal mask would save."""
    prefill, longer = (network("gpt2", sequence_length=n) for n in (512, 513))
    step = network("gpt2", sequence_length=1, cached_tokens=512)
    masked = (
        12 * 2 * 512 * 768
    )  # each of the 512 earlier rows sees one column more, in both products of a layer
    assert longer.macs == prefill.macs + step.macs + masked
    assert step.parameters == longer.parameters
    scores = step.operator("layer0.attention.scores")
    assert isinstance(scores, BatchedMatrixMultiply)
    assert (scores.batch, scores.m, scores.n, scores.k) == (12, 1, 513, 64)
    assert set(step.producers("layer0.attention.scores")) == {
        "layer0.attention.qkv",
        "layer0.attention.key_cache",
    }


def test_grouped_queries_read_their_keys_once():
    block = network("llama3_8b_block", sequence_length=1, cached_tokens=1023)
    scores = block.operator("layer0.attention.scores")
    assert scores.macs == 32 * 128 * 1024
    assert scores.tensor_elements["Weights"] == 8 * 128 * 1024


def test_tied_and_table_parameters_are_no_macs():
    gpt2 = network("gpt2", sequence_length=1)
    logits = gpt2.operator("logits")
    assert (logits.parameters, logits.tensor_elements["Weights"]) == (0, 50_257 * 768)
    tables = [operator for operator in gpt2.operators if isinstance(operator, Embedding)]
    assert sum(table.parameters for table in tables) == (50_257 + 1024) * 768
    assert all(table.macs == 0 for table in tables)


@pytest.mark.parametrize("name", networks())
def test_batch_multiplies_work_but_not_parameters(name: str):
    one, four = network(name), network(name, batch=4)
    assert four.macs == 4 * one.macs
    assert four.parameters == one.parameters


@pytest.mark.parametrize("name", networks())
def test_only_the_last_operator_feeds_nothing(name: str):
    built = network(name)
    ends = [operator.name for operator in built.operators if not built.consumers(operator.name)]
    assert ends == [built.operators[-1].name]
    assert all(built.consumers(entry) for entry in built.inputs)


@pytest.mark.parametrize("name", networks())
def test_a_network_loads_in_milliseconds(name: str):
    def seconds() -> float:
        start = time.perf_counter()
        network(name)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.05


def test_unique_groups_equal_layers():
    resnet = network("resnet18")
    groups = resnet.unique()
    assert sum(group.count for group in groups) == len(resnet.operators)
    assert sum(group.count * group.operator.macs for group in groups) == resnet.macs
    convolutions = {group.names[0]: group.count for group in groups if group.operator.macs}
    # He et al. 2016, table 1: four equal convolutions of 64 channels, three each of 128, 256 and 512
    assert convolutions["layer1.0.conv1"] == 4
    assert (
        convolutions["layer2.0.conv2"]
        == convolutions["layer3.0.conv2"]
        == convolutions["layer4.0.conv2"]
        == 3
    )
    assert len(convolutions) == 12


def test_folding_batch_norms_makes_them_biases():
    resnet = network("resnet18")
    folded = resnet.fold_batch_norms()
    channels = sum(
        operator.out_channels for operator in resnet.operators if hasattr(operator, "out_channels")
    )
    assert folded.macs == resnet.macs
    assert folded.parameters == resnet.parameters - channels  # a scale and a shift each became one bias
    assert not any(operator.name.endswith("norm") for operator in folded.operators)
    assert folded.producers("conv1.relu") == ("conv1",)


def test_precision_is_every_operators():
    half = Precision.uniform(16)
    assert network("resnet18", precision=half) == network("resnet18").with_precision(half)
    assert network("vgg16", precision=half).traffic_bytes > 1.9 * network("vgg16").traffic_bytes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "resnet19"}, "unknown network 'resnet19'; did you mean 'resnet18'"),
        (
            {"name": "resnet18", "image": 3},
            "unknown argument of resnet18 'image'; did you mean 'image_size'",
        ),
        (
            {"name": "resnet18", "foo": 3},
            "unknown argument of resnet18 'foo'; valid: batch, image_size, classes, precision",
        ),
        ({"name": "resnet18", "batch": 0}, "resnet18: batch must be at least 1, got 0"),
        ({"name": "resnet18", "batch": 1.5}, "resnet18: batch must be an integer, got 1.5"),
        ({"name": "resnet18", "precision": 8}, "resnet18: precision must be a Precision, got 8"),
        (
            {"name": "bert_base", "sequence_length": 513},
            "bert_base: at most 512 tokens can be embedded, got 513",
        ),
        ({"name": "vit_b_16", "image_size": 225}, "vit_b_16: image_size must be a multiple of 16, got 225"),
        ({"name": "gpt2", "cached_tokens": -1}, "gpt2: cached_tokens must be at least 0, got -1"),
        ({"name": "unet", "image_size": 60}, "larger than its input"),
        ({"name": "vgg16", "image_size": 8}, "must be at least 1"),
        ({"name": "llama2_7b", "sequence_length": 2**40}, "overflow 64-bit counts"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments: dict[str, object], message: str):
    with pytest.raises(WorkloadError, match="^[^\n]*$") as refused:
        network(**arguments)  # type: ignore[arg-type]
    assert message in str(refused.value)
