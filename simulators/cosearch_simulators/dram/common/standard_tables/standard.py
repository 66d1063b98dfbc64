"""What a DRAM standard consists of; the tables are beside it: `ddr3`, `lpddr4`, `hbm2` and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cosearch_simulators.dram.common.rules import Rule


@dataclass(frozen=True)
class Organization:
    """One device (chip) of a rank.

    Attributes:
        density_mb: capacity in megabits.
        dq_bits: data pins.
        bankgroups: bank groups; 1 where the standard has none.
        banks: banks in one bank group.
        rows: rows of a bank.
        columns: column addresses of a row, each `dq_bits` wide.
    """

    density_mb: int
    dq_bits: int
    bankgroups: int
    banks: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Currents:
    """Supply currents of one device in mA, by JEDEC's names, and the supplies in V.

    Attributes:
        idd0_ma: one bank, activate to precharge, once every tRC.
        idd2n_ma: precharge standby.
        idd3n_ma: active standby.
        idd4r_ma: continuous burst reads.
        idd4w_ma: continuous burst writes.
        idd5b_ma: burst refresh.
        idd2p_ma: power-down with all banks precharged.
        idd3p_ma: power-down with an open row.
        idd6_ma: self-refresh.
        vdd_v: core supply.
        ipp0_ma: as idd0, from the wordline supply; 0 where the standard has none.
        ipp3n_ma: wordline supply in standby, bursts included.
        ipp5b_ma: wordline supply in burst refresh.
        vpp_v: wordline supply.
        source: where the numbers are from.
        ipp6_ma: wordline supply in self-refresh; 0: as in standby.
    """

    idd0_ma: float
    idd2n_ma: float
    idd3n_ma: float
    idd4r_ma: float
    idd4w_ma: float
    idd5b_ma: float
    idd2p_ma: float
    idd3p_ma: float
    idd6_ma: float
    vdd_v: float
    ipp0_ma: float = 0.0
    ipp3n_ma: float = 0.0
    ipp5b_ma: float = 0.0
    vpp_v: float = 0.0
    source: str = ""
    ipp6_ma: float = 0.0


@dataclass(frozen=True)
class EnergyPerBit:
    """Published energies of one channel, or pseudo-channel, where no currents are known.

    Attributes:
        activate_pj_per_kb: an activate and its precharge, for every KB of the row.
        read_pj_per_bit: from the row to the pins.
        write_pj_per_bit: from the pins to the row.
        read_io_pj_per_bit: the pins themselves.
        write_io_pj_per_bit: the pins themselves.
        active_standby_mw: with a row open.
        precharge_standby_mw: with all banks precharged.
        active_power_down_mw: in power-down with an open row.
        precharge_power_down_mw: in power-down with all banks precharged.
        self_refresh_mw: in self-refresh.
        refresh_mw: during an all-bank refresh.
        source: where the numbers are from.
    """

    activate_pj_per_kb: float
    read_pj_per_bit: float
    write_pj_per_bit: float
    read_io_pj_per_bit: float
    write_io_pj_per_bit: float
    active_standby_mw: float
    precharge_standby_mw: float
    active_power_down_mw: float
    precharge_power_down_mw: float
    self_refresh_mw: float
    refresh_mw: float
    source: str


@dataclass(frozen=True)
class Standard:
    """A standard as data.

    Attributes:
        name: such as "DDR4".
        levels: names of the tree's levels from the root down.
        prefetch: column addresses that one burst moves.
        channel_width_bits: data pins of a channel.
        read_latency: cycles from a read command to its last data, an expression over timing names.
        organizations: by name.
        speed_grades: names.
        timings: clock cycles by timing name, of an organisation at a speed grade; `tCK_ps` and `rate` too.
        rules: the timing rules.
        currents: (density_mb, dq_bits, rate) to the currents of a listed device.
        command_cycles: cycles of the command bus, for commands that take more than one, where the rules count
            from a command's last cycle.
        write_latency: cycles from a write command to its last data.
        bus_cycles: as `command_cycles`, where the rules count from a command's first cycle.
        row_bus: commands that have a command bus of their own beside that of the others.
        refresh_modes: of "all_bank", "per_bank" and "same_bank".
        ranks: of a channel, unless a device asks for another number.
        pseudo_channels: the level "Rank" is pseudo-channels: no rule binds two of them, each has data pins of
            its own, `channel_width_bits` of them, and they share the command buses.
        energy: published energies, for standards without `currents`.
    """

    name: str
    levels: tuple[str, ...]
    prefetch: int
    channel_width_bits: int
    read_latency: str
    organizations: Mapping[str, Organization]
    speed_grades: tuple[str, ...]
    timings: Callable[[Organization, str], dict[str, int]]
    rules: tuple[Rule, ...]
    currents: Mapping[tuple[int, int, int], Currents] = field(default_factory=dict)
    command_cycles: Mapping[str, int] = field(default_factory=dict)
    write_latency: str = "nCWL + nBL"
    bus_cycles: Mapping[str, int] = field(default_factory=dict)
    row_bus: tuple[str, ...] = ()
    refresh_modes: tuple[str, ...] = ("all_bank",)
    ranks: int = 1
    pseudo_channels: bool = False
    energy: EnergyPerBit | None = None

    def power_of(self, organization: Organization, rate: int) -> Currents | EnergyPerBit:
        """The published energies if those are what is known, else the currents of `currents_of`."""
        return self.energy or self.currents_of(organization, rate)

    def currents_of(self, organization: Organization, rate: int) -> Currents:
        """The currents of the listed device nearest in width, then density (as a ratio), then data rate."""

        def distance(key: tuple[int, int, int]) -> tuple[float, float, int]:
            density_mb, dq_bits, listed_rate = key
            return (
                max(dq_bits / organization.dq_bits, organization.dq_bits / dq_bits),
                max(density_mb / organization.density_mb, organization.density_mb / density_mb),
                abs(listed_rate - rate),
            )

        return self.currents[min(self.currents, key=distance)]


def whole_cycles(time_ns: float, tck_ps: int, least: int = 0) -> int:
    """Clock cycles of a minimum time, by the rounding algorithm of JESD79-4D section 13.5.

    One part in a thousand cycles less 974 is forgiven, which absorbs that tCK is stated in whole picoseconds.
    """
    return max(least, (round(time_ns * 1000) * 1000 // tck_ps + 974) // 1000)


def whole_cycles_up(time_ns: float, tck_ps: int) -> int:
    """Clock cycles of a minimum time, rounded up with nothing forgiven, as Ramulator 2.1 does for refresh."""
    return -(-round(time_ns * 1000) // tck_ps)
