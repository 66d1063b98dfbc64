"""The bound of a network on many designs: equal layers are bounded once, and so are equal arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, gcd, prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.bound.kernel import LAYER_COLUMNS, bound_all
from cosearch_simulators.accelerator.engines.bound.machines import Machines
from cosearch_simulators.accelerator.engines.bound.spread import fit
from cosearch_simulators.accelerator.mapper.bounds import touched
from cosearch_simulators.accelerator.mapping.templates import Template
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import Network
from cosearch_simulators.workloads.loop_nest import LOOPS, LoopNest


@dataclass(frozen=True, eq=False)
class Bounds:
    """n designs: no mapping is faster or takes less energy; NaN where the dataflow cannot run the network.

    Attributes:
        cycles: of all layers one after the other, without fill and drain.
        energy_pj: all accesses and operations.
        reason: for each design why it cannot run the network, or "".
    """

    cycles: NDArray[np.float64]
    energy_pj: NDArray[np.float64]
    reason: list[str]


class BoundedNetwork:
    """A network whose layers are ready to be bounded; it keeps what it has found out about arrays.

    Args:
        network: with at least one operator that multiplies.

    Raises:
        ConfigurationError: it has none.
    """

    def __init__(self, network: Network) -> None:
        layers = [
            (operator.name, nest)
            for operator in network.operators
            if (nest := operator.loop_nest()) is not None
        ]
        if not layers:
            raise ConfigurationError(f"network {network.name!r} has no operator with multiplications")
        self._prepare(layers)

    @classmethod
    def of_layer(cls, nest: LoopNest) -> Self:
        """A network of one layer."""
        one = cls.__new__(cls)
        one._prepare([("layer", nest)])
        return one

    def _prepare(self, layers: list[tuple[str, LoopNest]]) -> None:
        self.layers = layers
        counts: dict[LoopNest, int] = {}
        for _, nest in self.layers:
            counts[nest] = counts.get(nest, 0) + 1
        self._nests = list(counts)
        self._table = np.array([_row(nest, count) for nest, count in counts.items()], np.float64)
        assert self._table.shape[1] == LAYER_COLUMNS
        self._fits: dict[tuple[object, int, int], NDArray[np.float64]] = {}

    def bounds(
        self, machines: Machines, dataflow: Sequence[str], templates: Mapping[str, Template]
    ) -> Bounds:
        """The bound of each design.

        Args:
            machines: n designs.
            dataflow: (n,) names.
            templates: the dataflows; a name that is not among them spreads any loops over the array.
        """
        flows, of_flow = np.unique(np.asarray(dataflow), return_inverse=True)
        refusals = [self._refusal(templates.get(str(flow))) for flow in flows]
        keys = np.column_stack([of_flow.ravel(), machines.columns, machines.rows])
        arrays, place = np.unique(keys, axis=0, return_inverse=True)
        spreads = np.stack(
            [self._fit(templates.get(str(flows[flow])), int(x), int(y)) for flow, x, y in arrays]
        )
        numbers = bound_all(self._table, machines.array(), spreads, place.ravel())
        reasons = [refusals[flow] for flow in of_flow.ravel()]
        numbers[[bool(reason) for reason in reasons]] = np.nan
        return Bounds(numbers[:, 0], numbers[:, 1], reasons)

    def _refusal(self, template: Template | None) -> str:
        """Why a dataflow cannot run the network, as the mapper's problem says it."""
        for name, nest in self.layers:
            if template is not None and (reason := template.admits(nest)):
                return f"{name}: {reason}"
        return ""

    def _fit(self, template: Template | None, columns: int, rows: int) -> NDArray[np.float64]:
        """The layers on an array, (layers, `spread.SPREAD_COLUMNS`)."""
        axes = None if template is None else (template.spatial[0], sum(template.spatial[1:], ()))
        found = self._fits.get((axes, columns, rows))
        if found is None:
            x, y = (np.array([axes is None or loop in axes[axis] for loop in LOOPS], bool) for axis in (0, 1))
            found = np.stack([fit(np.array(nest.sizes), x, y, columns, rows) for nest in self._nests])
            self._fits[(axes, columns, rows)] = found
        return found


def _row(nest: LoopNest, count: int) -> list[float]:
    """A layer as `kernel` reads it."""
    g, n, k, c, p, q, r, s = nest.sizes
    words = touched(nest)
    overlap = prod(max(1.0, size / stride) for size, stride in zip((r, s), nest.stride, strict=True))
    taps = prod(
        ceil(size / (stride // gcd(stride, dilation)))
        for size, stride, dilation in zip((r, s), nest.stride, nest.dilation, strict=True)
    )
    return [
        *(g, n * p * q, k, c * r * s),
        *(words["Weights"], words["Inputs"], words["Outputs"]),
        *(overlap, taps, count),
    ]
