"""Memspecs of DDR5, LPDDR5, GDDR6 and HBM3: our own, with the values of our devices, in DRAMUtils' fields.

DRAMUtils' MemSpecDDR5, MemSpecLPDDR5, MemSpecGDDR6 and MemSpecHBM3 name the fields that DRAMSys 5 reads.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.dram import BankMachineControllers, Controllers, Device, Trace, device, simulate
from cosearch_simulators.dram.common.device import STANDARDS
from cosearch_simulators.dram.common.memspecs.memspec import memspec_device, read_memspec
from cosearch_simulators.dram.common.standard_tables.standard import Currents, EnergyPerBit
from cosearch_simulators.dram.engines.dramsys.simulation import command_list
from cosearch_simulators.errors import ConfigurationError
from dram_command_checker import violations

POLICIES = {"all_bank": "AllBank", "per_bank": "PerBank", "same_bank": "SameBank"}

DDR5 = {
    "memoryId": "DDR5-3200AN of 16 Gb, one subchannel",
    "memoryType": "DDR5",
    "memarchitecturespec": {
        **{"nbrOfChannels": 1, "nbrOfDevices": 4, "nbrOfRanks": 1, "nbrOfDIMMRanks": 1},
        **{"nbrOfPhysicalRanks": 1, "nbrOfLogicalRanks": 1, "nbrOfBanks": 32, "nbrOfBankGroups": 8},
        **{"nbrOfRows": 65536, "nbrOfColumns": 1024, "burstLength": 16, "dataRate": 2, "width": 8},
        **{"refMode": 1, "cmdMode": 1, "RAAIMT": 32, "RAAMMT": 3, "RAADEC": 16},
    },
    "memtimingspec": {
        **{"tCK": 625e-12, "RAS": 52, "RCD": 24, "RTP": 12, "WL": 22, "WR": 48, "RP": 24, "PPD": 2, "RL": 24},
        # The preset's turnaround has two cycles for the preamble and none for the rest.
        **{"RPRE": 1, "RPST": 0, "RDDQS": 0, "WPRE": 2, "WPST": 0},
        **{"CCD_L_slr": 8, "CCD_M_slr": 8, "CCD_S_slr": 8, "CCD_dlr": 8},
        # The preset writes as x4 must.
        **{"CCD_L_WR_slr": 48, "CCD_L_WR2_slr": 32, "CCD_M_WR_slr": 32, "CCD_S_WR_slr": 8},
        **{"CCD_WR_dlr": 8, "CCD_WR_dpr": 8, "RRD_L_slr": 5, "RRD_S_slr": 8, "RRD_dlr": 4},
        **{"FAW_slr": 32, "FAW_dlr": 16, "WTR_L": 16, "WTR_M": 16, "WTR_S": 6},
        **{
            "RFC1_slr": 472,
            "RFC2_slr": 256,
            "RFC1_dlr": 160,
            "RFC2_dlr": 88,
            "RFC1_dpr": 160,
            "RFC2_dpr": 88,
        },
        **{"RFCsb_slr": 208, "RFCsb_dlr": 64, "REFI1": 6240, "REFI2": 3120, "REFISB": 780},
        **{"REFSBRD_slr": 48, "REFSBRD_dlr": 24, "RTRS": 2, "CPDED": 8, "PD": 12, "XP": 12},
        **{"ACTPDEN": 2, "PRPDEN": 2, "REFPDEN": 2},
    },
}

HBM3 = {
    "memoryId": "HBM3-6400 of 8 Gb a channel",
    "memoryType": "HBM3",
    "memarchitecturespec": {
        **{"nbrOfChannels": 1, "nbrOfPseudoChannels": 2, "nbrOfDevices": 1, "nbrOfStacks": 1},
        **{"nbrOfBanks": 16, "nbrOfBankGroups": 4, "nbrOfRows": 32768, "nbrOfColumns": 256},
        **{"burstLength": 8, "dataRate": 4, "width": 32, "RAAIMT": 16, "RAAMMT": 96, "RAADEC": 16},
    },
    "memtimingspec": {
        **{"tCK": 625e-12, "DQSCK": 1, "RC": 78, "RAS": 55, "RCDRD": 23, "RCDWR": 23, "RRDL": 4, "RRDS": 2},
        **{"FAW": 24, "RTP": 10, "RP": 23, "RL": 23, "WL": 7, "PL": 0, "WR": 26, "CCDL": 4, "CCDS": 2},
        **{"CCDR": 3, "WTRL": 13, "WTRS": 10, "RTW": 21, "XP": 13, "CKE": 13, "XS": 573, "RFC": 560},
        **{"RFCPB": 320, "RREFD": 13, "REFI": 6240, "REFIPB": 390, "PPD": 1},
    },
}

LPDDR5 = {
    "memoryId": "LPDDR5-6400 of 8 Gb",
    "memoryType": "LPDDR5",
    "memarchitecturespec": {
        **{"nbrOfChannels": 1, "nbrOfDevices": 1, "nbrOfRanks": 1, "nbrOfBanks": 16, "nbrOfBankGroups": 4},
        **{"nbrOfRows": 32768, "nbrOfColumns": 1024, "burstLength": 16, "dataRate": 8, "width": 16},
        **{"per2BankOffset": 8, "WCKalwaysOn": False},
    },
    "memtimingspec": {
        # REFIpb: of two banks at a time
        **{"tCK": 1.25e-9, "REFI": 3124, "REFIpb": 390, "RFCab": 168, "RFCpb": 96, "RAS": 34, "RPab": 17},
        **{"RPpb": 15, "RCpb": 49, "RCab": 51, "PPD": 2, "RCD_L": 15, "RCD_S": 15, "FAW": 16, "RRD": 4},
        **{"RL": 17, "RBTP": 4, "WL": 9, "WR": 28, "RTRS": 2, "WTR_L": 10, "WTR_S": 5, "WCK2DQO": 2},
        **{"BL_n_min_16": 2, "BL_n_max_16": 4, "BL_n_L_16": 4, "BL_n_S_16": 2, "WCK2CK": 0},
        **{"BL_n_min_32": 6, "BL_n_max_32": 8, "BL_n_L_32": 8, "BL_n_S_32": 2, "pbR2act": 6, "pbR2pbR": 72},
    },
}

GDDR6 = {
    "memoryId": "GDDR6 of 14 Gb/s and 8 Gb, one channel",
    "memoryType": "GDDR6",
    "memarchitecturespec": {
        **{"nbrOfChannels": 1, "nbrOfDevices": 1, "nbrOfRanks": 1, "nbrOfBanks": 16, "nbrOfBankGroups": 4},
        **{"nbrOfRows": 16384, "nbrOfColumns": 1024, "burstLength": 16, "dataRate": 8, "width": 16},
        **{"per2BankOffset": 8},
    },
    "memtimingspec": {
        **{"tCK": 571e-12, "RP": 27, "RAS": 53, "RC": 80, "RCDRD": 27, "RCDWR": 16, "RTP": 4, "RRDS": 8},
        **{"RRDL": 8, "CCDS": 2, "CCDL": 4, "RL": 24, "WCK2CKPIN": 0, "WCK2CK": 0, "WCK2DQO": 0},
        **{"RTW": 24, "WL": 6, "WCK2DQI": 0, "WR": 27, "WTRS": 10, "WTRL": 12, "PD": 12, "CKESR": 13},
        **{"XP": 12, "REFI": 3327, "REFIpb": 207, "RFCab": 211, "RFCpb": 106, "RREFD": 15, "XS": 234},
        **{"FAW": 29, "PPD": 1, "LK": 234, "ACTPDE": 1, "PREPDE": 1, "REFPDE": 1, "RTRS": 2},
    },
}

MEMSPECS: dict[str, Any] = {"DDR5": DDR5, "HBM3": HBM3, "LPDDR5": LPDDR5, "GDDR6": GDDR6}
PRESETS = {
    "DDR5": device("DDR5", "DDR5_16Gb_x8", "DDR5_3200AN"),
    "HBM3": device("HBM3", "HBM3_8Gb", "HBM3_6400"),
    "LPDDR5": device("LPDDR5", "LPDDR5_8Gb_x16", "LPDDR5_6400"),
    "GDDR6": device("GDDR6", "GDDR6_8Gb_x16", "GDDR6_14000"),
}
KINDS = list(MEMSPECS)


def changed(kind: str, change: Callable[[Any], object]) -> Device:
    memspec = copy.deepcopy(MEMSPECS[kind])
    change(memspec)
    return memspec_device(memspec)


def bursts(requests: int = 500) -> Trace:
    """Over few rows of all banks, with pauses of up to several refresh intervals."""
    rng = np.random.default_rng(5)
    gap = np.where(
        rng.random(requests) < 0.02, rng.integers(0, 30_000, requests), rng.integers(0, 12, requests)
    )
    address = rng.integers(0, 1 << 10, requests) * (1 << 13) + rng.integers(0, 16, requests) * 64
    return Trace(address % (1 << 26), rng.random(requests) < 0.3, np.cumsum(gap))


@pytest.mark.parametrize("kind", KINDS)
def test_a_memspec_of_a_preset_is_that_device(kind: str) -> None:
    ours, preset = memspec_device(MEMSPECS[kind]), PRESETS[kind]
    assert (ours.standard, ours.chip, ours.ranks, ours.data_buses) == (
        kind,
        preset.chip,
        preset.ranks,
        preset.data_buses,
    )
    assert (ours.transaction_bytes, ours.capacity_bytes) == (preset.transaction_bytes, preset.capacity_bytes)
    assert ours.peak_bandwidth_gb_per_s == preset.peak_bandwidth_gb_per_s
    assert (ours.read_latency_cycles, ours.write_latency_cycles) == (
        preset.read_latency_cycles,
        preset.write_latency_cycles,
    )
    assert (ours.bus_cycles, ours.bus_of, ours.refresh_modes) == (
        preset.bus_cycles,
        preset.bus_of,
        preset.refresh_modes,
    )
    names = ours.timings.keys() & preset.timings.keys() - {"rate"}
    differ = {name for name in names if ours.timings[name] != preset.timings[name]}
    # DRAMSys lets GDDR6 power down with the end of the data.
    assert differ == ({"nRDPDEN", "nWRPDEN", "nWRAPDEN"} if kind == "GDDR6" else set())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", ["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"])
def test_a_memspec_of_a_preset_gives_its_numbers(kind: str, page: str) -> None:
    ours, preset = memspec_device(MEMSPECS[kind]), PRESETS[kind]
    for mode in preset.refresh_modes:
        if (kind, mode) == ("GDDR6", "per_bank"):
            continue  # DRAMSys counts a refresh of a bank among four activates
        controllers = BankMachineControllers(page_policy=page, refresh_policy=POLICIES[mode])
        a, b = simulate(ours, controllers, bursts()), simulate(preset, controllers, bursts())
        assert (a.cycles[0], a.average_read_latency_cycles[0], a.activates[0]) == (
            b.cycles[0],
            b.average_read_latency_cycles[0],
            b.activates[0],
        )
        assert a.energy_pj[0] == pytest.approx(b.energy_pj[0], rel=1e-4)  # tCK is rounded
    both = [simulate(one, Controllers(), bursts()) for one in (ours, preset)]
    assert both[0].cycles[0] == both[1].cycles[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("power_down", ["NoPowerDown", "Staggered"])
def test_no_command_breaks_a_rule(kind: str, ranks: int, power_down: str) -> None:
    memspec = copy.deepcopy(MEMSPECS[kind])
    if kind != "HBM3":
        memspec["memarchitecturespec"].update(nbrOfRanks=ranks)
    if kind == "DDR5":
        memspec["memarchitecturespec"].update(nbrOfDIMMRanks=ranks)
    # No two that are alike, so that one in the place of another shows.
    if kind == "DDR5":
        memspec["memtimingspec"].update(CCD_L_slr=14, CCD_M_slr=11, CCD_M_WR_slr=20, WTR_M=11, RRD_L_slr=9)
    ours = memspec_device(memspec)
    for mode in ours.refresh_modes:
        for page in ("Open", "ClosedAdaptive"):
            controllers = BankMachineControllers(
                page_policy=page, refresh_policy=POLICIES[mode], power_down_policy=power_down
            )
            commands = command_list(ours, controllers, bursts(300))
            assert violations(ours, commands) == []
            names = {name for _, name, _ in commands}
            assert {"all_bank": "REFab", "per_bank": "REFpb", "same_bank": "REFsb"}[mode] in names
            assert bool(names & {"PDEA", "PDEP"}) == (power_down == "Staggered")


def first_columns(
    kind: str, change: dict[str, int], banks: tuple[int, int], writes: tuple[bool, bool]
) -> int:
    """Cycles between two column commands on open rows, in the given banks."""
    ours = changed(kind, lambda m: m["memtimingspec"].update(change))
    bits = ours.named_address_bits("RoBaRaCoCh")
    address = np.zeros(4, np.int64)
    for i, bank in enumerate(banks * 2):
        address[i] = sum(1 << position for n, position in enumerate(bits.bank) if bank >> n & 1)
    trace = Trace(
        address + np.array([0, 0, ours.transaction_bytes, ours.transaction_bytes * 2]),
        np.array([False, False, *writes]),
        np.array([0, 0, 2000, 2000]),
    )
    commands = command_list(ours, BankMachineControllers(refresh_policy="NoRefresh"), trace)
    columns = [cycle for cycle, name, _ in commands if name in ("RD", "WR")]
    return int(columns[-1] - columns[-2])


@pytest.mark.parametrize(
    ("banks", "writes", "expected"),
    [
        ((0, 0), (False, False), 14),  # CCD_L: the same bank
        ((0, 1), (False, False), 11),  # CCD_M: another of its group
        ((0, 4), (False, False), 9),  # CCD_S: another group
        ((0, 0), (True, True), 32),  # CCD_L_WR2, as the chips are x8
        ((0, 1), (True, True), 20),
        ((0, 4), (True, True), 10),
        ((0, 0), (True, False), 22 + 8 + 18),  # WL + BL + WTR_L
        ((0, 1), (True, False), 22 + 8 + 12),
        ((0, 4), (True, False), 22 + 8 + 5),
        ((0, 4), (False, True), 24 + 8 + 2 - 22 - 1 + 1 + 2),  # RL + BL + 2 - WL - RDDQS + RPST + WPRE
    ],
)
def test_ddr5_tells_bank_group_and_rank_apart(
    banks: tuple[int, int], writes: tuple[bool, bool], expected: int
) -> None:
    times = {"CCD_L_slr": 14, "CCD_M_slr": 11, "CCD_S_slr": 9, "CCD_M_WR_slr": 20, "CCD_S_WR_slr": 10}
    times |= {"WTR_L": 18, "WTR_M": 12, "WTR_S": 5, "RDDQS": 1, "RPST": 1}
    assert first_columns("DDR5", times, banks, writes) == expected


def test_ddr5_of_four_pins_reads_what_it_writes_a_part_of() -> None:
    ours = changed("DDR5", lambda m: m["memarchitecturespec"].update(width=4, nbrOfDevices=8))
    assert (ours.timings["nCCDLWR"], memspec_device(DDR5).timings["nCCDLWR"]) == (48, 32)


def test_ddr5_refreshes_twice_as_often_in_the_fine_granularity() -> None:
    for spelled in ("refMode", "RefMode"):
        memspec: Any = copy.deepcopy(DDR5)
        del memspec["memarchitecturespec"]["refMode"]
        memspec["memarchitecturespec"][spelled] = 2
        ours = memspec_device(memspec)
        assert (ours.timings["nREFI"], ours.timings["nRFC"]) == (3120, 256)


CURRENTS = {
    **{"vdd": 1.1, "idd0": 0.060, "idd2n": 0.050, "idd3n": 0.055, "idd4r": 0.145, "idd4w": 0.140},
    **{"idd5b": 0.362, "idd5f": 0.300, "idd5c": 0.1, "idd6n": 0.044, "idd2p": 0.037, "idd3p": 0.047},
    **{"vpp": 1.8, "ipp0": 0.004, "ipp3n": 0.003, "ipp5b": 0.048, "ipp5f": 0.040, "ipp6n": 0.005},
    **{"ipp2n": 0.003, "ipp4r": 0.003, "ipp4w": 0.003, "ipp5c": 0.01, "ipp2p": 0.003, "ipp3p": 0.003},
    **{"vddq": 1.1},
}


def test_ddr5_has_the_currents_of_its_memspec_or_those_of_our_devices() -> None:
    ours = changed("DDR5", lambda m: m.update(mempowerspec=CURRENTS)).power
    assert isinstance(ours, Currents)
    found = [ours.idd0_ma, ours.idd4w_ma, ours.idd5b_ma, ours.idd6_ma, ours.idd2p_ma, ours.idd3p_ma]
    assert found == pytest.approx([60, 140, 362, 44, 37, 47])
    assert [ours.ipp0_ma, ours.ipp3n_ma, ours.ipp5b_ma, ours.ipp6_ma] == pytest.approx([4, 3, 48, 5])
    assert (ours.vdd_v, ours.vpp_v) == (1.1, 1.8)
    fine = changed(
        "DDR5", lambda m: (m.update(mempowerspec=CURRENTS), m["memarchitecturespec"].update(refMode=2))
    ).power
    assert isinstance(fine, Currents)
    assert [fine.idd5b_ma, fine.ipp5b_ma] == pytest.approx([300, 40])
    assert memspec_device(DDR5).power == PRESETS["DDR5"].power
    with pytest.raises(ConfigurationError, match="mempowerspec: field 'idd5b' or 'idd5f' is missing"):
        changed("DDR5", lambda m: m.update(mempowerspec={k: v for k, v in CURRENTS.items() if k != "idd5b"}))


@pytest.mark.parametrize("kind", ["HBM3", "LPDDR5", "GDDR6"])
def test_the_others_have_the_published_energies(kind: str) -> None:
    power = memspec_device(MEMSPECS[kind]).power
    assert isinstance(power, EnergyPerBit)
    assert power is STANDARDS[kind].energy


def test_lpddr5_refreshes_one_bank_where_the_memory_refreshes_two() -> None:
    """As often: an interval of half a pair's. The pairs of DRAMSys' REFP2B are not modelled."""
    ours = memspec_device(LPDDR5)
    assert ours.timings["nREFIpb"] == 390 // 2
    assert ours.timings["nREFI"] // 16 == 390 // 2
    result = simulate(
        ours, BankMachineControllers(refresh_policy="PerBank", refresh_max_pulled_in=0), bursts()
    )
    assert result.bank_refreshes[0] == pytest.approx(result.cycles[0] / 195, rel=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_of_dramsys_4_for_the_clock_are_read_too(kind: str) -> None:
    def clock(memspec: Any) -> None:
        memspec["memtimingspec"]["clkMhz"] = 1e-6 / memspec["memtimingspec"].pop("tCK")

    ours, theirs = changed(kind, clock), memspec_device(MEMSPECS[kind])
    assert dict(ours.timings) == dict(theirs.timings)
    assert ours.rules == theirs.rules


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (
            "DDR5",
            lambda m: m["memarchitecturespec"].update(nbrOfLogicalRanks=2),
            "nbrOfLogicalRanks of DDR5 must be 1, the one that is modelled, got 2",
        ),
        (
            "DDR5",
            lambda m: m["memarchitecturespec"].update(nbrOfPhysicalRanks=4),
            "nbrOfPhysicalRanks of DDR5 must be 1, the one that is modelled, got 4",
        ),
        ("DDR5", lambda m: m["memarchitecturespec"].update(cmdMode=2), "cmdMode of DDR5 must be 1, .* got 2"),
        (
            "DDR5",
            lambda m: m["memarchitecturespec"].update(nbrOfDIMMRanks=2),
            "nbrOfDIMMRanks must be nbrOfRanks = 1, got 2",
        ),
        ("DDR5", lambda m: m["memarchitecturespec"].update(refMode=3), "refMode must be 1 or 2, got 3"),
        ("DDR5", lambda m: m["memarchitecturespec"].update(refMode=[1]), "refMode must be 1 or 2, got"),
        ("DDR5", lambda m: m["memtimingspec"].pop("CCD_M_slr"), "field 'CCD_M_slr' is missing, expected"),
        ("DDR5", lambda m: m["memtimingspec"].pop("RFC1_slr"), "field 'RFC1_slr' or 'RFC2_slr' is missing"),
        ("DDR5", lambda m: m["memtimingspec"].update(XP=-1), "XP must be whole clock cycles .*, got -1"),
        ("DDR5", lambda m: m["memtimingspec"].update(REFISB=200), "REFISB must be more than 208 clock"),
        ("LPDDR5", lambda m: m["memtimingspec"].pop("RCD_L"), "field 'RCD_L' is missing"),
        ("LPDDR5", lambda m: m["memtimingspec"].pop("BL_n_L_16"), "field 'BL_n_L_16' is missing"),
        (
            "LPDDR5",
            lambda m: m["memarchitecturespec"].update(burstLength=32),
            "burstLength of LPDDR5 must be 16, the one that is modelled, got 32",
        ),
        ("LPDDR5", lambda m: m["memtimingspec"].update(REFIpb=192), "REFIPB must be more than 192 .* twice"),
        ("LPDDR5", lambda m: m["memtimingspec"].update(pbR2pbR=195), "PBR2PBR must be less than 195 .*half"),
        ("GDDR6", lambda m: m["memtimingspec"].pop("REFIpb"), "field 'REFIpb' is missing"),
        ("GDDR6", lambda m: m["memtimingspec"].pop("tCK"), "field 'clkMhz' or 'tCK' is missing"),
        ("HBM3", lambda m: m["memtimingspec"].pop("RFCPB"), "field 'RFCPB' is missing"),
        (
            "HBM3",
            lambda m: m["memarchitecturespec"].update(nbrOfStacks=0),
            "nbrOfStacks must be a whole number",
        ),
    ],
)
def test_what_is_not_modelled_or_missing_is_named_in_one_line(
    tmp_path: Path, kind: str, change: Any, message: str
) -> None:
    memspec = copy.deepcopy(MEMSPECS[kind])
    change(memspec)
    (tmp_path / "m.json").write_text(json.dumps({"memspec": memspec}))
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_memspec(tmp_path / "m.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "times", "mode"),
    [
        ("DDR5", {"REFISB": 209, "REFSBRD_slr": 208}, "same_bank"),
        ("HBM3", {"REFIPB": 321}, "per_bank"),
        ("LPDDR5", {"REFIpb": 194, "pbR2pbR": 96}, "per_bank"),
        ("GDDR6", {"REFIpb": 107, "RREFD": 106}, "per_bank"),
    ],
)
def test_refreshes_as_fast_as_they_may_come_let_every_request_through(
    kind: str, times: dict[str, int], mode: str
) -> None:
    ours = changed(kind, lambda m: m["memtimingspec"].update(times))
    rng = np.random.default_rng(3)
    trace = Trace(rng.integers(0, 1 << 20, 500) * 32, rng.random(500) < 0.3)
    for flexibility in (0, 8):
        controllers = BankMachineControllers(
            refresh_policy=POLICIES[mode],
            refresh_max_postponed=flexibility,
            refresh_max_pulled_in=flexibility,
            power_down_policy="Staggered",
        )
        result = simulate(ours, controllers, trace)
        assert result.reads_served[0] + result.writes_served[0] == 500
