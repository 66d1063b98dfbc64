"""The gradient of cnn-accelerator: at designs it is the problem, between them it has the slopes it says."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Study
from cosearch_plugins.networks.cnn_accelerator import CnnAccelerator
from cosearch_simulators.networks.spaces import network_space
from cosearch_simulators.networks.spaces.once_for_all import OnceForAll
from cosearch_simulators.networks.supernet import Supernet

EXACT = (
    "latency_ns",
    "energy_pj",
    "area_mm2",
    "edp_pj_s",
    "utilisation",
    "weight_bytes",
    "macs",
    "parameters",
)


@pytest.fixture(scope="module", params=[{}, {"networks": "mnasnet", "precision": "stage", "sparsity": True}])
def problem(request):
    return CnnAccelerator(**request.param)


@pytest.mark.parametrize("family", [OnceForAll(), network_space("mnasnet")], ids=["ofa", "mnasnet"])
def test_the_blocks_of_a_supernet_add_up_to_the_networks(family):
    net = Supernet.of(family)
    np.testing.assert_array_equal(net.macs.sum(axis=0), net.networks.macs)
    np.testing.assert_array_equal(net.parameters.sum(axis=0), net.networks.parameters)
    np.testing.assert_array_equal(net.activations.sum(axis=0), net.networks.activations.sum(axis=1))
    np.testing.assert_array_equal(net.vector_elements.sum(axis=0), net.networks.vector_elements.sum(axis=1))


def test_at_designs_the_relaxation_is_the_problem_in_closed_form(problem):
    designs = problem.space.sample(60, 7)
    values, _ = problem.gradient(problem.space.to_unit(designs))
    outcomes = problem.evaluate(designs, fidelity="bound")
    for name in EXACT:
        np.testing.assert_allclose(values[name], outcomes[name], rtol=1e-9, err_msg=name)
    fitted, known = values["top1"], outcomes["top1"]
    assert np.corrcoef(fitted, known)[0, 1] > 0.98
    assert np.abs(fitted - known).mean() < 0.2 * known.std()


def test_derivatives_are_those_of_finite_differences(problem):
    step, points = 1e-7, np.random.default_rng(1).uniform(0.02, 0.98, (3, problem.space.unit_dim))
    values, slopes = problem.gradient(points)
    sloping = dict.fromkeys(values, 0)
    for column in range(points.shape[1]):
        moved = points.copy()
        moved[:, column] += step
        ahead, _ = problem.gradient(moved)
        for name in values:
            measured = (ahead[name] - values[name]) / step
            assert np.abs(measured - slopes[name][:, column]).max() < 1e-5 * np.abs(values[name]).max(), name
            sloping[name] += bool((slopes[name][:, column] != 0).any())
    assert min(sloping["top1"], sloping["latency_ns"], sloping["energy_pj"]) > 20
    assert sloping["area_mm2"] == 4  # rows, columns, registers, buffer


def test_half_way_between_two_choices_a_network_is_half_of_each(problem):
    space = problem.space
    name = next(name for name in space.names if name.startswith("network.expansion_1"))
    place = space.names.index(name)
    designs = space.designs([space.default()]).index.repeat(2, axis=0)
    designs[:, place] = [0, 1]
    unit = space.to_unit(space.from_index(designs))
    values, _ = problem.gradient(np.concatenate([unit, unit.mean(axis=0, keepdims=True)]))
    for metric in ("macs", "latency_ns", "energy_pj"):
        assert values[metric][0] != values[metric][1]
        assert values[metric][2] == pytest.approx(values[metric][:2].mean())


def test_operands_that_are_too_wide_take_more_steps():
    problem = CnnAccelerator()
    wide = problem.space.default() | {"hardware.multiplier": "fixed-4"}
    narrow = wide | {"precision.weight_bits": 4, "precision.activation_bits": 4}
    index = problem.space.designs([wide, narrow])
    latency = problem.gradient(problem.space.to_unit(index))[0]["latency_ns"]
    assert latency[0] > 3 * latency[1]


def test_gradient_search_asks_valid_designs_and_leads():
    """Against the first designs of the search, which are drawn as Sobol's."""
    problem = CnnAccelerator(objectives=["edp_pj_s:min"], constraints=["top1>=74"])
    data = Study.create(problem, "gradient", budget=48, seed=0).run()
    assert problem.space.allowed(data.designs).all()
    assert data.outcomes.ok.all()
    good = np.where(data.outcomes["top1"] >= 74, data.outcomes["edp_pj_s"], np.inf)
    assert good[12:].min() < 0.5 * good[:12].min()
