"""`evaluate`: what n networks cost on n accelerators in n precisions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.timeloop.entry import DATAFLOWS
from cosearch_simulators.accelerator.mapping.templates import template
from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.core.names import unknown
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.networks.costs.accelerators import INDEX_BITS, SUM_BITS, Accelerators
from cosearch_simulators.networks.costs.bound import FLEXIBLE, bound
from cosearch_simulators.networks.costs.jobs import Jobs, jobs
from cosearch_simulators.networks.costs.mapped import mapped
from cosearch_simulators.networks.costs.precisions import GROUP, Precisions
from cosearch_simulators.networks.networks import Networks, nest_of

Floats = NDArray[np.float64]

UNITS: Mapping[str, str] = {
    "latency_ns": "ns",
    "energy_pj": "pJ",
    "area_mm2": "mm2",
    "edp_pj_s": "pJ s",
    "power_mw": "mW",
    "utilisation": "1",
    "weight_bytes": "B",
    "peak_activation_bytes": "B",
}
FIDELITIES = ("bound", "mapper")
CHUNKS = {"bound": 8192, "mapper": 2048}
"""Designs that are taken at once, so that their pairs fit in memory."""


def evaluate(
    networks: Networks,
    accelerators: Accelerators,
    precisions: Precisions,
    *,
    fidelity: str = "mapper",
    goal: str = "edp",
    technology_nm: float = 45.0,
    static_mw_per_mm2: float = 0.0,
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`.

    Layers run one after the other. Sums of tensors, means and poolings take the time and the energy of their
    traffic to the memory, activations are part of the layer before.

    Args:
        networks: n of them.
        accelerators: n of them.
        precisions: n of them, with as many stages as the networks.
        fidelity: `bound`, what no mapping goes below; `mapper`, the best mapping that a short search finds.
        goal: what each layer's mapping is the best for: latency, energy or edp.
        technology_nm: of the chips.
        static_mw_per_mm2: static power by area, for all of the latency.
        threads: None: as many as cores.
    """
    if fidelity not in FIDELITIES:
        raise ConfigurationError(unknown("fidelity", fidelity, FIDELITIES))
    reasons = refusals(networks, accelerators, precisions)
    metrics = {name: np.full(len(networks), np.nan) for name in UNITS}
    for rows in _chunks(np.flatnonzero(reasons == ""), CHUNKS[fidelity]):
        mine = networks.take(rows), accelerators.take(rows), precisions.take(rows)
        flows = [str(flow) for flow in np.asarray(mine[1].dataflow)]
        work = jobs(*mine, technology_nm)
        costs = bound(work, flows, threads) if fidelity == "bound" else mapped(work, flows, goal, threads)
        misfit = ~np.isfinite(costs[work.pair, 0])
        for entry in np.flatnonzero(misfit):
            name, row = work.names[work.nest_of[work.pair[entry]]], rows[work.design[entry]]
            reasons[row] = reasons[row] or f"{name}: no mapping fits the registers and the buffer"
        for name, column in _metrics(*mine, work, costs, technology_nm, static_mw_per_mm2).items():
            metrics[name][rows] = column
    return Result.of(metrics, reasons)


def refusals(networks: Networks, accelerators: Accelerators, precisions: Precisions) -> NDArray[np.object_]:
    """(n,) why a design cannot run, or ""."""
    reasons = networks.reason.copy()
    for row, problem in enumerate(accelerators.problems()):
        reasons[row] = reasons[row] or problem
    flows = np.asarray(accelerators.dataflow)
    design = np.repeat(np.arange(len(networks)), np.diff(networks.start))
    for flow in dict.fromkeys(flows.tolist()):
        mine = np.flatnonzero(flows == flow)
        if flow not in DATAFLOWS:
            for row in mine.tolist():
                reasons[row] = reasons[row] or unknown("dataflow", flow, DATAFLOWS)
        elif flow != FLEXIBLE:
            entries = np.flatnonzero((flows == flow)[design])
            for kind in np.unique(networks.layer[entries]).tolist():
                refusal = template(flow).admits(nest_of(networks.table.rows[kind]))
                if refusal:
                    for row in set(design[entries[networks.layer[entries] == kind]].tolist()):
                        reasons[row] = reasons[row] or f"{networks.table.names[kind]}: {refusal}"
    known = accelerators.codes("multiplier") >= 0
    for stage in range(precisions.weight_bits.shape[1]):
        w, a = precisions.weight_bits[:, stage], precisions.activation_bits[:, stage]
        for narrow in np.flatnonzero(known & (accelerators.per_cycle(w, a) == 0)):
            reasons[narrow] = reasons[narrow] or (
                f"weights of {w[narrow]} and activations of {a[narrow]} bits are too wide for "
                f"{np.asarray(accelerators.multiplier)[narrow]} multipliers"
            )
    return reasons


def _chunks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _metrics(
    networks: Networks,
    accelerators: Accelerators,
    precisions: Precisions,
    work: Jobs,
    costs: Floats,
    technology_nm: float,
    static_mw_per_mm2: float,
) -> dict[str, Floats]:
    n = len(networks)
    clock, memory = np.asarray(accelerators.clock_ghz), np.asarray(accelerators.memory_gb_per_s)
    moved = (networks.vector_elements * precisions.activation_bits).sum(axis=1)
    costs = np.where(np.isfinite(costs), costs, 0.0)
    latency = work.totals(costs[:, 0], n) / clock + moved / 8 / memory
    energy = work.totals(costs[:, 1], n) + moved * components.dram_energy_pj(1)
    area = accelerators.area_mm2(technology_nm)
    energy = energy + static_mw_per_mm2 * area * latency
    units = np.asarray(accelerators.array_rows) * np.asarray(accelerators.array_columns)
    return {
        "latency_ns": latency,
        "energy_pj": energy,
        "area_mm2": area,
        "edp_pj_s": energy * latency * 1e-9,
        "power_mw": energy / latency,
        "utilisation": networks.macs / (units * clock * latency),
        "weight_bytes": weight_bytes(networks, accelerators, precisions),
        "peak_activation_bytes": np.ceil(networks.peak_elements * precisions.activation_bits.max(axis=1) / 8),
    }


def weight_bytes(networks: Networks, accelerators: Accelerators, precisions: Precisions) -> Floats:
    """(n,) bytes of weights and biases as they lie in memory; zeros that hardware skips are not there."""
    skips = (np.asarray(accelerators.skips_zeros)[:, None] > 0) & (precisions.kept <= GROUP // 2)
    bits = np.where(
        skips, (precisions.weight_bits + INDEX_BITS) * precisions.kept / GROUP, precisions.weight_bits
    )
    return np.ceil(((networks.weights * bits).sum(axis=1) + networks.biases * SUM_BITS) / 8)
