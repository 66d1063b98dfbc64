"""ONNX's choices, loops, sequences and optionals: with all sizes known, most of them are written out.

A choice is made where its condition is known; a loop is as many copies of its body as it has rounds, numbered
by the names of their operators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Constant, Value
from cosearch_simulators.workloads.onnx_inference import Known

if TYPE_CHECKING:
    from onnx import NodeProto

Given = Sequence[Known | None]

MOST_ROUNDS = 10_000
"""Of a loop that may end earlier; it is taken to run all of them."""


@dataclass(frozen=True)
class Place:
    """Where a graph is.

    Attributes:
        prefix: of the names of its operators, with the rounds of the loops around it.
        key: the same without the rounds: one for each graph of the file.
    """

    prefix: str = ""
    key: str = ""

    def inside(self, name: str, branch: str, step: int | None = None) -> Place:
        """The place of a graph that a node of this name holds."""
        part = branch if step is None else str(step)
        return Place(f"{self.prefix}{name}.{part}.", f"{self.key}{name}.{branch}/")


def _if(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    condition = _needed(given, 0)
    if condition.number is None:
        way = _settable(walk, node.input[0], 1, 0)
        raise WorkloadError(f"its condition {node.input[0]!r} depends on what is computed: {way}")
    which = "then" if bool(condition.number.all()) else "else"
    branch = _attribute(node, f"{which}_branch").g
    return list(walk.graph(branch, scope, place.inside(_name(node), which)))


def _loop(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    body = _attribute(node, "body").g
    rounds = _one(given, 0)
    if rounds is None and given[0] is not None:
        raise WorkloadError(
            f"the number of its rounds {node.input[0]!r} depends on what is computed: "
            f"{_settable(walk, node.input[0], 10)}"
        )
    going = given[1] if len(given) > 1 else None
    if going is not None and going.number is not None and not going.number.all():
        rounds = 0
    carried = [_known(known) for known in given[2:]]
    scans: list[list[Known]] = []
    step = 0
    names = [value.name for value in body.input]
    while rounds is None or step < rounds:
        counter = Known(Constant(()), 7, np.array(step, dtype=np.int64))
        entering = [counter, Known(Constant(()), 9, np.array(True)), *carried]
        inputs = dict(zip(names, entering, strict=False))
        condition, *found = walk.graph(body, scope, place.inside(_name(node), "", step), inputs)
        carried = found[: len(carried)]
        scans.append(found[len(carried) :])
        step += 1
        if condition.number is not None and not condition.number.all():
            break
        if condition.number is None and (rounds is None or rounds > MOST_ROUNDS):
            raise WorkloadError(
                "its rounds depend on what is computed: give the largest number of them, the first input, "
                "as a constant"
            )
    collected = len(node.output) - len(carried)
    return [*carried, *(_stacked([found[at] for found in scans]) for at in range(collected))]


def _scan(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    body = _attribute(node, "body").g
    count = _attribute(node, "num_scan_inputs").i
    axes = next((list(one.ints) for one in node.attribute if one.name == "scan_input_axes"), [0] * count)
    if walk.opsets[""] < 9:
        raise WorkloadError("Scan of opset 8 is not read: export the file with opset 9 or later")
    known = [_known(one) for one in given]
    carried, scanned = known[: len(known) - count], known[len(known) - count :]
    steps = scanned[0].shape[axes[0]] if scanned else 0
    names = [value.name for value in body.input]
    outputs: list[list[Known]] = []
    for step in range(steps):
        parts = [_without(one, axis) for one, axis in zip(scanned, axes, strict=True)]
        inputs = dict(zip(names, [*carried, *parts], strict=False))
        found = walk.graph(body, scope, place.inside(_name(node), "", step), inputs)
        carried = found[: len(carried)]
        outputs.append(found[len(carried) :])
    collected = len(node.output) - len(carried)
    return [*carried, *(_stacked([found[at] for found in outputs]) for at in range(collected))]


def _sequence(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    return [_parts([_known(one) for one in given])]


def _insert(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    parts = list(_listed(given, 0))
    at = _one(given, 2)
    parts.insert(len(parts) if at is None else at, _needed(given, 1))
    return [_parts(parts)]


def _erase(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    parts = list(_listed(given, 0))
    at = _one(given, 1)
    del parts[-1 if at is None else at]
    return [_parts(parts)]


def _at(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    parts, at = _listed(given, 0), _one(given, 1)
    if at is None:
        raise WorkloadError("the at in the sequence depends on what is computed")
    if not -len(parts) <= at < len(parts):
        raise WorkloadError(f"the sequence has {len(parts)} parts, there is none at {at}")
    return [parts[at]]


def _length(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    return [Known(Constant(()), 7, np.array(len(_listed(given, 0)), dtype=np.int64))]


def _concatenated(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    parts = _listed(given, 0)
    axis = _attribute(node, "axis").i
    new = any(one.name == "new_axis" and one.i for one in node.attribute)
    if not parts:
        raise WorkloadError("the sequence has no parts")
    shape = list(parts[0].shape)
    if new:
        shape.insert(axis if axis >= 0 else axis + len(shape) + 1, len(parts))
    else:
        shape[axis] = sum(part.shape[axis] for part in parts)
    numbers = [part.number for part in parts]
    if all(number is not None for number in numbers):
        joined = np.stack(numbers, axis) if new else np.concatenate(numbers, axis)  # type: ignore[arg-type]
        return [Known(Constant(tuple(shape)), parts[0].kind, joined)]
    name = f"{place.prefix}{_name(node)}"
    return [parts[0].seen_as(walk.importer.view(name, [part.value for part in parts], shape))]


def _split(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    whole = _needed(given, 0)
    attributes = {one.name: one.i for one in node.attribute}
    axis, keeps = attributes.get("axis", 0), attributes.get("keepdims", 1)
    extent, sizes = whole.shape[axis], None if len(given) < 2 or given[1] is None else given[1].number
    if len(given) > 1 and given[1] is not None and sizes is None:
        raise WorkloadError("the sizes of the split depend on what is computed")
    each = [1] * extent
    if sizes is not None and sizes.ndim:
        each = [int(size) for size in sizes]
    elif sizes is not None:
        size = max(1, int(sizes))
        each = [min(size, extent - start) for start in range(0, extent, size)]
    parts = []
    for size in each:
        shape = list(whole.shape)
        shape[axis] = size
        if sizes is None and not keeps:
            del shape[axis]
        parts.append(whole.seen_as(whole.value.reshape(*shape)))
    return [_parts(parts)]


def _optional(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    return [_parts([_known(one) for one in given])]


def _element(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    known = _needed(given, 0)
    if known.parts is None:
        return [known]
    if len(known.parts) != 1:
        raise WorkloadError("the optional is empty")
    return [known.parts[0]]


def _has(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    known = given[0] if given else None
    there = known is not None and (known.parts is None or len(known.parts) > 0)
    return [Known(Constant(()), 9, np.array(there))]


def _identity(walk: Any, node: NodeProto, given: Given, scope: Any, place: Place) -> list[Known]:
    return [_needed(given, 0)]


CONTROL: dict[str, Callable[[Any, NodeProto, Given, Any, Place], list[Known]]] = {
    "If": _if,
    "Loop": _loop,
    "Scan": _scan,
    "SequenceConstruct": _sequence,
    "SequenceEmpty": _sequence,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceAt": _at,
    "SequenceLength": _length,
    "ConcatFromSequence": _concatenated,
    "SplitToSequence": _split,
    "Optional": _optional,
    "OptionalGetElement": _element,
    "OptionalHasElement": _has,
    "Identity": _identity,
}


def _attribute(node: NodeProto, name: str) -> Any:
    for attribute in node.attribute:
        if attribute.name == name:
            return attribute
    raise WorkloadError(f"{node.op_type} needs the attribute {name!r}, which is left out")


def _name(node: NodeProto) -> str:
    return str(node.name or node.output[0])


def _known(known: Known | None) -> Known:
    return Known(Constant(())) if known is None else known


def _needed(given: Given, place: int) -> Known:
    known = given[place] if place < len(given) else None
    if known is None:
        raise WorkloadError(f"input {place} is left out")
    return known


def _listed(given: Given, place: int) -> tuple[Known, ...]:
    known = _needed(given, place)
    if known.parts is None:
        raise WorkloadError(f"input {place} is no sequence, or one whose length depends on what is computed")
    return known.parts


def _one(given: Given, place: int) -> int | None:
    """A whole number, None where it is left out or is not known."""
    known = given[place] if place < len(given) else None
    if known is None or known.number is None or known.number.size != 1:
        return None
    return int(known.number.reshape(-1)[0])


def _parts(parts: Sequence[Known]) -> Known:
    tensors = [part.value for part in parts if isinstance(part.value, Tensor)]
    producers = tuple(dict.fromkeys(name for tensor in tensors for name in tensor.producers))
    value: Value = Tensor(producers, ()) if tensors else Constant(())
    return Known(value, parts[0].kind if parts else 1, None, 32, "", tuple(parts))


def _without(known: Known, axis: int) -> Known:
    shape = list(known.shape)
    del shape[axis]
    return known.seen_as(known.value.reshape(*shape))


def _stacked(parts: Sequence[Known]) -> Known:
    """What each round gives, one after the other along a new first axis."""
    if not parts:
        return Known(Constant((0,)))
    shape = (len(parts), *parts[0].shape)
    numbers = [part.number for part in parts]
    if all(number is not None for number in numbers) and prod(shape) <= 1024:
        return Known(Constant(shape), parts[0].kind, np.stack(numbers))  # type: ignore[arg-type]
    tensors = [part.value for part in parts if isinstance(part.value, Tensor)]
    if not tensors:
        return parts[0].seen_as(parts[0].value.reshape(*shape))
    producers = tuple(dict.fromkeys(name for tensor in tensors for name in tensor.producers))
    return parts[0].seen_as(Tensor(producers, shape))


def _settable(walk: Any, name: str, *values: int) -> str:
    if name in walk.sizes.shapes:
        return f"it is an input, set it as {' or '.join(f'{name}={value}' for value in values)}"
    return "export the file with a constant in its place"
