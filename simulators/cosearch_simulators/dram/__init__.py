"""Cycle-level simulation of a DDR3, DDR4 or DDR5 channel under a memory controller, many designs at a time.

Example:
    >>> from cosearch_simulators.dram import Controllers, Trace, device, simulate
    >>> trace = Trace(address_byte=range(0, 64_000, 64), is_write=[False] * 1000)
    >>> result = simulate(device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"), Controllers(row_policy="open"), trace)
    >>> int(result.reads_served[0]) > 900
    True
"""

from cosearch_simulators.dram.bank_machine_controllers import BankMachineControllers
from cosearch_simulators.dram.controllers import REFRESH_POLICIES, ROW_POLICIES, SCHEDULERS, Controllers
from cosearch_simulators.dram.device import Device, device, organizations, speed_grades, standards
from cosearch_simulators.dram.energy import Energy, energy
from cosearch_simulators.dram.mapping import ADDRESS_MAPPINGS
from cosearch_simulators.dram.memspec import read_memspec
from cosearch_simulators.dram.simulation import DramResult, simulate
from cosearch_simulators.dram.trace import Trace
from cosearch_simulators.errors import ConfigurationError, SimulatorError, TraceError

__all__ = [
    "ADDRESS_MAPPINGS",
    "REFRESH_POLICIES",
    "ROW_POLICIES",
    "SCHEDULERS",
    "BankMachineControllers",
    "ConfigurationError",
    "Controllers",
    "Device",
    "DramResult",
    "Energy",
    "SimulatorError",
    "Trace",
    "TraceError",
    "device",
    "energy",
    "organizations",
    "read_memspec",
    "simulate",
    "speed_grades",
    "standards",
]
