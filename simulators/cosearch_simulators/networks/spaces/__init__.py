"""Spaces of networks by name; each family is in the file that it is named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.networks.space import NetworkSpace
from cosearch_simulators.networks.spaces.mnasnet import MnasNet
from cosearch_simulators.networks.spaces.once_for_all import OnceForAll

SPACES: dict[str, Callable[..., NetworkSpace]] = {kind.name: kind for kind in (OnceForAll, MnasNet)}


def network_space(name: str, **arguments: Any) -> NetworkSpace:
    """A space of networks.

    Args:
        name: one of `SPACES`.
        arguments: of the family, such as `classes`.

    Raises:
        WorkloadError: there is none of this name.
    """
    if name not in SPACES:
        raise WorkloadError(unknown("network space", name, tuple(SPACES)))
    return SPACES[name](**arguments)
