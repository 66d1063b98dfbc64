"""Composing spaces: several become one with prefixed names; `parts.py` takes it apart again.

"depth" of the part "network" is called "network.depth". What a part's own conditions and rules name is
renamed with it; a rule that is a function goes on to see the names that it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cosearch.errors import SpaceError, shown, unknown_name
from cosearch.space.forbidden import Forbidden
from cosearch.space.parameters import Parameter, is_name
from cosearch.space.space_model import SpaceModel
from cosearch.space.values import Value

When = Mapping[str, Mapping[str, Any]]


def named_once(spaces: Iterable[tuple[str, Any]]) -> dict[str, SpaceModel]:
    """The parts by their names.

    Raises:
        SpaceError: a name is given twice or cannot begin the name of a parameter, or there is no part, or
            one that is no space.
    """
    parts: dict[str, SpaceModel] = {}
    for pair in spaces:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise SpaceError(f"{shown(pair)} is not a part; expected (name, design space)")
        name, space = pair
        if not is_name(name) or "." in name:
            raise SpaceError(f"part {shown(name)} is not allowed; expected an identifier such as 'network'")
        if name in parts:
            raise SpaceError(f"two parts are named {name!r}; expected a name of its own for each")
        parts[name] = space
    if not parts:
        raise SpaceError("there is nothing to join; expected join(network=space, hardware=space)")
    for part, space in parts.items():
        if not isinstance(space, SpaceModel):
            raise SpaceError(f"part {part!r} is {shown(space)}; expected a DesignSpace")
    return parts


def held_in(parts: Mapping[str, SpaceModel]) -> dict[str, Value]:
    """What is held in the parts, by the names that parameters have in the whole."""
    return {f"{part}.{name}": value for part, space in parts.items() for name, value in space.held.items()}


def joined(
    parts: Mapping[str, SpaceModel],
    when: When | None,
    forbidden: Iterable[Forbidden | str],
    further_groups: Mapping[str, Sequence[str]],
) -> tuple[list[Parameter], list[Forbidden | str], dict[str, Sequence[str]]]:
    """The parameters, rules and groups of the parts side by side.

    Raises:
        SpaceError: `when` is no mapping of mappings, or leaves a parameter no way to be active, or two groups
            have one name.
        UnknownNameError: `when` has a name that is not there.
    """
    parameters: list[Parameter] = []
    rules: list[Forbidden | str] = []
    groups: dict[str, list[str]] = {}
    for prefix, space in parts.items():
        names = {name: f"{prefix}.{name}" for name in space.names}
        for parameter in space.parameters:
            own = {names[parent]: values for parent, values in parameter.when.items()}
            parameters.append(parameter.renamed(names[parameter.name], own))
        rules += [rule.renamed(names) for rule in space.forbidden]
        groups[prefix] = list(names.values())
        groups |= {
            f"{prefix}.{group}": [names[n] for n in members] for group, members in space.groups.items()
        }
    across = _across(when or {}, [parameter.name for parameter in parameters], groups)
    parameters = [
        parameter.renamed(parameter.name, _both(parameter, across[parameter.name]))
        if parameter.name in across
        else parameter
        for parameter in parameters
    ]
    for group in set(further_groups) & set(groups):
        raise SpaceError(f"two groups are named {group!r}; expected a name of its own for each")
    return parameters, [*rules, *forbidden], {**groups, **further_groups}


def _across(when: When, names: list[str], groups: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """The conditions of `when` by parameter; one on a part or group holds for each of its parameters."""
    across: dict[str, dict[str, Any]] = {}
    if not isinstance(when, Mapping):
        raise SpaceError(f"when={shown(when)}; expected {{parameter: {{parameter: values}}}}")
    for child, conditions in when.items():
        if not isinstance(conditions, Mapping):
            raise SpaceError(f"when[{child!r}] is {shown(conditions)}; expected {{parameter: values}}")
        if child not in names and child not in groups:
            raise unknown_name("parameter or part", child, [*names, *groups])
        for parent in conditions:
            if parent not in names:
                raise unknown_name(f"parameter, in when[{child!r}],", parent, names)
        for name in groups.get(child, [child]):
            across.setdefault(name, {}).update(conditions)
    return across


def _both(parameter: Parameter, across: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter's own conditions and those of the whole: of one parent only what both allow."""
    both = dict(parameter.when)
    for parent, values in parameter.renamed(parameter.name, across).when.items():
        both[parent] = tuple(v for v in both[parent] if v in values) if parent in both else values
    return both
