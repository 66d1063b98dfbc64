"""Schedules are compiled and measured for real: each computes what NumPy does, and better ones are faster."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cosearch import make_problem
from cosearch.errors import ArgumentError
from cosearch.testing import check_problem
from cosearch.units import factor
from cosearch_plugins.schedule import c_sources, measuring, numba_program
from cosearch_plugins.schedule.kernels import kernel_of
from cosearch_plugins.schedule.measuring import timing_of
from cosearch_plugins.schedule.schedule_cpu import ScheduleCpu

SMALL = {
    "matmul": {"rows": 24, "columns": 32, "depth": 12},
    "conv": {"filters": 6, "channels": 4, "image": 8, "window": 3},
    "attention": {"heads": 2, "sequence": 16, "head_size": 8},
}
needs_compiler = pytest.mark.skipif(not measuring.compiler(), reason="this machine has no C compiler")


def _loops(name: str, kernel, *given: np.ndarray) -> np.ndarray:
    """The definition, one number at a time."""
    z = kernel.sizes
    if name == "matmul":
        a, b = given
        return np.array([[sum(a[i] * b[:, j]) for j in range(z["N"])] for i in range(z["M"])])
    if name == "conv":
        image, weights = given
        return np.array(
            [
                [
                    [(image[:, p : p + z["R"], q : q + z["S"]] * weights[f]).sum() for q in range(z["Q"])]
                    for p in range(z["P"])
                ]
                for f in range(z["F"])
            ]
        )
    rows = []
    for q, k, v in zip(*given, strict=True):
        weight = np.exp(q @ k.T / z["D"] ** 0.5)
        rows.append((weight / weight.sum(axis=1, keepdims=True)) @ v)
    return np.array(rows)


@pytest.mark.parametrize("name", SMALL)
def test_what_results_are_held_against_is_the_definition(name):
    kernel = kernel_of(name, **SMALL[name])
    given = [one.astype(np.float64) for one in kernel.inputs()]
    np.testing.assert_allclose(kernel.exact(), _loops(name, kernel, *given), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(kernel.by_blas()(), kernel.exact(), rtol=1e-3, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("name", SMALL)
def test_every_schedule_computes_the_same(name):
    problem = ScheduleCpu(kernel=name, compiler="c", repeats=3, **SMALL[name])
    found = problem.evaluate(problem.space.sample(6, np.random.default_rng(5)))
    assert set(found.status.tolist()) == {"ok"}, found.reason.tolist()
    assert (found["difference"] < 1e-5).all()
    for metric in problem.measured_metrics:
        assert (found[metric] > 0).all()
        assert (found.standard_error[metric] >= 0).all()


@pytest.mark.parametrize(
    "name", ["matmul", *(pytest.param(name, marks=pytest.mark.slow) for name in ("conv", "attention"))]
)
def test_without_a_compiler_numba_computes_the_same(name):
    problem = ScheduleCpu(kernel=name, compiler="numba", repeats=3, **SMALL[name])
    design = problem.space.sample(1, np.random.default_rng(3)).to_dicts()[0]
    found = problem.evaluate([design])
    assert found.status.tolist() == ["ok"], found.reason[0]
    assert found["difference"][0] < 1e-5
    assert problem.space["vector"].values == (1,)


@needs_compiler
def test_vectors_and_registers_make_a_product_faster_than_the_plain_loops():
    problem = ScheduleCpu(rows=128, columns=128, depth=128, compiler="c", repeats=9)
    best = problem.space.default() | {"vector": 16, "vectors": 2, "rows": 8, "packed": True, "unroll": 4}
    poor = best | {"vector": 1, "vectors": 1, "rows": 1, "packed": False, "unroll": 1}
    found = problem.evaluate([best, poor])
    assert found["speedup"][0] > 4
    assert found["time_us"][0] < found["time_us"][1] / 3
    assert found["gflop_per_s"][0] == pytest.approx(2 * 128**3 / found["time_us"][0] / 1e3)


@needs_compiler
def test_a_schedule_that_computes_something_else_has_failed(monkeypatch):
    right = c_sources.MATMUL
    monkeypatch.setattr(
        c_sources, "MATMUL", right.replace("acc[r][v] += x * row[v]", "acc[r][v] -= x * row[v]")
    )
    problem = ScheduleCpu(compiler="c", repeats=3, **SMALL["matmul"])
    found = problem.evaluate([problem.space.default()])
    assert found.status.tolist() == ["failed"]
    assert "its result is wrong" in found.reason[0]


@needs_compiler
@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("while (1);", "it ran for longer than 1 s"),
        ("abort();", "it was ended by SIGABRT"),
        ("exit(9);", "it ended with exit code 9"),
        ("this is no C;", "the compiler says: .*error"),
    ],
)
def test_a_program_that_breaks_fails_its_design_with_a_reason(monkeypatch, harm, reason):
    problem = ScheduleCpu(compiler="c", repeats=3, run_timeout_s=1.0, **SMALL["matmul"])
    assert problem.evaluate([problem.space.default()]).status.tolist() == ["ok"]
    monkeypatch.setattr(c_sources, "MATMUL", c_sources.MATMUL.replace("memset(c, 0,", harm + " memset(c, 0,"))
    found = problem.evaluate([problem.space.default()])
    assert found.status.tolist() == ["failed"]
    assert re.search(reason, found.reason[0])


def test_the_error_of_a_median_is_that_of_normal_noise():
    draw = np.random.default_rng(0)
    samples = draw.normal(100, 4, (4000, 25))
    found = [timing_of(row) for row in samples]
    assert np.mean([one.error_ns for one in found]) == pytest.approx(
        np.std([one.ns for one in found]), rel=0.1
    )
    spoiled = timing_of(np.append(np.full(20, 100.0), 1e6))  # another process had the core once
    assert spoiled.ns == 100.0
    assert spoiled.error_ns == 0.0


@needs_compiler
def test_it_keeps_the_contract_of_a_measured_problem():
    check_problem(ScheduleCpu(compiler="c", repeats=3, **SMALL["matmul"]), designs=3)


def test_no_compiler_is_one_clear_line(monkeypatch):
    monkeypatch.setattr(measuring, "compiler", lambda: "")
    with pytest.raises(ArgumentError, match="this machine has none"):
        make_problem("schedule-cpu", compiler="c")
    assert ScheduleCpu(**SMALL["matmul"]).compiler == "numba"


def test_numba_source_writes_rows_and_steps_out():
    problem = ScheduleCpu(compiler="numba", **SMALL["matmul"])
    design = problem.space.default() | {"rows": 2, "unroll": 2}
    text = numba_program.source(problem.kernel, design)
    assert "c[i + 1, j] += a[i + 1, kk + 0] * b[kk + 0, j] + a[i + 1, kk + 1] * b[kk + 1, j]" in text


def test_each_metric_has_the_unit_of_its_name():
    assert {m.name: m.unit for m in ScheduleCpu.metrics if m.unit != "1"} == {
        "time_us": "us",
        "gflop_per_s": "GFLOP/s",
    }
    assert factor("GFLOP/s", "FLOP/s") == 10**9
