"""DDR3 SDRAM: organisations, speed bins and timing rules of JESD79-3F.

Times are in ns where the standard gives them in ns; `timings` turns them into clock cycles. Names of
organisations and speed grades, and the rules, are Ramulator 2.1's, against which the simulator is validated.
"""

from __future__ import annotations

from collections.abc import Mapping

from cosearch_simulators.dram.common.rules import Rule
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    POWER_DOWN_RULES,
    REFRESH_AFTER_REFRESH_RULES,
)
from cosearch_simulators.dram.common.standard_tables.standard import (
    Currents,
    Organization,
    Standard,
    whole_cycles,
    whole_cycles_up,
)

# JESD79-3F section 2.11, SDRAM addressing; 8 Gb x4 and x8 have 2^16 rows of twice the columns there.
ORGANIZATIONS = {
    # name              Mb    dq  groups banks rows     columns
    "DDR3_1Gb_x4": Organization(1024, 4, 1, 8, 1 << 14, 1 << 11),
    "DDR3_1Gb_x8": Organization(1024, 8, 1, 8, 1 << 14, 1 << 10),
    "DDR3_1Gb_x16": Organization(1024, 16, 1, 8, 1 << 13, 1 << 10),
    "DDR3_2Gb_x4": Organization(2048, 4, 1, 8, 1 << 15, 1 << 11),
    "DDR3_2Gb_x8": Organization(2048, 8, 1, 8, 1 << 15, 1 << 10),
    "DDR3_2Gb_x16": Organization(2048, 16, 1, 8, 1 << 14, 1 << 10),
    "DDR3_4Gb_x4": Organization(4096, 4, 1, 8, 1 << 16, 1 << 11),
    "DDR3_4Gb_x8": Organization(4096, 8, 1, 8, 1 << 16, 1 << 10),
    "DDR3_4Gb_x16": Organization(4096, 16, 1, 8, 1 << 15, 1 << 10),
    "DDR3_8Gb_x4": Organization(8192, 4, 1, 8, 1 << 17, 1 << 11),
    "DDR3_8Gb_x8": Organization(8192, 8, 1, 8, 1 << 17, 1 << 10),
    "DDR3_8Gb_x16": Organization(8192, 16, 1, 8, 1 << 16, 1 << 10),
}

# Data rate in MT/s: tCK in ps, CWL in cycles, then ns: tRAS, tRRD and tFAW of 1 KB pages (x4, x8), of 2 KB
# pages (x16). JESD79-3F section 13.
RATES = {
    #     tCK  CWL tRAS  tRRD1 tFAW1 tRRD2 tFAW2
    800: (2500, 5, 37.5, 10.0, 40.0, 10.0, 50.0),
    1066: (1875, 6, 37.5, 7.5, 37.5, 10.0, 50.0),
    1333: (1500, 7, 36.0, 6.0, 30.0, 7.5, 45.0),
    1600: (1250, 8, 35.0, 6.0, 30.0, 7.5, 40.0),
    1866: (1071, 9, 34.0, 5.0, 27.0, 6.0, 35.0),
    2133: (937, 10, 33.0, 5.0, 25.0, 6.0, 35.0),
}

# nCL = nRCD = nRP of each speed bin, JESD79-3F section 12.3.
CAS_LATENCY = {
    "DDR3_800D": 5,
    "DDR3_800E": 6,
    "DDR3_1066E": 6,
    "DDR3_1066F": 7,
    "DDR3_1066G": 8,
    "DDR3_1333F": 7,
    "DDR3_1333G": 8,
    "DDR3_1333H": 9,
    "DDR3_1333J": 10,
    "DDR3_1600G": 8,
    "DDR3_1600H": 9,
    "DDR3_1600J": 10,
    "DDR3_1600K": 11,
    "DDR3_1866J": 10,
    "DDR3_1866K": 11,
    "DDR3_1866L": 12,
    "DDR3_1866M": 13,
    "DDR3_2133K": 11,
    "DDR3_2133L": 12,
    "DDR3_2133M": 13,
    "DDR3_2133N": 14,
}

REFRESH_NS = {
    1024: 110.0,
    2048: 160.0,
    4096: 260.0,
    8192: 350.0,
}  # tRFC by density in Mb, JESD79-3F section 12.2
REFRESH_INTERVAL_NS = 7800.0  # tREFI up to 85 C, JESD79-3F section 12.2


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int("".join(c for c in speed_grade.removeprefix("DDR3_") if c.isdigit()))
    tck_ps, write_latency, tras_ns, trrd1_ns, tfaw1_ns, trrd2_ns, tfaw2_ns = RATES[rate]
    large_page = organization.dq_bits == 16
    cas = CAS_LATENCY[speed_grade]
    ras = whole_cycles(tras_ns, tck_ps)
    faw = whole_cycles(tfaw2_ns if large_page else tfaw1_ns, tck_ps)
    if large_page and rate == 2133:
        faw = 34  # Ramulator 2.1 has 34 cycles here; 35 ns are 38
    n = {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 4,
        "nCL": cas,
        "nRCD": cas,
        "nRP": cas,
        "nRAS": ras,
        "nRC": ras + cas,
        "nWR": whole_cycles(15.0, tck_ps),
        "nRTP": whole_cycles(7.5, tck_ps, 4),
        "nCWL": write_latency,
        "nCCD": 4,
        "nRRD": whole_cycles(trrd2_ns if large_page else trrd1_ns, tck_ps, 4),
        "nWTR": whole_cycles(7.5, tck_ps, 4),
        "nFAW": faw,
        "nRFC": whole_cycles_up(REFRESH_NS[organization.density_mb], tck_ps),
        "nREFI": whole_cycles_up(REFRESH_INTERVAL_NS, tck_ps),
        "nCS": 2,  # bubble on the data bus when the rank changes; a controller's choice, as in Ramulator 2.1
    }
    return n | _power_down(n, organization)


def _power_down(n: Mapping[str, int], organization: Organization) -> dict[str, int]:
    """JESD79-3F sections 4.17 and 13, and the names that DRAMSys' controller needs."""
    tck_ps, rate = n["tCK_ps"], n["rate"]
    cke = whole_cycles(7.5 if rate < 1066 else 5.625 if rate < 1600 else 5.0, tck_ps, 3)
    write_end = n["nCWL"] + n["nBL"] + n["nWR"]
    return {
        "nRL": n["nCL"],
        "nWL": n["nCWL"],
        "nDQSCK": 0,
        "nRPab": n["nRP"],
        "nRDAREF": n["nRTP"] + n["nRP"],
        "nWRAREF": write_end + n["nRP"],
        "nACTPDEN": 2 if rate == 2133 else 1,
        "nPRPDEN": 2 if rate == 2133 else 1,
        "nREFPDEN": 2 if rate == 2133 else 1,
        "nRDPDEN": n["nCL"] + n["nBL"] + 1,
        "nWRPDEN": write_end,
        "nWRAPDEN": write_end + 1,
        "nPD": cke,
        "nCKE": cke,
        "nXP": whole_cycles(7.5 if rate < 1333 else 6.0, tck_ps, 3),
        "nCKESR": cke + 1,
        "nXS": whole_cycles(REFRESH_NS[organization.density_mb] + 10.0, tck_ps, 5),
        "nXSDLL": 512,
    }


RULES = (
    # the data bus
    Rule("Channel", ("RD", "RDA"), ("RD", "RDA"), "nBL"),
    Rule("Channel", ("WR", "WRA"), ("WR", "WRA"), "nBL"),
    # column commands of one rank, then of two ranks
    Rule("Rank", ("RD", "RDA"), ("RD", "RDA"), "nCCD"),
    Rule("Rank", ("WR", "WRA"), ("WR", "WRA"), "nCCD"),
    Rule("Rank", ("RD", "RDA"), ("WR", "WRA"), "nCL + nBL + 2 - nCWL"),
    Rule("Rank", ("WR", "WRA"), ("RD", "RDA"), "nCWL + nBL + nWTR"),
    Rule("Rank", ("RD", "RDA"), ("RD", "RDA", "WR", "WRA"), "nBL + nCS", sibling=True),
    Rule("Rank", ("WR", "WRA"), ("RD", "RDA"), "nCWL + nBL + nCS - nCL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("RD",), ("PREab",), "nRTP"),
    Rule("Rank", ("WR",), ("PREab",), "nCWL + nBL + nWR"),
    Rule("Rank", ("ACT",), ("ACT",), "nRRD"),
    Rule("Rank", ("ACT",), ("ACT",), "nFAW", window=4),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("PREpb", "PREab"), ("REFab",), "nRP"),
    Rule("Rank", ("RDA",), ("REFab",), "nRP + nRTP"),
    Rule("Rank", ("WRA",), ("REFab",), "nCWL + nBL + nWR + nRP"),
    Rule("Rank", ("REFab",), ("ACT",), "nRFC"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), ("RD", "RDA", "WR", "WRA"), "nRCD"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nCWL + nBL + nWR"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nRP"),
    Rule("Bank", ("WRA",), ("ACT",), "nCWL + nBL + nWR + nRP"),
)

# IDD2P (fast exit), IDD3P and IDD6 are DRAMsim3's of the same devices.
_1GB = "Micron 1Gb DDR3 data sheet (MT41J128M8), as DRAMPower lists it"
_4GB = "Micron 4Gb DDR3 data sheet (MT41J1G4, MT41J512M8, MT41J256M16), as gem5 and DRAMsim3 list it"
_8GB = "Micron 8Gb DDR3L data sheet (MT41K1G8, MT41K512M16), as DRAMsim3 lists it"
CURRENTS = {
    #                       IDD0 2N 3N 4R   4W   5B   2P  3P  6   VDD
    (1024, 8, 1600): Currents(70, 45, 45, 140, 145, 170, 30, 35, 8, 1.5, source=_1GB),
    (4096, 4, 1600): Currents(55, 32, 38, 147, 118, 235, 18, 38, 20, 1.5, source=_4GB),
    (4096, 8, 1600): Currents(55, 32, 38, 157, 125, 235, 18, 38, 20, 1.5, source=_4GB),
    (4096, 8, 1866): Currents(62, 35, 41, 174, 141, 242, 18, 41, 20, 1.5, source=_4GB),
    (4096, 16, 1600): Currents(66, 32, 47, 235, 171, 235, 18, 38, 20, 1.5, source=_4GB),
    (4096, 16, 1866): Currents(73, 35, 49, 252, 190, 242, 18, 41, 20, 1.5, source=_4GB),
    (8192, 8, 1600): Currents(67, 36, 51, 125, 125, 245, 11, 36, 24, 1.35, source=_8GB),
    (8192, 16, 1600): Currents(67, 36, 51, 185, 185, 270, 11, 36, 24, 1.35, source=_8GB),
}

DDR3 = Standard(
    name="DDR3",
    levels=("Channel", "Rank", "Bank"),
    prefetch=8,
    channel_width_bits=64,
    read_latency="nCL + nBL",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(CAS_LATENCY),
    timings=timings,
    rules=RULES + REFRESH_AFTER_REFRESH_RULES + POWER_DOWN_RULES,
    currents=CURRENTS,
)
