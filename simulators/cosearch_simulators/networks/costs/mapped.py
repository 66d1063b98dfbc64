"""The best mapping that a short search finds for each pair of a machine and a layer.

What a search finds is costed by Timeloop's rules exactly, with the cycles that fill and drain the array.
Where divisors leave most of the array empty, larger layers are tried too, whose last steps are partly idle
(`accelerator.mapper.padding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common import nest_tables as nt
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate_range
from cosearch_simulators.accelerator.engines.timeloop.nest_kernel import new_scratch as cost_scratch
from cosearch_simulators.accelerator.mapper.constraints import MappingConstraints, compile_rules, of_template
from cosearch_simulators.accelerator.mapper.padding import padded
from cosearch_simulators.accelerator.mapper.search_kernel import EDP, ENERGY, LATENCY
from cosearch_simulators.accelerator.mapping.templates import template
from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip
from cosearch_simulators.networks.costs.bound import FLEXIBLE, layer_columns
from cosearch_simulators.networks.costs.bound_kernel import INPUTS, MACS, OUTPUTS, WEIGHTS
from cosearch_simulators.networks.costs.jobs import Jobs
from cosearch_simulators.networks.costs.quick_kernel import new_scratch, quick_range
from cosearch_simulators.networks.networks import nest_of
from cosearch_simulators.threads import threads_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GOALS = {"latency": LATENCY, "energy": ENERGY, "edp": EDP}
STARTS, STEPS = 3, 100
LEVELS = 3
_TURN = 256  # pairs that a thread takes at once

_larger: dict[bytes, Ints] = {}


def mapped(jobs: Jobs, dataflows: Sequence[str], goal: str = "edp", threads: int | None = None) -> Floats:
    """(pairs, 2) cycles and pJ of the mappings found; infinite where none fits.

    Args:
        jobs: the pairs.
        dataflows: of each accelerator.
        goal: what each mapping is the best for: latency, energy, or edp.
        threads: None: as many as cores.
    """
    flows = tuple(dict.fromkeys(dataflows))
    code = {flow: number for number, flow in enumerate(flows)}
    rule_of = np.array([code[flow] for flow in dataflows], np.int64)[jobs.accelerator]
    table, constants = jobs.tables()
    allowed = np.ones((len(table), LEVELS, 3), np.uint8)
    least, larger_nests, rules = _least(jobs), _larger_nests(jobs.nests), _rules(flows)
    costs = np.full((len(jobs.machine_of), 2), np.inf)

    def run(start: int) -> None:
        rows = slice(start, min(start + _TURN, len(costs)))
        work = (jobs.machine_of[rows], jobs.nest_of[rows])
        number = len(work[0])
        plain, padded_ones = _room(number), _room(number)
        quick_range(
            *(0, number, (table, constants, rule_of), jobs.nests, least[rows], larger_nests, work, rules),
            *(GOALS[goal], STARTS, STEPS, new_scratch(LEVELS), plain, padded_ones),
        )
        both = []
        for mappings in (plain, padded_ones):
            results, faults = np.full((number, nt.RESULTS), np.inf), np.zeros((number, 4))
            evaluate_range(
                *(0, number, table, allowed, constants, jobs.nests, *mappings[:5], *work),
                *(
                    nt.FILL_AND_DRAIN,
                    cost_scratch(LEVELS),
                    results,
                    faults,
                    np.zeros((1, LEVELS, 3, 4)),
                    False,
                ),
            )
            fine = (mappings[5] > 0) & (faults[:, 0] == nt.VALID)
            both.append(np.where(fine[:, None], results[:, [nt.CYCLES, nt.ENERGY_PJ]], np.inf))
        merit = [_merit(one, goal) for one in both]
        costs[rows] = np.where((merit[1] < merit[0])[:, None], both[1], both[0])

    turns = range(0, len(costs), _TURN)
    workers = min(threads_of(threads), len(turns))
    if workers <= 1:
        for turn in turns:
            run(turn)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, turns))
    return costs


def _merit(costs: Floats, goal: str) -> Floats:
    return {"latency": costs[:, 0], "energy": costs[:, 1]}.get(goal, costs.prod(axis=1))


def _room(number: int) -> tuple[NDArray[Any], ...]:
    """Arrays for mappings: temporal factors, orders, spatial factors, what stays, whether there is any."""
    shape = (number, LEVELS, 8)
    return (
        np.ones(shape, np.int32),
        np.tile(np.arange(8, dtype=np.int8), (number, LEVELS, 1)),
        np.ones(shape, np.int32),
        np.ones(shape, np.int32),
        np.ones((number, LEVELS, 3), np.uint8),
        np.zeros(number, np.uint8),
    )


def _least(jobs: Jobs) -> Floats:
    """(pairs,) cycles of all units at work and of every word through the memory once."""
    layers, machines = layer_columns(jobs.nests)[jobs.nest_of], jobs.machines
    moved = layers[:, [WEIGHTS, INPUTS, OUTPUTS]] * jobs.bits[jobs.machine_of] / 8
    port = moved.sum(axis=1) / machines.memory_rate[jobs.machine_of]
    units = (machines.columns * machines.rows * jobs.rate)[jobs.machine_of]
    return np.maximum(layers[:, MACS] / units, port)


def _larger_nests(nests: Ints) -> tuple[Ints, Ints]:
    """Each layer's larger ones, and where those of each start (k + 1,)."""
    parts = []
    for row in nests:
        key = row.tobytes()
        if key not in _larger:
            found = [[*nest.sizes, *row[8:]] for nest in padded([nest_of(row)])[0]]
            _larger[key] = np.array(found, np.int64).reshape(-1, nests.shape[1])
        parts.append(_larger[key])
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return np.concatenate([*parts, np.ones((1, nests.shape[1]), np.int64)]), starts.astype(np.int64)


@lru_cache(maxsize=64)
def _rules(flows: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
    """What each dataflow allows, as arrays of `quick_kernel`."""
    architecture = ArrayDesigns().architecture(0, Chip())
    rules = []
    for flow in flows:
        free = flow == FLEXIBLE
        constraints = MappingConstraints() if free else of_template(template(flow), architecture)
        rules.append(compile_rules(constraints, [architecture.compile()], bypass=True))
    most = max(rule.orders.shape[1] for rule in rules)
    orders = [
        np.concatenate(
            [rule.orders, np.repeat(rule.orders[:, :1], most - rule.orders.shape[1], axis=1)], axis=1
        )
        for rule in rules
    ]
    return (
        np.stack([rule.slot_allowed for rule in rules]),
        rules[0].fixed,
        rules[0].staying[0],
        np.stack(orders),
        np.stack([rule.order_counts for rule in rules]),
    )
