"""One network of a batch as the operators of `workloads`, which every engine, importer and picture knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cosearch_simulators.networks.batch import BIAS, BatchBuilder, Slot
from cosearch_simulators.workloads import (
    BatchedMatrixMultiply,
    Convolution,
    Elementwise,
    MatrixMultiply,
    Network,
    Operator,
    Reduction,
    TransposedConvolution,
)

ELEMENTWISE = ("add", "multiply", "batch_norm", "other")


def network_of(builder: BatchBuilder, name: str, row: int = 0) -> Network:
    """The operators that one of the networks has.

    Args:
        builder: with all operators.
        name: of the network.
        row: which of its networks.
    """
    operators: list[Operator] = []
    edges: list[tuple[str, str]] = []
    feeds: dict[int, tuple[str, ...]] = {-1: ("input",)}
    for number, slot in enumerate(builder.slots):
        if not slot.active[row]:
            continue
        sources = tuple(
            dict.fromkeys(producer for x in slot.inputs for producer in feeds[int(x.source[row])])
        )
        if slot.fused:  # data side by side: what reads it reads its parts
            feeds[number] = sources
            continue
        operators.append(_operator(slot, row))
        edges += [(producer, slot.name) for producer in sources]
        feeds[number] = (slot.name,)
    return Network(name, tuple(operators), tuple(dict.fromkeys(edges)))


def _operator(slot: Slot, row: int) -> Operator:
    x = slot.inputs[0]
    channels, rows, columns = (int(_at(size, row)) for size in (x.channels, x.rows, x.columns))
    if slot.row is None:
        return _vector(slot, row)
    g, _, k, c, p, q, r, s, down, across, *_ = (int(_at(column, row)) for column in slot.row)
    bias = bool(_at(slot.row[BIAS], row))
    if slot.kind == "linear":
        return MatrixMultiply(name=slot.name, m=p, n=k, k=c, bias=bias)
    if slot.kind == "product":
        return BatchedMatrixMultiply(name=slot.name, batch=g, m=p, n=k, k=c)
    if slot.kind == "up_convolution":
        out = int(_at(slot.row[BIAS], row))
        scale = round((k // out) ** 0.5)
        return TransposedConvolution(
            name=slot.name,
            in_channels=channels,
            out_channels=out,
            in_size=(rows, columns),
            out_size=(rows * scale, columns * scale),
            kernel=(scale, scale),
            stride=(scale, scale),
            bias=True,
        )
    above, left = (int(_at(size, row)) for size in slot.padding)
    found = Convolution(
        name=slot.name,
        in_channels=channels,
        out_channels=g * k,
        in_size=(rows, columns),
        kernel=(r, s),
        stride=(down, across),
        padding=(above, left, above, left),
        groups=g,
        bias=bias,
    )
    return found if found.out_size == (p, q) else replace(found, dilation=_dilation(slot, row))


def _dilation(slot: Slot, row: int) -> tuple[int, int]:
    assert slot.row is not None
    return int(_at(slot.row[10], row)), int(_at(slot.row[11], row))


def _vector(slot: Slot, row: int) -> Operator:
    operands = tuple(int(_at(x.elements, row)) for x in slot.inputs)
    output, constants = int(_at(slot.output, row)), int(_at(slot.constants, row))
    if slot.kind in ELEMENTWISE:
        return Elementwise(
            name=slot.name, function=slot.kind, operands=operands, elements=output, constants=constants
        )
    window = max(1, -(-operands[0] // max(output, 1)))
    return Reduction(
        name=slot.name,
        function=slot.kind,
        in_elements=operands[0],
        out_elements=output,
        window=window,
        constants=constants,
    )


def _at(size: Any, row: int) -> Any:
    array = np.asarray(size)
    return array if array.ndim == 0 else array[row]
