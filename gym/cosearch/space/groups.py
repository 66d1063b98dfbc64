"""Named groups of parameters: what belongs together, for agents that share out the work and for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosearch.errors import SpaceError, hint, shown


def checked_groups(
    groups: Mapping[str, Sequence[str]], names: Sequence[str], label: str
) -> dict[str, tuple[str, ...]]:
    """The groups as {name: names of parameters}.

    Raises:
        SpaceError: a group is empty, names an unknown parameter or one twice, or is not a list of names.
    """
    if not isinstance(groups, Mapping):
        raise SpaceError(f"{label}: groups={shown(groups)}; expected {{group: [parameter, ...]}}")
    checked: dict[str, tuple[str, ...]] = {}
    for group, members in groups.items():
        if not isinstance(group, str) or not group:
            raise SpaceError(f"{label}: group {shown(group)} is not allowed; expected a name")
        if isinstance(members, str) or not isinstance(members, Sequence):
            raise SpaceError(f"{label}: group {group!r} is {shown(members)}; expected a list of parameters")
        for member in members:
            if not isinstance(member, str) or member not in names:
                raise SpaceError(
                    f"{label}: group {group!r} names unknown parameter {shown(member)}{hint(member, names)}"
                )
        if not members or len(set(members)) < len(members):
            what = "names a parameter twice" if members else "is empty"
            raise SpaceError(f"{label}: group {group!r} {what}: {shown(list(members))}")
        checked[group] = tuple(members)
    return checked
