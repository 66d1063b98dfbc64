"""A design space as JSON: the space itself, its hash, and a JSON Schema that accepts its designs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import SpaceError, nearest
from cosearch.space.categorical import Categorical, Ordinal
from cosearch.space.forbidden import Forbidden
from cosearch.space.integers import Integer
from cosearch.space.parameters import Parameter
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real

if TYPE_CHECKING:
    from cosearch.space.design_space import DesignSpace

FORMAT = 1  # of to_dict; a hash of another format is another hash
KINDS: dict[str, type[Parameter]] = {
    kind.kind: kind for kind in (Categorical, Ordinal, Integer, Real, Permutation)
}
_MAX_ENUM = 10_000


def to_dict(space: DesignSpace) -> dict[str, Any]:
    """The space in JSON types; `from_dict` is the inverse. A rule that is a function is only named."""
    if space.held:
        held = {n: list(value) if isinstance(value, tuple) else value for n, value in space.held.items()}
        return {**to_dict(space.base), "held": held}
    rules = [
        {"expression" if rule.expression else "function": rule.label, "reason": rule.reason}
        for rule in space.forbidden
    ]
    return {
        "format": FORMAT,
        "name": space.name,
        "parameters": [parameter.to_dict() for parameter in space.parameters],
        "forbidden": rules,
    }


def from_dict(data: Mapping[str, Any], *, drop_functions: bool = False) -> DesignSpace:
    """The space of `to_dict`.

    Args:
        data: what `to_dict` returned.
        drop_functions: leave out the rules that are functions: enough to read designs, not to search.

    Raises:
        SpaceError: the data does not describe a space, or a rule is a function, which JSON does not hold.
    """
    from cosearch.space.design_space import DesignSpace

    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise SpaceError(f"not a design space of format {FORMAT}: {str(data)[:60]}")
    try:
        parameters = [_parameter(one) for one in data["parameters"]]
        rules = [rule for rule in data["forbidden"] if not (drop_functions and "function" in rule)]
        for rule in rules:
            if "function" in rule:
                raise SpaceError(f"forbidden {rule['function']!r} is a function, which JSON does not hold")
        forbidden = [Forbidden(rule["expression"], rule["reason"]) for rule in rules]
        return DesignSpace(parameters, forbidden, name=data["name"]).hold(data.get("held", {}))
    except (KeyError, TypeError) as error:
        raise SpaceError(f"a design space that cannot be read: {error}") from None


def _parameter(data: Mapping[str, Any]) -> Parameter:
    arguments = dict(data)
    kind = arguments.pop("kind")
    if kind not in KINDS:
        close = nearest(kind, KINDS)
        raise SpaceError(f"unknown parameter kind {kind!r}; expected {close or ', '.join(KINDS)}")
    return KINDS[kind](**arguments)


def stable_hash(space: DesignSpace) -> str:
    """SHA-256 of what decides which designs there are and how they are numbered, in hexadecimal.

    The name of the space, descriptions and reasons do not count. A forbidden rule that is a function counts
    by its module, name and reason, so give it another reason when its meaning changes.
    """
    if space.held:
        text = json.dumps([stable_hash(space.base), dict(space.held)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
    parameters = [parameter.to_dict() | {"description": ""} for parameter in space.parameters]
    rules: list[Any] = []
    for rule in space.forbidden:
        module = getattr(rule.predicate, "__module__", "")
        rules.append(
            [rule.expression] if rule.expression else [module, rule.label.split(" at 0x")[0], rule.reason]
        )
    text = json.dumps([FORMAT, parameters, rules], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def json_schema(space: DesignSpace) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of one design; forbidden rules are listed under "x-forbidden" only."""
    properties = {parameter.name: _property(parameter) for parameter in space.parameters}
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
    if space.forbidden:
        schema["x-forbidden"] = [{"rule": rule.label, "reason": rule.reason} for rule in space.forbidden]
    return schema


def _property(parameter: Parameter) -> dict[str, Any]:
    default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
    schema: dict[str, Any] = {"default": default}
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
