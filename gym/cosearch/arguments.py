"""Arguments that a user gives by name: as NAME=VALUE, and checked against a function's typed signature.

Formulations, rewards and the like declare their arguments in `__init__`; problems in `settings`.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any

from cosearch.errors import ArgumentError, unknown_name
from cosearch.json_text import json_value as json_value
from cosearch.json_text import shown

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
    from cosearch.declared_values import convert  # pydantic is imported where it is used

    valid = parameters_of(constructor)
    hints: dict[str, Any] = {}
    for function in reversed(_constructors(constructor)):
        hints |= typing.get_type_hints(function)
    for name in given:
        if name not in valid:
            raise unknown_name(f"argument of {owner}", name, valid)
    return {name: convert(hints.get(name, Any), name, value, owner) for name, value in given.items()}


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
