"""A value as its declared type, the type in words, and what is said of a value that is refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError, WrapValidator
from pydantic.errors import PydanticInvalidForJsonSchema

from cosearch.errors import ArgumentError, CosearchError, unknown_name
from cosearch.json_text import json_value, shown

Schema = Mapping[str, Any]


def convert(declared: Any, name: str, value: Any, owner: str) -> Any:
    """A value as its declared type; text is converted (`"4"` to 4 for an int).

    Args:
        declared: the annotation.
        name: of the argument, for messages.
        value: what was given.
        owner: what the argument belongs to, for messages: "problem dram-controller".

    Raises:
        ArgumentError: if the type does not admit it.
        UnknownNameError: if the type is a choice of names, and it is none of them.
    """
    try:
        return TypeAdapter(Annotated[declared, WrapValidator(lenient)]).validate_python(value)
    except ValidationError as error:
        try:
            schema: Schema = TypeAdapter(declared).json_schema()
        except PydanticInvalidForJsonSchema:
            schema = {}
        raise refusal(error.errors(), schema, name, value, owner) from None


def lenient(value: Any, validate: Callable[[Any], Any]) -> Any:
    """What `validate` makes of a value: of text also as the JSON that it holds, and of a number as text."""
    if isinstance(value, np.generic):
        value = value.item()
    refused: ValueError | None = None
    for attempt in _readings(value):
        try:
            found = validate(attempt)
        except ValidationError as error:
            refused = refused or error
            continue
        # Python would take true for 1
        if isinstance(value, bool) and isinstance(found, int | float) and not isinstance(found, bool):
            refused = refused or ValueError(f"{value} is no number")
            continue
        return found
    assert refused is not None
    raise refused


def _readings(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, bool | int | float):
        yield json.dumps(value)
    elif isinstance(value, str):
        with contextlib.suppress(ValueError):
            yield json_value(value)


def refusal(errors: Sequence[Any], schema: Schema, name: str, value: Any, owner: str) -> CosearchError:
    """The error, of one line, for a value that pydantic refuses.

    Args:
        errors: pydantic's; of a union each kind has its own.
        schema: the declared type as a JSON schema.
        name: of the argument.
        value: what was given.
        owner: what the argument belongs to.
    """
    for error in errors:
        if isinstance(cause := error.get("ctx", {}).get("error"), CosearchError):
            return cause
    first = errors[0]
    kinds = _kinds(schema)
    names = [choice for kind in kinds for choice in kind.get("enum", ())]
    plain = all("enum" in kind or kind.get("type") == "null" for kind in kinds)
    if isinstance(value, str) and names and plain and all(isinstance(choice, str) for choice in names):
        return unknown_name(name, value, names)
    quoted = shown(value)
    kind = first["type"]
    text = first["msg"].removeprefix("Value error, ")
    if first["input"] is not value and first["input"] != value:  # something inside the value
        place = ".".join(str(part) for part in first["loc"])
        return ArgumentError(f"{owner}: {place or name}: {text}, got {shown(first['input'])}")
    if kind.startswith(("greater_than", "less_than")):
        return ArgumentError(f"{owner}: {name} must be {_bounds(schema)}, got {quoted}")
    if kind == "finite_number":
        return ArgumentError(f"{owner}: {name} must be a finite number, got {quoted}")
    if kind.endswith(("_type", "_parsing", "_from_float")) or kind == "literal_error" or _is_switch(value):
        return ArgumentError(f"{owner}: {name} must be {expected(schema)}, got {quoted}")
    return ArgumentError(f"{owner}: {name}: {text[:1].lower()}{text[1:]}, got {quoted}")


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


_NOUNS = {
    "string": ("text", "text"),
    "integer": ("whole number", "a whole number"),
    "number": ("number", "a number"),
    "array": ("list", "a list"),
    "object": ("object", "an object"),
}


def type_text(schema: Schema) -> str:
    """A type as a user reads it: "whole number from 1 to 64", "fast or thorough"; null is to leave it out."""
    words: list[str] = []
    for kind in _kinds(schema):
        if "enum" in kind:
            words += [str(_plain(choice)) for choice in kind["enum"]]
        elif kind.get("type") == "boolean":
            words += ["true", "false"]
        elif kind.get("format") == "path":
            words.append("path")
        elif kind.get("type") != "null":
            noun, _ = _NOUNS.get(str(kind.get("type")), ("any value", ""))
            bounds = _bounds(kind)
            words.append(f"{noun} {'of ' if bounds[:2] == 'at' else ''}{bounds}".strip())
    return _either(words)


def expected(schema: Schema) -> str:
    """What a value must be, for an error: "a whole number", "true, false or 'speed_grade'"."""
    words: list[str] = []
    for kind in _kinds(schema):
        if "enum" in kind:
            words += [
                repr(choice) if isinstance(choice, str) else str(_plain(choice)) for choice in kind["enum"]
            ]
        elif kind.get("type") == "boolean":
            words += ["true", "false"]
        elif kind.get("type") != "null":  # who gives a wrong value did not mean to leave it out
            words.append(_NOUNS.get(str(kind.get("type")), ("", "another value"))[1])
    return _either(words)


def _kinds(schema: Schema) -> list[dict[str, Any]]:
    """The members of a union, flat; a single value is a choice of one."""
    if "anyOf" in schema:
        return [kind for member in schema["anyOf"] for kind in _kinds(member)]
    if "const" in schema:
        return [{**schema, "enum": [schema["const"]]}]
    return [{"type": "object", **schema} if "$ref" in schema else dict(schema)]


def _bounds(schema: Schema) -> str:
    """Such as "from 1 to 64" or "at least 1"; empty if there are none."""
    found: dict[str, Any] = {}
    for kind in _kinds(schema):
        found |= {name: kind[name] for name in _BOUNDS if name in kind}
    if found.keys() == {"minimum", "maximum"}:
        return f"from {_plain(found['minimum'])} to {_plain(found['maximum'])}"
    return " and ".join(f"{words} {_plain(found[name])}" for name, words in _BOUNDS.items() if name in found)


_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _either(words: Sequence[str]) -> str:
    *others, last = dict.fromkeys(words) or ("any value",)
    return f"{', '.join(others)} or {last}" if others else last
