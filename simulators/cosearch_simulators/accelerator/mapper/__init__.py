"""The mapper: for each operator and architecture the best mapping for latency, energy or their product."""

from cosearch_simulators.accelerator.mapper.constraints import MappingConstraints, of_template
from cosearch_simulators.accelerator.mapper.mapper import EFFORTS, MappedNests, map_nests
from cosearch_simulators.accelerator.mapper.network import MappedNetwork, map_network

__all__ = [
    "EFFORTS",
    "MappedNests",
    "MappedNetwork",
    "MappingConstraints",
    "map_nests",
    "map_network",
    "of_template",
]
