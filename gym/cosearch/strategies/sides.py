"""The sides of a space, which a strategy searches in turn: a side is some groups of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosearch.errors import ArgumentError, unknown_name
from cosearch.space import DesignSpace

# What is usually decided before the hardware is.
BEFORE_HARDWARE = ("network", "precision")


@dataclass(frozen=True)
class Side:
    """Parameters that are searched together.

    Attributes:
        label: their groups, for people.
        names: of those that are not held.
    """

    label: str
    names: tuple[str, ...]


def sides_of(space: DesignSpace, groups: str, agent: str) -> tuple[Side, ...]:
    """The sides, in the order in which they are searched.

    Args:
        space: the design space.
        groups: "network,precision/hardware": groups or parameters of each side. What is in none of them
            joins the last side. "" for the problem's: network and precision first, all else second; in a
            space without these a side for each group.
        agent: for messages.

    Raises:
        UnknownNameError: for a group or parameter that there is not.
        ArgumentError: if there are fewer than two sides with a parameter that is free.
    """
    given = _given(space, groups, agent) if groups else _usual(space)
    fixed = {space.names[column] for column in space.fixed}
    taken: set[str] = set()
    found: list[tuple[str, list[str]]] = []
    for members in given:
        names = [name for member in members for name in space.groups.get(member, (member,))]
        names = [name for name in dict.fromkeys(names) if name not in taken]
        taken.update(names)
        free = [name for name in names if name not in fixed]
        if free:
            found.append((" and ".join(members), free))
    rest = [name for name in space.names if name not in taken and name not in fixed]
    if rest and not groups and len(given) == 1:
        found.append((_rest_label(space, rest), rest))
    elif rest and found:
        found[-1][1].extend(rest)
    if len(found) < 2:
        raise ArgumentError(
            f"agent {agent}: the space has no two groups of parameters to search in turn; give them, e.g. "
            f"groups={space.names[0]}/{space.names[-1]} (--agent-set on the command line)"
        )
    return tuple(Side(label, tuple(names)) for label, names in found)


def with_dependents(space: DesignSpace, names: Sequence[str]) -> set[str]:
    """These parameters and those that are active or not by their values."""
    found = set(names)
    for parameter in space:  # parents come first
        if found.intersection(parameter.when):
            found.add(parameter.name)
    return found


def _usual(space: DesignSpace) -> list[tuple[str, ...]]:
    before = tuple(name for name in BEFORE_HARDWARE if name in space.groups)
    if before:
        return [before]
    return [(name,) for name in space.groups if "." not in name]


def _given(space: DesignSpace, groups: str, agent: str) -> list[tuple[str, ...]]:
    given = [tuple(name.strip() for name in side.split(",") if name.strip()) for side in groups.split("/")]
    names = [name for side in given for name in side]
    for name in names:
        if name not in space.groups and name not in space.names:
            raise unknown_name(
                f"group or parameter, in groups of agent {agent},", name, [*space.groups, *space.names]
            )
    if not all(given):
        raise ArgumentError(f"agent {agent}: groups={groups!r} has a side without a group; expected A,B/C")
    return given


def _rest_label(space: DesignSpace, rest: Sequence[str]) -> str:
    left, labels = set(rest), []
    for group, members in sorted(space.groups.items(), key=lambda item: -len(item[1])):
        if left and left.issuperset(members):
            labels.append(group)
            left -= set(members)
    return " and ".join(labels) or "the rest"
