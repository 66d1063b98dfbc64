"""MAESTRO's data-centric model: dataflows as directives, their reuse, runtime, energy and area.

`Layer`, `Dataflows` (parsed text or arrays) and `Hardware` go into `evaluate_dataflow`.
"""

from cosearch_simulators.accelerator.engines.maestro.cost import gamma_area_um2, maestro_area
from cosearch_simulators.accelerator.engines.maestro.directives import (
    Cluster,
    Dataflows,
    Map,
    parse_directives,
)
from cosearch_simulators.accelerator.engines.maestro.evaluation import (
    DataflowResults,
    Hardware,
    evaluate_dataflow,
)
from cosearch_simulators.accelerator.engines.maestro.layer import Layer

__all__ = [
    "Cluster",
    "DataflowResults",
    "Dataflows",
    "Hardware",
    "Layer",
    "Map",
    "evaluate_dataflow",
    "gamma_area_um2",
    "maestro_area",
    "parse_directives",
]
