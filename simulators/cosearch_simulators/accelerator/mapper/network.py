"""Whole networks on many architectures: equal layers share one search, consecutive layers may be fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.common.nest_tables import FANOUT_X, FANOUT_Y
from cosearch_simulators.accelerator.mapper.constraints import MappingConstraints
from cosearch_simulators.accelerator.mapper.fusion import best_groups, fusable_edges
from cosearch_simulators.accelerator.mapper.mapper import (
    Effort,
    Objective,
    joined,
    map_pairs,
    run_searches,
)
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import Network, Precision
from cosearch_simulators.workloads.loop_nest import LoopNest


@dataclass(frozen=True)
class MappedNetwork:
    """A network on A architectures; the layers are its operators with a loop nest, one after the other.

    Attributes:
        layers: names.
        valid: (A,) whether every layer has a mapping.
        cycles: (A,) of all layers together; NaN where not valid, as all numbers.
        energy_pj: (A,) of all layers together.
        edp: (A,) energy times cycles, in pJ times cycles.
        layer_cycles: (A, layers).
        layer_energy_pj: (A, layers).
        layer_utilisation: (A, layers).
        reasons: (A,) why there is no mapping, as one line with the layer; empty where valid.
        groups: for each architecture the groups of layers that are fused, by name; none for single layers.
        mappings: of all searches; that of layer l on architecture a is row `rows[a, l]`.
        rows: (A, layers).
    """

    layers: tuple[str, ...]
    valid: NDArray[np.bool_]
    cycles: NDArray[np.float64]
    energy_pj: NDArray[np.float64]
    edp: NDArray[np.float64]
    layer_cycles: NDArray[np.float64]
    layer_energy_pj: NDArray[np.float64]
    layer_utilisation: NDArray[np.float64]
    reasons: tuple[str, ...]
    groups: tuple[tuple[tuple[str, ...], ...], ...]
    mappings: Mappings
    rows: NDArray[np.int64]


def map_network(
    architectures: Sequence[CompiledArchitecture | Architecture],
    network: Network,
    objective: Objective = "edp",
    *,
    effort: Effort = "fast",
    constraints: MappingConstraints | None = None,
    bypass: bool = True,
    imperfect: bool | None = None,
    fuse_at: str | None = None,
    options: int = 0,
    threads: int | None = None,
) -> MappedNetwork:
    """Map every layer of a network on every architecture.

    Each layer is mapped for its own objective. Vector operators take no time and no energy here.

    Args:
        architectures: all with the same number of levels. Each operator runs in its own precision, but on
            those that were compiled, which keep the precision they were compiled for (words, where
            `compile` was given none).
        network: what runs.
        objective: "latency", "energy" or "edp", of each layer; fusion looks at the whole network's.
        effort: see `map_nests`.
        constraints: see `map_nests`.
        bypass: see `map_nests`.
        imperfect: see `map_nests`; not of layers that are fused.
        fuse_at: name of the level where tensors between consecutive layers may stay, whole, instead of going
            to the backing store; None for no fusion.
        options: see `map_nests`; none of them with fusion.
        threads: if not given as many as cores that this process may use, but one in a worker process.

    Raises:
        ConfigurationError: see `map_nests`; no layer with a loop nest; an unknown level to fuse at.
    """
    layers: list[str] = []
    kinds: dict[tuple[LoopNest, Precision | None], int] = {}
    kind_of: list[int] = []
    own_precision = any(isinstance(one, Architecture) for one in architectures)
    for operator in network.operators:
        nest = operator.loop_nest()
        if nest is not None:
            layers.append(operator.name)
            kind = (nest, operator.precision if own_precision else None)
            kind_of.append(kinds.setdefault(kind, len(kinds)))
    if not layers:
        raise ConfigurationError(f"network {network.name!r} has no operator with multiplications")
    nests, number = [nest for nest, _ in kinds], len(architectures)
    precisions = list(dict.fromkeys(precision for _, precision in kinds))
    compiled_and_refusal = [_compiled(one, precision) for one in architectures for precision in precisions]
    compiled = [one for one, _ in compiled_and_refusal]
    precision_of = np.array([precisions.index(precision) for _, precision in kinds])
    compiled_of = np.arange(number)[:, None] * len(precisions) + precision_of
    refused = {
        row: reason
        for row, which in enumerate(compiled_of.ravel())
        if (reason := compiled_and_refusal[which][1])
    }
    mappings, costs, _ = map_pairs(
        compiled, nests, compiled_of.ravel(), np.tile(np.arange(len(nests)), number), objective,
        effort=effort, constraints=constraints, bypass=bypass, imperfect=imperfect, options=options,
        counts=False, threads=threads, refused=refused,
    )  # fmt: skip
    rows = np.arange(number)[:, None] * len(nests) + np.array(kind_of)
    cycles, energy = costs.cycles[rows], costs.energy_pj[rows]
    units = costs.macs / (costs.utilisation * costs.cycles)
    valid = costs.valid[rows].all(axis=1)
    reasons = []
    for fine, mine in zip(valid, rows, strict=True):
        bad = 0 if fine else int(np.argmin(costs.valid[mine]))
        reasons.append("" if fine else f"{layers[bad]}: {costs.reason(int(mine[bad]))}")
    groups: list[tuple[tuple[str, ...], ...]] = [()] * number
    if fuse_at is not None:
        if options:
            raise ConfigurationError(f"fusion takes no options of the evaluation, got {options}")
        arguments = (
            *(compiled, compiled_of, nests, np.array(kind_of)),
            *(objective, effort, constraints, bypass),
        )
        edges = fusable_edges(network, layers)
        fused = _fuse(arguments, edges, fuse_at, threads, (mappings, rows, cycles, energy))
        mappings, rows, cycles, energy, chosen = fused
        groups = [_named(layers, row) for row in chosen]
    macs = np.array([nest.macs for nest in nests])[kind_of]
    utilisation = macs / (cycles * np.nanmax(units.reshape(number, -1), axis=1, initial=0.0)[:, None])
    utilisation[~np.isfinite(utilisation)] = np.nan
    total_cycles, total_energy = cycles.sum(axis=1), energy.sum(axis=1)
    return MappedNetwork(
        tuple(layers), valid, total_cycles, total_energy, total_cycles * total_energy, cycles, energy,
        utilisation, tuple(reasons), tuple(groups), mappings, rows,
    )  # fmt: skip


def _compiled(
    architecture: CompiledArchitecture | Architecture, precision: Precision | None
) -> tuple[CompiledArchitecture, str]:
    """The architecture for a precision, or for words and why it cannot run that precision."""
    if isinstance(architecture, CompiledArchitecture):
        return architecture, ""
    try:
        return architecture.compile(precision), ""
    except ConfigurationError as error:
        return architecture.compile(), str(error)


def _named(layers: Sequence[str], fused: NDArray[np.bool_]) -> tuple[tuple[str, ...], ...]:
    groups: list[list[str]] = [[layers[0]]]
    for layer, with_last in zip(layers[1:], fused, strict=True):
        if with_last:
            groups[-1].append(layer)
        else:
            groups.append([layer])
    return tuple(tuple(group) for group in groups if len(group) > 1)


def _fuse(
    arguments: tuple[
        list[CompiledArchitecture],
        NDArray[np.int64],
        list[LoopNest],
        NDArray[np.int64],
        Objective,
        Effort,
        MappingConstraints | None,
        bool,
    ],
    edges: NDArray[np.bool_],
    fuse_at: str,
    threads: int | None,
    single: tuple[Mappings, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]],
) -> tuple[Mappings, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The layers again with inputs, outputs or both on the chip, and each architecture's best groups."""
    compiled, compiled_of, nests, nest_of, objective, effort, constraints, bypass = arguments
    mappings, rows, cycles, energy = single
    names = compiled[0].names
    if fuse_at not in names[:-1]:
        raise ConfigurationError(f"fuse_at: no level {fuse_at!r} on the chip{hint(fuse_at, names[:-1])}")
    level, last = names.index(fuse_at), len(names) - 1
    layers = len(nest_of)
    able = np.zeros((layers, 2, 2), bool)
    able[:, 0, 0] = True
    able[1:, 1, 0] = edges
    able[:-1, 0, 1] = edges
    able[1:-1, 1, 1] = edges[1:] & edges[:-1]
    variants = sorted(
        {
            (int(nest_of[layer]), before, after)
            for layer, before, after in np.argwhere(able)
            if before or after
        }
    )
    number = len(compiled_of)
    # One instance must hold the tensor, not several a part each.
    whole = [
        np.prod(compiled[one].table[level + 1 :, [FANOUT_X, FANOUT_Y]]) == 1 for one in compiled_of[:, 0]
    ]
    homes = [(last, level if before else last, level if after else last) for _, before, after in variants]
    jobs = (
        compiled_of[:, np.array([nest for nest, _, _ in variants], int)].ravel(),
        np.tile(np.array([nest for nest, _, _ in variants], np.int64), number),
        np.tile(np.array(homes, np.int64).reshape(-1, 3), (number, 1)),
    )
    again, outcomes = run_searches(compiled, nests, jobs, objective, effort, constraints, bypass, 0, threads)
    outcomes = outcomes.reshape(number, len(variants), 4)
    place = {variant: position for position, variant in enumerate(variants)}
    every_row, every_cycles, every_energy = (
        np.zeros((number, layers, 2, 2), np.int64),
        np.full((number, layers, 2, 2), np.inf),
        np.full((number, layers, 2, 2), np.inf),
    )
    every_row[:, :, 0, 0], every_cycles[:, :, 0, 0], every_energy[:, :, 0, 0] = rows, cycles, energy
    for layer, before, after in np.argwhere(able):
        if before or after:
            position = place[(int(nest_of[layer]), before, after)]
            found = np.isfinite(outcomes[:, position, 0]) & np.isfinite(cycles[:, layer]) & np.array(whole)
            spent = outcomes[found, position, 1]
            every_row[:, layer, before, after] = len(mappings) + np.arange(number) * len(variants) + position
            every_cycles[found, layer, before, after] = np.ceil(spent - 1e-12 * spent)
            every_energy[found, layer, before, after] = outcomes[found, position, 2]
    chosen = np.stack([best_groups(every_cycles[one], every_energy[one], objective) for one in range(number)])
    before = np.pad(chosen, ((0, 0), (1, 0))).astype(int)
    after = np.pad(chosen, ((0, 0), (0, 1))).astype(int)
    pick = (np.arange(number)[:, None], np.arange(layers)[None, :], before, after)
    return joined(mappings, again), every_row[pick], every_cycles[pick], every_energy[pick], chosen
