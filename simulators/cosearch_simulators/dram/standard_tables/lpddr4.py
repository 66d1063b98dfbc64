"""LPDDR4 SDRAM: organisations, speed grades and timing rules of JESD209-4B, one 16-bit channel.

A device has two such channels with buses of their own; densities are those of one. Commands take two or four
cycles of the command bus and all distances count from their first cycle, as in the rules, which are those of
DRAMSys' LPDDR4 memspecs (`memspecs.rules`).
"""

from __future__ import annotations

from cosearch_simulators.dram.memspecs.rules import LPDDR4_BUS_CYCLES, LPDDR4_DERIVED, LPDDR4_RULES
from cosearch_simulators.dram.rules import cycles_of
from cosearch_simulators.dram.standard_tables.published_energies import LPDDR4_ENERGY
from cosearch_simulators.dram.standard_tables.standard import Organization, Standard, whole_cycles

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
