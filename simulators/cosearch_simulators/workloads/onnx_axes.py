"""The sizes that an ONNX file leaves open, filled with those that the user names.

An axis has a name in the file ("batch", "sequence_length"), which stands for the same size wherever it is;
one without a name is called by its input's name and its number ("tokens.1"). An input's whole shape is given
by the input's name, and so is the value of one that holds a single number.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import WorkloadError

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto

_OPERATIONS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
}
Open = int | str
"""A size, or the name of one."""


class Sizes:
    """The shapes of a graph's inputs.

    Attributes:
        shapes: of the inputs by name.
        values: of inputs that hold one number and were given it.
        names: the sizes of named axes.
    """

    def __init__(
        self,
        source: str,
        graph: GraphProto,
        batch: int | None,
        axes: Mapping[str, int | Sequence[int]],
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        self.source = source
        self.names: dict[str, int] = {}
        self.values: dict[str, int] = {}
        initializers = {tensor.name for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in initializers]
        self._open = {value.name: axes_of(value) for value in inputs}
        for value in inputs:
            optional = value.type.optional_type.elem_type
            if value.type.HasField("sequence_type") or optional.HasField("sequence_type"):
                raise WorkloadError(
                    f"{source}: input {value.name!r} is a sequence, whose length the file does not tell: "
                    "export the network with its tensors as inputs of their own"
                )
        for name in shapes:
            if name not in self._open:
                raise WorkloadError(
                    f"{source}: shapes names {name!r}, the inputs are {', '.join(self._open) or 'none'}"
                )
        given = {name: (size,) if isinstance(size, int) else tuple(size) for name, size in axes.items()}
        for name, whole in {**given, **{name: tuple(shape) for name, shape in shapes.items()}}.items():
            if min(whole, default=1) < 0 or not all(isinstance(size, int) for size in whole):
                raise WorkloadError(f"{source}: {name} must have sizes of at least 1, got {list(whole)}")
        self._fill({name: tuple(shape) for name, shape in shapes.items()})
        if "batch" in given and batch is None and "batch" not in self._named():
            batch = given.pop("batch")[0]
        self._fill(given)
        if batch is not None:
            self._fill_batch(batch)
        self.shapes = {name: self._filled(name, sizes) for name, sizes in self._open.items()}

    def of(self, sizes: Sequence[Open]) -> tuple[int, ...] | None:
        """A shape of the file with its named axes filled in; None where one of them is not known."""
        found = [self._size(size) for size in sizes]
        return tuple(found) if None not in found else None  # type: ignore[arg-type]

    def _named(self) -> list[str]:
        """The names that axes have, without those that are computed from others."""
        names = dict.fromkeys(size for sizes in self._open.values() for size in sizes or () if size != "")
        return [name for name in names if isinstance(name, str) and self._size(name) is None]

    def _fill(self, given: Mapping[str, tuple[int, ...]]) -> None:
        for name, sizes in given.items():
            found = self._axis(name)
            if found is not None and len(sizes) == 1:
                self.names[found] = sizes[0]
                continue
            owner, dot, axis = name.rpartition(".")
            if name in self._open:
                self._fill_input(name, sizes)
            elif dot and owner in self._open and axis.isdigit() and len(sizes) == 1:
                have = self._open[owner] or []
                if int(axis) >= len(have):
                    raise WorkloadError(f"{self.source}: {name}: input {owner!r} has {len(have)} axes")
                have[int(axis)] = sizes[0]
            else:
                ways = self._ways()
                fixed = "" if ways else "; the file leaves no size open"
                raise WorkloadError(
                    f"{self.source}: no open axis or input is named {name!r}"
                    f"{hint(name, [*ways, *self._open])}{fixed}"
                )

    def _axis(self, name: str) -> str | None:
        """The axis that is meant, also by the beginning of its name."""
        named = self._named()
        if name in named:
            return name
        begun = [
            one for one in named if one.casefold().startswith(name.casefold()) and name not in self._open
        ]
        return begun[0] if len(begun) == 1 else None

    def _fill_input(self, name: str, sizes: tuple[int, ...]) -> None:
        have = self._open[name]
        if (
            len(sizes) == 1
            and have is not None
            and all(isinstance(size, int) for size in have)
            and _one(have)
        ):
            self.values[name] = sizes[0]
            return
        if have is not None and len(have) != len(sizes):
            raise WorkloadError(
                f"{self.source}: input {name!r} has {len(have)} axes, {list(sizes)} gives {len(sizes)}"
            )
        for axis, size in zip(have or (), sizes, strict=False):
            if isinstance(axis, str) and axis:
                self.names.setdefault(axis, size)
        self._open[name] = list(sizes)

    def _fill_batch(self, batch: int) -> None:
        """An axis of that name, else the first axis of every input that leaves it open."""
        if batch < 1:
            raise WorkloadError(f"{self.source}: batch must be at least 1, got {batch}")
        named = [name for name in self._named() if "batch" in name.casefold()]
        if named:
            self.names.update(dict.fromkeys(named, batch))
            return
        first = {name: sizes[0] for name, sizes in self._open.items() if sizes}
        waiting = {name: size for name, size in first.items() if self._size(size) is None}
        for name, size in waiting.items():
            if size == "":
                self._open[name][0] = batch  # type: ignore[index]
            else:
                self.names[str(size)] = batch
        fixed = next((name for name, size in first.items() if self._size(size) != batch), None)
        if not waiting and fixed is not None and not self.names:
            raise WorkloadError(
                f"{self.source}: batch={batch} cannot be set: input {fixed!r} has the fixed shape "
                f"{self._open[fixed]}; leave batch out, or export the file with an open batch"
            )

    def _filled(self, name: str, sizes: list[Open] | None) -> tuple[int, ...]:
        if sizes is None:
            raise WorkloadError(
                f"{self.source}: input {name!r} has no shape: set it, for example {name}=1x128 behind the "
                f"file's name in a workload, or shapes={{{name!r}: [1, 128]}}"
            )
        shape = self.of(sizes)
        if shape is None:
            shown = [size or "?" for size in sizes]
            ways = self._ways()
            text = ",".join(f"{way}={_example(way, place)}" for place, way in enumerate(ways))
            raise WorkloadError(
                f"{self.source}: input {name!r} has the open shape {shown}: set {' and '.join(ways)}, for "
                f"example {text} (behind the file's name in a workload, or in axes={{...}})"
            )
        if any(size < 0 for size in shape):
            raise WorkloadError(f"{self.source}: input {name!r} must have sizes of at least 1, got {shape}")
        return shape

    def _ways(self) -> list[str]:
        """What can be set: names of axes that need no other, and places of those without a name."""
        nameless = [
            f"{name}.{place}"
            for name, sizes in self._open.items()
            for place, size in enumerate(sizes or ())
            if size == ""
        ]
        named = self._named()
        alone = [name for name in named if not _computed(name)]
        return [*(alone or named), *nameless]

    def _size(self, size: Open) -> int | None:
        """A size as a number: also of sums and products of named axes, as exporters write them."""
        if isinstance(size, int) or size in self.names:
            return size if isinstance(size, int) else self.names[size]
        tree = _tree(size)
        try:
            return None if tree is None else self._computed(tree)
        except (KeyError, ZeroDivisionError):
            return None

    def _computed(self, tree: ast.AST) -> int:
        if isinstance(tree, ast.Constant) and type(tree.value) is int:
            return tree.value
        if isinstance(tree, ast.Name):
            return self.names[tree.id]
        if isinstance(tree, ast.BinOp) and type(tree.op) in _OPERATIONS:
            found = _OPERATIONS[type(tree.op)](self._computed(tree.left), self._computed(tree.right))
            return int(found)
        raise KeyError


def axes_of(value: ValueInfoProto) -> list[Open] | None:
    """The sizes of a tensor in the file, "" for one without a name; None where it has no shape.

    Some exporters write 0 or -1 for a size that is open.
    """
    of = value.type.optional_type.elem_type if value.type.HasField("optional_type") else value.type
    if not of.tensor_type.HasField("shape"):
        return None
    return [axis.dim_value if axis.dim_value > 0 else axis.dim_param for axis in of.tensor_type.shape.dim]


def _one(sizes: Sequence[Open]) -> bool:
    return prod(size for size in sizes if isinstance(size, int)) == 1


def _tree(text: str) -> ast.AST | None:
    if len(text) > 100:
        return None
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None


def _computed(name: str) -> bool:
    return isinstance(_tree(name), ast.BinOp)


def _example(name: str, place: int) -> int:
    folded = name.casefold()
    if "batch" in folded or place == 0:
        return 1
    if any(part in folded for part in ("height", "width", "size")):
        return 224
    return 128 if any(part in folded for part in ("seq", "len", "token", "time")) else 1
