"""Timing rules of DDR3, DDR4, LPDDR4, HBM2 and HBM3 over the timing names of a DRAMSys `memspec`.

A memspec's name such as `CCD_L` is `nCCDL` here; `nBL` is the burst in cycles. The rules are those of the
standards (JESD79-3, JESD79-4, JESD209-4, JESD235) as DRAMSys 4 checks them (its controller's `Checker`
classes): with LPDDR4's commands of two and four cycles and HBM2's activate of two counted from their first
cycle, which is where the constants come from. The other memory types are in `newer_rules`.
"""

from __future__ import annotations

from cosearch_simulators.dram.memspecs.memory_types import (
    COLUMNS,
    GROUPED,
    PRECHARGES,
    READS,
    UNGROUPED,
    WRITES,
    MemspecStandard,
)
from cosearch_simulators.dram.memspecs.newer_rules import NEWER_STANDARDS
from cosearch_simulators.dram.rules import Rule
from cosearch_simulators.dram.standard_tables.maintenance_rules import (
    PER_BANK_REFRESH_RULES,
    POWER_DOWN_RULES,
    REFRESH_IN_FOUR_ACTIVATES_RULES,
)

DDR3_RULES = (
    # column commands of one rank, then of two ranks
    Rule("Rank", READS, READS, "nCCD"),
    Rule("Rank", WRITES, WRITES, "nCCD"),
    Rule("Rank", READS, WRITES, "nRL + nBL + 2 - nWL"),
    Rule("Rank", WRITES, READS, "nWL + nBL + nWTR - nAL"),
    Rule("Rank", READS, READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", WRITES, WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", READS, WRITES, "nRL + nBL + nRTRS - nWL", sibling=True),
    Rule("Rank", WRITES, READS, "nWL + nBL + nRTRS - nRL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("ACT",), ("ACT",), "nRRD"),
    Rule("Rank", ("ACT",), ("ACT",), "nFAW", window=4),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", READS, ("PREab",), "nAL + nRTP"),
    Rule("Rank", WRITES, ("PREab",), "nWL + nBL + nWR"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("RDA",), ("REFab",), "nAL + nRTP + nRP"),
    Rule("Rank", ("WRA",), ("REFab",), "nWL + nBL + nWR + nRP"),
    Rule("Rank", PRECHARGES, ("REFab",), "nRP"),
    Rule("Rank", ("REFab",), ("ACT", "REFab"), "nRFC"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), COLUMNS, "nRCD - nAL"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS"),
    Rule("Bank", ("RD",), ("PREpb",), "nAL + nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nBL + nWR - nRTP - nAL"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP"),
    Rule("Bank", ("RDA",), ("ACT",), "nAL + nRTP + nRP"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + nRP"),
    *POWER_DOWN_RULES,
)

DDR4_RULES = (
    # column commands of one rank, then of two ranks
    Rule("Rank", READS, READS, "nCCDS"),
    Rule("Rank", WRITES, WRITES, "nCCDS"),
    Rule("Rank", READS, WRITES, "nRL + nBL + 1 + nWPRE - nWL"),
    Rule("Rank", WRITES, READS, "nWL + nBL + nWTRS - nAL"),
    Rule("Rank", READS, READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", WRITES, WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", READS, WRITES, "nRL + nBL + nRTRS + nWPRE - nWL", sibling=True),
    Rule("Rank", WRITES, READS, "nWL + nBL + nRTRS + nRPRE - nRL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("ACT",), ("ACT",), "nRRDS"),
    Rule("Rank", ("ACT",), ("ACT",), "nFAW", window=4),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", READS, ("PREab",), "nAL + nRTP"),
    Rule("Rank", WRITES, ("PREab",), "nWL + nBL + nWR"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("RDA",), ("REFab",), "nAL + nRTP + nRP"),
    Rule("Rank", ("WRA",), ("REFab",), "nWL + nBL + nWR + nRP"),
    Rule("Rank", PRECHARGES, ("REFab",), "nRP"),
    Rule("Rank", ("REFab",), ("ACT", "REFab"), "nRFC"),
    # one bank group
    Rule("BankGroup", READS, READS, "nCCDL"),
    Rule("BankGroup", WRITES, WRITES, "nCCDL"),
    Rule("BankGroup", WRITES, READS, "nWL + nBL + nWTRL - nAL"),
    Rule("BankGroup", ("ACT",), ("ACT",), "nRRDL"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), COLUMNS, "nRCD - nAL"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS"),
    Rule("Bank", ("RD",), ("PREpb",), "nAL + nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nBL + nWR - nRTP - nAL"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP"),
    Rule("Bank", ("RDA",), ("ACT",), "nAL + nRTP + nRP"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + nRP"),
    *POWER_DOWN_RULES,
)

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

# As HBM2's; DRAMSys' model is not public. An activate of one and a half cycles is taken as two.
HBM3_RULES = (*HBM2_RULES, Rule("Rank", ("PREpb",), PRECHARGES, "nPPD"))

DDR_DERIVED = {
    "nRPab": "nRP",
    "nRDAREF": "nAL + nRTP + nRP",
    "nWRAREF": "nWL + nBL + nWR + nRP",
    "nRDPDEN": "nRL + nBL + 1",
    "nWRPDEN": "nWL + nBL + nWR",
    "nWRAPDEN": "nWL + nBL + nWR + 1",
    "nPD": "nCKE",
}

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

LPDDR4_BUS_CYCLES = {
    **dict.fromkeys(("ACT", "RD", "RDA", "WR", "WRA"), 4),
    **dict.fromkeys(("PREpb", "PREab", "REFab", "REFpb", "SREFEN", "SREFEX"), 2),
}
HBM_ROW_BUS = ("ACT", "PREpb", "PREab", "REFab", "REFpb", "PDEA", "PDXA", "PDEP", "PDXP", "SREFEN", "SREFEX")

MEMSPEC_STANDARDS = {
    "DDR3": MemspecStandard(UNGROUPED, DDR3_RULES, "nRL + nBL", "nWL + nBL", derived=DDR_DERIVED),
    "DDR4": MemspecStandard(GROUPED, DDR4_RULES, "nRL + nBL", "nWL + nBL", derived=DDR_DERIVED),
    "LPDDR4": MemspecStandard(
        UNGROUPED,
        LPDDR4_RULES,
        "nRL + nDQSCK + nBL + 3",
        "nWL + nDQSS + nDQS2DQ + nBL + 3",
        bus_cycles=LPDDR4_BUS_CYCLES,
        derived=LPDDR4_DERIVED,
        refresh_modes=("all_bank", "per_bank"),
    ),
    "HBM2": MemspecStandard(
        GROUPED,
        HBM2_RULES,
        "nRL + nDQSCK + nBL",
        "nWL + nBL",
        bus_cycles={"ACT": 2},
        row_bus=HBM_ROW_BUS,
        derived=HBM2_DERIVED,
        refresh_modes=("all_bank", "per_bank"),
        pseudo_channels=True,
    ),
    "HBM3": MemspecStandard(
        GROUPED,
        HBM3_RULES,
        "nRL + nDQSCK + nBL",
        "nWL + nBL",
        bus_cycles={"ACT": 2},
        row_bus=HBM_ROW_BUS,
        derived=HBM2_DERIVED,
        refresh_modes=("all_bank", "per_bank"),
        words={"RFCPB": "RFCSB", "REFIPB": "REFISB"},
        pseudo_channels=True,
    ),
    **NEWER_STANDARDS,
}
"""By `memoryType`."""
