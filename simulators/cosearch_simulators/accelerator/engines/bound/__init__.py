"""What no mapping of a network goes below, in closed form: time and energy of thousands of designs at once.

Example:
    >>> from cosearch_simulators.accelerator.engines.bound import BoundedNetwork
    >>> from cosearch_simulators.workloads import network
    >>> len(BoundedNetwork(network("resnet18")).layers)
    21
"""

from cosearch_simulators.accelerator.engines.bound.machines import Machines, area_mm2, machines
from cosearch_simulators.accelerator.engines.bound.network import BoundedNetwork, Bounds

__all__ = ["BoundedNetwork", "Bounds", "Machines", "area_mm2", "machines"]
