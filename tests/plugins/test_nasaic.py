"""The problem nasaic: several networks on sub-accelerators that they share."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import cosearch  # noqa: F401
from cosearch.testing import check_problem
from cosearch_plugins.networks.nasaic import Nasaic
from cosearch_simulators.networks.heterogeneous import schedule
from cosearch_simulators.networks.spaces import network_space


@pytest.mark.parametrize("workload", ["w1", "three"])
def test_it_keeps_the_contract_of_a_problem(workload):
    check_problem(Nasaic(workload=workload, sub_accelerators=3), designs=5, elsewhere=False)


def test_networks_hardware_and_mapping_are_groups():
    problem = Nasaic()
    assert {"network", "hardware", "mapping", "task_1", "accelerator_2"} <= set(problem.space.groups)
    features = problem.features(problem.space.sample(3, 0))
    assert "task_2_log10_macs" in features


def test_the_smallest_and_largest_networks_have_the_published_accuracies():
    problem = Nasaic(workload="w3")
    design = problem.space.default()
    filters = {name: design[name] for name in design if name.startswith("task")}
    space = {parameter.name: parameter for parameter in problem.space}
    small, large = ({name: space[name].values[end] for name in filters} for end in (0, -1))
    outcomes = problem.evaluate([design | small, design | large], fidelity="bound")
    np.testing.assert_allclose(outcomes["accuracy_1"], [78.93, 94.17])
    assert "predicted" in problem.about


def random_case(seed, places=2, layers=(3, 2)):
    """Tasks of a few layers with random times and energies, for one design."""
    rng = np.random.default_rng(seed)
    space = network_space("nasaic-resnet9")
    base = space.networks({one.name: [one.values[0]] for one in space.parameters})
    tasks, times, energies = [], [], []
    for number in layers:
        start = np.array([0, number])
        tasks.append(type(base)(**{**vars(base), "start": start, "layer": base.layer[:1].repeat(number)}))
        times.append(rng.uniform(1, 9, (number, places)))
        energies.append(rng.uniform(1, 9, (number, places)))
    return tasks, times, energies


def best_makespan(times):
    """The least over all assignments and all interleavings, by trying them."""
    order = [task for task, rows in enumerate(times) for _ in rows]
    best = np.inf
    for turn in set(_permutations(order)):
        for where in product(range(times[0].shape[1]), repeat=len(order)):
            free, ready = np.zeros(times[0].shape[1]), np.zeros(len(times))
            following = [0] * len(times)
            for task, place in zip(turn, where, strict=True):
                ready[task] = max(free[place], ready[task]) + times[task][following[task], place]
                free[place] = ready[task]
                following[task] += 1
            best = min(best, ready.max())
    return best


def _permutations(order):
    from itertools import permutations

    return permutations(order)


@pytest.mark.parametrize("seed", range(6))
def test_a_schedule_is_valid_and_near_the_best_of_all(seed):
    tasks, times, energies = random_case(seed)
    found = schedule(tasks, times, energies, np.array([0.0]))
    spans = []
    for task, rows in enumerate(times):
        begin, place = found.start_ns[task], found.place[task]
        end = begin + rows[np.arange(len(rows)), place]
        assert np.all(begin[1:] >= end[:-1] - 1e-12)
        spans += list(zip(place, begin, end, strict=True))
    for one, other in product(spans, spans):
        if one is not other and one[0] == other[0]:
            assert one[2] <= other[1] + 1e-12 or other[2] <= one[1] + 1e-12
    assert found.latency_ns[0] == pytest.approx(max(span[2] for span in spans))
    best = best_makespan(times)
    assert best - 1e-9 <= found.latency_ns[0] <= 1.5 * best


def test_where_only_energy_counts_it_is_least():
    tasks, times, energies = random_case(7)
    found = schedule(tasks, times, energies, np.array([1e9]))
    assert found.energy_pj[0] == pytest.approx(sum(rows.min(axis=1).sum() for rows in energies))


def test_a_second_sub_accelerator_lets_two_tasks_run_side_by_side():
    alone, two = Nasaic(workload="w3", sub_accelerators=1), Nasaic(workload="w3", sub_accelerators=2)
    design = alone.space.default()
    second = {name.replace("accelerator_1", "accelerator_2"): value for name, value in design.items()}
    weight = {"mapping.energy_weight": 0.0}
    times = [
        alone.evaluate([design | weight])["latency_ns"][0],
        two.evaluate([design | second | weight])["latency_ns"][0],
    ]
    assert times[1] == pytest.approx(times[0] / 2)


def test_the_specs_are_constraints_and_can_be_set():
    problem = Nasaic(workload="w1", latency_spec_ms=1.5)
    limits = {constraint.metric: constraint.bound for constraint in problem.constraints}
    assert limits == {"latency_ns": 1.5e6, "energy_pj": 4.1e9, "area_mm2": 3.9}


def test_more_units_than_nasaic_allows_are_forbidden():
    problem = Nasaic()
    large = problem.space.default() | {
        f"accelerator_{n}.{name}": 64 for n in (1, 2) for name in ("array_rows", "array_columns")
    }
    assert problem.evaluate([large]).status[0] == "infeasible"
