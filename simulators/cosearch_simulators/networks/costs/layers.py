"""What each layer of n networks costs on n accelerators, one by one: for schedules and pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.networks.costs.accelerators import Accelerators
from cosearch_simulators.networks.costs.bound import bound
from cosearch_simulators.networks.costs.jobs import jobs
from cosearch_simulators.networks.costs.mapped import mapped
from cosearch_simulators.networks.costs.precisions import Precisions
from cosearch_simulators.networks.networks import Networks

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerCosts:
    """The layers of n networks, in the order of `Networks.layer`.

    Attributes:
        latency_ns: of each layer; what vector operators of a stage take is the stage's last layer's.
        energy_pj: likewise.
        utilisation: multiply-accumulates done, of one for each unit in each cycle.
    """

    latency_ns: Floats
    energy_pj: Floats
    utilisation: Floats


def layer_costs(
    networks: Networks,
    accelerators: Accelerators,
    precisions: Precisions,
    *,
    fidelity: str = "mapper",
    goal: str = "edp",
    technology_nm: float = 45.0,
    threads: int | None = None,
) -> LayerCosts:
    """The costs of designs that `evaluation.refusals` does not refuse; infinite where no mapping fits.

    Args:
        networks: n of them.
        accelerators: n of them.
        precisions: n of them.
        fidelity: bound or mapper.
        goal: what each mapping is the best for.
        technology_nm: of the chips.
        threads: None: as many as cores.
    """
    work = jobs(networks, accelerators, precisions, technology_nm)
    flows = [str(flow) for flow in np.asarray(accelerators.dataflow)]
    costs = bound(work, flows, threads) if fidelity == "bound" else mapped(work, flows, goal, threads)
    clock, memory = np.asarray(accelerators.clock_ghz), np.asarray(accelerators.memory_gb_per_s)
    latency = costs[work.pair, 0] / clock[work.design]
    energy = costs[work.pair, 1].copy()
    macs = work.nests[:, :8].astype(np.float64).prod(axis=1)[work.nest_of[work.pair]]
    units = (np.asarray(accelerators.array_rows) * np.asarray(accelerators.array_columns))[work.design]
    utilisation = macs / (units * costs[work.pair, 0])
    bits = networks.vector_elements * precisions.activation_bits
    key = work.design * bits.shape[1] + networks.stage
    last = np.flatnonzero(np.append(key[1:] != key[:-1], True)) if len(key) else np.zeros(0, np.int64)
    moved = bits[work.design[last], networks.stage[last]]
    latency[last] += moved / 8 / memory[work.design[last]]
    energy[last] += moved * components.dram_energy_pj(1)
    return LayerCosts(latency, energy, utilisation)
