"""Checking the arguments that a user gives by name against a constructor's typed signature.

The signature is the schema: the names, the types and the defaults of `--set` are those of `__init__`.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping
from reprlib import Repr
from typing import Any

import numpy as np

from cosearch.errors import ArgumentError, unknown_name

# Objectives and constraints have options of their own on the command line.
RESERVED = ("self", "objectives", "constraints")


def parameters_of(constructor: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The arguments that a user may set by name, in order."""
    found: dict[str, inspect.Parameter] = {}
    for function in _constructors(constructor):
        own = inspect.signature(function).parameters
        for name, parameter in own.items():
            if name not in RESERVED and parameter.kind not in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            ):
                found.setdefault(name, parameter)
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in own.values()):
            break  # nothing is passed on to the next class
    return found


_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80


def shown(value: Any) -> str:
    """A value as it is quoted in a message: of a long one its begin and its end."""
    try:
        return _short.repr(value)
    except ValueError:  # Python writes no whole number of thousands of digits
        return "a number of thousands of digits"


def _constructors(constructor: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function itself; of a class its own constructor, then those of its bases."""
    if not inspect.isclass(constructor):
        return [constructor]
    return [
        cls.__dict__["__init__"]
        for cls in constructor.__mro__
        if "__init__" in cls.__dict__ and cls is not object
    ]


def check_arguments(constructor: Callable[..., Any], given: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """`given` with each value converted to its annotated type.

    Args:
        constructor: a class or function with type annotations.
        given: values by name; text is converted (`"4"` to 4 for an int).
        owner: what the arguments belong to, for messages: "problem dram-controller".

    Raises:
        UnknownNameError: for a name that the constructor does not take.
        ArgumentError: for a value that its type does not admit.
    """
    from pydantic import TypeAdapter, ValidationError

    valid = parameters_of(constructor)
    hints: dict[str, Any] = {}
    for function in reversed(_constructors(constructor)):
        hints |= typing.get_type_hints(function)
    checked: dict[str, Any] = {}
    for name, value in given.items():
        if name not in valid:
            raise unknown_name(f"argument of {owner}", name, valid)
        try:
            adapter = TypeAdapter(hints.get(name, Any))
            if isinstance(value, np.generic):
                value = value.item()
            try:
                # true is no number, though Python would take it for 1
                checked[name] = adapter.validate_python(value, strict=isinstance(value, bool) or None)
            except ValidationError as error:
                if not isinstance(value, bool | int | float):
                    raise
                try:
                    checked[name] = adapter.validate_python(json.dumps(value))  # text that looks like one
                except ValidationError:
                    raise error from None
        except ValidationError as error:
            # Of a union each kind has its own.
            first, *others = dict.fromkeys(found["msg"] for found in error.errors())
            problem = ", or ".join([first, *(other.removeprefix("Input should be ") for other in others)])
            raise ArgumentError(f"{owner}: argument {name}={shown(value)} is not valid: {problem}") from None
    return checked


def parse_assignments(texts: typing.Iterable[str], option: str) -> dict[str, Any]:
    """`["a=1", "b=text"]` as `{"a": 1, "b": "text"}`; a value that is JSON is read as JSON."""
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ArgumentError(f"{option} {shown(text)}: expected NAME=VALUE")
        if name in values:
            raise ArgumentError(f"{option} {shown(name)} is given twice")
        try:
            values[name] = json_value(value)
        except json.JSONDecodeError:
            values[name] = value
        except ArgumentError as error:
            raise ArgumentError(f"{option} {shown(name)}: {error}") from None
    return values


MOST_DEPTH = 100
MOST_DIGITS = 1000
"""Of a whole number; the largest float has 309."""

_BRACKET = re.compile(r'"(?:[^"\\]+|\\.?)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def json_value(text: str) -> Any:
    """What a text holds as JSON.

    Raises:
        JSONDecodeError: it is no JSON.
        ArgumentError: it is, but gives a name twice, of which JSON keeps the last, is nested too deeply, or
            has a number of thousands of digits or half of a surrogate pair.
    """
    _check_depth(text)
    try:
        found = json.loads(text, object_pairs_hook=_unrepeated, parse_int=_whole_number)
    except RecursionError:
        raise ArgumentError("the value is nested too deeply") from None
    except (ArgumentError, json.JSONDecodeError):
        raise
    except ValueError as error:
        raise ArgumentError(str(error)) from None
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ArgumentError("a text has half of a surrogate pair, which is no character") from None
    return found


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.finditer(text):
        first = bracket[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > MOST_DEPTH:
            raise ArgumentError(f"the value is nested too deeply, more than {MOST_DEPTH} levels")


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ArgumentError(f"a number has {len(digits):,} digits; expected {MOST_DIGITS} at most")
    return int(digits)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ArgumentError(f"{name[:80]!r} is given twice")
            seen.add(name)
    return found


def assignment(name: str, value: Any) -> str:
    """`NAME=VALUE` that `parse_assignments` reads back as this JSON value."""
    if isinstance(value, str):
        try:
            json_value(value)
        except json.JSONDecodeError:
            return f"{name}={value}"
        except ArgumentError:
            pass
    return f"{name}={json.dumps(value)}"
