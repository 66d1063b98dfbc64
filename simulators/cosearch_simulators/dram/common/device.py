"""A DRAM as the simulator needs it, built from the tables of its standard by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from cosearch_simulators.core.names import unknown
from cosearch_simulators.dram.common.mapping import ADDRESS_MAPPINGS, AddressBits, named_address_bits
from cosearch_simulators.dram.common.rules import (
    COMMANDS,
    CompiledRules,
    EvaluatedRule,
    Topology,
    compile_rules,
    cycles_of,
    evaluate,
)
from cosearch_simulators.dram.common.standard_tables.ddr3 import DDR3
from cosearch_simulators.dram.common.standard_tables.ddr4 import DDR4
from cosearch_simulators.dram.common.standard_tables.ddr5 import DDR5
from cosearch_simulators.dram.common.standard_tables.gddr6 import GDDR6
from cosearch_simulators.dram.common.standard_tables.hbm2 import HBM2
from cosearch_simulators.dram.common.standard_tables.hbm3 import HBM3
from cosearch_simulators.dram.common.standard_tables.lpddr4 import LPDDR4
from cosearch_simulators.dram.common.standard_tables.lpddr5 import LPDDR5
from cosearch_simulators.dram.common.standard_tables.standard import (
    Currents,
    EnergyPerBit,
    Organization,
    Standard,
)
from cosearch_simulators.errors import ConfigurationError

STANDARDS = {standard.name: standard for standard in (DDR3, DDR4, DDR5, LPDDR4, LPDDR5, GDDR6, HBM2, HBM3)}


@dataclass(frozen=True, eq=False, repr=False)
class Device:
    """Equal channels: each has `ranks` ranks of equal chips on a data bus `channel_width_bits` wide.

    Where the standard has pseudo-channels they are the ranks, with a data bus each.

    Attributes:
        standard: such as "DDR4".
        organization: name of the chips' organisation, such as "DDR4_8Gb_x8".
        speed_grade: such as "DDR4_2400R".
        ranks: how many ranks share the channel.
        topology: the tree of nodes.
        chip: the organisation itself.
        prefetch: column addresses of one burst.
        channel_width_bits: data pins.
        timings: clock cycles by timing name.
        rules: the timing rules, evaluated.
        compiled: the same as the engine's arrays.
        read_latency_cycles: from a read command to its last data.
        power: supply currents of one chip, or the energies of a rank.
        write_latency_cycles: from a write command to its last data.
        bus_cycles: cycles of the command bus, by command.
        bus_of: which command bus, 0 or 1, by command.
        address_bits: the address mapping that belongs to the device, if one does.
        channels: how many such channels the memory has.
        refresh_modes: of "all_bank", "per_bank" and "same_bank".
        data_buses: of a channel: as many as pseudo-channels, if it has those.
    """

    standard: str
    organization: str
    speed_grade: str
    ranks: int
    topology: Topology
    chip: Organization
    prefetch: int
    channel_width_bits: int
    timings: Mapping[str, int]
    rules: tuple[EvaluatedRule, ...]
    compiled: CompiledRules
    read_latency_cycles: int
    power: Currents | EnergyPerBit
    write_latency_cycles: int
    bus_cycles: tuple[int, ...]
    bus_of: tuple[int, ...]
    address_bits: AddressBits | None = None
    channels: int = 1
    refresh_modes: tuple[str, ...] = ("all_bank",)
    data_buses: int = 1

    def __repr__(self) -> str:
        return (
            f"Device(standard={self.standard!r}, organization={self.organization!r}, "
            f"speed_grade={self.speed_grade!r}, channels={self.channels}, ranks={self.ranks}, "
            f"capacity_bytes={self.capacity_bytes})"
        )

    @property
    def tck_ps(self) -> int:
        """Clock period in ps."""
        return self.timings["tCK_ps"]

    @property
    def transaction_bytes(self) -> int:
        """Bytes of one burst."""
        return self.channel_width_bits // 8 * self.prefetch

    @property
    def chips_per_rank(self) -> int:
        """Chips side by side on the data bus."""
        return self.channel_width_bits // self.chip.dq_bits

    @property
    def capacity_bytes(self) -> int:
        """Bytes of all ranks of all channels."""
        row_bytes = self.chip.columns * self.channel_width_bits // 8
        return self.channels * self.topology.banks * self.chip.rows * row_bytes

    @property
    def peak_bandwidth_gb_per_s(self) -> float:
        """Bytes per ns that the data buses of all channels can move."""
        burst_ns = self.timings["nBL"] * self.tck_ps / 1000.0
        return self.channels * self.data_buses * self.transaction_bytes / burst_ns

    def named_address_bits(self, mapping: str) -> AddressBits:
        """One of Ramulator's mappings, of `ADDRESS_MAPPINGS`, for this device.

        Raises:
            ConfigurationError: the mapping's name is not known.
        """
        return named_address_bits(
            mapping,
            transaction_bytes=self.transaction_bytes,
            width_bytes=self.channel_width_bits // 8,
            channels=self.channels,
            ranks=self.ranks,
            bankgroups=self.chip.bankgroups,
            banks=self.chip.banks,
            rows=self.chip.rows,
            columns=self.chip.columns,
        )


def device(
    standard: str,
    organization: str,
    speed_grade: str,
    *,
    ranks: int | None = None,
    channels: int = 1,
    address_bits: AddressBits | str | None = None,
) -> Device:
    """The device of these names.

    Args:
        standard: of `standards()`.
        organization: of `organizations(standard)`.
        speed_grade: of `speed_grades(standard)`.
        ranks: of a channel; None: 1, or 2 of those that are pseudo-channels (HBM2, HBM3).
        channels: of the memory.
        address_bits: the device's own address mapping, or the name of one of `ADDRESS_MAPPINGS`.

    Example:
        >>> device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R").capacity_bytes
        8589934592

    Raises:
        ConfigurationError: an unknown name, a count that is not a power of two, or address bits that do not
            fit the device.
    """
    arguments = {"ranks": ranks, "channels": channels, "address_bits": address_bits}
    for name, value in arguments.items():
        if isinstance(value, (list, dict, set)):
            raise ConfigurationError(f"{name} must be one value, got {value!r}")
    _known("standard", standard, tuple(STANDARDS))
    _known("organization", organization, organizations(standard))
    _known("speed grade", speed_grade, speed_grades(standard))
    return _device(standard, organization, speed_grade, ranks, channels, address_bits)


@lru_cache(maxsize=4096)
def _device(
    standard: str,
    organization: str,
    speed_grade: str,
    ranks: int | None,
    channels: int,
    address_bits: AddressBits | str | None,
) -> Device:
    tables = STANDARDS[standard]
    chip = tables.organizations[organization]
    timings = tables.timings(chip, speed_grade)
    rules = evaluate(tables.rules, timings)
    ranks = tables.ranks if ranks is None else ranks
    built = build_device(tables, organization, speed_grade, chip, ranks, timings, rules, channels=channels)
    if isinstance(address_bits, str):
        address_bits = built.named_address_bits(address_bits)
    if address_bits is not None and not isinstance(address_bits, AddressBits):
        raise ConfigurationError(
            f"address_bits must be AddressBits or one of {', '.join(ADDRESS_MAPPINGS)}, got {address_bits!r}"
        )
    if address_bits is not None:
        address_bits.check(channels=channels, banks=built.topology.banks, rows=chip.rows)
    return replace(built, address_bits=address_bits)


def build_device(
    standard: Standard,
    organization: str,
    speed_grade: str,
    chip: Organization,
    ranks: int,
    timings: Mapping[str, int],
    rules: Sequence[EvaluatedRule],
    *,
    channels: int = 1,
    stacks: int = 1,
) -> Device:
    """A device from explicit timings and rules, such as those that a reference measurement states.

    The bank groups are those of all `stacks` that share a pseudo-channel.

    Raises:
        ConfigurationError: a count but that of the rows that is not a power of two, or a rule that does not
            fit the standard's levels.
    """
    counts = {"Rank": ranks, "Stack": stacks, "BankGroup": chip.bankgroups // stacks, "Bank": chip.banks}
    all_counts = {"Channel": channels, **counts, "column": chip.columns, "row": chip.rows}
    for name, count in all_counts.items():
        if isinstance(count, bool) or not hasattr(count, "__index__"):
            raise ConfigurationError(f"{organization}: {name} count must be a whole number, got {count!r}")
        if count < 1 or (count & (count - 1) and name != "row"):
            raise ConfigurationError(f"{organization}: {name} count must be a power of two, got {count}")
    topology = Topology(standard.levels, tuple(counts.get(level, 1) for level in standard.levels))
    return Device(
        standard=standard.name,
        organization=organization,
        speed_grade=speed_grade,
        ranks=ranks,
        topology=topology,
        chip=chip,
        prefetch=standard.prefetch,
        channel_width_bits=standard.channel_width_bits,
        timings=dict(timings),
        rules=tuple(rules),
        compiled=compile_rules(
            rules, topology, standard.command_cycles, standard.bus_cycles, standard.row_bus
        ),
        read_latency_cycles=cycles_of(standard.read_latency, timings),
        power=standard.power_of(chip, timings["rate"]),
        write_latency_cycles=cycles_of(standard.write_latency, timings),
        bus_cycles=tuple(standard.bus_cycles.get(command, 1) for command in COMMANDS),
        bus_of=tuple(int(command in standard.row_bus) for command in COMMANDS),
        channels=channels,
        refresh_modes=standard.refresh_modes,
        data_buses=ranks if standard.pseudo_channels else 1,
    )


def standards() -> tuple[str, ...]:
    """The names of the standards."""
    return tuple(STANDARDS)


def organizations(standard: str) -> tuple[str, ...]:
    """The names of a standard's organisations."""
    return tuple(STANDARDS[_known("standard", standard, tuple(STANDARDS))].organizations)


def speed_grades(standard: str) -> tuple[str, ...]:
    """The names of a standard's speed grades."""
    return STANDARDS[_known("standard", standard, tuple(STANDARDS))].speed_grades


def _known(kind: str, name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    if not isinstance(name, str):
        raise ConfigurationError(f"{kind} must be one of {', '.join(names)}, got {name!r}")
    raise ConfigurationError(unknown(kind, name, names))
