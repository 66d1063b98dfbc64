"""Networks of files as workloads: what is written behind their names, what is warned of, and their bits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx

from cosearch.errors import UnknownNameError, WorkloadError, WorkloadWarning
from cosearch_plugins.accelerator.network_workload import read_network
from cosearch_plugins.accelerator.npu_multicore import NpuMulticore
from onnx_graphs import model, node, random


@pytest.fixture
def open_file(tmp_path: Path) -> str:
    made = model([node("MatMul", "x W", "y")], {"x": ["batch", "sequence", 4]}, {"W": random(4, 3)})
    path = tmp_path / "open: 1.onnx"
    onnx.save(made, path)
    return str(path)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("batch=1,sequence=128", 128), ("batch=2, sequence=3", 6), ("seq=5,batch=1", 5), ("x=2x3x4", 6)],
)
def test_open_sizes_stand_behind_the_files_name(open_file: str, text: str, rows: int):
    assert read_network(f"{open_file}:{text}").macs == rows * 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has the open shape ['batch', 'sequence', 4]: set batch and sequence, for example batch=1,"),
        (":batch=1", "set sequence, for example sequence=1"),
        (":batch=one", "batch must be a whole number or sizes such as 1x128, got 'one'"),
        (":batch", "expected network:argument=number,..., found 'batch'"),
        (":batch=1,depth=3", "no open axis or input is named 'depth'; valid: sequence, x"),
    ],
)
def test_what_cannot_be_set_is_told_in_a_line(open_file: str, text: str, message: str):
    with pytest.raises(WorkloadError, match="^[^\n]*$") as refused:
        read_network(f"{open_file}{text}")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("workload", "error", "message"),
    [
        ("missing.onnx:batch=1", WorkloadError, "there is no file missing.onnx"),
        ("resnt18", UnknownNameError, "did you mean 'resnet18'"),
        (__file__, WorkloadError, "is a Python file: import it, and export its network to ONNX"),
    ],
)
def test_other_texts_and_files_are_told_apart(workload: str, error: type[Exception], message: str):
    with pytest.raises(error) as refused:
        read_network(workload)
    assert message in str(refused.value)


@pytest.fixture
def strange_file(tmp_path: Path) -> str:
    nodes = [node("Frobnicate", "x", "h", domain="my.own"), node("MatMul", "h W", "y")]
    path = tmp_path / "strange.onnx"
    onnx.save(model(nodes, {"x": [3, 4]}, {"W": random(4, 5)}), path)
    return str(path)


def test_unknown_operators_are_warned_of(strange_file: str):
    with pytest.warns(WorkloadWarning, match="strange: unknown operators 'my.own.Frobnicate'"):
        assert read_network(strange_file).macs == 60


@pytest.mark.parametrize("strict", [False, True])
def test_the_command_line_warns_in_a_line_or_refuses(strange_file: str, strict: bool):
    command = [sys.executable, "-m", "cosearch", "evaluate", "npu-multicore", "--default", "--workers", "2"]
    command += ["--set", f"workload={strange_file}", "--json", *(["--strict"] if strict else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if "compiling" not in line]
    assert done.returncode == (2 if strict else 0)
    assert len(lines) == 1
    assert lines[0].startswith("error: " if strict else "warning: ")
    assert "'my.own.Frobnicate' (1, the first is 'h')" in lines[0]


def rounded(path: Path, bits: int) -> str:
    """A product whose weights and inputs are rounded to so many bits."""
    quant = {"domain": "qonnx.custom_op.general"}
    nodes = [node("Quant", "x S Z B", "q", **quant), node("Quant", "W S Z B", "w", **quant)]
    nodes += [node("MatMul", "q w", "h"), node("Quant", "h S Z B", "y", **quant)]
    constants = {"S": np.float32(1), "Z": np.float32(0), "B": np.float32(bits), "W": random(256, 256)}
    onnx.save(model(nodes, {"x": [64, 256]}, constants), path / f"{bits}.onnx")
    return str(path / f"{bits}.onnx")


def test_the_bits_of_a_file_reach_the_simulator(tmp_path: Path):
    """Memories move half as much for half the bits, unless the problem sets others."""

    def energy_pj(stored: int, bits: int | str = "network") -> float:
        problem = NpuMulticore(workload=rounded(tmp_path, stored), bits=bits)
        return float(problem.evaluate(problem.space.designs([problem.space.default()]))["energy_pj"][0])

    assert energy_pj(4) < energy_pj(8) < energy_pj(16)
    assert energy_pj(4, 8) == energy_pj(8, 8) == energy_pj(8)
