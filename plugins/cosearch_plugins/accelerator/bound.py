"""The fidelity `bound` of the problem `accelerator`: what no mapping goes below, for all designs in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.architecture import Architecture
    from cosearch_simulators.accelerator.bound import BoundedNetwork
    from cosearch_simulators.accelerator.templates import Template


def bounded_network(
    network: BoundedNetwork,
    designs: Mapping[str, NDArray],
    like: Architecture,
    accumulation_bits: int,
    template: Template | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], Sequence[str]]:
    """Cycles, energy in pJ and area in mm2 of n designs, and why a dataflow cannot run the network, or "".

    Args:
        network: what runs.
        designs: a column for each parameter of the problem.
        like: any of the problem's designs as an architecture, with the technology and energies of all.
        accumulation_bits: of partial sums.
        template: the dataflow, where it is not a built-in one.
    """
    from cosearch_simulators.accelerator.bound import area_mm2, machines
    from cosearch_simulators.accelerator.templates import TEMPLATES

    bits = np.asarray(designs["bits"], np.int64)
    found = machines(
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
    flows = {entry.name: entry for entry in TEMPLATES} | ({template.name: template} if template else {})
    bounds = network.bounds(found, np.asarray(designs["dataflow"]).tolist(), flows)
    return bounds.cycles, bounds.energy_pj, area_mm2(like, found, bits), bounds.reason
