"""The expressions that forbid designs, such as "network.depth * hardware.pe_rows > 512": parsed and computed.

Python's own parser reads them, and every node outside a short list is refused, so that a space read from a
file cannot run code. They are computed over whole columns, so there is no short circuit: both sides of an
`and` are always computed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, shown
from cosearch.space.categorical import Categorical
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.permutations import Permutation

PositionColumns = Mapping[str, tuple[Parameter, Positions]]

MAX_LENGTH = 10_000  # characters of an expression

_ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_MIRRORED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_OTHER_NODES = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp),
    *(ast.Compare, ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Set),
)


class Expression:
    """A parsed expression.

    Attributes:
        text: as it was written.
        reads: the parameters that it names, in the order of reading.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._tree = _Dotted().visit(_parsed(text))
        except RecursionError:
            raise SpaceError(f"forbidden {text[:60]!r}... is nested too deeply") from None
        _check(text, self._tree)
        self._names = [node for node in ast.walk(self._tree) if isinstance(node, ast.Name)]
        self._names.sort(key=lambda node: (node.lineno, node.col_offset))
        self.reads = tuple(dict.fromkeys(node.id for node in self._names))
        if not self.reads:
            raise SpaceError(f"forbidden {shown(text)} reads no parameter")

    def holds(self, columns: PositionColumns) -> NDArray[np.bool_]:
        """Where it is true, given (parameter, positions) of every name, all of them active."""
        with np.errstate(all="ignore"):
            return _truth(_evaluate(self._tree.body, columns, self.text), self.text)

    def renamed(self, names: Mapping[str, str]) -> str:
        """The text with other parameter names, otherwise as it was written."""
        lines = [line.encode() for line in self.text.strip().split("\n")]
        for node in reversed(self._names):  # from the end, so that earlier places stay
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            head, tail = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
            lines[first : last + 1] = [head + names[node.id].encode() + tail]
        return b"\n".join(lines).decode()


class _Dotted(ast.NodeTransformer):
    """Makes one name of "network.depth"."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        inner = self.visit(node.value)
        if not isinstance(inner, ast.Name) or node.attr.startswith("__"):
            return node
        return ast.copy_location(ast.Name(f"{inner.id}.{node.attr}", ast.Load()), node)


class _Choice:
    """A column whose values are not numbers, kept as positions so that comparing it is comparing integers."""

    def __init__(self, parameter: Categorical, positions: Positions) -> None:
        self.parameter = parameter
        self.positions = positions

    def compared(self, op: ast.cmpop, right: Any, label: str) -> NDArray[np.bool_]:
        if isinstance(op, ast.In | ast.NotIn):
            found = np.isin(self.positions, [self._position(value, label) for value in right])
            return ~found if isinstance(op, ast.NotIn) else found
        orders = not isinstance(op, ast.Eq | ast.NotEq)
        if orders and not self.parameter.ordered:
            raise SpaceError(
                f"forbidden {label!r} orders {self.parameter.name!r}, whose values have no order"
            )
        if not isinstance(right, _Choice):
            return _COMPARISONS[type(op)](self.positions, self._position(right, label))
        # both on the scale of the one with more values
        scale = max(self.parameter, right.parameter, key=lambda parameter: parameter.size)
        mine, theirs = (scale.positions_of(side.parameter.values) for side in (self, right))
        if orders and not (right.parameter.ordered and min(mine.min(), theirs.min()) >= 0):
            names = f"{self.parameter.name!r} and {right.parameter.name!r}"
            raise SpaceError(f"forbidden {label!r} orders {names}, which have no order in common")
        return _COMPARISONS[type(op)](mine[self.positions], theirs[right.positions])

    def _position(self, value: Any, label: str) -> int:
        if isinstance(value, np.ndarray) or self.parameter.position_of(value) < 0:
            raise SpaceError(f"forbidden {label!r}: {self.parameter.complaint(value)}")
        return self.parameter.position_of(value)


def _parsed(text: str) -> ast.Expression:
    if len(text) > MAX_LENGTH:
        raise SpaceError(f"forbidden {text[:60]!r}... has {len(text)} characters, above {MAX_LENGTH}")
    try:
        return ast.parse(text.strip(), mode="eval")
    except (RecursionError, MemoryError):
        raise SpaceError(f"forbidden {text[:60]!r}... is nested too deeply") from None
    except (SyntaxError, ValueError) as error:
        raise SpaceError(f"forbidden {shown(text)} is not an expression: {error}") from None


def _check(text: str, tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if (
            not isinstance(node, _OTHER_NODES)
            and type(node) not in _ARITHMETIC
            and type(node) not in _COMPARISONS
        ):
            raise SpaceError(
                f"forbidden {shown(text)}: {type(node).__name__} is not allowed; expected parameter names, "
                "constants, arithmetic, comparisons, in, and, or, not (or pass a function)"
            )
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | bool | int | float | None):
            raise SpaceError(f"forbidden {shown(text)}: constant {shown(node.value)} is not allowed")
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value >= 2**63:
            raise SpaceError(
                f"forbidden {shown(text)}: constant {shown(node.value)} is too large; write it as a float"
            )


def _evaluate(node: ast.expr, columns: PositionColumns, label: str) -> Any:
    match node:
        case ast.Name(id=name):
            parameter, positions = columns[name]
            if isinstance(parameter, Permutation):
                raise SpaceError(f"forbidden {label!r} reads permutation {name!r}; pass a function instead")
            if isinstance(parameter, Categorical) and not parameter.numeric:
                return _Choice(parameter, positions)
            return parameter.column(positions).astype(np.float64)
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return [_evaluate(element, columns, label) for element in elements]
        case ast.BoolOp(op=op, values=values):
            parts = [_truth(_evaluate(value, columns, label), label) for value in values]
            return np.logical_and.reduce(parts) if isinstance(op, ast.And) else np.logical_or.reduce(parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ~_truth(_evaluate(operand, columns, label), label)
        case ast.UnaryOp(op=op, operand=operand):
            number = _number(_evaluate(operand, columns, label), label)
            return -number if isinstance(op, ast.USub) else number
        case ast.BinOp(left=left, op=op, right=right):
            return _ARITHMETIC[type(op)](
                _number(_evaluate(left, columns, label), label),
                _number(_evaluate(right, columns, label), label),
            )
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [_evaluate(operand, columns, label) for operand in (left, *comparators)]
            pairs = zip(operands, ops, operands[1:], strict=False)
            return np.logical_and.reduce([_compared(a, op, b, label) for a, op, b in pairs])
    raise AssertionError(f"{node} passed the parser")


def _compared(left: Any, op: ast.cmpop, right: Any, label: str) -> NDArray[np.bool_]:
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, list):
            raise SpaceError(f"forbidden {label!r}: expected a list such as (1, 2) after 'in'")
        if isinstance(left, _Choice):
            return left.compared(op, right, label)
        found = np.logical_or.reduce([_number(left, label) == _number(value, label) for value in right])
        return ~found if isinstance(op, ast.NotIn) else found
    if isinstance(left, _Choice):
        return left.compared(op, right, label)
    if isinstance(right, _Choice):
        mirrored = _MIRRORED.get(type(op), type(op))
        return right.compared(mirrored(), left, label)
    return _COMPARISONS[type(op)](_number(left, label), _number(right, label))


def _number(value: Any, label: str) -> Any:
    if isinstance(value, _Choice):
        raise SpaceError(
            f"forbidden {label!r} computes with {value.parameter.name!r}, whose values are not numbers"
        )
    if isinstance(value, str | list) or value is None:
        raise SpaceError(f"forbidden {label!r} uses {value!r} where a number is expected")
    return np.asarray(value, dtype=np.float64)


def _truth(value: Any, label: str) -> NDArray[np.bool_]:
    return np.asarray(value if isinstance(value, np.ndarray) else _number(value, label)) != 0
