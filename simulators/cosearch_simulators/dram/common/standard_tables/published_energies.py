"""Published energies of memories that have no list of currents: LPDDR4, LPDDR5, GDDR6, HBM2 and HBM3.

Each is of one channel, or of one pseudo-channel. Where a figure of a later standard has not been published,
the one before it is scaled by the supply voltage squared, which is conservative: it leaves out what a newer
process saves.
"""

from __future__ import annotations

from dataclasses import replace

from cosearch_simulators.dram.common.standard_tables.standard import EnergyPerBit

# LPDDR4, 16 bits at 3200 MT/s: currents in mA at VDD1 1.8 V and VDD2 1.1 V, and of the data pins at VDDQ 1.1
# V, of DRAMSys' memspec JEDEC_8Gb_LPDDR4-3200_16bit, as mW. A burst takes 5 ns and moves 256 bits; tRC is
# 60.625 ns, of which the row is open for 42.5; pages have 2 KB.
_IDD0 = 3.5 * 1.8 + 45.0 * 1.1
_IDD2N = 2.0 * 1.8 + 27.0 * 1.1
_IDD3N = 2.25 * 1.8 + 30.0 * 1.1
_IDD4R, _IDD4R_PINS = 2.25 * 1.8 + 275.0 * 1.1, 150.0 * 1.1
_IDD4W, _IDD4W_PINS = 2.25 * 1.8 + 210.0 * 1.1, 55.0 * 1.1
_PINS_IDLE = 0.75 * 1.1

LPDDR4_ENERGY = EnergyPerBit(
    activate_pj_per_kb=(_IDD0 * 60.625 - _IDD3N * 42.5 - _IDD2N * 18.125) / 2,
    read_pj_per_bit=(_IDD4R - _IDD3N) * 5.0 / 256,
    write_pj_per_bit=(_IDD4W - _IDD3N) * 5.0 / 256,
    read_io_pj_per_bit=(_IDD4R_PINS - _PINS_IDLE) * 5.0 / 256,
    write_io_pj_per_bit=(_IDD4W_PINS - _PINS_IDLE) * 5.0 / 256,
    active_standby_mw=_IDD3N,
    precharge_standby_mw=_IDD2N,
    active_power_down_mw=1.2 * 1.8 + 9.0 * 1.1,
    precharge_power_down_mw=1.2 * 1.8 + 3.0 * 1.1,
    self_refresh_mw=0.3 * 1.8 + 0.5 * 1.1,
    refresh_mw=10.0 * 1.8 + 90.0 * 1.1,
    source="currents of DRAMSys' memspec JEDEC_8Gb_LPDDR4-3200_16bit by the IDD method",
)


def _scaled(energy: EnergyPerBit, array: float, pins: float, source: str) -> EnergyPerBit:
    """All that the core draws times `array`, what the data pins draw times `pins`."""
    return replace(
        energy,
        activate_pj_per_kb=energy.activate_pj_per_kb * array,
        read_pj_per_bit=energy.read_pj_per_bit * array,
        write_pj_per_bit=energy.write_pj_per_bit * array,
        read_io_pj_per_bit=energy.read_io_pj_per_bit * pins,
        write_io_pj_per_bit=energy.write_io_pj_per_bit * pins,
        active_standby_mw=energy.active_standby_mw * array,
        precharge_standby_mw=energy.precharge_standby_mw * array,
        active_power_down_mw=energy.active_power_down_mw * array,
        precharge_power_down_mw=energy.precharge_power_down_mw * array,
        self_refresh_mw=energy.self_refresh_mw * array,
        refresh_mw=energy.refresh_mw * array,
        source=source,
    )


# JESD209-5B: VDD2H 1.05 V, VDDQ 0.5 V.
LPDDR5_ENERGY = _scaled(
    LPDDR4_ENERGY,
    array=(1.05 / 1.1) ** 2,
    pins=(0.5 / 1.1) ** 2,
    source=f"{LPDDR4_ENERGY.source}, scaled from 1.1 V to 1.05 V and 0.5 V (pins) squared",
)

# O'Connor et al., "Fine-Grained DRAM", MICRO 2017, table 3: 909 pJ an activate of a 1 KB row; 1.51 pJ/bit to
# the global sense amplifiers, 1.17 pJ/bit from there on and 0.80 pJ/bit of I/O, with half of the bits
# toggling. Their applications' data toggle less: 3.92 pJ/bit on average, of which 1.21 are activates. The
# paper has no standby and no refresh: mA at 1.2 V of 128 bits, DRAMsim3's HBM2_8Gb_x128, half to each
# pseudo-channel.
HBM2_ENERGY = EnergyPerBit(
    activate_pj_per_kb=909.0,
    read_pj_per_bit=1.51 + 1.17,
    write_pj_per_bit=1.51 + 1.17,
    read_io_pj_per_bit=0.80,
    write_io_pj_per_bit=0.80,
    active_standby_mw=55 * 1.2 / 2,
    precharge_standby_mw=40 * 1.2 / 2,
    active_power_down_mw=40 * 1.2 / 2,
    precharge_power_down_mw=28 * 1.2 / 2,
    self_refresh_mw=31 * 1.2 / 2,
    refresh_mw=250 * 1.2 / 2,
    source="O'Connor et al., MICRO 2017, table 3; standby and refresh of DRAMsim3's HBM2_8Gb_x128",
)

# JESD238: VDD 1.1 V. The I/O energy of its lower swing is not published and left as it was.
HBM3_ENERGY = _scaled(
    HBM2_ENERGY,
    array=(1.1 / 1.2) ** 2,
    pins=1.0,
    source=f"{HBM2_ENERGY.source}, the core scaled from 1.2 V to 1.1 V squared",
)

# Micron's comparison of ultra-bandwidth memories states 7.5 pJ/bit as GDDR6's "average device power": all
# that a device draws, so rows, standby and refresh are in it. HBM2's figures stand for the core, activates at
# the 1.21 pJ/bit that O'Connor et al. found on average; standby and refresh are those of a busy channel, 16
# pins at 14 Gb/s; what is left of the 7.5 is the pins'. Standby: mA at 1.35 V of 32 bits, DRAMsim3's
# GDDR5X_8Gb_x32, half to each channel; a refresh takes 120 ns of 1900 (see `gddr6`).
_GDDR6_TOTAL, _ACTIVATES, _CORE = 7.5, 1.21, 1.51 + 1.17
_ACTIVE_MW, _PRECHARGED_MW, _REFRESH_MW = 55 * 1.35 / 2, 45 * 1.35 / 2, 286 * 1.35 / 2
_BACKGROUND = (_ACTIVE_MW + (_REFRESH_MW - _PRECHARGED_MW) * 120 / 1900) / (16 * 14)  # mW by Gb/s: pJ/bit
_GDDR6_PINS = _GDDR6_TOTAL - _CORE - _ACTIVATES - _BACKGROUND

GDDR6_ENERGY = EnergyPerBit(
    activate_pj_per_kb=909.0,
    read_pj_per_bit=_CORE,
    write_pj_per_bit=_CORE,
    read_io_pj_per_bit=_GDDR6_PINS,
    write_io_pj_per_bit=_GDDR6_PINS,
    active_standby_mw=_ACTIVE_MW,
    precharge_standby_mw=_PRECHARGED_MW,
    active_power_down_mw=40 * 1.35 / 2,
    precharge_power_down_mw=30 * 1.35 / 2,
    self_refresh_mw=35 * 1.35 / 2,
    refresh_mw=_REFRESH_MW,
    source="Micron's 7.5 pJ/bit in all; activates as HBM2's, standby, refresh of DRAMsim3's GDDR5X_8Gb_x32",
)
