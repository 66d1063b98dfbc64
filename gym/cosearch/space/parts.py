"""A part of a joined space, or a group, as the arguments of a space of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cosearch.space.forbidden import Forbidden
from cosearch.space.parameters import Parameter


def part_names(name: str, names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """{name in the whole: name in the part} of a part or a group; empty if there is neither."""
    inner = {full: full.removeprefix(f"{name}.") for full in names if full.startswith(f"{name}.")}
    return inner or {full: full for full in names if full in groups.get(name, ())}


def part_parameters(parameters: Iterable[Parameter], names: Mapping[str, str]) -> list[Parameter]:
    """The parameters of a part, less the conditions that reach out of it."""
    found = []
    for parameter in parameters:
        if parameter.name in names:
            own = {names[parent]: values for parent, values in parameter.when.items() if parent in names}
            found.append(parameter.renamed(names[parameter.name], own))
    return found


def part_rules(rules: Iterable[Forbidden], names: Mapping[str, str]) -> list[Forbidden]:
    """The rules of a part, less those that reach out of it."""
    return [rule.renamed(names) for rule in rules if set(rule.reads) <= names.keys()]


def part_groups(
    name: str, groups: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> dict[str, list[str]]:
    """The groups within a part."""
    return {
        group.removeprefix(f"{name}."): [names[member] for member in members]
        for group, members in groups.items()
        if group.startswith(f"{name}.") and set(members) <= names.keys()
    }
