"""Attention as one ONNX node, and other operators of com.microsoft, counted on paper."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")

from cosearch_simulators.workloads import Network
from cosearch_simulators.workloads.from_onnx import from_onnx
from onnx_graphs import model, node, random

MICROSOFT = "com.microsoft"


def attended(
    inputs: dict[str, list[int]], constants: dict[str, object] | None = None, **made: object
) -> Network:
    names = {**dict.fromkeys(inputs), **dict.fromkeys(constants or {})}
    order = made.pop("order", " ".join(names))
    kind, opset = made.pop("kind", "Attention"), made.pop("opset", 23)
    one = node(str(kind), str(order), "y k v", "attention", **made)
    return from_onnx(model([one], inputs, constants, opset=int(str(opset))))


def test_the_cache_of_attention_is_read_whole_and_written_by_a_token():
    """One token after 15: four heads of eight features; scores and their mixture over 16 tokens."""
    new, past = [1, 4, 1, 8], [1, 4, 15, 8]
    read = attended({"q": new, "k": new, "v": new, "pk": past, "pv": past}, order="q k v - pk pv")
    assert (read.macs, read.parameters) == (2 * 4 * 16 * 8, 0)
    scores, mix = read.operator("attention.scores"), read.operator("attention.mix")
    assert scores.tensor_elements["Weights"] == mix.tensor_elements["Weights"] == 4 * 16 * 8
    for which in ("key", "value"):
        written = read.operator(f"attention.append_{which}")
        assert written.tensor_elements["Outputs"] == 4 * 8
    assert read.producers("attention.scores") == ("q", "pk", "attention.append_key")
    assert read.traffic_bytes >= 4 * (2 * 4 * 16 * 8 + 2 * 2 * 4 * 8)


@pytest.mark.parametrize(
    ("inputs", "attributes", "macs"),
    [
        ({"q": [2, 4, 5, 8], "k": [2, 4, 7, 8], "v": [2, 4, 7, 6]}, {}, 2 * 4 * 5 * 7 * (8 + 6)),
        # two heads of the query share each key
        ({"q": [2, 4, 5, 8], "k": [2, 2, 7, 8], "v": [2, 2, 7, 8]}, {}, 2 * 2 * 4 * 5 * 7 * 8),
        (
            {"q": [2, 5, 32], "k": [2, 7, 16], "v": [2, 7, 16]},
            {"q_num_heads": 4, "kv_num_heads": 2},
            2 * 2 * 4 * 5 * 7 * 8,
        ),
        ({"q": [1, 4, 5, 8], "k": [1, 4, 5, 8], "v": [1, 4, 5, 8]}, {"is_causal": 1}, 2 * 4 * 25 * 8),
    ],
)
def test_heads_and_layouts(inputs, attributes, macs: int):
    assert attended(inputs, **attributes).macs == macs


def test_a_mask_that_is_computed_feeds_the_scores():
    shape = [1, 2, 3, 4]
    read = attended({"q": shape, "k": shape, "v": shape, "m": [1, 1, 3, 3]})
    assert read.producers("attention.mask") == ("attention.scores", "m")


def test_a_first_token_has_an_empty_cache():
    new, past = [1, 4, 6, 8], [1, 4, "past", 8]
    one = node("Attention", "q k v - pk pv", "y nk nv", "attention")
    shapes = {"q": new, "k": new, "v": new, "pk": past, "pv": past}
    read = from_onnx(model([one], shapes, opset=23), axes={"past": 0})
    assert read.macs == 2 * 4 * 6 * 6 * 8
    assert read.inputs == ("q", "k", "v")


def test_group_query_attention_with_a_cache():
    lengths = {"L": np.array([[7]], np.int32), "T": np.array(8, np.int32)}
    shapes = {"q": [1, 1, 32], "k": [1, 1, 16], "v": [1, 1, 16], "pk": [1, 2, 7, 8], "pv": [1, 2, 7, 8]}
    heads = {"domain": MICROSOFT, "num_heads": 4, "kv_num_heads": 2, "kind": "GroupQueryAttention"}
    assert attended(shapes, lengths, **heads).macs == 2 * 4 * 8 * 8
    packed = {"q": [1, 3, 64], "pk": [1, 2, 7, 8], "pv": [1, 2, 7, 8]}
    read = attended(packed, lengths, order="q - - pk pv L T", do_rotary=1, **heads)
    assert read.macs == 2 * 4 * 3 * 10 * 8
    assert read.operator("attention.rotary_query").tensor_elements["Outputs"] == 3 * 32


def test_multi_head_attention_in_its_layouts():
    heads = {"domain": MICROSOFT, "num_heads": 4, "kind": "MultiHeadAttention"}
    bias = {"B": random(96)}
    read = attended({"q": [2, 5, 32], "k": [2, 6, 32], "v": [2, 6, 32]}, bias, **heads)
    assert (read.macs, read.parameters) == (2 * 2 * 4 * 5 * 6 * 8, 96)
    assert attended({"q": [2, 5, 4, 3, 8]}, **heads).macs == 2 * 2 * 4 * 5 * 5 * 8
    cross = {"q": [2, 5, 32], "k": [2, 4, 6, 8], "v": [2, 4, 6, 8]}
    assert attended(cross, **heads).macs == 2 * 2 * 4 * 5 * 6 * 8
    past = {"q": [2, 1, 32], "k": [2, 1, 32], "v": [2, 1, 32], "pk": [2, 4, 9, 8], "pv": [2, 4, 9, 8]}
    assert attended(past, order="q k v - - - pk pv", **heads).macs == 2 * 2 * 4 * 10 * 8


def test_attention_with_its_projection():
    weights = {"W": random(32, 96), "B": random(96)}
    made = {"domain": MICROSOFT, "num_heads": 4}
    read = attended({"x": [2, 5, 32]}, weights, **made)
    assert read.macs == 2 * (5 * 32 * 96 + 2 * 4 * 5 * 5 * 8)
    assert read.parameters == 32 * 96 + 96
    past = attended({"x": [2, 1, 32], "p": [2, 2, 4, 9, 8]}, weights, order="x W B - p", **made)
    assert past.macs == 2 * (32 * 96 + 2 * 4 * 10 * 8)


@pytest.mark.parametrize(
    ("kind", "inputs", "shapes", "constants", "attributes", "macs", "parameters"),
    [
        ("FusedMatMul", "a b", {"a": [2, 6, 5], "b": [2, 6, 7]}, {}, {"transA": 1}, 2 * 5 * 7 * 6, 0),
        ("FusedMatMul", "a B", {"a": [2, 5, 6]}, {"B": random(7, 6)}, {"transB": 1}, 2 * 5 * 7 * 6, 42),
        ("FusedGemm", "a B C", {"a": [5, 6]}, {"B": random(6, 7), "C": random(7)}, {}, 5 * 6 * 7, 49),
        (
            "FusedConv",
            "x W B",
            {"x": [1, 3, 8, 8]},
            {"W": random(4, 3, 3, 3), "B": random(4)},
            {},
            36 * 108,
            112,
        ),
        ("FastGelu", "x B", {"x": [2, 6]}, {"B": random(6)}, {}, 0, 6),
        ("BiasGelu", "x B", {"x": [2, 6]}, {"B": random(6)}, {}, 0, 6),
        (
            "SkipLayerNormalization",
            "x r G B A",
            {"x": [2, 3, 6], "r": [2, 3, 6]},
            {"G": random(6), "B": random(6) + 1, "A": random(6) + 2},
            {},
            0,
            18,
        ),
        ("SimplifiedLayerNormalization", "x G", {"x": [2, 3, 6]}, {"G": random(6)}, {}, 0, 6),
        (
            "MatMulNBits",
            "x W S",
            {"x": [2, 32]},
            {"W": random(8, 2, 8, kind=np.uint8), "S": random(16)},
            {"K": 32, "N": 8, "bits": 4, "block_size": 16},
            2 * 32 * 8,
            32 * 8,
        ),
        (
            "MoE",  # three of four experts for each of two rows: 6 rows of 8 x 16 and of 16 x 8
            "x r U - D",
            {"x": [2, 8], "r": [2, 4]},
            {"U": random(4, 16, 8), "D": random(4, 8, 16)},
            {"k": 3},
            6 * 2 * 8 * 16,
            4 * 2 * 8 * 16,
        ),
    ],
)
def test_fused_operators(kind, inputs, shapes, constants, attributes, macs, parameters):
    made = model([node(kind, inputs, "y", domain=MICROSOFT, **attributes)], shapes, constants)
    read = from_onnx(made)
    assert (read.macs, read.parameters) == (macs, parameters)


def test_words_places_and_segments_in_one_node():
    tables = {"W": random(50, 8), "P": random(20, 8), "S": random(2, 8), "G": random(8), "B": random(8) + 1}
    one = node("EmbedLayerNormalization", "w s W P S G B", "y m", domain=MICROSOFT)
    made = model([one], {"w": [2, 5], "s": [2, 5]}, tables, types={"w": 6, "s": 6})
    assert from_onnx(made).parameters == (50 + 20 + 2) * 8 + 16
