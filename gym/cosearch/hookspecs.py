"""The hooks that a plugin implements, all of them optional. Entry-point group: `cosearch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from cosearch.agent import Agent
    from cosearch.problem import Problem
    from cosearch.run.backend import Backend
    from cosearch.validation import Validation

hookspec = pluggy.HookspecMarker("cosearch")
hookimpl = pluggy.HookimplMarker("cosearch")


@hookspec
def cosearch_problems() -> Sequence[type[Problem]]:  # type: ignore[empty-body]
    """The problem classes that this plugin contributes."""


@hookspec
def cosearch_agents() -> Sequence[type[Agent]]:  # type: ignore[empty-body]
    """The agent classes that this plugin contributes."""


@hookspec
def cosearch_backends() -> Sequence[type[Backend]]:  # type: ignore[empty-body]
    """The backend classes that this plugin contributes."""


@hookspec
def cosearch_validations() -> Sequence[Validation]:  # type: ignore[empty-body]
    """The simulators that this plugin can hold against reference measurements."""
