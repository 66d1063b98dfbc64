"""Cycle-level simulation of a DRAM channel under a memory controller, many designs at a time.

Standards: DDR3, DDR4, DDR5, LPDDR4, LPDDR5, GDDR6, HBM2 and HBM3, and what a DRAMSys `memspec` describes.

Example:
    >>> from cosearch_simulators.dram import Controllers, Trace, device, simulate
    >>> trace = Trace(address_byte=range(0, 64_000, 64), is_write=[False] * 1000)
    >>> result = simulate(device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"), Controllers(row_policy="open"), trace)
    >>> int(result.reads_served[0]) > 900
    True
"""

from cosearch_simulators.dram.common.device import Device, device, organizations, speed_grades, standards
from cosearch_simulators.dram.common.energy import Energy, energy, energy_by_rank_and_bank
from cosearch_simulators.dram.common.mapping import ADDRESS_MAPPINGS, AddressBits
from cosearch_simulators.dram.common.memspecs.memspec import read_memspec
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.traces.streams import StreamedTrace, stream_trace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.dramsys import (
    BankMachineControllers,
    Player,
    PlayersResult,
    simulate_players,
)
from cosearch_simulators.dram.engines.ramulator import (
    REFRESH_POLICIES,
    ROW_POLICIES,
    SCHEDULERS,
    Controllers,
)
from cosearch_simulators.dram.profiles import (
    BandwidthLatencyCurve,
    DramProfile,
    bandwidth_latency_curve,
    profile,
    profile_players,
)
from cosearch_simulators.dram.simulation import simulate
from cosearch_simulators.errors import ConfigurationError, SimulatorError, TraceError

__all__ = [
    "ADDRESS_MAPPINGS",
    "REFRESH_POLICIES",
    "ROW_POLICIES",
    "SCHEDULERS",
    "AddressBits",
    "BandwidthLatencyCurve",
    "BankMachineControllers",
    "ConfigurationError",
    "Controllers",
    "Device",
    "DramProfile",
    "DramResult",
    "Energy",
    "Player",
    "PlayersResult",
    "SimulatorError",
    "StreamedTrace",
    "Trace",
    "TraceError",
    "bandwidth_latency_curve",
    "device",
    "energy",
    "energy_by_rank_and_bank",
    "organizations",
    "profile",
    "profile_players",
    "read_memspec",
    "simulate",
    "simulate_players",
    "speed_grades",
    "standards",
    "stream_trace",
]
