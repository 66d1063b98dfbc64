"""The built-in problems, found like anybody's: this module is the plugin, its hooks what it contributes."""

from __future__ import annotations

from collections.abc import Sequence

from cosearch.hookspecs import hookimpl
from cosearch.problem import Problem
from cosearch_plugins.dram_controller import DramController


@hookimpl
def cosearch_problems() -> Sequence[type[Problem]]:
    """The built-in problems."""
    return (DramController,)
