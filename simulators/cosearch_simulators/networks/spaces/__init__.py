"""Spaces of networks by name; each family is in the file that it is named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.networks.space import NetworkSpace
from cosearch_simulators.networks.spaces.efficientnet_lite import EfficientNetLite
from cosearch_simulators.networks.spaces.fbnet import FbNet, ProxylessNas
from cosearch_simulators.networks.spaces.micronas import MicroNas
from cosearch_simulators.networks.spaces.mnasnet import MnasNet
from cosearch_simulators.networks.spaces.mobiledet import MobileDet
from cosearch_simulators.networks.spaces.mobilenet_v4 import MobileNetV4
from cosearch_simulators.networks.spaces.nasaic import ResNet9, UNet
from cosearch_simulators.networks.spaces.nasbench import NasBench201, NasBenchMacro
from cosearch_simulators.networks.spaces.once_for_all import OnceForAll
from cosearch_simulators.networks.spaces.vision_transformer import ElasticVit, VisionTransformer

SPACES: dict[str, Callable[..., NetworkSpace]] = {
    kind.name: kind
    for kind in (
        OnceForAll,
        MnasNet,
        FbNet,
        ProxylessNas,
        EfficientNetLite,
        MobileNetV4,
        NasBench201,
        NasBenchMacro,
        MobileDet,
        ResNet9,
        UNet,
        VisionTransformer,
        ElasticVit,
        MicroNas,
    )
}


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
