"""An accelerator of this package as a processing element: what its own engine says of the tasks that it runs.

The engine's latency of a task's operators becomes the rate at which the task runs, and its energy, that of
the array's own memory port included, the task's; the system's memories and buses, which carry the tensors
between tasks, bound the rate further.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Categorical, Designs, Ordinal
from cosearch.space.parameters import Parameter

if TYPE_CHECKING:
    from cosearch_simulators.workloads import Network

ARRAY = "array"
MEMORY_GB_PER_S = 12.8
"""From which the array takes its weights."""
PARAMETERS: tuple[Parameter, ...] = (
    Ordinal("array_rows", (4, 8, 16, 32, 64), default=16),
    Ordinal("array_columns", (4, 8, 16, 32, 64), default=16),
    Ordinal("array_buffer_kib", (32, 64, 128, 256, 512), default=128),
    Ordinal("array_clock_ghz", (0.2, 0.4, 0.6, 0.8), default=0.6),
    Categorical("array_dataflow", ("weight-stationary", "output-stationary", "row-stationary")),
)
BLOCK = {"type": "pe", "subtype": "ip", "work_rate": 1.0, "work_over_energy": 1.0, "work_over_area": 1.0}
"""What stands in the library for it; the numbers come from the engine."""


class ArrayCosts:
    """What the array of each design takes for each of some tasks.

    Args:
        networks: by task its operators.
        technology_nm: of the chip.

    Attributes:
        tasks: those that it can run.
    """

    def __init__(self, networks: Mapping[str, Network], technology_nm: float) -> None:
        self._networks, self._technology_nm = networks, technology_nm
        self.tasks = tuple(networks)
        self._known: dict[tuple[Any, ...], NDArray[np.float64]] = {}

    def of(self, designs: Designs, fidelity: str) -> NDArray[np.float64]:
        """Seconds, joules and m2 of n designs on k tasks, float64 (n, k, 3); NaN where the array cannot."""
        columns = [np.asarray(designs[parameter.name]).tolist() for parameter in PARAMETERS]
        keys = [(fidelity, *key) for key in zip(*columns, strict=True)]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        if new:
            self._known.update(zip(new, self._evaluated(new, fidelity), strict=True))
        return np.stack([self._known[key] for key in keys])

    def _evaluated(self, keys: list[tuple[Any, ...]], fidelity: str) -> NDArray[np.float64]:
        from cosearch_simulators.accelerator.engines.bound import entry as bound
        from cosearch_simulators.accelerator.engines.timeloop import entry as timeloop
        from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip

        rows, columns, buffer_kib, clock_ghz, dataflow = zip(*(key[1:] for key in keys), strict=True)
        designs = ArrayDesigns(
            array_rows=rows,
            array_columns=columns,
            buffer_kib=buffer_kib,
            clock_ghz=clock_ghz,
            dataflow=dataflow,
            memory_gb_per_s=MEMORY_GB_PER_S,
        )
        chip = Chip(technology_nm=self._technology_nm)
        evaluate = bound.evaluate if fidelity == "bound" else timeloop.evaluate
        found = [evaluate(designs, network, chip) for network in self._networks.values()]
        return np.stack(
            [
                np.stack([one["latency_ns"] * 1e-9, one["energy_pj"] * 1e-12, one["area_mm2"] * 1e-6], axis=1)
                for one in found
            ],
            axis=1,
        )
