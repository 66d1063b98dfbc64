"""Gives every problem its two Gymnasium ids, `cosearch/<Problem>-v<n>` and `cosearch/mo-<Problem>-v<n>`.

The registry asks for them when it loads a plugin, which `import cosearch` does. A plugin whose package is
imported first is in the middle of its own import by then: its problems get their ids as they are defined.
"""

from __future__ import annotations

import gymnasium

from cosearch.environment_ids import env_id

_packages: set[str] = set()


def register_ids(name: str, version: int) -> None:
    """Register the environments of one problem; a second time changes nothing."""
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


def register_ids_of_package(package: str) -> None:
    """From now on the problems that are defined in this package get their ids at once."""
    _packages.add(package)


def register_defined(module: str, name: str, version: int) -> None:
    """Register the environments of a problem that has just been defined, if its package was named before."""
    if module.partition(".")[0] in _packages:
        register_ids(name, version)
