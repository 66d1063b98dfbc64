"""HBM2: organisations, speed grades and timing rules of JESD235C, one channel of two pseudo-channels.

A pseudo-channel is the level "Rank": it has 64 data pins and all timings of its own, and shares only the two
command buses, one for rows and one for columns. `device("HBM2", ..., ranks=2)`, the default, is a whole
channel. An organisation is named after the channel and describes one pseudo-channel. JESD235 leaves most
timings to the vendor: those at 2000 MT/s are AMD's, as its memory tweak tool shows them and DRAMSys' HBM2
memspec lists them; gem5's HBM2 has the same save a read latency of 18. The rules are JESD235's as DRAMSys 4
checks them, with the activate's two cycles counted from the first, and serve its memspecs too.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.rules import PRECHARGES, READS, WRITES, Rule, cycles_of
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    PER_BANK_REFRESH_RULES,
    POWER_DOWN_RULES,
    REFRESH_IN_FOUR_ACTIVATES_RULES,
)
from cosearch_simulators.dram.common.standard_tables.published_energies import HBM2_ENERGY
from cosearch_simulators.dram.common.standard_tables.standard import Organization, Standard, whole_cycles

# JESD235C section 4, addressing in pseudo-channel mode: 1 KB pages.
ORGANIZATIONS = {
    # name       Mb     dq  groups banks rows     columns
    "HBM2_2Gb": Organization(1024, 64, 4, 2, 1 << 14, 1 << 7),
    "HBM2_4Gb": Organization(2048, 64, 4, 4, 1 << 14, 1 << 7),
    "HBM2_8Gb": Organization(4096, 64, 4, 4, 1 << 15, 1 << 7),
}

RATES = {1600: 1250, 2000: 1000, 2400: 833}  # tCK in ps by data rate in MT/s

# ns, which are cycles at 2000 MT/s. Other rates keep them, rounded up to cycles.
TIMES_NS = {
    "nRL": 17,
    "nWL": 7,
    "nRCDRD": 12,
    "nRCDWR": 6,
    "nRAS": 28,
    "nRP": 14,
    "nWR": 14,
    "nRTP": 5,
    "nRTW": 18,
    "nRRDS": 4,
    "nRRDL": 6,
    "nFAW": 16,
    "nWTRS": 4,
    "nWTRL": 9,
    "nRREFD": 8,
    "nCKE": 8,
    "nXP": 8,
    "nRFCSB": 96,
}
# By density of the pseudo-channel in Mb: Ramulator 2.0 has 160 ns for the first; DRAMSys and gem5 have 220 ns
# for the others, for which Ramulator's table, DDR4's, has 260 and 350 ns.
REFRESH_NS = {1024: 160, 2048: 220, 4096: 220}
SELF_REFRESH_EXIT_NS = 8  # beyond a refresh, as gem5 counts it; DRAMSys' memspec has 4 less than a refresh
REFRESH_INTERVAL_NS = 3900  # JESD235C

# A rank is a pseudo-channel, with data pins of its own: no rule binds two of them.
HBM2_RULES = (
    # column commands of one pseudo-channel
    Rule("Rank", READS, READS, "nCCDS"),
    Rule("Rank", WRITES, WRITES, "nCCDS"),
    Rule("Rank", READS, WRITES, "nRTW"),
    Rule("Rank", WRITES, READS, "nWL + nBL + nWTRS"),
    # row commands of one pseudo-channel
    Rule("Rank", ("ACT",), ("ACT",), "nRRDS"),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS + 1"),
    Rule("Rank", READS, ("PREab",), "nRTP"),
    Rule("Rank", WRITES, ("PREab",), "nWL + nBL + nWR"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP - 1"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC + 1"),
    Rule("Rank", ("RDA",), ("REFab",), "nRTP + nRP"),
    Rule("Rank", ("WRA",), ("REFab",), "nWL + nBL + nWR + nRP"),
    Rule("Rank", PRECHARGES, ("REFab",), "nRP"),
    Rule("Rank", ("REFab",), ("REFab",), "nRFC"),
    Rule("Rank", ("REFab",), ("ACT",), "nRFC - 1"),
    # one bank group
    Rule("BankGroup", READS, READS, "nCCDL"),
    Rule("BankGroup", WRITES, WRITES, "nCCDL"),
    Rule("BankGroup", WRITES, READS, "nWL + nBL + nWTRL"),
    Rule("BankGroup", ("ACT",), ("ACT",), "nRRDL"),
    Rule("BankGroup", ("ACT",), ("REFpb",), "nRRDL + 1"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), READS, "nRCDRD + 1"),
    Rule("Bank", ("ACT",), WRITES, "nRCDWR + 1"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS + 1"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nBL + nWR - nRTP"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP - 1"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nRP - 1"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + nRP - 1"),
    *REFRESH_IN_FOUR_ACTIVATES_RULES,
    *PER_BANK_REFRESH_RULES,
    *POWER_DOWN_RULES,
)

HBM2_DERIVED = {
    "nRCD": "nRCDRD",
    "nRPab": "nRP",
    "nRFCpb": "nRFCSB",
    "nREFIpb": "nREFISB",
    "nPBR2PBR": "nRREFD",
    "nPBR2ACT": "nRREFD - 1",
    "nPBREND": "nRFCSB - 1",
    "nACT2PBR": "nRRDS + 1",
    "nACTREF": "nRC + 1",
    "nRDAREF": "nRTP + nRP",
    "nWRAREF": "nWL + nBL + nWR + nRP",
    "nACTPDEN": "2 + nPL",
    "nPRPDEN": "1 + nPL",
    "nREFPDEN": "1 + nPL",
    "nRDPDEN": "nRL + nPL + nBL + 1",
    "nWRPDEN": "nWL + nPL + nBL + 1 + nWR",
    "nWRAPDEN": "nWL + nPL + nBL + 1 + nWR",
    "nPD": "nCKE",
    "nCKESR": "nCKE + 1",  # the memspec has none; as in DDR4
    "nXSDLL": "nXS",
}

HBM_ROW_BUS = ("ACT", "PREpb", "PREab", "REFab", "REFpb", "PDEA", "PDXA", "PDEP", "PDXP", "SREFEN", "SREFEX")


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int(speed_grade.removeprefix("HBM2_"))
    tck_ps = RATES[rate]
    n = {name: whole_cycles(time_ns, tck_ps) for name, time_ns in TIMES_NS.items()}
    refresh_ns = REFRESH_NS[organization.density_mb]
    n |= {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 2,
        "nCL": n["nRL"],
        "nCWL": n["nWL"],
        "nDQSCK": 1,
        "nPL": 0,  # no parity
        "nCCDS": 2,
        "nCCDL": whole_cycles(3.0, tck_ps, 3),
        "nRC": n["nRAS"] + n["nRP"],
        "nRFC": whole_cycles(refresh_ns, tck_ps),
        "nXS": whole_cycles(refresh_ns + SELF_REFRESH_EXIT_NS, tck_ps),
        "nREFI": REFRESH_INTERVAL_NS * 1000 // tck_ps,
    }
    n["nREFISB"] = n["nREFI"] // (organization.bankgroups * organization.banks)
    for name, expression in HBM2_DERIVED.items():
        n[name] = cycles_of(expression, n)
    return n


HBM2 = Standard(
    name="HBM2",
    levels=("Channel", "Rank", "BankGroup", "Bank"),
    prefetch=4,
    channel_width_bits=64,
    read_latency="nRL + nDQSCK + nBL",
    write_latency="nWL + nBL",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(f"HBM2_{rate}" for rate in RATES),
    timings=timings,
    rules=HBM2_RULES,
    energy=HBM2_ENERGY,
    bus_cycles={"ACT": 2},
    row_bus=HBM_ROW_BUS,
    refresh_modes=("all_bank", "per_bank"),
    ranks=2,
    pseudo_channels=True,
)
