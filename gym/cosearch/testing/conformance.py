"""What all conformance checks share: their error, and how it is raised."""

from __future__ import annotations

import re

from cosearch.errors import CosearchError

KEBAB_CASE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ConformanceError(CosearchError, AssertionError):
    """A problem, an agent or a backend that does not do what its contract says."""


def require_name(name: str, owner: type) -> None:
    """Check that a name is one that the command line can take."""
    require(
        bool(KEBAB_CASE.fullmatch(name)),
        f"{owner.__qualname__}: name {name!r} is not kebab case like 'my-name'",
    )


def require_docstring(who: str, owner: type) -> None:
    """Check that there is a first line for listings."""
    require(
        bool((owner.__doc__ or "").strip()),
        f"{who} has no docstring; its first line is the summary in listings",
    )


def require(condition: bool, message: str) -> None:
    """Say what is wrong if the condition does not hold."""
    if not condition:
        raise ConformanceError(message)


def expect(condition: bool, who: str, asked: str, came: str) -> None:
    """Say what the contract asks and what came back if the condition does not hold."""
    if not condition:
        raise ConformanceError(f"{who}: the contract asks {asked}; what came back: {came}")
