"""LPDDR5 SDRAM: organisations, speed grades and timing rules of JESD209-5B, one 16-bit channel.

In bank-group mode with bursts of 16, a WCK of four times the command clock CK, which is always on, so that no
command is needed to synchronise it. Cycles are CK's. The pair ACT-1, ACT-2 is one activate of two cycles of
the command bus; the distances count from its first cycle.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.rules import Rule
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    PER_BANK_REFRESH_RULES,
    POWER_DOWN_RULES,
    REFRESH_IN_FOUR_ACTIVATES_RULES,
)
from cosearch_simulators.dram.common.standard_tables.published_energies import LPDDR5_ENERGY
from cosearch_simulators.dram.common.standard_tables.standard import Organization, Standard, whole_cycles

# JESD209-5B section 2.2, addressing in bank-group mode: four groups of four banks of 2 KB pages. The same as
# in Ramulator 2.0.
ORGANIZATIONS = {
    # name             Mb     dq  groups banks rows     columns
    "LPDDR5_2Gb_x16": Organization(2048, 16, 4, 4, 1 << 13, 1 << 10),
    "LPDDR5_4Gb_x16": Organization(4096, 16, 4, 4, 1 << 14, 1 << 10),
    "LPDDR5_8Gb_x16": Organization(8192, 16, 4, 4, 1 << 15, 1 << 10),
    "LPDDR5_16Gb_x16": Organization(16384, 16, 4, 4, 1 << 16, 1 << 10),
    "LPDDR5_32Gb_x16": Organization(32768, 16, 4, 4, 1 << 17, 1 << 10),
}

# Data rate in MT/s: tCK in ps, then cycles: read latency of set 0, write latency of set A, JESD209-5B section
# 7.4.1. Ramulator 2.1 has the same at 5500 and 6400 MT/s, from JESD209-5C (gem5, from the first draft, a read
# latency of 16 at 5500); at 4267, a border between two ranges, the longer is taken. Bank groups need more
# than 3200 MT/s.
RATES = {
    #     tCK  RL WL
    4267: (1875, 13, 7),
    5500: (1455, 15, 8),
    6400: (1250, 17, 9),
}

# ns, JESD209-5B section 9 (core timings); Ramulator 2.0's cycles at 6400 MT/s for RCD, RP, RAS, WR, RRD, FAW
# and WTR are the same.
RCD_NS, RAS_NS, RP_BANK_NS, RP_ALL_NS = 18.0, 42.0, 18.0, 21.0
WR_NS, WTR_OTHER_GROUP_NS, WTR_SAME_GROUP_NS, RTP_NS = 34.0, 6.25, 12.0, 7.5
RRD_NS, FAW_NS = 5.0, 20.0
WCK2DQO_NS = 1.6  # the latest data after the read latency; conservative, that of the high-frequency range
WCK2DQI_NS = 0.9  # likewise of a write
# By density in Mb: tRFCab, tRFCpb, tpbR2pbR. JESD209-5C table 240, as Ramulator 2.1 lists them.
REFRESH_NS = {2048: 130.0, 4096: 180.0, 8192: 210.0, 16384: 280.0, 32768: 380.0}
BANK_REFRESH_NS = {2048: 60.0, 4096: 90.0, 8192: 120.0, 16384: 140.0, 32768: 190.0}
BANK_REFRESH_SPACING_NS = {2048: 60.0, 4096: 90.0, 8192: 90.0, 16384: 90.0, 32768: 90.0}
BANK_REFRESH_TO_ACTIVATE_NS = 7.5  # tpbR2act, the same table
REFRESH_INTERVAL_NS = 3906.0


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int(speed_grade.removeprefix("LPDDR5_"))
    tck_ps, read_latency, write_latency = RATES[rate]

    def cycles(time_ns: float, least: int = 0) -> int:
        return whole_cycles(time_ns, tck_ps, least)

    density = organization.density_mb
    read_to_precharge = cycles(RTP_NS, 4)
    wr, rp = cycles(WR_NS, 3), cycles(RP_BANK_NS, 2)
    ras, rrd, refresh_bank = cycles(RAS_NS, 3), cycles(RRD_NS, 2), cycles(BANK_REFRESH_NS[density])
    write_to_precharge = write_latency + 2 + 1 + wr  # 2: the burst
    command_to_power_down = cycles(1.75, 2)  # tCMDPD
    n = {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 2,
        "nRL": read_latency,
        "nCL": read_latency,
        "nWL": write_latency,
        "nCWL": write_latency,
        "nDQSCK": cycles(WCK2DQO_NS),
        "nWCK2DQI": cycles(WCK2DQI_NS),
        "nCCDS": 2,
        "nCCDL": 4,  # a burst of 16 occupies its bank group twice as long as the bus
        "nRCD": cycles(RCD_NS, 2),
        "nRAS": ras,
        "nRP": rp,
        "nRPab": cycles(RP_ALL_NS, 2),
        "nRC": ras + rp,
        "nWR": wr,
        "nWTRS": cycles(WTR_OTHER_GROUP_NS, 4),
        "nWTRL": cycles(WTR_SAME_GROUP_NS, 4),
        "nRTP": read_to_precharge,
        "nWRPRE": write_to_precharge,
        "nRRD": rrd,
        "nFAW": cycles(FAW_NS),
        "nPPD": 2,
        "nRTRS": 2,  # bubble on the data bus when the rank changes; a controller's choice, as in Ramulator
        "nREFI": int(REFRESH_INTERVAL_NS * 1000) // tck_ps,
        "nRFC": cycles(REFRESH_NS[density]),
        "nRFCpb": refresh_bank,
        "nPBR2PBR": cycles(BANK_REFRESH_SPACING_NS[density]),
        "nPBR2ACT": cycles(BANK_REFRESH_TO_ACTIVATE_NS) - 1,
        "nPBREND": refresh_bank - 1,
        "nACT2PBR": rrd + 1,
        "nACTREF": ras + rp + 1,
        "nRDAREF": read_to_precharge + rp,
        "nWRAREF": write_to_precharge + rp,
        # JESD209-5B section 7.5.5 (power-down); JEDEC's pairs are in ns and cycles, the longer counts.
        "nACTPDEN": 1 + command_to_power_down,
        "nPRPDEN": command_to_power_down,
        "nREFPDEN": command_to_power_down,
        "nRDPDEN": read_latency + cycles(WCK2DQO_NS) + 2 + 1,
        "nWRPDEN": write_to_precharge,
        "nWRAPDEN": write_to_precharge + 1,
        "nPD": cycles(7.5, 3),
        "nCKE": cycles(7.5, 3),
        "nXP": cycles(7.0, 3),
        "nCKESR": cycles(15.0, 2),
        "nXS": cycles(REFRESH_NS[density] + 7.5, 2),
        "nXSDLL": cycles(REFRESH_NS[density] + 7.5, 2),
    }
    # JEDEC refreshes two banks with one command, eight commands an interval; here every bank has its own.
    return n | {"nREFIpb": n["nREFI"] // (organization.bankgroups * organization.banks)}


_READS, _WRITES, _COLUMNS = ("RD", "RDA"), ("WR", "WRA"), ("RD", "RDA", "WR", "WRA")

RULES = (
    # column commands of one rank, then of two ranks
    Rule("Rank", _READS, _READS, "nCCDS"),
    Rule("Rank", _WRITES, _WRITES, "nCCDS"),
    Rule("Rank", _READS, _WRITES, "nRL + nBL + nDQSCK - nWL"),
    Rule("Rank", _WRITES, _READS, "nWL + nBL + nWTRS"),
    Rule("Rank", _READS, _READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", _WRITES, _WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", _READS, _WRITES, "nRL + nBL + nDQSCK + nRTRS - nWL", sibling=True),
    Rule("Rank", _WRITES, _READS, "nWL + nBL + nRTRS - nRL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("ACT",), ("ACT",), "nRRD"),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS + 1"),
    Rule("Rank", ("RD",), ("PREab",), "nRTP"),
    Rule("Rank", ("WR",), ("PREab",), "nWRPRE"),
    Rule("Rank", ("PREpb", "PREab"), ("PREpb", "PREab"), "nPPD"),
    Rule("Rank", ("PREab",), ("ACT",), "nRPab - 1"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nACTREF"),
    Rule("Rank", ("RDA",), ("REFab",), "nRDAREF"),
    Rule("Rank", ("WRA",), ("REFab",), "nWRAREF"),
    Rule("Rank", ("PREpb",), ("REFab",), "nRP"),
    Rule("Rank", ("PREab",), ("REFab",), "nRPab"),
    Rule("Rank", ("REFab",), ("REFab",), "nRFC"),
    Rule("Rank", ("REFab",), ("ACT",), "nRFC - 1"),
    # one bank group
    Rule("BankGroup", _READS, _READS, "nCCDL"),
    Rule("BankGroup", _WRITES, _WRITES, "nCCDL"),
    Rule("BankGroup", _READS, _WRITES, "nRL + nCCDL + nDQSCK - nWL"),
    Rule("BankGroup", _WRITES, _READS, "nWL + nCCDL + nWTRL"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), _COLUMNS, "nRCD + 1"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS + 1"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWRPRE"),
    Rule("Bank", ("WR",), ("RDA",), "nWRPRE - nRTP"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP - 1"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nRP - 1"),
    Rule("Bank", ("WRA",), ("ACT",), "nWRPRE + nRP - 1"),
    *REFRESH_IN_FOUR_ACTIVATES_RULES,
    *PER_BANK_REFRESH_RULES,
    *POWER_DOWN_RULES,
)

LPDDR5 = Standard(
    name="LPDDR5",
    levels=("Channel", "Rank", "BankGroup", "Bank"),
    prefetch=16,
    channel_width_bits=16,
    read_latency="nRL + nDQSCK + nBL",
    write_latency="nWL + nWCK2DQI + nBL",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(f"LPDDR5_{rate}" for rate in RATES),
    timings=timings,
    rules=RULES,
    energy=LPDDR5_ENERGY,
    bus_cycles={"ACT": 2},
    refresh_modes=("all_bank", "per_bank"),
)
