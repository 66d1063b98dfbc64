"""ATen's recurrent layers and cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.aten_call import Call
from cosearch_simulators.workloads.importing import Value
from cosearch_simulators.workloads.recurrent import GATES, Cell, direction, joined

KINDS = {"lstm": "lstm", "gru": "gru", "rnn_tanh": "rnn", "rnn_relu": "rnn"}


def _layers(call: Call) -> Value:
    """All layers and directions; `params` has w, r and, where there are some, two biases and a projection."""
    kind, given = KINDS[call.kind], call.given
    if "data" in given:
        raise WorkloadError(
            f"{call.name}: {call.kind} over packed sequences is not read: give it padded ones"
        )
    values = call.importer.values
    weights = [values[node.name] for node in given["params"]]
    x = call.tensor("input")
    steps, batch = x.shape[:2]
    if given["batch_first"]:
        steps, batch = batch, steps
    states = given["hx"] if isinstance(given["hx"], list | tuple) else [given["hx"]]
    start = [values[node.name] for node in states]
    directions = 2 if given["bidirectional"] else 1
    each = len(weights) // (given["num_layers"] * directions)
    for layer in range(given["num_layers"]):
        outputs = []
        for way in range(directions):
            mine = weights[each * (layer * directions + way) :][:each]
            cell = _cell(kind, mine, start, given["has_biases"])
            name = f"{call.name}.{layer}" + (".back" if way else "")
            outputs.append(direction(call.importer, name, x, cell, steps, batch))
        x = joined(outputs, (steps, batch, directions * outputs[0].shape[-1]))
    return x.reshape(*call.shape)


def _cell(kind: str, weights: Sequence[Value], start: Sequence[Value], biased: bool) -> Cell:
    w, r, *more = weights
    hidden = w.shape[0] // GATES[kind]
    biases = (more[0], more[1]) if biased else (None, None)
    projection = more[-1] if len(more) in (1, 3) else None
    first = tuple(state.reshape(state.elements // state.shape[0]) for state in start)
    return Cell(kind, hidden, w, r, biases, projection=projection, state=first)


def _step(call: Call) -> Value:
    kind = call.kind.removesuffix("_cell").removesuffix("_tanh").removesuffix("_relu")
    x, given = call.tensor("input"), call.given
    states: Any = given["hx"] if isinstance(given["hx"], list | tuple) else [given["hx"]]
    start = [call.importer.values[node.name] for node in states]
    w, r = call.value("w_ih"), call.value("w_hh")
    biases = call.optional("b_ih"), call.optional("b_hh")
    cell = Cell(kind, w.shape[0] // GATES[kind], w, r, biases, state=tuple(start))
    batch = x.elements // x.shape[-1]
    return direction(call.importer, call.name, x, cell, 1, batch).reshape(*call.shape)


RECURRENT: dict[str, Callable[[Call], Value]] = {
    **dict.fromkeys(KINDS, _layers),
    **dict.fromkeys(("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"), _step),
}
