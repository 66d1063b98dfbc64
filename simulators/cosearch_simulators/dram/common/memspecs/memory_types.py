"""What a DRAMSys memspec leaves to its memory type. The tables: `rules`, `newer_rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cosearch_simulators.dram.common.rules import Rule

GROUPED, UNGROUPED = ("Channel", "Rank", "BankGroup", "Bank"), ("Channel", "Rank", "Bank")


@dataclass(frozen=True)
class MemspecStandard:
    """What a memspec leaves to its `memoryType`.

    Attributes:
        levels: of the tree.
        rules: over the memspec's timing names.
        read_latency: cycles from a read command to its last data.
        write_latency: cycles from a write command to its last data.
        bus_cycles: cycles of the command bus, for commands that take more than one.
        row_bus: commands that have a command bus of their own beside that of the others.
        derived: further names, as expressions over the memspec's and those before them.
        refresh_modes: of "all_bank", "per_bank" and "same_bank".
        command_cycles: as `bus_cycles`, where the rules count from a command's last cycle.
        words: fields that the memspec calls otherwise, to the name that the rules know them by.
        times_ns: names that the memspec lacks and the standard has, as ns and least clock cycles.
        fixed: fields of `memarchitecturespec`, by the one value that is modelled.
        banks_per_refresh: how many banks one refresh by bank refreshes in the memory. Here it is one, so
            they come as many times as often.
        pseudo_channels: a rank is a pseudo-channel.
    """

    levels: tuple[str, ...]
    rules: tuple[Rule, ...]
    read_latency: str
    write_latency: str
    bus_cycles: Mapping[str, int] = field(default_factory=dict)
    row_bus: tuple[str, ...] = ()
    derived: Mapping[str, str] = field(default_factory=dict)
    refresh_modes: tuple[str, ...] = ("all_bank",)
    command_cycles: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    times_ns: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    fixed: Mapping[str, int] = field(default_factory=dict)
    banks_per_refresh: int = 1
    pseudo_channels: bool = False
