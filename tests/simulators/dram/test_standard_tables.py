"""The tables of all standards against memspecs, other public lists and arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.dram import (
    ADDRESS_MAPPINGS,
    BankMachineControllers,
    Controllers,
    Trace,
    device,
    organizations,
    read_memspec,
    simulate,
    speed_grades,
    standards,
)
from cosearch_simulators.dram.common.device import STANDARDS
from cosearch_simulators.dram.common.rules import COMMAND_SCOPE, COMMANDS

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"
GRADES = [(standard, grade) for standard in standards() for grade in speed_grades(standard)]


def differences(ours: object, theirs: object) -> dict[str, tuple[int, int]]:
    """By name the timings of a native device and of a memspec's that are not the same."""
    native, memspec = ours.timings, theirs.timings  # type: ignore[attr-defined]
    both = (native.keys() & memspec.keys()) - {"nRCAB", "nESCKE"}
    return {name: (native[name], memspec[name]) for name in sorted(both) if native[name] != memspec[name]}


def test_lpddr4_is_that_of_the_memspec(reference: Path) -> None:
    folder = reference / "dram" / "dramsys"
    memspec = read_memspec(
        folder / "memspecs" / "JEDEC_8Gb_LPDDR4-3200_16bit.json",
        folder / "mappings" / "am_lpddr4_8Gbx16_brc.json",
    )
    ours = device("LPDDR4", "LPDDR4_8Gb_x16", "LPDDR4_3200")
    assert differences(ours, memspec) == {}
    assert ours.rules == memspec.rules
    assert (ours.capacity_bytes, ours.transaction_bytes) == (
        memspec.capacity_bytes,
        memspec.transaction_bytes,
    )
    assert ours.read_latency_cycles == memspec.read_latency_cycles
    assert ours.write_latency_cycles == memspec.write_latency_cycles
    assert (ours.bus_cycles, ours.bus_of) == (memspec.bus_cycles, memspec.bus_of)


def test_hbm2_is_that_of_the_memspec() -> None:
    memspec = read_memspec(SAMPLE / "memspecs" / "HBM2.json", SAMPLE / "mappings" / "am_hbm2_8Gb_pc_brc.json")
    ours = device("HBM2", "HBM2_8Gb", "HBM2_2000")
    # 3900 / 16 is 243.75; the memspec's leaving of self-refresh is shorter than its refresh.
    assert differences(ours, memspec) == {
        "nREFIpb": (243, 244),
        "nREFISB": (243, 244),
        "nXS": (228, 216),
        "nXSDLL": (228, 216),
    }
    assert (ours.ranks, ours.capacity_bytes) == (2, memspec.capacity_bytes)
    assert ours.peak_bandwidth_gb_per_s == memspec.peak_bandwidth_gb_per_s == 32.0
    assert (ours.bus_cycles, ours.bus_of) == (memspec.bus_cycles, memspec.bus_of)


def test_ddr_power_down_is_that_of_the_memspecs(reference: Path) -> None:
    folder = reference / "dram" / "dramsys"
    names = ("nXP", "nRPDEN", "nRDPDEN", "nACTPDEN", "nPRPDEN", "nREFPDEN", "nXS", "nXSDLL", "nCKE")
    for memspec, mapping, ours, expected in (
        (
            "MICRON_1Gb_DDR3-1600_8bit_G",
            "am_ddr3_8x1Gbx8_dimm_p1KB_brc",
            device("DDR3", "DDR3_1Gb_x8", "DDR3_1600J"),
            # JESD79-3F: 6 ns are 5 cycles; 5 ns are 4
            {"nXP": (5, 6), "nCKE": (4, 3)},
        ),
        (
            "JEDEC_4Gb_DDR4-2400_8bit_A",
            "am_ddr4_8x4Gbx8_dimm_p1KB_brc",
            device("DDR4", "DDR4_4Gb_x8", "DDR4_2400R"),
            # JESD79-4D: tDLLK of 2400 MT/s; 270 ns are 324 cycles of 833.3 ps and 325 of 833 ps
            {"nXSDLL": (768, 512), "nXS": (325, 324)},
        ),
    ):
        theirs = read_memspec(
            folder / "memspecs" / f"{memspec}.json", folder / "mappings" / f"{mapping}.json"
        )
        found = {name: pair for name, pair in differences(ours, theirs).items() if name in names}
        assert found == expected


@pytest.mark.parametrize(
    ("standard", "organization", "grade", "expected"),
    [
        # Ramulator 2.0's LPDDR5 preset and its refresh times of 8 Gb
        (
            "LPDDR5",
            "LPDDR5_8Gb_x16",
            "LPDDR5_6400",
            {"nRCD": 15, "nRPab": 17, "nRP": 15, "nRAS": 34, "nWR": 28, "nRRD": 4, "nWTRS": 5, "nWTRL": 10}
            | {"nFAW": 16, "nPPD": 2, "nRFC": 168, "nRFCpb": 96, "nPBR2PBR": 72, "tCK_ps": 1250},
        ),
        # Ramulator 2.1's LPDDR5 presets, from JESD209-5C
        (
            "LPDDR5",
            "LPDDR5_16Gb_x16",
            "LPDDR5_5500",
            {"nBL": 2, "nCL": 15, "nCWL": 8, "nRCD": 13, "nRP": 13, "nRPab": 15, "nRAS": 29, "nRC": 42}
            | {"nWR": 24, "nRTP": 6, "nPPD": 2, "nCCDS": 2, "nCCDL": 4, "nWTRS": 5, "nWTRL": 9},
        ),
        (
            "LPDDR5",
            "LPDDR5_16Gb_x16",
            "LPDDR5_6400",
            {"nCL": 17, "nCWL": 9, "nRTP": 6, "nCCDS": 2, "nCCDL": 4, "nRFC": 224, "nRFCpb": 112}
            | {"nPBR2PBR": 72, "nPBR2ACT": 5, "nREFI": 3124},  # to the first of an activate's two cycles
        ),
        # AttAcc's simulator (Park et al., ASPLOS 2024); its nRC of 77 is one less than nRAS + nRP
        (
            "HBM3",
            "HBM3_8Gb",
            "HBM3_6400",
            {"nBL": 2, "nCL": 23, "nRCDRD": 23, "nRCDWR": 23, "nRP": 23, "nRAS": 55, "nWR": 26, "nRTP": 10}
            | {"nCWL": 7, "nCCDS": 2, "nCCDL": 4, "nRRDS": 2, "nRRDL": 4, "nWTRS": 10, "nWTRL": 13}
            | {"nFAW": 24, "nRFCpb": 320, "nREFI": 6240, "nRREFD": 13},
        ),
        (
            "HBM3",
            "HBM3_4Gb",
            "HBM3_5200",
            {"nCL": 19, "nRCDRD": 19, "nRP": 19, "nRAS": 45, "nWR": 21, "nRTP": 8, "nCWL": 6, "nWTRS": 8}
            | {"nWTRL": 11, "nFAW": 20, "nRREFD": 11},
        ),
        # Ramulator 2.1's GDDR6 preset of 14 Gb/s and 1.35 V, from Samsung's data sheet; its nRC is 79
        (
            "GDDR6",
            "GDDR6_8Gb_x16",
            "GDDR6_14000",
            {"nCL": 24, "nRCDRD": 27, "nRCDWR": 16, "nRP": 27, "nRAS": 53, "nWR": 27, "nRTP": 4, "nCWL": 6}
            | {"nCCDS": 2, "nCCDL": 4, "nRRDS": 8, "nRRDL": 8, "nWTRS": 10, "nWTRL": 12, "nFAW": 29}
            | {"nRFC": 211, "nRFCpb": 106, "nPBR2PBR": 15},
        ),
        # DRAMSys' JEDEC_1Gbx16_LPDDR4-4266
        (
            "LPDDR4",
            "LPDDR4_16Gb_x16",
            "LPDDR4_4267",
            {"nRL": 36, "nWL": 18, "nRCD": 39, "nRAS": 90, "nRPAB": 45, "nRPPB": 39, "nWR": 39, "nWTR": 22}
            | {"nCKE": 16, "nSR": 32, "nCMDCKE": 4, "nPPD": 4, "nCCD": 8},
        ),
        # DRAMSys' JEDEC_1Gbx16_LPDDR4-2666
        (
            "LPDDR4",
            "LPDDR4_16Gb_x16",
            "LPDDR4_2667",
            {"nRL": 24, "nWL": 12, "nRCD": 24, "nRAS": 56, "nRPAB": 28, "nRPPB": 24, "nWR": 24, "nWTR": 14}
            | {"nFAW": 54, "nRRD": 14, "nRTP": 10, "nREFI": 5205, "nREFIpb": 650, "nRFC": 507, "nRFCpb": 254}
            | {"nCKE": 10, "nSR": 20, "nXP": 10, "nXSR": 517, "nCMDCKE": 3, "nPPD": 4},
        ),
        # DRAMSys' JEDEC_512Mbx16_LPDDR4-1600
        (
            "LPDDR4",
            "LPDDR4_8Gb_x16",
            "LPDDR4_1600",
            {"nRL": 14, "nWL": 8, "nFAW": 32, "nRCD": 15, "nREFI": 3123, "nREFIpb": 390, "nRFC": 224}
            | {"nRFCpb": 112, "nRAS": 34, "nRPAB": 17, "nRRD": 8, "nRTP": 8, "nSR": 12, "nWR": 15, "nWTR": 8}
            | {"nXP": 6, "nXSR": 230, "nCKE": 6},
        ),
    ],
)
def test_timings_are_those_of_public_lists(
    standard: str, organization: str, grade: str, expected: dict[str, int]
) -> None:
    ours = device(standard, organization, grade).timings
    assert {name: ours[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("standard", "grade", "gb_per_s"),
    [
        ("DDR3", "DDR3_1600K", 12.8),
        ("DDR4", "DDR4_3200AA", 25.6),
        ("DDR5", "DDR5_4800BN", 19.2),  # one of a module's two sub-channels
        ("LPDDR4", "LPDDR4_4267", 8.53),
        ("LPDDR5", "LPDDR5_6400", 12.8),
        ("GDDR6", "GDDR6_14000", 28.0),  # a device has two channels and 56 GB/s
        ("GDDR6", "GDDR6_16000", 32.0),
        ("HBM2", "HBM2_2000", 32.0),  # eight channels are a stack's 256 GB/s
        ("HBM3", "HBM3_6400", 51.2),  # sixteen channels are a stack's 819 GB/s
    ],
)
def test_peak_bandwidth_is_the_advertised_one(standard: str, grade: str, gb_per_s: float) -> None:
    organization = organizations(standard)[0]
    assert device(standard, organization, grade).peak_bandwidth_gb_per_s == pytest.approx(gb_per_s, rel=2e-3)
    four = device(standard, organization, grade, channels=4)
    assert four.peak_bandwidth_gb_per_s == pytest.approx(4 * gb_per_s, rel=2e-3)


@pytest.mark.parametrize(("standard", "grade"), GRADES)
def test_timings_keep_the_relations_of_the_data_sheets(standard: str, grade: str) -> None:
    for organization in organizations(standard):
        n = device(standard, organization, grade).timings
        assert n["nRC"] == n["nRAS"] + n["nRP"]
        assert n["nRAS"] > n["nRCD"]
        assert n["nRL"] > n["nWL"] or standard in ("DDR3", "DDR4")
        assert n["nFAW"] > 4 * (n.get("nRRDS", n.get("nRRD", 0)) - 1)  # of times; each is rounded up
        assert n.get("nRRDL", 0) >= n.get("nRRDS", 0) or grade.startswith(
            "DDR5_3200"
        )  # as the reference has it
        assert n.get("nCCDL", n["nBL"]) >= n.get("nCCDS", n.get("nCCD", 0)) >= n["nBL"]
        assert n.get("nWTRL", 0) >= n.get("nWTRS", 0)
        assert n["nXSDLL"] >= n["nXS"] >= n["nRFC"]
        assert n["nCKESR"] > 0 < n["nXP"]
        assert n["nWRAPDEN"] >= n["nWRPDEN"] > n["nRDPDEN"] - n["nRL"]
        for one, interval in (("nRFCpb", "nREFIpb"), ("nRFCsb", "nREFIsb")):
            assert (one in n) == (interval in n)
            assert n.get(one, 0) < n["nRFC"] or standard == "HBM3"
            assert n.get(interval, 0) < n["nREFI"] / 3
        assert all(value >= 0 for value in n.values())


@pytest.mark.parametrize("standard", standards())
def test_refresh_modes_have_their_rules_and_intervals(standard: str) -> None:
    modes = {
        "all_bank": ("REFab", "nREFI"),
        "per_bank": ("REFpb", "nREFIpb"),
        "same_bank": ("REFsb", "nREFIsb"),
    }
    tables = STANDARDS[standard]
    ours = device(standard, organizations(standard)[0], speed_grades(standard)[0])
    assert ours.refresh_modes == tables.refresh_modes
    followed = {preceding for rule in tables.rules for preceding in rule.preceding}
    for mode, (command, interval) in modes.items():
        asked = mode in ours.refresh_modes
        assert asked == (interval in ours.timings)
        bound = [r for r in tables.rules if command in r.preceding and "ACT" in r.following]
        assert asked == bool(bound)
    assert followed >= {"PDEA", "PDXA", "PDEP", "PDXP", "SREFEN", "SREFEX"}


@pytest.mark.parametrize("standard", standards())
def test_power_down_is_left_and_entered_only_when_all_is_done(standard: str) -> None:
    """The compiled rules by brute force: a command, then when the others may come to the same rank."""
    ours = device(standard, organizations(standard)[0], speed_grades(standard)[0], ranks=2)
    n, compiled = ours.timings, ours.compiled

    def soonest(before: str, after: str) -> int:
        code = COMMANDS.index(before)
        mine = compiled.entries[compiled.first[code] : compiled.first[code + 1]]
        here = mine[
            (mine[:, 0] == compiled.twin[COMMANDS.index(after)]) & (mine[:, 3] == 0) & (mine[:, 5] == 1)
        ]
        return int(here[:, 1].max(initial=0))

    for after in ("ACT", "REFab"):
        assert soonest("PDXP", after) >= n["nXP"] - 1  # DDR5 counts from the second cycle of two
        assert soonest("SREFEX", after) >= n["nXS"] - 1
        assert soonest("SREFEX", after) > soonest("PDXP", after)
    for after in ("RD", "RDA", "WR", "WRA", "PREpb", "PREab"):
        assert soonest("PDXA", after) >= n["nXP"] - 1
    assert soonest("PDEA", "PDXA") == soonest("PDEP", "PDXP") == n["nPD"]
    assert soonest("SREFEN", "SREFEX") == n["nCKESR"]
    assert soonest("REFab", "SREFEN") >= n["nRFC"]
    assert soonest("REFab", "REFab") >= n["nRFC"]
    # Data of the last read or write are through before the clock stops.
    assert soonest("RD", "PDEA") >= n["nRL"] + n["nBL"]
    assert soonest("WR", "PDEA") >= n["nWL"] + n["nBL"] + n["nWR"]
    for command in ("PDEA", "PDEP", "SREFEN"):
        assert COMMAND_SCOPE[COMMANDS.index(command)] == "Rank"


@pytest.mark.parametrize(("standard", "grade"), GRADES)
def test_every_speed_grade_runs_a_trace_under_both_controllers(standard: str, grade: str) -> None:
    rng = np.random.default_rng(7)
    organization = organizations(standard)[-1]
    for mapping in ADDRESS_MAPPINGS:
        ours = device(standard, organization, grade, address_bits=mapping)
        # Close together, so that there are row hits.
        address = rng.integers(0, 2**16, 400) // 32 * ours.transaction_bytes
        trace = Trace(address, rng.random(400) < 0.3)
        for controllers in (Controllers(address_mapping=mapping), BankMachineControllers()):
            result = simulate(ours, controllers, trace)
            assert result.error == [""]
            assert 0 < result.bandwidth_gb_per_s[0] <= ours.peak_bandwidth_gb_per_s
            assert result.energy_pj[0] > 0
            assert result.power_mw[0] < 20_000
            # No read is faster than a row's activation and its own latency, unless its row was open or a
            # waiting write had its data.
            assert result.latency_ns[0] > ours.timings["nRL"] * ours.tck_ps / 2000
            assert result.activates[0] > 0


@pytest.mark.parametrize("standard", ["LPDDR4", "LPDDR5", "GDDR6", "HBM2", "HBM3"])
def test_a_lone_read_takes_activation_and_read_latency(standard: str) -> None:
    grade = speed_grades(standard)[-1]
    ours = device(standard, organizations(standard)[0], grade, address_bits="RoBaRaCoCh")
    n = ours.timings
    extra = {"LPDDR4": 3, "GDDR6": 0}.get(standard, 1)  # cycles of the read or the activate beyond the first
    expected = n.get("nRCDRD", n["nRCD"]) + extra + n["nRL"] + n["nDQSCK"] + n["nBL"]
    result = simulate(
        ours,
        BankMachineControllers(refresh_policy="NoRefresh"),
        Trace(np.zeros(1, np.int64), np.zeros(1, np.bool_)),
    )
    assert result.average_read_latency_cycles[0] - expected in (
        0,
        1,
    )  # where there are two buses, a cycle later
