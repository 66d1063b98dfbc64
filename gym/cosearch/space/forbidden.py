"""Forbidden combinations: rules over whole columns that say which designs must not be built.

A rule is an expression such as "write_low >= write_high", or a function of columns. Expressions are parsed
by Python's own parser, and every node outside a short list is refused, so that a space read from a file
cannot run code. They are evaluated over columns, so there is no short circuit: both sides of an `and` are
always computed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SpaceError, nearest
from cosearch.space.categorical import Categorical
from cosearch.space.held import Held
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.permutations import Permutation

Predicate = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]
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


class Forbidden:
    """A rule that no design may fulfil. It does not apply where a parameter that it reads is inactive.

    An expression knows parameter names, constants, `+ - * / // % **`, comparisons, `in`, `and or not`.
    Numbers and booleans are computed with in float64. Parameters with other values can be compared with
    their values; an Ordinal also by order: "precision < 'int8'".

    Args:
        rule: an expression, or a function that takes {name: column of values} and returns a boolean array.
        reason: one line for whoever meets the rule; the expression itself if left out.
        reads: the parameters that a function reads; if left out, those that it reads of the default design.

    Example:
        >>> Forbidden("rows * columns > 1024", reason="more processing elements than fit").reads
        ('rows', 'columns')
    """

    def __init__(
        self, rule: str | Predicate, reason: str = "", *, reads: Sequence[str] | None = None
    ) -> None:
        self.expression = rule if isinstance(rule, str) else None
        self.predicate = None if isinstance(rule, str) else rule
        self.reads = tuple(reads or ())
        if isinstance(rule, str):
            self._tree = _parse(rule)
            names = [node for node in ast.walk(self._tree) if isinstance(node, ast.Name)]
            names.sort(key=lambda node: (node.lineno, node.col_offset))
            self.reads = tuple(dict.fromkeys(node.id for node in names))
            if not names:
                raise SpaceError(f"forbidden {rule!r} reads no parameter")
        elif not callable(rule):
            raise SpaceError(f"forbidden rule {rule!r} is not allowed; expected an expression or a function")
        elif not reason:
            raise SpaceError("a forbidden rule that is a function needs reason='...'")
        self.reason = reason or f"forbidden: {self.expression}"

    def bound(self, parameters: Mapping[str, Parameter]) -> Forbidden:
        """The rule, checked against these parameters and with `reads` known.

        Raises:
            SpaceError: it names unknown parameters, compares what cannot be compared, or returns no booleans.
        """
        for name in self.reads:
            if name not in parameters:
                close = nearest(name, parameters)
                hint = f"; did you mean {close!r}?" if close else ""
                raise SpaceError(f"forbidden {self.label!r} reads unknown parameter {name!r}{hint}")
        rule: Forbidden = self
        if self.predicate is not None and not self.reads:
            recorder = _Recorder(parameters)
            self.predicate(recorder)
            rule = Forbidden(self.predicate, self.reason, reads=[n for n in parameters if n in recorder.read])
            if not rule.reads:
                raise SpaceError(f"forbidden {self.label!r} reads no parameter")
        try:
            rule.holds({n: (p, np.array([p.default_index])) for n, p in parameters.items()})
        except RecursionError:
            raise SpaceError(f"forbidden {self.label[:60]!r}... is nested too deeply") from None
        return rule

    @property
    def label(self) -> str:
        """The expression, or the name of the function."""
        return self.expression or str(getattr(self.predicate, "__qualname__", self.predicate))

    def holds(self, columns: PositionColumns) -> NDArray[np.bool_]:
        """Whether each design is forbidden, given (parameter, positions) for at least the names it reads."""
        mine = {name: _released(*columns[name]) for name in self.reads}
        active = np.logical_and.reduce([positions >= 0 for _, positions in mine.values()])
        filled = {n: (p, np.where(i < 0, p.default_index, i)) for n, (p, i) in mine.items()}
        if self.predicate is not None:
            return active & self._called({n: p.column(i) for n, (p, i) in filled.items()}, len(active))
        with np.errstate(all="ignore"):
            return active & _truth(_evaluate(self._tree.body, filled, self.label), self.label)

    def _called(self, columns: Mapping[str, NDArray[Any]], n: int) -> NDArray[np.bool_]:
        assert self.predicate is not None
        try:
            result = np.asarray(self.predicate(columns))
        except KeyError as error:
            raise SpaceError(
                f"forbidden {self.label!r} reads {error}, which it is not known to; pass reads=(...)"
            ) from None
        if result.shape != (n,) or result.dtype != np.bool_:
            raise SpaceError(
                f"forbidden {self.label!r} returned {result.dtype} of shape {result.shape}; "
                f"expected bool of shape ({n},)"
            )
        return result

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Forbidden) and (self.expression, self.predicate, self.reason) == (
            other.expression,
            other.predicate,
            other.reason,
        )

    def __hash__(self) -> int:
        return hash((self.expression, self.predicate, self.reason))

    def __repr__(self) -> str:
        return f"Forbidden({self.label!r}, reason={self.reason!r})"


def _released(parameter: Parameter, positions: Positions) -> tuple[Parameter, Positions]:
    """What a rule reads: it may compare a held parameter with values that this no longer has."""
    if isinstance(parameter, Held):
        return parameter.of, parameter.released(positions)
    return parameter, positions


class _Recorder(Mapping[str, NDArray[Any]]):
    """The columns of the default design; remembers which were read."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = parameters
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._parameters:
            raise SpaceError(f"a forbidden rule reads unknown parameter {name!r}")
        self.read.add(name)
        parameter = self._parameters[name]
        return parameter.column(np.array([parameter.default_index]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)


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


def _parse(expression: str) -> ast.Expression:
    if len(expression) > MAX_LENGTH:
        raise SpaceError(
            f"forbidden {expression[:60]!r}... has {len(expression)} characters, above {MAX_LENGTH}"
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (RecursionError, MemoryError):
        raise SpaceError(f"forbidden {expression[:60]!r}... is nested too deeply") from None
    except (SyntaxError, ValueError) as error:
        raise SpaceError(f"forbidden {expression!r} is not an expression: {error}") from None
    for node in ast.walk(tree):
        if (
            not isinstance(node, _OTHER_NODES)
            and type(node) not in _ARITHMETIC
            and type(node) not in _COMPARISONS
        ):
            raise SpaceError(
                f"forbidden {expression!r}: {type(node).__name__} is not allowed; expected parameter names, "
                "constants, arithmetic, comparisons, in, and, or, not (or pass a function)"
            )
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | bool | int | float | None):
            raise SpaceError(f"forbidden {expression!r}: constant {node.value!r} is not allowed")
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value >= 2**63:
            raise SpaceError(
                f"forbidden {expression!r}: constant {node.value} is too large; write it as a float"
            )
    return tree


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
