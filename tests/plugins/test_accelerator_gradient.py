"""The gradient of the mapping problem: a relaxation that agrees with the problem, and with its own slopes."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_plugins.accelerator.mapping import AcceleratorMapping
from cosearch_plugins.accelerator.mapping_relaxation import METRICS

STEP = 1e-7


@pytest.fixture(params=["eyeriss", "shidiannao"])
def problem(request: pytest.FixtureRequest) -> AcceleratorMapping:
    return AcceleratorMapping(architecture=request.param, layer="layer1.0.conv1")


def innermost(problem: AcceleratorMapping, loop: str) -> str:
    return f"tile_{problem.words[problem.tiled[0]]}_{loop}"


def test_derivatives_are_those_of_finite_differences(problem):
    points = np.random.default_rng(4).uniform(0.02, 0.98, (3, problem.space.unit_dim))
    values, slopes = problem.gradient(points)
    assert set(values) == set(slopes) == set(METRICS)
    moved = np.repeat(points, problem.space.unit_dim, axis=0)
    moved[np.arange(len(moved)), np.tile(np.arange(problem.space.unit_dim), 3)] += STEP
    ahead = problem.gradient(moved)[0]
    for name in METRICS:
        assert values[name].shape == (3,)
        assert slopes[name].shape == points.shape
        measured = (ahead[name].reshape(points.shape) - values[name][:, None]) / STEP
        scale = np.abs(values[name])[:, None]
        assert np.abs(measured - slopes[name]).max() < 1e-4 * np.abs(scale).max(), name
        agrees = np.abs(measured - slopes[name]) <= 1e-4 * np.maximum(np.abs(slopes[name]), scale)
        assert agrees.all(), name
        assert (np.count_nonzero(slopes[name], axis=1) >= 3).all(), name


def test_at_a_design_that_fits_the_relaxation_is_the_problem(problem):
    space = problem.space
    small = {p.name: 1 for p in space if p.name.startswith("tile_")}
    small |= {p.name: 8 for p in space if p.name.endswith("_size")}
    designs = space.designs([space.default() | small, space.default() | small | {innermost(problem, "S"): 3}])
    outcomes = problem.evaluate(designs)
    values, _ = problem.gradient(space.to_unit(designs))
    assert values["energy_pj"] == pytest.approx(outcomes["energy_pj"], rel=1e-9)
    fill = problem._cost(problem.mappings(designs)).fill_drain_cycles
    assert np.ceil(values["cycles"] - 1e-6) == pytest.approx(outcomes["cycles"] - fill, abs=1)


def test_what_overflows_costs_more_the_more_it_does(problem):
    space = problem.space
    unit = np.repeat(space.to_unit(space.designs([space.default()])), 3, axis=0)
    blocks = dict(zip(space.names, space.unit_layout.blocks, strict=True))
    held = [blocks[innermost(problem, loop)].start for loop in "KCPQ"]
    unit[:, held] = np.array([0.7, 0.85, 1.0])[:, None]
    edp = problem.gradient(unit)[0]["edp_pj_s"]
    assert edp[0] < edp[1] < edp[2]


def test_descending_the_gradient_finds_a_better_design(problem):
    space, rng = problem.space, np.random.default_rng(0)
    unit = rng.uniform(size=(8, space.unit_dim))
    before = problem.gradient(unit)[0]["edp_pj_s"]
    points = unit.copy()
    for _ in range(40):
        values, slopes = problem.gradient(points)
        direction = slopes["edp_pj_s"] / values["edp_pj_s"][:, None]
        points = np.clip(
            points - 0.02 * direction / (np.abs(direction).max(axis=1, keepdims=True) + 1e-12), 0, 1
        )
    assert np.median(problem.gradient(points)[0]["edp_pj_s"] / before) < 0.5
