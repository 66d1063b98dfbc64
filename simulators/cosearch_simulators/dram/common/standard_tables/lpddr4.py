"""LPDDR4 SDRAM: organisations, speed grades and timing rules of JESD209-4B, one 16-bit channel.

A device has two such channels with buses of their own; densities are those of one. Commands take two or four
cycles of the command bus and all distances count from their first cycle, which is where the constants in the
rules come from. The rules are JESD209-4's as DRAMSys 4 checks them (its controller's `Checker` classes), and
serve its memspecs too.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.rules import COLUMNS, PRECHARGES, READS, WRITES, Rule, cycles_of
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    PER_BANK_REFRESH_RULES,
    POWER_DOWN_RULES,
    REFRESH_IN_FOUR_ACTIVATES_RULES,
)
from cosearch_simulators.dram.common.standard_tables.published_energies import LPDDR4_ENERGY
from cosearch_simulators.dram.common.standard_tables.standard import Organization, Standard, whole_cycles

# JESD209-4B section 2.3, addressing: eight banks of 2 KB pages.
ORGANIZATIONS = {
    # name             Mb     dq  groups banks rows     columns
    "LPDDR4_2Gb_x16": Organization(2048, 16, 1, 8, 1 << 14, 1 << 10),
    "LPDDR4_4Gb_x16": Organization(4096, 16, 1, 8, 1 << 15, 1 << 10),
    "LPDDR4_8Gb_x16": Organization(8192, 16, 1, 8, 1 << 16, 1 << 10),
    "LPDDR4_16Gb_x16": Organization(16384, 16, 1, 8, 1 << 17, 1 << 10),
}

# Data rate in MT/s: tCK in ps, then cycles: read latency without DBI, write latency of set A. JESD209-4B
# section 4.14 (latencies by frequency range).
RATES = {
    #     tCK  RL WL
    1600: (1250, 14, 8),
    2133: (938, 20, 10),
    2667: (750, 24, 12),
    3200: (625, 28, 14),
    3733: (536, 32, 16),
    4267: (469, 36, 18),
}

# ns, JESD209-4B section 10 (core timings); the fewest cycles where it gives them.
RCD_NS, RAS_NS, RP_BANK_NS, RP_ALL_NS = 18.0, 42.0, 18.0, 21.0
WR_NS, WTR_NS, RTP_NS = 18.0, 10.0, 7.5
RRD_NS, FAW_NS = 10.0, 40.0
FASTEST_RRD_NS, FASTEST_FAW_NS = 7.5, 30.0  # at 4267 MT/s
DQSCK_NS = 3.5  # the latest tDQSCK
DQS2DQ_NS = 0.8  # the latest tDQS2DQ
# By density of the channel in Mb; JESD209-4B section 10 gives them by that of the two channels.
REFRESH_NS = {2048: 130.0, 4096: 180.0, 8192: 280.0, 16384: 380.0}
BANK_REFRESH_NS = {2048: 60.0, 4096: 90.0, 8192: 140.0, 16384: 190.0}
REFRESH_INTERVAL_NS = 3904.0

LPDDR4_RULES = (
    # column commands of one rank, then of two ranks
    Rule("Rank", READS, READS, "nCCD"),
    Rule("Rank", WRITES, WRITES, "nCCD"),
    Rule("Rank", READS, WRITES, "nRL + nDQSCK + nBL + nWPRE + nRPST - nWL"),
    Rule("Rank", WRITES, READS, "nWL + 1 + nBL + nWTR"),
    Rule("Rank", READS, READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", WRITES, WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", READS, WRITES, "nRL + nBL + nRTRS - nWL", sibling=True),
    Rule("Rank", WRITES, READS, "nWL + nBL + nRTRS - nRL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("ACT",), ("ACT",), "nRRD"),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS + 2"),
    Rule("Rank", READS, ("PREab",), "nRTP + nBL - 6"),
    Rule("Rank", WRITES, ("PREab",), "nWL + nBL + nWR + 3"),
    Rule("Rank", ("PREpb",), PRECHARGES, "nPPD"),
    Rule("Rank", ("PREab",), ("ACT",), "nRPAB - 2"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRCPB + 2"),
    Rule("Rank", ("RDA",), ("REFab",), "nRTP + nBL - 6 + nRPPB"),
    Rule("Rank", ("WRA",), ("REFab",), "nWL + nBL + nWR + 3 + nRPPB"),
    Rule("Rank", ("PREpb",), ("REFab",), "nRPPB"),
    Rule("Rank", ("PREab",), ("REFab",), "nRPAB"),
    Rule("Rank", ("REFab",), ("REFab",), "nRFCAB"),
    Rule("Rank", ("REFab",), ("ACT",), "nRFCAB - 2"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRCPB"),
    Rule("Bank", ("ACT",), COLUMNS, "nRCD"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS + 2"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP + nBL - 6"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR + 3"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nWR + 9 - nRTP"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRPPB - 2"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nBL - 8 + nRPPB"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + 1 + nRPPB"),
    *REFRESH_IN_FOUR_ACTIVATES_RULES,
    *PER_BANK_REFRESH_RULES,
    *POWER_DOWN_RULES,
)

LPDDR4_DERIVED = {
    "nRFC": "nRFCAB",
    "nRC": "nRCPB",
    "nRP": "nRPPB",
    "nRPab": "nRPAB",
    "nRFCpb": "nRFCPB",
    "nREFIpb": "nREFIPB",
    "nPBR2PBR": "nRFCPB",
    "nPBR2ACT": "nRRD - 2",
    "nPBREND": "nRFCPB - 2",
    "nACT2PBR": "nRRD + 2",
    "nACTREF": "nRCPB + 2",
    "nRDAREF": "nRTP + nBL - 6 + nRPPB",
    "nWRAREF": "nWL + nBL + nWR + 3 + nRPPB",
    # from the first cycle of a command of four cycles, or of two
    "nACTPDEN": "3 + nCMDCKE",
    "nPRPDEN": "1 + nCMDCKE",
    "nREFPDEN": "1 + nCMDCKE",
    "nRDPDEN": "3 + nRL + nDQSCK + nBL + nRPST",
    "nWRPDEN": "3 + nWL + nDQSS + nDQS2DQ + nBL + nWR",
    "nWRAPDEN": "5 + nWL + nDQSS + nDQS2DQ + nBL + nWR",
    "nPD": "nCKE",
    "nCKESR": "nSR",
    "nXS": "nXSR",
    "nXSDLL": "nXSR",
}

LPDDR4_BUS_CYCLES = {
    **dict.fromkeys(("ACT", "RD", "RDA", "WR", "WRA"), 4),
    **dict.fromkeys(("PREpb", "PREab", "REFab", "REFpb", "SREFEN", "SREFEX"), 2),
}


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int(speed_grade.removeprefix("LPDDR4_"))
    tck_ps, read_latency, write_latency = RATES[rate]
    fastest = rate == 4267

    def cycles(time_ns: float, least: int = 0) -> int:
        return whole_cycles(time_ns, tck_ps, least)

    n = {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 8,
        "nRL": read_latency,
        "nCL": read_latency,
        "nWL": write_latency,
        "nCWL": write_latency,
        "nDQSCK": cycles(DQSCK_NS),
        "nDQSS": 1,  # 0.75 to 1.25 cycles
        "nDQS2DQ": cycles(DQS2DQ_NS),
        "nWPRE": 2,
        "nRPST": 0,  # of half a cycle, as DRAMSys' memspec counts it
        "nCCD": 8,
        "nRCD": cycles(RCD_NS, 4),
        "nRAS": cycles(RAS_NS, 3),
        "nRPPB": cycles(RP_BANK_NS, 4),
        "nRPAB": cycles(RP_ALL_NS, 4),
        "nWR": cycles(WR_NS, 6),
        "nWTR": cycles(WTR_NS, 8),
        "nRTP": cycles(RTP_NS, 8),
        "nRRD": cycles(FASTEST_RRD_NS if fastest else RRD_NS, 4),
        "nFAW": cycles(FASTEST_FAW_NS if fastest else FAW_NS),
        "nPPD": 4,
        "nRTRS": 1,  # bubble on the data bus when the rank changes, as in DRAMSys' memspec
        "nREFI": int(REFRESH_INTERVAL_NS * 1000) // tck_ps,
        "nRFCAB": cycles(REFRESH_NS[organization.density_mb]),
        "nRFCPB": cycles(BANK_REFRESH_NS[organization.density_mb]),
        "nCKE": cycles(7.5, 4),
        "nXP": cycles(7.5, 5),
        "nCMDCKE": cycles(1.75, 3),
        "nSR": cycles(15.0, 3),
        "nXSR": cycles(REFRESH_NS[organization.density_mb] + 7.5, 2),
    }
    n["nREFIPB"] = n["nREFI"] // organization.banks
    n["nRCPB"] = n["nRAS"] + n["nRPPB"]
    for name, expression in LPDDR4_DERIVED.items():
        n[name] = cycles_of(expression, n)
    return n


LPDDR4 = Standard(
    name="LPDDR4",
    levels=("Channel", "Rank", "Bank"),
    prefetch=16,
    channel_width_bits=16,
    # a command's data follow its last of four cycles
    read_latency="nRL + nDQSCK + nBL + 3",
    write_latency="nWL + nDQSS + nDQS2DQ + nBL + 3",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(f"LPDDR4_{rate}" for rate in RATES),
    timings=timings,
    rules=LPDDR4_RULES,
    energy=LPDDR4_ENERGY,
    bus_cycles=LPDDR4_BUS_CYCLES,
    refresh_modes=("all_bank", "per_bank"),
)
