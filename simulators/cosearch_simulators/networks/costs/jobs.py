"""Which distinct pairs of a machine in a precision and a layer a batch of designs needs."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.bound.machines import Machines
from cosearch_simulators.networks.batch import CONSTANT, NEST_COLUMNS
from cosearch_simulators.networks.costs.accelerators import INDEX_BITS, Accelerators, tables
from cosearch_simulators.networks.costs.precisions import GROUP, Precisions
from cosearch_simulators.networks.networks import Networks

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_C = 3  # column of a layer's input channels


@dataclass(frozen=True, eq=False)
class Jobs:
    """The pairs of a batch of n designs.

    Attributes:
        machines: m of them, each of an accelerator in a precision.
        rate: (m,) multiply-accumulates of a unit in a cycle.
        bits: (m, 3) of an element of weights, inputs and outputs in memories.
        accelerator: (m,) row of the accelerators that each is of.
        nests: (k, NEST_COLUMNS) distinct layers as they run: without the channels that are skipped.
        names: of the layers.
        machine_of: (pairs,).
        nest_of: (pairs,).
        design: (layers,) of each layer of each design, in the order they run.
        pair: (layers,) its pair.
    """

    machines: Machines
    rate: Floats
    bits: Floats
    accelerator: Ints
    nests: Ints
    names: list[str]
    machine_of: Ints
    nest_of: Ints
    design: Ints
    pair: Ints

    def tables(self) -> tuple[Floats, Floats]:
        """The machines for the compiled evaluation."""
        return tables(self.machines, self.rate, self.bits[:, 0], self.bits[:, 1], self.bits[:, 2])

    def totals(self, of_pairs: Floats, designs: int) -> Floats:
        """(n,) sums over a design's layers, in the order they run, so that no other design changes a bit."""
        return np.bincount(self.design, of_pairs[self.pair], minlength=designs).astype(np.float64)


def jobs(
    networks: Networks, accelerators: Accelerators, precisions: Precisions, technology_nm: float
) -> Jobs:
    """The pairs.

    Args:
        networks: n of them.
        accelerators: n of them.
        precisions: n of them.
        technology_nm: of the chips.
    """
    n = len(networks)
    rows = networks.table.rows
    design = np.repeat(np.arange(n), np.diff(networks.start))
    stage = networks.stage.astype(np.int64)
    kind = _same_accelerators(accelerators)
    weight, activation = precisions.weight_bits[design, stage], precisions.activation_bits[design, stage]
    kept = precisions.kept[design, stage]
    constant, divisible = rows[:, CONSTANT] > 0, rows[:, _C] % GROUP == 0
    skips = (np.asarray(accelerators.skips_zeros)[design] > 0) & (kept <= GROUP // 2)
    skips &= (constant & divisible)[networks.layer]
    kept = np.where(skips, kept, GROUP)
    weight = np.where(constant[networks.layer], weight, activation)
    keys, machine_of_entry, first = distinct([kind[design], weight, activation, kept])
    accelerator = design[first]
    base = accelerators.machines(technology_nm)
    found = Machines(**{field.name: getattr(base, field.name)[accelerator] for field in fields(Machines)})
    w, a, keep = (keys[:, place].astype(np.float64) for place in (1, 2, 3))
    rate = accelerators.take(accelerator).per_cycle(w, a)
    sparse = keep < GROUP
    bits = np.stack([np.where(sparse, w + INDEX_BITS, w), np.where(sparse, a * GROUP / keep, a), a], axis=1)
    layers, nest_of_entry, _ = distinct([networks.layer.astype(np.int64), kept])
    nests = rows[layers[:, 0], :NEST_COLUMNS].copy()
    nests[:, _C] = nests[:, _C] * layers[:, 1] // GROUP
    nests[:, _C] = np.maximum(nests[:, _C], 1)
    names = [networks.table.names[number] for number in layers[:, 0]]
    pairs, pair_of_entry, _ = distinct([machine_of_entry, nest_of_entry])
    return Jobs(
        *(found, rate, bits, accelerator, nests, names, pairs[:, 0], pairs[:, 1]),
        *(design, pair_of_entry),
    )


def _same_accelerators(accelerators: Accelerators) -> Ints:
    """(n,) equal numbers for equal accelerators."""
    columns = []
    for field in fields(accelerators):
        _, code = np.unique(np.asarray(getattr(accelerators, field.name)), return_inverse=True)
        columns.append(code.ravel().astype(np.int64))
    return distinct(columns)[1]


def distinct(columns: list[Ints]) -> tuple[Ints, Ints, Ints]:
    """The distinct rows of columns that are not negative, each row's number among them, a first of each."""
    code = np.zeros(len(columns[0]), np.int64)
    capacity = 1
    for column in columns:
        width = int(column.max(initial=0)) + 1
        if capacity > (1 << 62) // width:
            _, code = np.unique(code, return_inverse=True)
            capacity = int(code.max(initial=0)) + 1
        code = code * width + column
        capacity *= width
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return np.stack([column[first] for column in columns], axis=1), inverse.ravel(), first
