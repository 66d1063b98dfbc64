"""Gives every problem its two Gymnasium ids, `cosearch/<Problem>-v<n>` and `cosearch/mo-<Problem>-v<n>`.

Gymnasium 1.0 dropped its own plugin entry points, so ids are there once `cosearch` is imported, in any order
with Gymnasium. That import must stay quick, and must not import plugins, which may be in the middle of their
own import. Therefore:

- a distribution names the environments of its problems in the entry-point group `cosearch.environments`, as
  `dram-controller-v0 = "cosearch_plugins"`, which is read without importing anything; a problem that is not
  named there, or is registered by hand, gets its ids when the registry loads it;
- where Gymnasium is not imported yet, the ids wait until it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata, util
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from cosearch.environment_ids import env_id

if TYPE_CHECKING:
    from cosearch.problem import Problem

GROUP = "cosearch.environments"

_waiting: list[tuple[str, int]] = []


def register_environments() -> None:
    """Register the environments that installed distributions name, now or when Gymnasium is imported."""
    if "gymnasium" not in sys.modules:
        sys.meta_path.insert(0, _GymnasiumFinder())
    for entry in metadata.entry_points(group=GROUP):
        name, _, version = entry.name.rpartition("-v")
        if name and version.isdecimal():
            _register(name, int(version))


def register_problem_environments(problem: type[Problem]) -> None:
    """Register the environments of one problem; a second time changes nothing."""
    _register(problem.name, problem.version)


def _register(name: str, version: int) -> None:
    if "gymnasium" not in sys.modules:
        _waiting.append((name, version))
        return
    import gymnasium

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


class _GymnasiumFinder(MetaPathFinder):
    """Finds Gymnasium as the finders after it do, and has the waiting ids registered once it is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                for name, version in _waiting:
                    _register(name, version)

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
