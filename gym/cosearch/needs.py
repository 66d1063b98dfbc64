"""What a problem needs beside cosearch: a program, a Python package. Where it is missing, that is said.

A problem lists its needs by fidelity, so that one whose best fidelity is somebody's simulator can be searched
at the others without it:

    needs = {"external": Library("zigzag", 'pip install "cosearch[zigzag]"')}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar, Protocol

from cosearch.errors import CosearchError

EVERY = ""  # the key of what every fidelity needs


class UnavailableError(CosearchError, RuntimeError):
    """A problem, or one of its fidelities, that this machine has no simulator for."""


class Need(Protocol):
    """One thing that must be installed."""

    @property
    def setting(self) -> str:
        """The problem's setting that tells where it is; empty if there is none."""

    def missing(self, given: str | None = None) -> str:
        """Why it cannot be used, with how to get it; empty where it can.

        Args:
            given: the value of the setting.
        """


@dataclass(frozen=True)
class Library:
    """A Python package.

    Attributes:
        module: as it is imported.
        get: the command that installs it.
    """

    module: str
    get: str
    setting: ClassVar[str] = ""

    def missing(self, given: str | None = None) -> str:
        """See `Need.missing`; nothing is imported."""
        if find_spec(self.module.partition(".")[0]) is not None:
            return ""
        return f"Python package {self.module} is not installed; get it: {self.get}"


def missing(needs: Mapping[str, Need], fidelity: str, settings: Any = None) -> str:
    """Why a fidelity of a problem cannot be evaluated, with how to get what it needs; empty where it can.

    Args:
        needs: of the problem.
        fidelity: its name.
        settings: of the problem, which may tell where something is.
    """
    for key in (EVERY, fidelity):
        need = needs.get(key)
        if need is not None:
            why = need.missing(getattr(settings, need.setting, None) if need.setting else None)
            if why:
                return why
    return ""


def unavailable(needs: Mapping[str, Need], fidelities: Iterable[str]) -> dict[str, str]:
    """What is missing for each of the fidelities that cannot be evaluated as things stand, by name."""
    return {name: why for name in fidelities if needs and (why := missing(needs, name))}
