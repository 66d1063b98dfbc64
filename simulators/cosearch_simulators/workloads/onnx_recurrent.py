"""ONNX's LSTM, GRU and RNN."""

from __future__ import annotations

from collections.abc import Callable

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.importing import Value
from cosearch_simulators.workloads.onnx_call import Call
from cosearch_simulators.workloads.recurrent import GATES, Cell, direction, joined


def _layer(call: Call) -> list[Value]:
    """One layer; its inputs are X, W, R, B, the lengths of the sequences, and what the state starts with."""
    kind, x = call.kind.lower(), call.tensor(0)
    w, r, biases = call.value(1), call.value(2), call.optional(3)
    batch_first = call.attributes.get("layout", 0) == 1
    steps, batch = x.shape[:2] if not batch_first else (x.shape[1], x.shape[0])
    ways = {"forward": 1, "reverse": 1, "bidirectional": 2}.get(call.attributes.get("direction", "forward"))
    hidden = call.attributes.get("hidden_size") or r.shape[-1]
    width = GATES[kind] * hidden
    if ways is None or w.shape[:2] != (ways, width) or r.shape != (ways, width, hidden):
        raise WorkloadError(
            f"{call.kind} has weights of {w.shape} and {r.shape}, expected (directions, {GATES[kind]} x "
            f"{hidden}, features) for the direction {call.attributes.get('direction', 'forward')!r}"
        )
    starts = [call.optional(place) for place in ((5, 6) if kind == "lstm" else (5,))]
    peepholes = call.optional(7) if kind == "lstm" else None
    outputs = []
    for way in range(ways):
        half = None if biases is None else biases.reshape(width)
        cell = Cell(
            kind,
            hidden,
            w.reshape(*w.shape[1:]),
            r.reshape(*r.shape[1:]),
            (half, half),
            peepholes=None if peepholes is None else peepholes.reshape(3 * hidden),
            state=tuple(start.reshape(batch * hidden) for start in starts if start is not None),
        )
        name = call.name if way == 0 else f"{call.name}.back"
        outputs.append(direction(call.importer, name, x, cell, steps, batch))
    shape = (batch, steps, ways, hidden) if batch_first else (steps, ways, batch, hidden)
    last = (batch, ways, hidden) if batch_first else (ways, batch, hidden)
    whole = joined(outputs, shape)
    ends = whole.reshape(*last)
    return [whole, ends, ends]


RECURRENT: dict[str, Callable[[Call], Value | list[Value]]] = dict.fromkeys(("LSTM", "GRU", "RNN"), _layer)
