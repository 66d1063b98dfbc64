"""Tables of what each choice of each block costs on an accelerator in a precision, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs
from cosearch_plugins.networks.hardware import accelerators
from cosearch_plugins.networks.precision import precisions
from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.networks.costs import MULTIPLIERS, Precisions
from cosearch_simulators.networks.costs.bound import bound
from cosearch_simulators.networks.costs.jobs import jobs
from cosearch_simulators.networks.supernet import Supernet

Floats = NDArray[np.float64]

MOST_TABLES = 20_000
TURN = 256
"""Accelerators whose tables are made at once."""


@dataclass(frozen=True)
class Tables:
    """Of n accelerators, each in a precision.

    Attributes:
        blocks: (2, n, b, c) latency in ns and energy in pJ of each block's combinations.
        area_mm2: (n,).
    """

    blocks: Floats
    area_mm2: Floats


class CostTables:
    """Makes tables, and keeps them.

    Args:
        problem: whose space the accelerators are of.
        net: the blocks.
    """

    def __init__(self, problem: Any, net: Supernet) -> None:
        self._problem, self._net = problem, net
        self._columns = [
            column for column, name in enumerate(problem.space.names) if not name.startswith("network.")
        ]
        self._known: dict[bytes, tuple[Floats, float]] = {}

    def of(self, index: NDArray[Any]) -> Tables:
        """The tables of designs, given as rows of the space's index matrix."""
        keys = [row[self._columns].tobytes() for row in index]
        if len(self._known) > MOST_TABLES:
            self._known.clear()
        new = {key: row for row, key in enumerate(keys) if key not in self._known}
        wanted = list(new.values())
        for first in range(0, len(wanted), TURN):
            rows = index[wanted[first : first + TURN]]
            blocks, area = self._made(Designs(self._problem.space, rows))
            for number, row in enumerate(wanted[first : first + TURN]):
                self._known[keys[row]] = blocks[:, number], float(area[number])
        found = [self._known[key] for key in keys]
        return Tables(
            np.stack([blocks for blocks, _ in found], axis=1), np.array([area for _, area in found])
        )

    def _made(self, designs: Designs) -> tuple[Floats, Floats]:
        """Blocks (2, n, b, c) and areas (n,)."""
        settings, net = self._problem.settings, self._net
        n, combinations = len(designs), len(net.networks)
        machines = accelerators(designs, settings.memory_gb_per_s, settings.clock_ghz)
        bits, steps = widened(
            precisions(designs, self._problem.family.stages), np.asarray(machines.multiplier)
        )
        every = np.repeat(np.arange(n), combinations)
        networks = net.networks.take(np.tile(np.arange(combinations), n))
        work = jobs(networks, machines.take(every), bits.take(every), settings.technology_nm)
        flows = [str(flow) for flow in np.asarray(machines.dataflow)[every]]
        costs = bound(work, flows, settings.threads)[work.pair]
        out = np.zeros((2, n, len(net.blocks), combinations))
        place = (work.design // combinations, np.tile(net.block_of, n), work.design % combinations)
        np.add.at(out[0], place, costs[:, 0] / settings.clock_ghz)
        np.add.at(out[1], place, costs[:, 1])
        out *= steps[:, None, None]
        moved = net.vector_elements * bits.activation_bits[:, net.stage][:, :, None]
        out[0] += moved / 8 / settings.memory_gb_per_s
        out[1] += moved * components.dram_energy_pj(1)
        return out, machines.area_mm2(settings.technology_nm)


def widened(bits: Precisions, multiplier: NDArray[Any]) -> tuple[Precisions, Floats]:
    """Bits that fixed multipliers take, and (n,) in how many steps they then do the wider ones."""
    units = [MULTIPLIERS[str(name)] for name in multiplier]
    most = np.array([2 * unit.bits if unit.bricks else unit.bits for unit in units])[:, None]
    both = np.stack([bits.weight_bits, bits.activation_bits])
    steps = np.ceil(both / most).prod(axis=0).max(axis=1)
    narrow = np.minimum(both, most)
    return Precisions(narrow[0], narrow[1], bits.kept), steps
