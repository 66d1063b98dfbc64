"""Latency that is measured with ONNX Runtime, and what its tables say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.families import MnasNet, OnceForAll
from cosearch_simulators.networks.quality.families.blocks import blocks_of
from cosearch_simulators.networks.quality.latency.measured import LatencyTable, latency_ms
from cosearch_simulators.networks.quality.latency.onnx_graph import model_of


def one(family, position: int, **values) -> dict[str, np.ndarray]:
    columns = {name: [known[position]] for name, known in family.values.items()}
    return {name: np.array(values.get(name, column)).ravel() for name, column in columns.items()}


@pytest.mark.parametrize("family", [OnceForAll(), MnasNet()], ids=lambda family: family.name)
@pytest.mark.parametrize("position", [0, -1])
def test_a_model_has_the_weights_that_are_counted(family, position):
    """Normalisation is folded: one bias in place of two numbers for each channel of a convolution."""
    onnx = pytest.importorskip("onnx")
    codes, _ = family.codes(one(family, position))
    model = onnx.load_from_string(model_of(blocks_of(family, codes[0])))
    shapes = [tuple(weight.dims) for weight in model.graph.initializer]
    weights = sum(int(np.prod(shape)) for shape in shapes if len(shape) == 4)
    biases = sum(shape[0] for shape in shapes if len(shape) == 1)
    counted = int(family.free_statistics(codes)["params"][0])
    # what is not a convolution with normalisation: squeeze and excite, classes, and Once-for-All's last mix
    assert weights + biases < counted < weights + 2 * biases
    assert counted - weights == pytest.approx(2 * biases, abs=0.6 * biases)


def test_a_table_adds_blocks_up_and_refuses_what_was_not_measured(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    family = OnceForAll()
    small = one(family, 0, resolution=128)
    table = LatencyTable.measure(family, small)
    codes, _ = family.codes(small)
    blocks = blocks_of(family, codes[0])
    total = table.evaluate(small)["latency_ms"][0]
    assert total == pytest.approx(sum(table.blocks_ms[block.name] for block in blocks))
    table.write(tmp_path / "table.csv")
    again = LatencyTable.read(family, tmp_path / "table.csv")
    assert again.evaluate(small)["latency_ms"][0] == pytest.approx(total)
    refused = again.evaluate(one(family, -1, resolution=224))
    assert refused.status.tolist() == [1]
    assert "was not measured" in refused.reason[0]
    judged, pairs = table.against_whole(small)
    assert judged.rows == 1
    assert 0.3 < pairs[0, 0] / pairs[0, 1] < 3
    assert table.calibrated(pairs).evaluate(small)["latency_ms"][0] == pytest.approx(pairs[0, 1])


def test_a_larger_block_takes_longer():
    pytest.importorskip("onnxruntime")
    family = OnceForAll()
    small, large = (
        blocks_of(family, family.codes(one(family, position, resolution=224))[0][0])[1]
        for position in (0, -1)
    )
    assert latency_ms([large]) > latency_ms([small])


def test_broken_tables_and_a_missing_library_are_refused_in_a_line(tmp_path: Path, monkeypatch):
    family, path = OnceForAll(), tmp_path / "table.csv"
    for text in (
        "",
        "a,b\n1,2\n",
        "block,latency_ms\nx\n",
        "block,latency_ms\nx,-1\n",
        "block,latency_ms\nx,a\n",
    ):
        path.write_text(text)
        with pytest.raises(SimulatorError, match=r"expected|positive"):
            LatencyTable.read(family, path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    codes, _ = family.codes(one(family, 0))
    with pytest.raises(SimulatorError, match=r"pip install 'cosearch\[onnxruntime\]'"):
        latency_ms(blocks_of(family, codes[0]))
