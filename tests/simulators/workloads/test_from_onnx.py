"""ONNX files that PyTorch exported, and graphs made by hand, against the tables and PyTorch's counts."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import Convolution, Network, Precision, network
from cosearch_simulators.workloads.from_onnx import from_onnx
from cosearch_simulators.workloads.from_torch import from_torch
from torch_models import Bert, Gpt2, MobileNetV2, ResNet18, UNet, VisionTransformer

onnx = pytest.importorskip("onnx")
helper, TensorProto = onnx.helper, onnx.TensorProto


def exported(module: nn.Module, inputs: Sequence[torch.Tensor], **options: Any) -> Any:
    """The ONNX model that PyTorch writes; parameters are random, since equal ones would be merged."""
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), tuple(inputs), buffer, dynamo=False, **options)
    return onnx.load_from_string(buffer.getvalue())


def words(length: int) -> torch.Tensor:
    return torch.zeros(1, length, dtype=torch.long)


SMALL: dict[str, tuple[Callable[[], nn.Module], list[torch.Tensor]]] = {
    "bert": (lambda: Bert(2, 64, 4, 100), [words(16), words(16)]),
    "vit": (lambda: VisionTransformer(2, 64, 4, 32), [torch.zeros(1, 3, 32, 32)]),
    "gpt2": (lambda: Gpt2(2, 64, 4, 100), [words(16)]),
    "unet": (lambda: UNet((4, 8, 16)), [torch.zeros(1, 1, 60, 60)]),
}


@pytest.mark.parametrize(("name", "build"), [("resnet18", ResNet18), ("mobilenet_v2", MobileNetV2)])
def test_an_exported_convolutional_network_is_the_table(
    name: str, build: Callable[[], nn.Module], tmp_path: Path
):
    """The exporter folds batch normalisations, and writes ReLU6 as Clip."""
    onnx.save(exported(build(), [torch.zeros(1, 3, 224, 224)]), tmp_path / f"{name}.onnx")
    read, table = from_onnx(tmp_path / f"{name}.onnx"), network(name).fold_batch_norms()
    assert (read.name, read.macs, read.parameters) == (name, table.macs, table.parameters)
    assert [
        operator.loop_nest() for operator in read.matrix_operators if "downsample" not in operator.name
    ] == [operator.loop_nest() for operator in table.matrix_operators if "downsample" not in operator.name]
    assert read.vector_operations == table.vector_operations


def test_batch_normalisations_that_are_kept_have_their_parameters():
    preserved = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    block = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    model = exported(block, [torch.zeros(1, 3, 8, 8)], **preserved)
    assert [node.op_type for node in model.graph.node] == ["Conv", "BatchNormalization", "Relu"]
    assert from_onnx(model).parameters == sum(p.numel() for p in block.parameters())


def test_normalisations_and_activations_that_are_spelled_out_count_the_same():
    """Before opset 17 a layer normalisation is nine nodes, and a GELU five."""
    module, inputs = SMALL["bert"][0](), SMALL["bert"][1]
    spelled, whole = (exported(module, inputs, opset_version=opset) for opset in (14, 20))
    assert "Erf" in {node.op_type for node in spelled.graph.node}
    assert from_onnx(spelled).parameters == from_onnx(whole).parameters
    assert from_onnx(spelled).macs == from_onnx(whole).macs


@pytest.mark.parametrize("name", SMALL)
def test_an_exported_module_is_the_traced_module(name: str):
    """Two independent ways from the same module; parameters are those that the file and the module hold."""
    build, inputs = SMALL[name]
    module = build()
    model = exported(module, inputs)
    read, traced = from_onnx(model), from_torch(module, inputs)
    assert read.macs == traced.macs
    stored = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT]
    assert read.parameters == sum(prod(tensor.dims) for tensor in stored if prod(tensor.dims) > 1)
    assert traced.parameters == sum(p.numel() for p in module.parameters())


class CausalAttention(nn.Module):
    """With all that is no parameter: a buffer that is added, and a mask that the exporter folds."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.register_buffer("positions", torch.sin(torch.arange(48.0)).reshape(6, 8))
        self.scale = nn.Parameter(torch.rand(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.qkv(x * self.scale + self.positions)
        q, k, v = x.view(1, 6, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(1, 6, 8))


@pytest.mark.parametrize("outside", [False, True])
def test_buffers_and_masks_of_an_export_are_no_parameters(outside: bool, tmp_path: Path):
    trained = sum(parameter.numel() for parameter in CausalAttention().parameters())
    path = Path(__file__).parent / "exported/causal_attention.onnx"
    if outside:
        model = onnx.load(path)
        path = tmp_path / "outside.onnx"
        onnx.save(model, path, save_as_external_data=True, location="data", size_threshold=128)
    assert from_onnx(path).parameters == trained
    assert from_onnx(onnx.load(path)).parameters == trained


class Masked(nn.Module):
    """Scores with a mask, and a bias as large as the mask."""

    def __init__(self, mask: torch.Tensor, multiplied: bool) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.multiplied, self.bias = multiplied, nn.Parameter(torch.zeros(mask.shape))

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        mask = self.mask[:, :6]
        scores = scores * mask if self.multiplied else scores + mask
        return torch.softmax(scores + self.bias[:, :6], -1)


@pytest.mark.parametrize(
    ("mask", "multiplied", "trained"),
    [
        (torch.full((6, 8), -torch.inf).triu(1), False, 48),
        (torch.full((6, 8), -1e4).triu(1), False, 48),
        (torch.ones(6, 8).tril(), True, 48),
        (torch.full((6, 8), -3.0).triu(1), False, 96),  # may be trained
        (torch.ones(6, 8), True, 96),  # a scale that is not trained yet
    ],
)
def test_a_mask_is_known_by_its_values(mask: torch.Tensor, multiplied: bool, trained: int):
    model = exported(Masked(mask, multiplied), [torch.zeros(6, 6)], do_constant_folding=False)
    assert from_onnx(model).parameters == trained


def test_open_axes_are_filled_by_batch_or_shapes():
    axes = {"image": {0: "batch"}}
    model = exported(nn.Conv2d(3, 4, 3), [torch.zeros(1, 3, 8, 8)], input_names=["image"], dynamic_axes=axes)
    assert from_onnx(model, batch=4).macs == 4 * 4 * 36 * 27
    assert from_onnx(model, shapes={"image": [2, 3, 5, 5]}).macs == 2 * 4 * 9 * 27
    with pytest.raises(
        WorkloadError, match=r"input 'image' has the open shape \['batch', 3, 8, 8\].*batch=1 "
    ):
        from_onnx(model)


def test_arithmetic_on_shapes_is_followed():
    """An encoder exported with an open length computes its reshapes from the input's shape."""
    axes = {"tokens": {0: "batch", 1: "length"}}
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2)
    model = exported(encoder, [torch.zeros(2, 8, 32)], input_names=["tokens"], dynamic_axes=axes)
    assert "Shape" in {node.op_type for node in model.graph.node}
    read = from_onnx(model, shapes={"tokens": [3, 8, 32]})
    assert read.macs == from_torch(encoder, [torch.zeros(3, 8, 32)]).macs
    assert read.parameters == sum(p.numel() for p in encoder.parameters())
    # this exporter writes the keys' length as a number, so that no other can be run
    with pytest.raises(
        WorkloadError, match=r"cannot reshape \(20, 3, 32\) to \(8, 12, 8\): the file was exported"
    ):
        from_onnx(model, shapes={"tokens": [3, 20, 32]})


def graph(nodes: list[Any], shapes: dict[str, list[Any]], **types: int) -> Any:
    """A model that ends in y; names in lower case are inputs, those with a capital are initializers."""
    inputs, weights = [], []
    for name, shape in shapes.items():
        kind = types.get(name, TensorProto.FLOAT)
        if name[0].islower():
            inputs.append(helper.make_tensor_value_info(name, kind, shape))
        else:
            data = bytes(prod(shape) * (4 if kind == TensorProto.FLOAT else 1))
            weights.append(helper.make_tensor(name, kind, shape, data, raw=True))
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    made = helper.make_graph(nodes, "handmade", inputs, [output], weights)
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in {"", *(n.domain for n in nodes)}]
    return helper.make_model(made, opset_imports=opsets)


def test_padding_may_be_asymmetric_or_automatic():
    x, w = [1, 3, 9, 9], [4, 3, 3, 3]
    for attributes in ({"pads": [0, 1, 2, 0]}, {"auto_pad": "SAME_UPPER"}, {"auto_pad": "SAME_LOWER"}):
        node = helper.make_node("Conv", ["x", "W"], ["y"], strides=[2, 2], **attributes)
        (convolution,) = from_onnx(graph([node], {"x": x, "W": w})).operators
        assert isinstance(convolution, Convolution)
        assert convolution.out_size == (5, 4) if "pads" in attributes else (5, 5)
    assert convolution.padding == (1, 1, 1, 1)


def test_quantised_weights_have_their_bits():
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "S", "Z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "S", "Z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["W", "S", "Z"], ["wd"]),
        helper.make_node("Conv", ["xd", "wd"], ["y"], name="conv"),
    ]
    shapes: dict[str, list[Any]] = {"x": [1, 3, 8, 8], "W": [4, 3, 3, 3], "S": [], "Z": []}
    read = from_onnx(graph(nodes, shapes, W=TensorProto.INT8, Z=TensorProto.INT8))
    (convolution,) = read.operators
    assert convolution.precision == Precision(weight_bits=8, input_bits=8, output_bits=32)
    assert (convolution.macs, convolution.parameters) == (4 * 36 * 27, 108)


def chain(kind: str, **attributes: Any) -> Any:
    nodes = [
        helper.make_node("Relu", ["x"], ["h"], name="first"),
        helper.make_node(kind, ["h"], ["y"], name="second", **attributes),
    ]
    return graph(nodes, {"x": [1, 4]})


def branching() -> Any:
    """A choice by an input."""
    ends = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])]
    way = helper.make_graph([helper.make_node("Relu", ["x"], ["z"])], "way", [], ends)
    choice = helper.make_node("If", ["b"], ["y"], name="choice", then_branch=way, else_branch=way)
    return graph([choice], {"x": [1, 4], "b": []}, b=TensorProto.BOOL)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            branching(),
            "node 'choice' (If): its condition 'b' depends on what is computed: it is an",
        ),
        (chain("MaxPool"), "node 'second' (MaxPool): shapes cannot be inferred: Required attribute 'kernel_"),
        (
            graph([helper.make_node("Add", ["x", "lost"], ["y"], name="sum")], {"x": [1, 4]}),
            "node 'sum' reads 'lost', which no node, input or initializer gives",
        ),
        (
            graph([helper.make_node("Relu", ["x"], ["y"])], {"x": ["n", 3, "h", 8]}),
            "input 'x' has the open shape ['n', 3, 'h', 8]: set n and h, for example n=1,h=1 (behind",
        ),
        (
            graph([helper.make_node("Conv", ["x", "W"], ["y"])], {"x": [1, 3, 8, 8], "W": [4, 2, 3, 3]}),
            "the weights are for 2 x 1 groups channels, the input has 3",
        ),
    ],
)
def test_what_cannot_be_imported_is_named(model: Any, message: str):
    with pytest.raises(WorkloadError, match="^[^\n]*$") as refused:
        from_onnx(model)
    assert message in str(refused.value)


def test_a_graph_whose_views_go_in_a_circle_is_refused():
    nodes = [
        helper.make_node("Reshape", ["W", "s"], ["a"]),
        helper.make_node("Reshape", ["a", "s"], ["W"]),
        helper.make_node("Add", ["x", "a"], ["y"]),
    ]
    model = graph(nodes, {"x": [1, 4]})
    model.graph.initializer.append(helper.make_tensor("W", TensorProto.FLOAT, [4], [0, 1, 2, 3]))
    with pytest.raises(WorkloadError):
        from_onnx(model)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        (b"", "is no ONNX file"),
        (b"not a protobuf", "is no ONNX file"),
        (b"\x08\x07", "is no ONNX file"),
    ],
)
def test_files_that_are_no_models(tmp_path: Path, content: bytes | None, message: str):
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WorkloadError, match="^[^\n]*$") as refused:
        from_onnx(path)
    assert message in str(refused.value)


def test_a_loaded_model_is_not_changed():
    model = exported(nn.Linear(4, 3), [torch.zeros(1, 4)], input_names=["x"], dynamic_axes={"x": {0: "n"}})
    before = model.SerializeToString()
    assert isinstance(from_onnx(model, batch=2), Network)
    assert model.SerializeToString() == before


WHOLE = graph(
    [
        helper.make_node("Conv", ["x", "W"], ["h"], strides=[2, 2], auto_pad="SAME_UPPER"),
        helper.make_node("MaxPool", ["h"], ["p"], kernel_shape=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "V"], ["y"]),
    ],
    {"x": [1, 3, 6, 6], "W": [4, 3, 3, 3], "V": [16, 5]},
).SerializeToString()


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@example([(976, 29)])  # an element type that ONNX does not have
@settings(deadline=None, max_examples=150)
def test_a_damaged_file_is_read_or_refused(damages: list[tuple[int, int]]):
    content = bytearray(WHOLE)
    for place, value in damages:
        content[place] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.onnx"
        path.write_bytes(content)
        try:
            assert isinstance(from_onnx(path), Network)
        except WorkloadError as refused:
            assert "\n" not in str(refused)  # noqa: PT017
