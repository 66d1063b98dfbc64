"""The mapper: the best mapping of each operator on each architecture, in one compiled batch.

`map_nests` searches all pairs of architectures and loop nests. A search is deterministic and depends on its
own pair only, never on the batch or the number of threads. Whole networks are the part of `network`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.common.nest_tables import LARGEST_EXACT, MACS_A_CYCLE
from cosearch_simulators.accelerator.engines.timeloop.evaluation import Costs, evaluate, pack_nests
from cosearch_simulators.accelerator.mapper.bounds import least_cycles
from cosearch_simulators.accelerator.mapper.constraints import MappingConstraints, compile_rules
from cosearch_simulators.accelerator.mapper.entry import new_scratch, search_range
from cosearch_simulators.accelerator.mapper.padding import padded
from cosearch_simulators.accelerator.mapper.search_kernel import EDP, ENERGY, LATENCY
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads.loop_nest import LoopNest

Objective = Literal["latency", "energy", "edp"]
Effort = Literal["fast", "thorough"]

OBJECTIVES = {"latency": LATENCY, "energy": ENERGY, "edp": EDP}

EFFORTS = {"fast": (12, 15, 500, 10_000), "thorough": (64, 72, 8000, 600_000)}
"""Searches from the start, searches in all (the others go on from the best), and steps of each; where there
are at most the last number of mappings, all are tried instead. A step takes about 0.3 us for three levels."""

_JOBS_A_TURN = 4  # a thread takes this many searches at once


@dataclass(frozen=True)
class MappedCosts(Costs):
    """Costs with operators among them that were not searched, as nothing there can run them.

    Attributes:
        refused: why, by row; these are not valid.
    """

    refused: Mapping[int, str] = field(default_factory=dict)

    def reason(self, number: int) -> str:
        """Why there is no mapping, as one line; empty where there is one."""
        return self.refused.get(number) or super().reason(number)


@dataclass(frozen=True)
class MappedNests:
    """The best mappings found, one row a pair: that of architecture a and nest n is row `a * nests + n`.

    Attributes:
        mappings: valid where `costs.valid`; elsewhere one that shows why there is none, or for an operator
            that the constraints' dataflow does not admit any.
        costs: of the mappings, with reasons where there is none.
        proven: whether all mappings were tried, in the orders of `constraints.ORDERS` and with factors that
            multiply to the dimensions.
        nests: how many nests there are.
    """

    mappings: Mappings
    costs: MappedCosts
    proven: NDArray[np.bool_]
    nests: int

    def row(self, architecture: int, nest: int) -> int:
        """The row of a pair."""
        return architecture * self.nests + nest


def map_nests(
    architectures: Sequence[CompiledArchitecture | Architecture],
    nests: Sequence[LoopNest],
    objective: Objective = "edp",
    *,
    effort: Effort = "fast",
    constraints: MappingConstraints | None = None,
    bypass: bool = True,
    imperfect: bool | None = None,
    options: int = 0,
    counts: bool = False,
    threads: int | None = None,
) -> MappedNests:
    """Find the best mapping of every nest on every architecture.

    Args:
        architectures: all with the same number of levels. What is compiled has the precision that it was
            compiled for, others have one word an element, as a nest has no precision.
        nests: the operators.
        objective: what is made small: cycles, energy or their product.
        effort: "fast" takes about 3 ms a pair on one core, "thorough" about 170 ms.
        constraints: what mappings must be like, and which operators can run; level names are those of the
            first architecture.
        bypass: whether a tensor may go past a level that could hold it.
        imperfect: whether factors may multiply to more than the dimensions, with some steps idle; takes about
            twice as long. If False they multiply to the dimensions. None for False, but True for latency and
            EDP where that leaves most of the array empty: the best found takes more than twice
            `bounds.least_cycles`, and computes for most of that time.
        options: sum of `nest_tables.TIMELOOP` and `nest_tables.FILL_AND_DRAIN`; the search does not see fill
            and drain, the costs do.
        counts: whether the costs keep accesses by level and tensor.
        threads: how many; if not given as many as cores that this process may use, but one in a worker
            process.

    Raises:
        ConfigurationError: numbers of levels differ, an unknown objective or effort, or constraints that name
            what is not there.
    """
    compiled = [one if isinstance(one, CompiledArchitecture) else one.compile() for one in architectures]
    mappings, costs, proven = map_pairs(
        compiled, nests, np.repeat(np.arange(len(compiled)), len(nests)),
        np.tile(np.arange(len(nests)), len(compiled)), objective, effort=effort, constraints=constraints,
        bypass=bypass, imperfect=imperfect, options=options, counts=counts, threads=threads,
    )  # fmt: skip
    return MappedNests(mappings, costs, proven, len(nests))


def map_pairs(
    architectures: Sequence[CompiledArchitecture],
    nests: Sequence[LoopNest],
    architecture_of: NDArray[np.int64],
    nest_of: NDArray[np.int64],
    objective: Objective,
    *,
    effort: Effort,
    constraints: MappingConstraints | None,
    bypass: bool,
    imperfect: bool | None,
    options: int,
    counts: bool,
    threads: int | None,
    refused: Mapping[int, str] | None = None,
) -> tuple[Mappings, MappedCosts, NDArray[np.bool_]]:
    """Mappings, their costs and whether all were tried, of pairs of an architecture and a nest by number.

    Args, and what is raised, are those of `map_nests`, and `refused`: pairs that cannot run, and why.
    """
    if objective not in OBJECTIVES:
        raise ConfigurationError(unknown("objective", objective, OBJECTIVES))
    if effort not in EFFORTS:
        raise ConfigurationError(unknown("effort", effort, EFFORTS))
    if not architectures:
        raise ConfigurationError("the mapper needs at least one architecture")
    if not nests:
        raise ConfigurationError("the mapper needs at least one operator")
    levels = len(architectures[0].table)
    for architecture in architectures:
        if len(architecture.table) != levels:
            raise ConfigurationError(
                f"architectures of a batch must have as many levels: {levels} and {len(architecture.table)}"
            )
    homes = np.full((len(nest_of), 3), levels - 1)
    mappings, outcomes = run_searches(
        architectures, nests, (architecture_of, nest_of, homes), objective, effort, constraints, bypass,
        options, threads,
    )  # fmt: skip
    proven = outcomes[:, 3] == 1.0
    again = np.full(len(nest_of), bool(imperfect))
    if imperfect is None:
        computing = mappings.temporal.prod(axis=(1, 2), dtype=np.float64)
        computing /= np.array([one.constants[MACS_A_CYCLE] for one in architectures])[architecture_of]
        least = least_cycles(architectures, nests)[architecture_of, nest_of]
        again = (outcomes[:, 1] > 2.0 * least) & (2.0 * computing > outcomes[:, 1]) & (objective != "energy")
    candidates, stands_for = padded(nests) if again.any() else ([], [])
    row, candidate = np.nonzero(again[:, None] & (nest_of[:, None] == np.array(stands_for, np.int64)))
    if len(row):
        larger, _ = run_searches(
            architectures, candidates, (architecture_of[row], candidate, np.full((len(row), 3), levels - 1)),
            objective, effort, constraints, bypass, options, threads,
        )  # fmt: skip
        mappings, pair = joined(mappings, larger), np.concatenate([np.arange(len(nest_of)), row])
        tried = evaluate(
            architectures, nests, mappings, architecture_of[pair], nest_of[pair], options=options,
            threads=threads,
        )  # fmt: skip
        merit = {"latency": tried.cycles, "energy": tried.energy_pj}.get(
            objective, tried.cycles * tried.energy_pj
        )
        # The best of each pair's rows; the unpadded one comes first and stays where none is valid.
        order = np.lexsort((np.arange(len(merit)), np.where(tried.valid, merit, np.inf), pair))
        best = order[np.unique(pair[order], return_index=True)[1]]
        mappings = rows_of(mappings, best)
        proven &= (best < len(nest_of)) & (imperfect is None)
    costs = evaluate(
        architectures, nests, mappings, architecture_of, nest_of, options=options, counts=counts,
        threads=threads,
    )  # fmt: skip
    refusals = [constraints.refusal(nest) if constraints else "" for nest in nests]
    reasons = {row: refusals[nest] for row, nest in enumerate(nest_of) if refusals[nest]}
    return mappings, _refusing(costs, {**(refused or {}), **reasons}), proven


def _refusing(costs: Costs, refused: dict[int, str]) -> MappedCosts:
    """The same costs, but for rows that are refused."""
    found = MappedCosts(
        **{entry.name: getattr(costs, entry.name) for entry in fields(costs)}, refused=refused
    )
    rows = list(refused)
    found.valid[rows] = False
    for column in (
        *(found.cycles, found.compute_cycles, found.fill_drain_cycles),
        *(found.energy_pj, found.utilisation, found.macs),
    ):
        column[rows] = np.nan
    return found


def joined(one: Mappings, other: Mappings) -> Mappings:
    """Two batches as one."""
    assert one.keeps is not None
    assert other.keeps is not None
    return Mappings(
        np.concatenate([one.temporal, other.temporal]),
        np.concatenate([one.order, other.order]),
        np.concatenate([one.spatial_x, other.spatial_x]),
        np.concatenate([one.spatial_y, other.spatial_y]),
        np.concatenate([one.keeps, other.keeps]),
    )


def rows_of(mappings: Mappings, rows: NDArray[np.int64]) -> Mappings:
    """Some mappings of a batch."""
    keeps = None if mappings.keeps is None else mappings.keeps[rows]
    return Mappings(
        mappings.temporal[rows],
        mappings.order[rows],
        mappings.spatial_x[rows],
        mappings.spatial_y[rows],
        keeps,
    )


def run_searches(
    architectures: Sequence[CompiledArchitecture],
    nests: Sequence[LoopNest],
    jobs: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    objective: Objective,
    effort: Effort,
    constraints: MappingConstraints | None,
    bypass: bool,
    options: int,
    threads: int | None,
) -> tuple[Mappings, NDArray[np.float64]]:
    """Search (architecture, nest, homes of tensors); mappings and (n, 4) merit, cycles, energy, proven."""
    levels = len(architectures[0].table)
    number = len(jobs[0])
    constraints = constraints or MappingConstraints()
    rules = compile_rules(constraints, architectures, bypass)
    hardware = (
        np.stack([architecture.table for architecture in architectures]),
        np.stack([architecture.constants for architecture in architectures]),
    )
    shape = (number, levels, 8)
    found = Mappings(
        np.ones(shape, np.int32),
        np.tile(np.arange(8, dtype=np.int8), (number, levels, 1)),
        np.ones(shape, np.int32),
        np.ones(shape, np.int32),
        np.zeros((number, levels, 3), np.uint8),
    )
    outcomes = np.full((number, 4), np.inf)
    searchable = np.array([nest.macs <= LARGEST_EXACT and not constraints.refusal(nest) for nest in nests])[
        jobs[1]
    ]
    for row in np.flatnonzero(~searchable):  # costed as it stands, which tells of too many steps
        found.temporal[row, -1] = np.minimum(nests[jobs[1][row]].sizes, np.iinfo(np.int32).max)
        assert found.keeps is not None
        found.keeps[row, -1] = 1
    rows = np.flatnonzero(searchable)
    packed = pack_nests(nests)
    arrays = (found.temporal, found.order, found.spatial_x, found.spatial_y, found.keeps)

    def run(start: int) -> None:
        mine = rows[start : start + _JOBS_A_TURN]
        for first, stop in _runs(mine):
            search_range(
                first, stop, hardware, packed, jobs,
                (rules.slot_allowed, rules.fixed, rules.staying, rules.orders, rules.order_counts),
                OBJECTIVES[objective], options, EFFORTS[effort], new_scratch(levels), arrays,
                outcomes,
            )  # fmt: skip

    turns = range(0, len(rows), _JOBS_A_TURN)
    workers = min(threads_of(threads), len(turns))
    if workers <= 1:
        for turn in turns:
            run(turn)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, turns))
    return found, outcomes


def _runs(rows: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Consecutive numbers as ranges."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(rows, breaks) if len(part)]
