"""Attributes that are arithmetic over others, as `12 * 34` or `depth * width`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_OPERATIONS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_LONGEST = 200
_LARGEST = 1e30


def number_of(value: Any, names: Mapping[str, Any], depth: int = 0) -> float | None:
    """The number that a value is, or None where it is none.

    Args:
        value: a number, its text, or sums and products of numbers and names.
        names: what names stand for.
        depth: of names that stand for names.
    """
    if isinstance(value, bool) or value is None or depth > 8:
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    try:
        return _value(ast.parse(value.strip(), mode="eval").body, names, depth)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        return None


def _value(node: ast.expr, names: Mapping[str, Any], depth: int) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name) and node.id in names:
        found = number_of(names[node.id], names, depth + 1)
        if found is not None:
            return found
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _value(node.left, names, depth), _value(node.right, names, depth)
        found = float(_OPERATIONS[type(node.op)](left, right))
        if abs(found) < _LARGEST:
            return found
    raise ValueError(ast.unparse(node))
