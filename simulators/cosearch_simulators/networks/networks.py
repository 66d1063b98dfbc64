"""The networks of n designs as arrays: a table of distinct layers, and for each design which of them it runs.

`collect` puts together what a `BatchBuilder` has gathered; a `LayerTable` keeps every distinct layer of a
space once, whatever the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.batch import BIAS, CONSTANT, NEST_COLUMNS, ROW_COLUMNS, BatchBuilder, Slot
from cosearch_simulators.workloads.loop_nest import LoopNest

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass
class LayerTable:
    """Every distinct layer once, with a number that stays.

    Attributes:
        names: of the first operator that came to be each layer.
    """

    names: list[str] = field(default_factory=list)
    _numbers: dict[bytes, int] = field(default_factory=dict)
    _rows: list[Ints] = field(default_factory=list)
    _array: Ints = field(default_factory=lambda: np.zeros((0, ROW_COLUMNS), np.int64))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> Ints:
        """(layers, ROW_COLUMNS)."""
        if len(self._array) != len(self._rows):
            self._array = np.array(self._rows, np.int64).reshape(-1, ROW_COLUMNS)
        return self._array

    def number(self, row: Ints, name: str) -> int:
        """The number of a layer, new or not."""
        key = row.tobytes()
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self._rows)
            self._rows.append(row)
            self.names.append(name)
        return found


@dataclass(frozen=True, eq=False)
class Networks:
    """n networks; the layers of design i are `layer[start[i]:start[i + 1]]`, in the order they run.

    Attributes:
        table: of the layers.
        start: int64 (n + 1,).
        layer: int32 (layers of all,), numbers of `table`.
        stage: int16 (layers of all,), the part of the network that each belongs to.
        macs: float64 (n,) multiply-accumulates.
        parameters: float64 (n,) trained numbers, as `sum(p.numel())` counts them in PyTorch: two for each
            channel of a
            normalisation.
        weights: float64 (n, stages) weight elements of each part, without biases.
        activations: float64 (n, stages) elements that the layers of each part make.
        biases: float64 (n,) of all.
        vector_elements: float64 (n, stages) elements that operators without multiplications read and write.
        peak_elements: float64 (n,) the most elements of activations that are alive at once, by the order.
        reason: object (n,) why a network cannot be built, or "".
    """

    table: LayerTable
    start: Ints
    layer: NDArray[np.int32]
    stage: NDArray[np.int16]
    macs: Floats
    parameters: Floats
    weights: Floats
    activations: Floats
    biases: Floats
    vector_elements: Floats
    peak_elements: Floats
    reason: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.macs)

    def nests(self, design: int) -> list[LoopNest]:
        """The layers of one network, in order."""
        rows = self.table.rows
        return [nest_of(rows[number]) for number in self.layer[self.start[design] : self.start[design + 1]]]

    def take(self, rows: NDArray[np.int64]) -> Networks:
        """These networks, in this order."""
        lengths = np.diff(self.start)[rows]
        ends = np.cumsum(lengths)
        inside = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
        entries = np.repeat(self.start[rows], lengths) + inside
        taken = {
            name: getattr(self, name)[rows]
            for name in Networks.__dataclass_fields__
            if name not in ("table", "start", "layer", "stage")
        }
        start = np.concatenate([[0], ends]).astype(np.int64)
        return Networks(self.table, start, self.layer[entries], self.stage[entries], **taken)

    @staticmethod
    def concat(parts: list[Networks]) -> Networks:
        """Batches of one table one after the other."""
        starts = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part.start) for part in parts]))])
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Networks.__dataclass_fields__
            if name not in ("table", "start")
        }
        return Networks(parts[0].table, starts.astype(np.int64), **joined)


def nest_of(row: Ints) -> LoopNest:
    """A layer's row as a loop nest."""
    numbers = row[:NEST_COLUMNS].tolist()
    return LoopNest(tuple(numbers[:8]), tuple(numbers[8:10]), tuple(numbers[10:12]))


def weight_elements(rows: Ints) -> Floats:
    """Constant weights of layers, without biases."""
    return rows[:, [0, 2, 3, 6, 7]].prod(axis=1).astype(np.float64) * rows[:, CONSTANT]


def collect(builder: BatchBuilder, table: LayerTable, stages: int) -> Networks:
    """The networks that were gathered.

    Args:
        builder: with all operators.
        table: takes the layers that are new.
        stages: how many parts a network has.
    """
    n = builder.number
    matrix = [slot for slot in builder.slots if slot.row is not None]
    layers = np.full((n, len(matrix)), -1, np.int32)
    for place, slot in enumerate(matrix):
        layers[slot.active, place] = _numbers(slot, table)[slot.active]
    rows = table.rows
    macs_of = rows[:, :8].astype(np.float64).prod(axis=1)
    weights_of, bias_of = weight_elements(rows), rows[:, BIAS].astype(np.float64)
    there = layers >= 0
    of = np.where(there, layers, 0)
    weights, made, vectors = np.zeros((3, n, stages))
    trained = np.zeros(n)
    for place, slot in enumerate(matrix):
        weights[:, slot.stage] += np.where(there[:, place], weights_of[of[:, place]], 0.0)
        made[:, slot.stage] += np.where(slot.active, slot.output, 0)
    for slot in builder.slots:
        trained += np.where(slot.active, np.asarray(slot.constants), 0)
        if slot.row is None and not slot.fused:
            moved = sum((x.elements for x in slot.inputs), slot.output + np.asarray(slot.constants))
            vectors[:, slot.stage] += np.where(slot.active, moved, 0)
    biases = np.where(there, bias_of[of], 0.0).sum(axis=1)
    reason = np.empty(n, object)
    reason[:] = builder.faults
    place_stage = np.array([slot.stage for slot in matrix], np.int16)
    return Networks(
        table,
        np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int64),
        layers[there],
        np.broadcast_to(place_stage, there.shape)[there],
        np.where(there, macs_of[of], 0.0).sum(axis=1),
        weights.sum(axis=1) + biases + trained,
        weights,
        made,
        biases,
        vectors,
        peak_elements(builder),
        reason,
    )


def peak_elements(builder: BatchBuilder) -> Floats:
    """(n,) the most activation elements alive at once: inputs, output and what later operators still read."""
    n, slots = builder.number, builder.slots
    every = np.arange(n)
    last = np.full((len(slots) + 1, n), -1, np.int32)  # row s: the last reader of slot s; row -1 the input's
    size = np.zeros((len(slots) + 1, n))
    for number, slot in enumerate(slots):
        size[number] = np.where(slot.active, slot.output, 0)
        for x in slot.inputs:
            rows = every[slot.active]
            last[x.source[rows], rows] = number
            if (x.source == -1).any():
                size[-1] = np.maximum(size[-1], np.where(x.source == -1, x.elements, 0))
    alive = size[-1].copy()
    peak = alive.copy()
    for number, slot in enumerate(slots):
        alive += size[number]
        if not slot.fused:
            np.maximum(peak, alive, out=peak)
        seen: list[NDArray[np.int32]] = []
        for x in slot.inputs:
            ends = slot.active & (last[x.source, every] == number)
            for other in seen:
                ends &= x.source != other
            alive -= np.where(ends, size[x.source, every], 0.0)
            seen.append(x.source)
        unread = slot.active & (last[number] < 0) & (number < len(slots) - 1)
        alive -= np.where(unread, size[number], 0.0)
    return peak


def _numbers(slot: Slot, table: LayerTable) -> NDArray[np.int32]:
    """(n,) which layer of the table the slot is in each network."""
    assert slot.row is not None
    n = slot.active.size
    if not slot.active.any():
        return np.zeros(n, np.int32)
    columns = [np.asarray(column, np.int64) for column in slot.row]
    varying: dict[int, Ints] = {}
    for column in slot.row:
        array = np.asarray(column, np.int64)
        if array.ndim:
            varying.setdefault(id(column), array)
    code, capacity = np.zeros(n, np.int64), 1
    for array in varying.values():
        least = int(array.min())
        width = int(array.max()) - least + 1
        if width == 1:
            continue
        if capacity > (1 << 62) // width:
            _, code = np.unique(code, return_inverse=True)
            capacity = int(code.max()) + 1
        code = code * width + (array - least)
        capacity *= width
    chosen = np.flatnonzero(slot.active)
    _, first, inverse = np.unique(code[chosen], return_index=True, return_inverse=True)
    kinds = chosen[first]
    full = np.column_stack([np.broadcast_to(column, n)[kinds] for column in columns])
    numbers = np.array([table.number(row, slot.name) for row in full], np.int32)
    out = np.zeros(n, np.int32)
    out[chosen] = numbers[inverse.ravel()]
    return out
