"""What becomes of LSTM, GRU and RNN layers: a product of all inputs at once, then a small one for each step.

A step waits for the one before it, so that its product is an operator of its own, whose weights are the first
step's. Sources: torch.nn.LSTM, GRU and RNN; ONNX LSTM, GRU and RNN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.contractions import product
from cosearch_simulators.workloads.importing import Importer, Value

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
"""Matrices beside each other, by the kind of cell."""

MOST_STEPS = 20_000


@dataclass(frozen=True)
class Cell:
    """The weights of one direction of one layer.

    Attributes:
        kind: one of `GATES`.
        hidden: features of the state inside.
        w: weights of the input, (gates hidden, input features).
        r: weights of the state, (gates hidden, features of the output).
        biases: of the input's product and of the state's.
        peepholes: of an LSTM, from its cell to its gates.
        projection: of an LSTM's output, (output features, hidden).
        state: what it starts with, where that is computed or trained.
    """

    kind: str
    hidden: int
    w: Value
    r: Value
    biases: tuple[Value | None, Value | None] = (None, None)
    peepholes: Value | None = None
    projection: Value | None = None
    state: tuple[Value, ...] = ()


def direction(importer: Importer, name: str, x: Tensor, cell: Cell, steps: int, batch: int) -> Tensor:
    """One direction of a layer over `steps` of `batch` rows: all outputs, (steps, batch, features).

    Raises:
        WorkloadError: too many steps.
    """
    if steps > MOST_STEPS:
        raise WorkloadError(f"{name}: a recurrence of {steps} steps, at most {MOST_STEPS} are read")
    width, features = GATES[cell.kind] * cell.hidden, cell.w.shape[-1]
    rows = x.reshape(steps * batch, features)
    gates = product(
        importer, f"{name}.input", rows, _transposed(cell.w), cell.biases[0], (steps * batch, width)
    )
    before: tuple[Value, ...] = cell.state
    kept: list[Value] = [*cell.state] + ([] if cell.peepholes is None else [cell.peepholes])
    outputs: list[Tensor] = []
    for step in range(steps):
        part = f"{name}.{step}"
        operands: list[Value] = [gates.reshape(batch, width)]
        start = next((state for state in before if isinstance(state, Tensor)), None)
        # what starts as zeros is multiplied all the same
        state = (start or gates).reshape(batch, cell.r.shape[-1])
        operands.append(
            product(importer, f"{part}.state", state, _transposed(cell.r), cell.biases[1], (batch, width))
        )
        shape = (batch, cell.hidden)
        out: Value = importer.elementwise(f"{part}.cell", f"{cell.kind}_cell", [*operands, *kept], shape)
        kept = [] if cell.kind == "rnn" else [out]
        if cell.projection is not None:
            size = cell.projection.shape[0]
            matrix = _transposed(cell.projection)
            out = product(importer, f"{part}.projection", out, matrix, None, (batch, size))
        assert isinstance(out, Tensor)
        outputs.append(out)
        before = (out,)
    return joined(outputs, (steps, batch, outputs[-1].shape[-1]))


def joined(parts: Sequence[Tensor], shape: tuple[int, ...]) -> Tensor:
    """Tensors beside each other."""
    return Tensor(tuple(dict.fromkeys(name for part in parts for name in part.producers)), shape)


def _transposed(matrix: Value) -> Value:
    return matrix.reshape(*reversed(matrix.shape))
