"""The fidelity `bound` of the problem `accelerator`: what no mapping goes below, all designs in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.engines.bound import BoundedNetwork, Machines
    from cosearch_simulators.accelerator.mapping.templates import Template
    from cosearch_simulators.accelerator.system.architecture import Architecture


def machines_of(designs: Mapping[str, NDArray], like: Architecture, accumulation_bits: int) -> Machines:
    """The designs as columns with their energies.

    Args:
        designs: a column for each parameter of the problem.
        like: any of the problem's designs as an architecture, with the technology and energies of all.
        accumulation_bits: of partial sums.
    """
    from cosearch_simulators.accelerator.engines.bound import machines

    bits = np.asarray(designs["bits"], np.int64)
    return machines(
        like,
        columns=designs["array_columns"],
        rows=designs["array_rows"],
        register_words=designs["register_words"],
        buffer_words=np.asarray(designs["buffer_kib"], np.int64) * 8192 // bits,
        buffer_banks=designs["buffer_banks"],
        buffer_rate=designs["buffer_words_per_cycle"],
        memory_rate=np.asarray(designs["memory_gb_per_s"]) / (bits / 8) / np.asarray(designs["clock_ghz"]),
        bits=bits,
        accumulation_bits=accumulation_bits,
    )


def bounded_network(
    network: BoundedNetwork, dataflow: NDArray, found: Machines, template: Template | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], Sequence[str]]:
    """Cycles and energy in pJ of the layers on n designs, and why a dataflow cannot run them, or "".

    Args:
        network: what runs.
        dataflow: (n,) names.
        found: the designs.
        template: the dataflow, where it is not a built-in one.
    """
    from cosearch_simulators.accelerator.mapping.templates import TEMPLATES

    flows = {entry.name: entry for entry in TEMPLATES} | ({template.name: template} if template else {})
    bounds = network.bounds(found, np.asarray(dataflow).tolist(), flows)
    return bounds.cycles, bounds.energy_pj, bounds.reason
