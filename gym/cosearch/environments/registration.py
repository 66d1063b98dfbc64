"""Gives every problem its two Gymnasium ids, `cosearch/<Problem>-v<n>` and `cosearch/mo-<Problem>-v<n>`.

Gymnasium 1.0 dropped its own plugin entry points, so ids are there once `cosearch` is imported. Importing it
must not import the plugins: they may be slow, or in the middle of their own import. A distribution therefore
names the environments of its problems in the entry-point group `cosearch.environments`, as
`dram-controller-v0 = "cosearch_plugins"`, which is read without importing anything. A problem that is not
named there, or is registered by hand, gets its ids when the registry loads it.
"""

from __future__ import annotations

import re
from importlib import metadata
from typing import TYPE_CHECKING

import gymnasium

from cosearch.environments.ids import env_id

if TYPE_CHECKING:
    from cosearch.problem import Problem

GROUP = "cosearch.environments"


def register_environments() -> None:
    """Register the environments that installed distributions name; never raises, imports no plugin."""
    for entry in metadata.entry_points(group=GROUP):
        match = re.fullmatch(r"([a-z0-9-]+)-v(\d+)", entry.name)
        if match:
            _register(match[1], int(match[2]))


def register_problem_environments(problem: type[Problem]) -> None:
    """Register the environments of one problem; a second time changes nothing."""
    _register(problem.name, problem.version)


def _register(name: str, version: int) -> None:
    for multi_objective in (False, True):
        prefix = "MultiObjective" if multi_objective else ""
        identifier = env_id(name, version, multi_objective=multi_objective)
        if identifier not in gymnasium.registry:
            gymnasium.register(
                identifier,
                entry_point=f"cosearch.environments.env:{prefix}DesignEnv",
                vector_entry_point=f"cosearch.environments.vector:{prefix}DesignVectorEnv",
                disable_env_checker=multi_objective,  # the checker insists on a reward that is a number
                kwargs={"problem": name},
            )
