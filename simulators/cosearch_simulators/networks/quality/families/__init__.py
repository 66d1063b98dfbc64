"""Families of networks, one file each: parameters, published table formats, features for predictors."""

from cosearch_simulators.networks.quality.families.chains import FbNet, NasBenchMacro, OwnColumns
from cosearch_simulators.networks.quality.families.family import Family
from cosearch_simulators.networks.quality.families.mnasnet import MnasNet
from cosearch_simulators.networks.quality.families.nasbench201 import NasBench201
from cosearch_simulators.networks.quality.families.ofa import OnceForAll
from cosearch_simulators.networks.quality.families.small_cnn import QuantisedSmallCnn, SmallCnn

FAMILIES: tuple[Family, ...] = (
    OnceForAll(),
    MnasNet(),
    NasBench201(),
    FbNet(),
    NasBenchMacro(),
    QuantisedSmallCnn(),
    SmallCnn(),
)

__all__ = [
    "FAMILIES",
    "Family",
    "FbNet",
    "MnasNet",
    "NasBench201",
    "NasBenchMacro",
    "OnceForAll",
    "OwnColumns",
    "QuantisedSmallCnn",
    "SmallCnn",
]
