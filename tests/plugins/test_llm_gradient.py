"""Gradients of the problems of chips: those of finite differences, and at a design the problem's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Problem
from cosearch_plugins.llm.codesign import LlmCodesign
from cosearch_plugins.llm.gpu_platform import GpuPlatform
from cosearch_plugins.llm.platform import LlmPlatform

STEP = 1e-7
METRICS = ("ttft_ms", "tpot_ms", "energy_per_token_j", "area_mm2")

PROBLEMS = {
    "gpu-platform": lambda: GpuPlatform(),
    "llm-platform": lambda: LlmPlatform(batch=8),
    "llm-codesign": lambda: LlmCodesign(),
    "llm-codesign npu": lambda: LlmCodesign(chip="npu"),
}


@pytest.fixture(params=PROBLEMS)
def problem(request: pytest.FixtureRequest) -> Problem:
    return PROBLEMS[request.param]()


def test_derivatives_are_those_of_finite_differences(problem: Problem) -> None:
    dim = problem.space.unit_dim
    points = np.random.default_rng(1).uniform(0.05, 0.95, (3, dim))
    values, slopes = problem.gradient(points)  # type: ignore[attr-defined]
    moved = np.repeat(points, dim, axis=0)
    moved[np.arange(len(moved)), np.tile(np.arange(dim), 3)] += STEP
    ahead = problem.gradient(moved)[0]  # type: ignore[attr-defined]
    names = (*METRICS, "loss_nats") if "loss_nats" in values else METRICS
    for name in names:
        measured = (ahead[name].reshape(points.shape) - values[name][:, None]) / STEP
        scale = np.maximum(np.abs(values[name])[:, None], np.abs(slopes[name]))
        assert np.all(np.abs(measured - slopes[name]) <= 2e-3 * scale), name
        assert np.count_nonzero(slopes[name]) >= 6, name


def test_at_a_design_the_relaxation_is_the_problem(problem: Problem) -> None:
    designs = problem.space.sample(30, 3)
    outcomes = problem.evaluate(designs)
    values, _ = problem.gradient(problem.space.to_unit(designs))  # type: ignore[attr-defined]
    assert outcomes.ok.sum() >= 4
    for name in METRICS:
        assert values[name][outcomes.ok] == pytest.approx(outcomes[name][outcomes.ok], rel=1e-9), name
