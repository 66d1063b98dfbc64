"""A design space as JSON: the space itself, its hash, and a JSON Schema that accepts its designs."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch.errors import CosearchError, SpaceError, hint, shown
from cosearch.space.categorical import Categorical, Ordinal
from cosearch.space.forbidden import Forbidden
from cosearch.space.integers import Integer
from cosearch.space.parameters import Parameter
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real
from cosearch.space.space_model import SpaceModel
from cosearch.space.values import Value

FORMAT = 1  # of to_dict; a hash of another format is another hash
KINDS: dict[str, type[Parameter]] = {
    kind.kind: kind for kind in (Categorical, Ordinal, Integer, Real, Permutation)
}
_MAX_ENUM = 10_000


def to_dict(space: SpaceModel) -> dict[str, Any]:
    """The space in JSON types; `from_dict` is the inverse. A rule that is a function is only named."""
    data = {
        "format": FORMAT,
        "name": space.name,
        "parameters": [parameter.to_dict() for parameter in space.parameters],
        "forbidden": [
            {"expression" if rule.expression else "function": rule.label, "reason": rule.reason}
            for rule in space.forbidden
        ],
    }
    if space.groups:
        data["groups"] = {group: list(members) for group, members in space.groups.items()}
    if space.held:
        data["held"] = {name: _plain(value) for name, value in space.held.items()}
    return data


@dataclass(frozen=True)
class SpaceDescription:
    """What `to_dict` says of a space."""

    name: str
    parameters: list[Parameter]
    forbidden: list[Forbidden]
    groups: Mapping[str, list[str]]
    held: Mapping[str, Value]


def read(data: Mapping[str, Any], *, drop_functions: bool) -> SpaceDescription:
    """The description of a space, checked for its shape.

    Raises:
        SpaceError: the data does not describe a space, or a rule is a function, which JSON does not hold.
    """
    if not isinstance(data, Mapping):
        raise SpaceError(f"not a design space of format {FORMAT}: {shown(data)}")
    if type(data.get("format")) is not int or data["format"] != FORMAT:
        raise SpaceError(f"not a design space of format {FORMAT}: format is {shown(data.get('format'))}")
    name, held = _part(data, "name", str), _part(data, "held", Mapping, {})
    parameters = [_parameter(one) for one in _part(data, "parameters", list)]
    rules = []
    for rule in _part(data, "forbidden", list):
        if not isinstance(rule, Mapping):
            raise SpaceError(f"a design space that cannot be read: rule {shown(rule)}; expected an object")
        if "function" not in rule:
            rules.append(Forbidden(_part(rule, "expression", str), _part(rule, "reason", str)))
        elif not drop_functions:
            raise SpaceError(f"forbidden {shown(rule['function'])} is a function, which JSON does not hold")
    return SpaceDescription(name, parameters, rules, _part(data, "groups", Mapping, {}), held)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns what constructors raise for data of a wrong shape into a `SpaceError`."""
    try:
        yield
    except CosearchError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise SpaceError(f"a design space that cannot be read: {shown(str(error))}") from None


def _part(data: Mapping[str, Any], key: str, kind: Any, default: Any = None) -> Any:
    value = data.get(key, default)
    if not isinstance(value, kind):
        found = shown(value) if key in data else "missing"
        expected = {str: "text", list: "a list", Mapping: "an object"}[kind]
        raise SpaceError(f"a design space that cannot be read: {key!r} is {found}; expected {expected}")
    return value


def _parameter(data: Any) -> Parameter:
    if not isinstance(data, Mapping):
        raise SpaceError(f"a design space that cannot be read: parameter {shown(data)}; expected an object")
    kind = _part(data, "kind", str)
    if kind not in KINDS:
        raise SpaceError(
            f"unknown parameter kind {shown(kind)}{hint(kind, KINDS) or '; expected ' + ', '.join(KINDS)}"
        )
    arguments = {key: value for key, value in data.items() if key != "kind"}
    known = inspect.signature(KINDS[kind]).parameters
    for key in arguments:
        if key not in known:
            raise SpaceError(f"{kind} parameter has no argument {shown(key)}{hint(key, known)}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise SpaceError(f"a design space that cannot be read: {kind} parameter without {key!r}")
    for key in {"log", "step", "low", "high"} & arguments.keys():
        if isinstance(arguments[key], bool) != (key == "log"):
            raise SpaceError(f"{kind} parameter: {key}={shown(arguments[key])} is not allowed")
    return KINDS[kind](**arguments)


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value


def stable_hash(space: SpaceModel) -> str:
    """SHA-256 of what decides which designs there are and how they are numbered, in hexadecimal.

    The name of the space, groups, descriptions and reasons do not count. A forbidden rule that is a function
    counts by its module, name and reason, so give it another reason when its meaning changes.
    """
    parameters = [parameter.to_dict() | {"description": ""} for parameter in space.parameters]
    rules: list[Any] = []
    for rule in space.forbidden:
        module = getattr(rule.predicate, "__module__", "")
        rules.append(
            [rule.expression] if rule.expression else [module, rule.label.split(" at 0x")[0], rule.reason]
        )
    text = json.dumps([FORMAT, parameters, rules], sort_keys=True, separators=(",", ":"))
    free = hashlib.sha256(text.encode()).hexdigest()
    if not space.held:
        return free
    text = json.dumps([free, dict(space.held)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def json_schema(space: SpaceModel) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of one design; forbidden rules are listed under "x-forbidden" only."""
    properties = {parameter.name: _property(parameter) for parameter in space.parameters}
    for name, value in space.held.items():
        properties[name] = {"default": _plain(value), "enum": [_plain(value)]}
        if space.parameter(name).description:
            properties[name]["description"] = space.parameter(name).description
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": [parameter.name for parameter in space.parameters if not parameter.when],
        "additionalProperties": False,
    }
    conditions = []
    for parameter in space.parameters:
        if parameter.when:
            needed = {parent: {"enum": list(values)} for parent, values in parameter.when.items()}
            conditions.append(
                {
                    "if": {"properties": needed, "required": list(needed)},
                    "then": {"required": [parameter.name]},
                    "else": {"not": {"required": [parameter.name]}},
                }
            )
    if conditions:
        schema["allOf"] = conditions
    if space.name:
        schema["title"] = space.name
    if space.rules:
        rules = [table.rule for table in space.rules]
        schema["x-forbidden"] = [{"rule": rule.label, "reason": rule.reason} for rule in rules]
    return schema


def _property(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"default": _plain(parameter.default)}
    if parameter.description:
        schema["description"] = parameter.description
    if isinstance(parameter, Categorical):
        return schema | {"enum": list(parameter.values)}
    if isinstance(parameter, Permutation):
        n = len(parameter.items)
        items = {"enum": list(parameter.items)}
        return schema | {"type": "array", "items": items, "uniqueItems": True, "minItems": n, "maxItems": n}
    if isinstance(parameter, Real):
        return schema | {"type": "number", "minimum": parameter.low, "maximum": parameter.high}
    assert isinstance(parameter, Integer)
    schema |= {"type": "integer", "minimum": parameter.low, "maximum": parameter.high}
    if parameter.step > 1 and parameter.low % parameter.step == 0:
        schema["multipleOf"] = parameter.step
    elif parameter.step > 1 and parameter.size <= _MAX_ENUM:
        schema["enum"] = parameter.values_at(np.arange(parameter.size))
    return schema
