"""DDR5 SDRAM: organisations, speed grades and timing rules of JESD79-5C, one 32-bit sub-channel.

Names of organisations and speed grades, and the rules, are Ramulator 2.1's, against which the simulator is
validated. Where its numbers leave JESD79-5C, they are kept and the comment gives JEDEC's.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from cosearch_simulators.dram.common.rules import Rule
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    POWER_DOWN_RULES,
    REFRESH_AFTER_REFRESH_RULES,
    SAME_BANK_REFRESH_RULES,
)
from cosearch_simulators.dram.common.standard_tables.standard import (
    Currents,
    Organization,
    Standard,
    whole_cycles,
    whole_cycles_up,
)

# JESD79-5C section 2.7, SDRAM addressing.
ORGANIZATIONS = {
    # name              Mb     dq  groups banks rows     columns
    "DDR5_8Gb_x4": Organization(8192, 4, 8, 2, 1 << 16, 1 << 11),
    "DDR5_8Gb_x8": Organization(8192, 8, 8, 2, 1 << 16, 1 << 10),
    "DDR5_8Gb_x16": Organization(8192, 16, 4, 2, 1 << 16, 1 << 10),
    "DDR5_16Gb_x4": Organization(16384, 4, 8, 4, 1 << 16, 1 << 11),
    "DDR5_16Gb_x8": Organization(16384, 8, 8, 4, 1 << 16, 1 << 10),
    "DDR5_16Gb_x16": Organization(16384, 16, 4, 4, 1 << 16, 1 << 10),
    "DDR5_32Gb_x4": Organization(32768, 4, 8, 4, 1 << 17, 1 << 11),
    "DDR5_32Gb_x8": Organization(32768, 8, 8, 4, 1 << 17, 1 << 10),
    "DDR5_32Gb_x16": Organization(32768, 16, 4, 4, 1 << 17, 1 << 10),
}

# Clock cycles by data rate in MT/s. JESD79-5C section 13: tRAS 32 ns, tWR 30 ns, tRTP max(12 nCK, 7.5 ns),
# tCCD_L max(8 nCK, 5 ns), tCCD_L_WR max(32 nCK, 20 ns), tWTR_S max(4 nCK, 2.5 ns), tWTR_L max(16 nCK, 10 ns),
# tRRD_S 8 nCK, tRRD_L max(8 nCK, 5 ns). tCCD_L_WR is that of a write which the die must first read, as x4's
# are for its own ECC; x8 and x16 write whole code words and may follow after tCCD_L_WR2, max(16 nCK, 10 ns),
# which Ramulator 2.0 has for them. Ramulator 2.1 has the longer for all widths, and so have the cases it
# measured: it is kept. The rest gives what is here save nWTRS (4, 6, 7, 8, 8), nRRDS (8), nRRDL
# at 3200 (8), and nRTP (21, 23) and nCCDL (14, 15) at 5600 and 6000.
RATES = {
    #     tCK nRAS nWR nRTP nCCDL nCCDL_WR nWTRS nWTRL nRRDS nRRDL
    3200: (625, 52, 48, 12, 8, 32, 6, 16, 8, 5),
    4800: (416, 77, 72, 18, 12, 48, 6, 24, 8, 12),
    5600: (357, 90, 84, 20, 12, 56, 5, 28, 14, 14),
    6000: (333, 96, 90, 22, 14, 60, 5, 30, 15, 15),
    6400: (312, 103, 96, 24, 16, 64, 5, 32, 16, 16),
}

# nCL = nRCD = nRP. Ramulator 2.1 counts 34, 36 and 38 for the bins of 4800; JESD79-5C's BN and C have the
# times of 3200's, 16.25 and 17.5 ns or more, which are 40 and 42 cycles. Ramulator's are kept, as its cases
# have them: DDR5_4800BN is faster here than a module of that name.
CAS_LATENCY = {
    "DDR5_3200AN": 24,
    "DDR5_3200BN": 26,
    "DDR5_3200C": 28,
    "DDR5_4800AN": 34,
    "DDR5_4800BN": 36,
    "DDR5_4800C": 38,
    "DDR5_5600AN": 40,
    "DDR5_6000AN": 43,
    "DDR5_6400AN": 46,
}

# tFAW in ns for 1 KB pages (x4, x8) and 2 KB pages (x16); JESD79-5C shortens it to 32 and 40 cycles above
# 3200 MT/s.
FOUR_ACTIVATES_NS = {4: 20, 8: 20, 16: 25}
REFRESH_NS = {8192: 195.0, 16384: 295.0, 32768: 410.0}  # tRFC1 by density in Mb, JESD79-5C section 13
REFRESH_INTERVAL_NS = 3900.0  # tREFI1 up to 85 C, JESD79-5C section 13
SAME_BANK_REFRESH_NS = {8192: 115.0, 16384: 130.0, 32768: 190.0}  # tRFCsb, JESD79-5C section 13


DLL_LOCK_CYCLES = {3200: 1024, 4800: 1536, 5600: 1792, 6000: 2048, 6400: 2048}  # tDLLK by data rate


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int("".join(c for c in speed_grade.removeprefix("DDR5_") if c.isdigit()))
    tck_ps, ras, wr, rtp, ccd_l, ccd_l_wr, wtr_s, wtr_l, rrd_s, rrd_l = RATES[rate]
    cas = CAS_LATENCY[speed_grade]
    n = {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 8,
        "nCL": cas,
        "nRCD": cas,
        "nRP": cas,
        "nRAS": ras,
        "nRC": ras + cas,
        "nWR": wr,
        "nRTP": rtp,
        "nCWL": cas - 2,
        "nPPD": 2,
        "nCCDS": 8,
        "nCCDL": ccd_l,
        "nCCDS_WR": 8,
        "nCCDL_WR": ccd_l_wr,
        "nRRDS": rrd_s,
        "nRRDL": rrd_l,
        "nWTRS": wtr_s,
        "nWTRL": wtr_l,
        "nFAW": max(32, ceil(FOUR_ACTIVATES_NS[organization.dq_bits] * rate / 2000)),
        "nRFC": whole_cycles_up(REFRESH_NS[organization.density_mb], tck_ps),
        "nREFI": whole_cycles_up(REFRESH_INTERVAL_NS, tck_ps),
        "nCS": 2,  # bubble on the data bus when the rank changes; a controller's choice, as in Ramulator 2.1
    }
    return n | _maintenance(n, organization)


def _maintenance(n: Mapping[str, int], organization: Organization) -> dict[str, int]:
    """JESD79-5C sections 4.9, 4.13 and 13, and the names that DRAMSys' controller needs.

    Same-bank refresh is of the fine granularity: twice as many, each of one of a group's banks.
    """
    tck_ps = n["tCK_ps"]
    write_end = n["nCWL"] + n["nBL"] + n["nWR"]
    same_bank = whole_cycles_up(SAME_BANK_REFRESH_NS[organization.density_mb], tck_ps)
    power_down = whole_cycles(7.5, tck_ps, 8)
    return {
        "nRL": n["nCL"],
        "nWL": n["nCWL"],
        "nDQSCK": 0,
        "nRPab": n["nRP"],
        "nACTREF": n["nRC"],
        "nRDAREF": n["nRTP"] + n["nRP"],
        "nWRAREF": write_end + n["nRP"],
        "nRFCsb": same_bank,
        "nSBREND": same_bank,
        "nREFIsb": n["nREFI"] // 2 // organization.banks,
        "nREFSBRD": whole_cycles_up(30.0, tck_ps),
        "nACT2PBR": n["nRRDL"],
        "nACTPDEN": 2,
        "nPRPDEN": 2,
        "nREFPDEN": 2,
        "nRDPDEN": n["nCL"] + n["nBL"] + 1,
        "nWRPDEN": write_end + 1,
        "nWRAPDEN": write_end + 1,
        "nPD": power_down,
        "nCKE": power_down,
        "nXP": power_down,
        "nCKESR": whole_cycles(10.0, tck_ps),  # tCSL: chip select stays low as long
        "nXS": n["nRFC"],
        "nXSDLL": n["nRFC"] + DLL_LOCK_CYCLES[n["rate"]],
    }


RULES = (
    # the data bus
    Rule("Channel", ("RD", "RDA"), ("RD", "RDA"), "nBL"),
    Rule("Channel", ("WR", "WRA"), ("WR", "WRA"), "nBL"),
    # column commands of one rank, then of two ranks
    Rule("Rank", ("RD", "RDA"), ("RD", "RDA"), "nCCDS"),
    Rule("Rank", ("WR", "WRA"), ("WR", "WRA"), "nCCDS_WR"),
    Rule("Rank", ("RD", "RDA"), ("WR", "WRA"), "nCL + nBL + 2 - nCWL + 2"),
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
    Rule("Rank", ("PREpb", "PREab"), ("PREpb", "PREab"), "nPPD"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("PREpb", "PREab"), ("REFab",), "nRP"),
    Rule("Rank", ("RDA",), ("REFab",), "nRP + nRTP"),
    Rule("Rank", ("WRA",), ("REFab",), "nCWL + nBL + nWR + nRP"),
    Rule("Rank", ("REFab",), ("ACT", "PREab"), "nRFC"),
    # one bank group
    Rule("BankGroup", ("RD", "RDA"), ("RD", "RDA"), "nCCDL"),
    Rule("BankGroup", ("WR", "WRA"), ("WR", "WRA"), "nCCDL_WR"),
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

# No DDR5 data sheet publishes a full table by width and speed: one set stands for all. It has no IDD2P, IDD3P
# and IDD6, which are in the ratio to IDD2N, IDD3N and IDD2N that Micron's 8Gb DDR4 x8 at 2400 MT/s has.
_DEFAULT = "Ramulator 2.0's default DDR5 currents (src/dram/impl/DDR5-VRR.cpp)"
CURRENTS = {
    #                        IDD0 2N 3N 4R   4W   5B   2P  3P  6   VDD  IPP0 3N  5B   VPP
    (16384, 8, 4800): Currents(60, 50, 55, 145, 145, 362, 37, 47, 44, 1.1, 3.0, 3.0, 48.0, 1.8, _DEFAULT),
}

DDR5 = Standard(
    name="DDR5",
    levels=("Channel", "Rank", "BankGroup", "Bank"),
    prefetch=16,
    channel_width_bits=32,
    read_latency="nCL + nBL",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(CAS_LATENCY),
    timings=timings,
    rules=RULES + REFRESH_AFTER_REFRESH_RULES + SAME_BANK_REFRESH_RULES + POWER_DOWN_RULES,
    currents=CURRENTS,
    refresh_modes=("all_bank", "same_bank"),
    # JESD79-5C table 31: these commands carry two cycles' worth of command and address bits.
    command_cycles={"ACT": 2, "RD": 2, "RDA": 2, "WR": 2, "WRA": 2},
)
