"""DDR4 SDRAM: organisations, speed bins and timing rules of JESD79-4D.

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

# JESD79-4D section 2.8, SDRAM addressing.
ORGANIZATIONS = {
    # name              Mb     dq  groups banks rows     columns
    "DDR4_2Gb_x4": Organization(2048, 4, 4, 4, 1 << 15, 1 << 10),
    "DDR4_2Gb_x8": Organization(2048, 8, 4, 4, 1 << 14, 1 << 10),
    "DDR4_2Gb_x16": Organization(2048, 16, 2, 4, 1 << 14, 1 << 10),
    "DDR4_4Gb_x4": Organization(4096, 4, 4, 4, 1 << 16, 1 << 10),
    "DDR4_4Gb_x8": Organization(4096, 8, 4, 4, 1 << 15, 1 << 10),
    "DDR4_4Gb_x16": Organization(4096, 16, 2, 4, 1 << 15, 1 << 10),
    "DDR4_8Gb_x4": Organization(8192, 4, 4, 4, 1 << 17, 1 << 10),
    "DDR4_8Gb_x8": Organization(8192, 8, 4, 4, 1 << 16, 1 << 10),
    "DDR4_8Gb_x16": Organization(8192, 16, 2, 4, 1 << 16, 1 << 10),
    "DDR4_16Gb_x4": Organization(16384, 4, 4, 4, 1 << 18, 1 << 10),
    "DDR4_16Gb_x8": Organization(16384, 8, 4, 4, 1 << 17, 1 << 10),
    "DDR4_16Gb_x16": Organization(16384, 16, 2, 4, 1 << 17, 1 << 10),
}

# Data rate in MT/s: tCK in ps, CWL in cycles (the lower of the two), then ns: tRAS and tCCD_L.
# JESD79-4D sections 10 and 12.
RATES = {
    #     tCK  CWL tRAS tCCD_L
    1600: (1250, 9, 35.0, 6.25),
    1866: (1071, 10, 34.0, 5.355),
    2133: (937, 11, 33.0, 5.355),
    2400: (833, 12, 32.0, 5.0),
    2666: (750, 14, 32.0, 5.0),
    2933: (682, 16, 32.0, 5.0),
    3200: (625, 16, 32.0, 5.0),
}

# ns by width, then data rate: tRRD_S, tRRD_L, tFAW. Pages: 512 B (x4), 1 KB (x8), 2 KB (x16). JESD79-4D
# section 12.
ACTIVATES = {
    4: {
        1600: (5.0, 6.0, 20.0),
        1866: (4.2, 5.3, 17.0),
        2133: (3.7, 5.3, 15.0),
        2400: (3.3, 4.9, 13.0),
        2666: (3.0, 4.9, 12.0),
        2933: (2.7, 4.9, 10.875),
        3200: (2.5, 4.9, 10.0),
    },
    8: {
        1600: (5.0, 6.0, 25.0),
        1866: (4.2, 5.3, 23.0),
        2133: (3.7, 5.3, 21.0),
        2400: (3.3, 4.9, 21.0),
        2666: (3.0, 4.9, 21.0),
        2933: (2.7, 4.9, 21.0),
        3200: (2.5, 4.9, 21.0),
    },
    16: {
        1600: (6.0, 7.5, 35.0),
        1866: (5.3, 6.4, 30.0),
        2133: (5.3, 6.4, 30.0),
        2400: (5.3, 6.4, 30.0),
        2666: (5.3, 6.4, 30.0),
        2933: (5.3, 6.4, 30.0),
        3200: (5.3, 6.4, 30.0),
    },
}
FEWEST_FAW_CYCLES = {4: 16, 8: 20, 16: 28}

# nCL = nRCD = nRP of each speed bin, JESD79-4D section 10. Ramulator 2.1 calls JEDEC's 2400T (17-17-17)
# "2400U" and JEDEC's 2400U (18-18-18) "2400T"; its names are kept, since the validation cases use them.
CAS_LATENCY = {
    "DDR4_1600J": 10,
    "DDR4_1600K": 11,
    "DDR4_1600L": 12,
    "DDR4_1866L": 12,
    "DDR4_1866M": 13,
    "DDR4_1866N": 14,
    "DDR4_2133N": 14,
    "DDR4_2133P": 15,
    "DDR4_2133R": 16,
    "DDR4_2400P": 15,
    "DDR4_2400R": 16,
    "DDR4_2400U": 17,
    "DDR4_2400T": 18,
    "DDR4_2666T": 17,
    "DDR4_2666U": 18,
    "DDR4_2666V": 19,
    "DDR4_2666W": 20,
    "DDR4_2933V": 19,
    "DDR4_2933W": 20,
    "DDR4_2933Y": 21,
    "DDR4_2933AA": 22,
    "DDR4_3200W": 20,
    "DDR4_3200AA": 22,
    "DDR4_3200AC": 24,
}

# tRFC1 by density in Mb, JESD79-4D section 11. 8 Gb is 350 ns there; Ramulator 2.1 has 360 ns.
REFRESH_NS = {2048: 160.0, 4096: 260.0, 8192: 360.0, 16384: 550.0}
REFRESH_INTERVAL_NS = 7800.0  # tREFI up to 85 C, JESD79-4D section 11


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int("".join(c for c in speed_grade.removeprefix("DDR4_") if c.isdigit()))
    tck_ps, write_latency, tras_ns, tccd_l_ns = RATES[rate]
    trrd_s_ns, trrd_l_ns, tfaw_ns = ACTIVATES[organization.dq_bits][rate]
    cas = CAS_LATENCY[speed_grade]
    ras = whole_cycles(tras_ns, tck_ps)
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
        "nCCDS": 4,
        "nCCDL": whole_cycles(tccd_l_ns, tck_ps, 5),
        "nRRDS": whole_cycles(trrd_s_ns, tck_ps, 4),
        "nRRDL": whole_cycles(trrd_l_ns, tck_ps, 4),
        "nWTRS": whole_cycles(2.5, tck_ps, 2),
        "nWTRL": whole_cycles(7.5, tck_ps, 4),
        "nFAW": whole_cycles(tfaw_ns, tck_ps, FEWEST_FAW_CYCLES[organization.dq_bits]),
        "nRFC": whole_cycles_up(REFRESH_NS[organization.density_mb], tck_ps),
        "nREFI": whole_cycles_up(REFRESH_INTERVAL_NS, tck_ps),
        "nCS": 2,  # bubble on the data bus when the rank changes; a controller's choice, as in Ramulator 2.1
    }
    return n | _power_down(n, organization)


def _power_down(n: Mapping[str, int], organization: Organization) -> dict[str, int]:
    """JESD79-4D sections 4.28 and 12, and the names that DRAMSys' controller needs."""
    tck_ps, rate = n["tCK_ps"], n["rate"]
    cke = whole_cycles(5.0, tck_ps, 3)
    write_end = n["nCWL"] + n["nBL"] + n["nWR"]
    return {
        "nRL": n["nCL"],
        "nWL": n["nCWL"],
        "nDQSCK": 0,
        "nRPab": n["nRP"],
        "nRDAREF": n["nRTP"] + n["nRP"],
        "nWRAREF": write_end + n["nRP"],
        "nACTPDEN": 1 if rate <= 2133 else 2,
        "nPRPDEN": 1 if rate <= 2133 else 2,
        "nREFPDEN": 1 if rate <= 2133 else 2,
        "nRDPDEN": n["nCL"] + n["nBL"] + 1,
        "nWRPDEN": write_end,
        "nWRAPDEN": write_end + 1,
        "nPD": cke,
        "nCKE": cke,
        "nXP": whole_cycles(6.0, tck_ps, 4),
        "nCKESR": cke + 1,
        "nXS": whole_cycles(REFRESH_NS[organization.density_mb] + 10.0, tck_ps),
        "nXSDLL": 597 if rate <= 1866 else 768 if rate <= 2400 else 1024,  # tDLLK
    }


RULES = (
    # the data bus
    Rule("Channel", ("RD", "RDA"), ("RD", "RDA"), "nBL"),
    Rule("Channel", ("WR", "WRA"), ("WR", "WRA"), "nBL"),
    # column commands of one rank, then of two ranks
    Rule("Rank", ("RD", "RDA"), ("RD", "RDA"), "nCCDS"),
    Rule("Rank", ("WR", "WRA"), ("WR", "WRA"), "nCCDS"),
    Rule("Rank", ("RD", "RDA"), ("WR", "WRA"), "nCL + nBL + 2 - nCWL"),
    Rule("Rank", ("WR", "WRA"), ("RD", "RDA"), "nCWL + nBL + nWTRS"),
    Rule("Rank", ("RD", "RDA"), ("RD", "RDA", "WR", "WRA"), "nBL + nCS", sibling=True),
    Rule("Rank", ("WR", "WRA"), ("RD", "RDA"), "nCWL + nBL + nCS - nCL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("RD",), ("PREab",), "nRTP"),
    Rule("Rank", ("WR",), ("PREab",), "nCWL + nBL + nWR"),
    Rule("Rank", ("ACT",), ("ACT",), "nRRDS"),
    Rule("Rank", ("ACT",), ("ACT",), "nFAW", window=4),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("PREpb", "PREab"), ("REFab",), "nRP"),
    Rule("Rank", ("RDA",), ("REFab",), "nRP + nRTP"),
    Rule("Rank", ("WRA",), ("REFab",), "nCWL + nBL + nWR + nRP"),
    Rule("Rank", ("REFab",), ("ACT", "PREab"), "nRFC"),
    # one bank group
    Rule("BankGroup", ("RD", "RDA"), ("RD", "RDA"), "nCCDL"),
    Rule("BankGroup", ("WR", "WRA"), ("WR", "WRA"), "nCCDL"),
    Rule("BankGroup", ("WR", "WRA"), ("RD", "RDA"), "nCWL + nBL + nWTRL"),
    Rule("BankGroup", ("ACT",), ("ACT",), "nRRDL"),
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

# The wordline current in burst refresh is not in these lists; its standby value stands in. IDD2P, IDD3P and
# IDD6 are DRAMsim3's of the same devices.
# The 4 Gb parts' IDD3N, of all banks open, is as high as IDD0, of one: nothing is left for an activate, and
# opening and closing a row costs what a precharge does. The sum is what counts; gem5's currents of that part
# (IDD0 64, IDD3N 67, IDD2N 50, IPP0 4 mA) give one 8 % lower.
_4GB = "Micron 4Gb DDR4 data sheet (MT40A1G4, MT40A512M8, MT40A256M16), as DRAMsim3 lists it"
_8GB = "Micron 8Gb DDR4 data sheet (MT40A2G4, MT40A1G8, MT40A512M16), as gem5 and DRAMsim3 list it"
CURRENTS = {
    #                       IDD0 2N 3N 4R   4W   5B   2P  3P  6   VDD  IPP0 3N  5B  VPP
    (4096, 4, 2400): Currents(60, 45, 60, 145, 175, 175, 29, 40, 20, 1.2, 3.0, 3.0, 3.0, 2.5, _4GB),
    (4096, 8, 2400): Currents(60, 45, 60, 145, 175, 175, 29, 40, 20, 1.2, 3.0, 3.0, 3.0, 2.5, _4GB),
    (4096, 16, 2400): Currents(65, 45, 60, 205, 285, 175, 29, 40, 20, 1.2, 3.6, 3.0, 3.0, 2.5, _4GB),
    (8192, 4, 2400): Currents(43, 34, 38, 110, 103, 250, 25, 32, 30, 1.2, 3.0, 3.0, 3.0, 2.5, _8GB),
    (8192, 4, 3200): Currents(52, 37, 47, 143, 130, 250, 25, 38, 30, 1.2, 3.0, 3.0, 3.0, 2.5, _8GB),
    (8192, 8, 2400): Currents(48, 34, 43, 135, 123, 250, 25, 37, 31, 1.2, 3.0, 3.0, 3.0, 2.5, _8GB),
    (8192, 8, 3200): Currents(57, 37, 52, 168, 150, 250, 25, 43, 30, 1.2, 3.0, 3.0, 3.0, 2.5, _8GB),
    (8192, 16, 2400): Currents(80, 34, 47, 243, 228, 280, 25, 41, 30, 1.2, 4.0, 3.0, 3.0, 2.5, _8GB),
    (8192, 16, 3200): Currents(95, 37, 56, 302, 278, 280, 25, 47, 30, 1.2, 4.0, 3.0, 3.0, 2.5, _8GB),
}

DDR4 = Standard(
    name="DDR4",
    levels=("Channel", "Rank", "BankGroup", "Bank"),
    prefetch=8,
    channel_width_bits=64,
    read_latency="nCL + nBL",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(CAS_LATENCY),
    timings=timings,
    rules=RULES + REFRESH_AFTER_REFRESH_RULES + POWER_DOWN_RULES,
    currents=CURRENTS,
)
