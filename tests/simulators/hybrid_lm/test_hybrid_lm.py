"""Small language models: counted against PyTorch's count, decoded against a whole sequence."""

from __future__ import annotations

import lzma
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.hybrid_lm import (
    MIXERS,
    PRECISIONS,
    Architecture,
    evaluate,
    read_text,
    standard_library,
)
from cosearch_simulators.hybrid_lm import training as training_module
from cosearch_simulators.hybrid_lm.layers import LinearAttention
from cosearch_simulators.hybrid_lm.model import HybridModel
from cosearch_simulators.hybrid_lm.precision import in_precision
from cosearch_simulators.hybrid_lm.timing import Timed
from cosearch_simulators.hybrid_lm.training import bits_for_each_byte, train
from cosearch_simulators.threads import one_torch_thread

MIXED = ("attention", "short_convolution", "sliding_window", "linear_attention", "grouped_query")


def columns(**changed):
    design = {
        **{"depth": 2, "width": 64, "feed_forward_ratio": 2, "precision": "float32"},
        **{"layer_1": "short_convolution", "layer_2": "attention"},
    }
    return {name: np.array([value]) for name, value in {**design, **changed}.items()}


@pytest.mark.parametrize("mixer", MIXERS)
def test_weights_are_counted_as_pytorch_does(mixer):
    for width, ratio in ((64, 1), (256, 3)):
        network = Architecture((mixer, "attention", mixer), width, ratio, "float32")
        model = HybridModel(network)
        assert network.parameters == sum(p.numel() for p in model.parameters())
        assert network.weight_bytes == 4 * network.parameters


@pytest.mark.parametrize("mixer", MIXERS)
@torch.no_grad()
def test_decoding_gives_what_the_whole_sequence_gives_and_keeps_what_is_counted(mixer):
    network = Architecture((mixer, mixer), 128, 2, "float32", window=40)
    model = HybridModel(network, seed=1).eval()
    tokens = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 170)))
    memories = model.new_memories()
    parts = [model(tokens[:, :100], memories), model(tokens[:, 100:140], memories)]
    parts += [model(tokens[:, i : i + 1], memories) for i in range(140, 170)]
    torch.testing.assert_close(torch.cat(parts, 1), model(tokens), rtol=1e-4, atol=1e-4)
    kept = sum(x.numel() for memory in memories for x in memory.values() if isinstance(x, torch.Tensor))
    assert 4 * kept == 2 * network.cache_bytes(170)  # two sequences


@torch.no_grad()
def test_linear_attention_in_chunks_is_its_recurrence():
    layer = LinearAttention(Architecture(("linear_attention",), 64, 1, "float32"))
    x = torch.randn(1, 150, 64, generator=torch.Generator().manual_seed(0))
    memory: dict = {}
    one_by_one = torch.cat([layer(x[:, i : i + 1], memory) for i in range(150)], 1)
    torch.testing.assert_close(layer(x), one_by_one, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("mixer", MIXERS)
def test_no_position_sees_a_later_one(mixer):
    model = HybridModel(Architecture((mixer, mixer), 64, 2, "float32")).eval()
    tokens = torch.arange(90)[None]
    changed = tokens.clone()
    changed[:, 60:] = 7
    torch.testing.assert_close(model(tokens)[:, :60], model(changed)[:, :60])
    assert not torch.allclose(model(tokens)[:, 60:], model(changed)[:, 60:])


def test_training_learns_and_the_seed_decides():
    corpus = standard_library()
    scores = []
    for seed in (0, 0, 1):
        network = Architecture(("short_convolution", "attention"), 64, 2, "float32")
        model = HybridModel(network, seed)
        before, _ = bits_for_each_byte(model, corpus)
        with one_torch_thread():
            train(model, network, corpus, steps=30, seed=seed)
        scores.append(bits_for_each_byte(model, corpus)[0])
        assert before == pytest.approx(8, abs=1.5)  # it knows nothing
    counts = np.bincount(corpus.train, minlength=256) / len(corpus.train)
    order_0 = -sum(p * math.log2(p) for p in counts if p)
    assert scores[0] < order_0  # better than the frequencies of bytes alone
    assert scores[0] == scores[1] != scores[2]
    assert scores[0] > 8 * len(lzma.compress(corpus.held_out.tobytes())) / len(corpus.held_out)


@torch.no_grad()
def test_precisions_round_as_they_say():
    network = Architecture(MIXED, 128, 2, "int8")
    tokens = torch.arange(80)[None]
    exact = HybridModel(network, 3)(tokens)
    for precision in PRECISIONS:
        model = in_precision(HybridModel(network, 3), precision)
        off = float((model(tokens).float() - exact).abs().max() / exact.abs().max())
        assert off == 0 if precision == "float32" else 1e-4 < off < 0.1
        memories = model.new_memories()  # one token goes another way than several
        model(tokens[:, :-1], memories)
        step = model(tokens[:, -1:], memories)
        assert float((step.float() - model(tokens)[:, -1:].float()).abs().max()) < 0.1


def test_a_design_is_trained_and_timed():
    found = evaluate(columns(), standard_library(), steps=4, prompt=64, decoded=4, repeats=3)
    assert found.status.tolist() == ["ok"]
    assert all(found[name][0] > 0 for name in found.metrics)
    assert found["prefill_ms"][0] > found["decode_ms"][0]
    assert set(found.standard_error) == {"bits_per_byte", "decode_ms", "prefill_ms"}


def test_what_cannot_be_built_or_trained_says_why(monkeypatch):
    corpus = standard_library()
    wrong = evaluate(columns(layer_1="atention"), corpus, steps=1)
    assert wrong.status.tolist() == ["infeasible"]
    assert "'attention'" in wrong.reason[0]
    narrow = evaluate(columns(width=48), corpus, steps=1)
    assert "a multiple of 32" in narrow.reason[0]
    monkeypatch.setattr(training_module, "LEARNING_RATE", float("inf"))
    diverged = evaluate(columns(), corpus, steps=5)
    assert diverged.status.tolist() == ["failed"]
    assert "diverged at step" in diverged.reason[0]
    assert all(np.isnan(column[0]) for column in diverged.metrics.values())


def test_a_median_and_its_error():
    rng = np.random.default_rng(0)
    medians = [Timed.of(list(rng.normal(1e-3, 1e-4, 99))) for _ in range(400)]
    spread = np.std([timed.median_ms for timed in medians])
    assert np.mean([timed.error_ms for timed in medians]) == pytest.approx(spread, rel=0.15)


def test_a_text_of_the_users(tmp_path: Path):
    path = tmp_path / "text"
    path.write_bytes(bytes(range(256)) * 500)
    corpus = read_text(path)
    assert len(corpus.train) + len(corpus.held_out) == 128_000
    assert corpus.digest != standard_library().digest
    path.write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="5 bytes of text, at least 100,000"):
        read_text(path)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_text(tmp_path / "none")
