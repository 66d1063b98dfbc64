"""The formulations that there are, by name."""

from __future__ import annotations

from cosearch.environments.formulation import Formulation
from cosearch.environments.oneshot import Oneshot
from cosearch.environments.refine import Refine
from cosearch.environments.sequential import Sequential
from cosearch.errors import unknown_name

FORMULATIONS: dict[str, type[Formulation]] = {cls.name: cls for cls in (Oneshot, Sequential, Refine)}


def formulation_class(name: str) -> type[Formulation]:
    """The formulation with this name; `UnknownNameError` names the nearest."""
    if name not in FORMULATIONS:
        raise unknown_name("formulation", name, FORMULATIONS)
    return FORMULATIONS[name]
