"""Timing rules of DDR5, LPDDR5 and GDDR6 over the timing names of a DRAMSys `memspec`.

Fields and their meaning are those of DRAMUtils (its MemSpecDDR5, MemSpecLPDDR5 and MemSpecGDDR6), which
DRAMSys 5 reads. GDDR6's rules are those that DRAMSys checks (its `CheckerGDDR6`). DRAMSys' models of DDR5 and
LPDDR5 are not public ("model not included"), so those rules are JEDEC's: JESD79-5C and JESD209-5B.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.memspecs.memory_types import GROUPED, MemspecStandard
from cosearch_simulators.dram.common.rules import COLUMNS, PRECHARGES, READS, WRITES, Rule
from cosearch_simulators.dram.common.standard_tables.lpddr5 import LPDDR5
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    PER_BANK_REFRESH_RULES,
    POWER_DOWN_RULES,
    REFRESH_IN_FOUR_ACTIVATES_RULES,
    SAME_BANK_REFRESH_RULES,
)

# Long (L) is the same bank, medium (M) another bank of its group, short (S) another group: JESD79-5C section
# 13.3. Commands of two cycles count from the second.
DDR5_RULES = (
    # column commands of one rank, then of two ranks
    Rule("Rank", READS, READS, "nCCDS"),
    Rule("Rank", WRITES, WRITES, "nCCDSWR"),
    Rule("Rank", READS, WRITES, "nRL + nBL + 2 - nWL - nRDDQS + nRPST + nWPRE"),
    Rule("Rank", WRITES, READS, "nWL + nBL + nWTRS"),
    Rule("Rank", READS, READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", WRITES, WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", READS, WRITES, "nRL + nBL + nRTRS - nWL - nRDDQS + nRPST + nWPRE", sibling=True),
    Rule("Rank", WRITES, READS, "nWL + nBL + nRTRS - nRL + nRDDQS + nWPST + nRPRE", sibling=True),
    # row commands of one rank
    Rule("Rank", ("ACT",), ("ACT",), "nRRDS"),
    Rule("Rank", ("ACT",), ("ACT",), "nFAW", window=4),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", READS, ("PREab",), "nRTP"),
    Rule("Rank", WRITES, ("PREab",), "nWL + nBL + nWR"),
    Rule("Rank", PRECHARGES, PRECHARGES, "nPPD"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("RDA",), ("REFab",), "nRTP + nRP"),
    Rule("Rank", ("WRA",), ("REFab",), "nWL + nBL + nWR + nRP"),
    Rule("Rank", PRECHARGES, ("REFab",), "nRP"),
    Rule("Rank", ("REFab",), ("ACT", "PREab", "REFab"), "nRFC"),
    # one bank group
    Rule("BankGroup", READS, READS, "nCCDM"),
    Rule("BankGroup", WRITES, WRITES, "nCCDMWR"),
    Rule("BankGroup", WRITES, READS, "nWL + nBL + nWTRM"),
    Rule("BankGroup", ("ACT",), ("ACT",), "nRRDL"),
    # one bank
    Rule("Bank", READS, READS, "nCCDL"),
    Rule("Bank", WRITES, WRITES, "nCCDLWR"),
    Rule("Bank", WRITES, READS, "nWL + nBL + nWTRL"),
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), COLUMNS, "nRCD"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nBL + nWR - nRTP"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nRP"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + nRP"),
    *SAME_BANK_REFRESH_RULES,
    *POWER_DOWN_RULES,
)

DDR5_WORDS = {
    "CCD_L_slr": "CCDL",
    "CCD_M_slr": "CCDM",
    "CCD_S_slr": "CCDS",
    # x4 must first read what it writes a part of, for its own ECC; x8 and x16 need not: see `ddr5`.
    "CCD_L_WR_slr": "CCDLWR",
    "CCD_L_WR2_slr": "CCDLWR",
    "CCD_M_WR_slr": "CCDMWR",
    "CCD_S_WR_slr": "CCDSWR",
    "RRD_L_slr": "RRDL",
    "RRD_S_slr": "RRDS",
    "FAW_slr": "FAW",
    "WTR_L": "WTRL",
    "WTR_M": "WTRM",
    "WTR_S": "WTRS",
    # normal refresh and that of fine granularity
    "RFC1_slr": "RFC",
    "RFC2_slr": "RFC",
    "REFI1": "REFI",
    "REFI2": "REFI",
    "RFCsb_slr": "RFCSB",
    "REFSBRD_slr": "REFSBRD",
    # currents, as DRAMSys' DDR4 has them: the second supply has a 2 at the end
    "idd5b": "idd5",
    "idd5f": "idd5",
    "ipp3n": "idd3n2",
    "ipp5b": "idd52",
    "ipp5f": "idd52",
}

DDR5_DERIVED = {
    "nRC": "nRAS + nRP",
    "nDQSCK": "0",
    "nRPab": "nRP",
    "nACTREF": "nRC",
    "nRDAREF": "nRTP + nRP",
    "nWRAREF": "nWL + nBL + nWR + nRP",
    "nRFCsb": "nRFCSB",
    "nSBREND": "nRFCSB",
    "nREFIsb": "nREFISB",
    "nACT2PBR": "nRRDL",
    "nRDPDEN": "nRL + nBL + 1",
    "nWRPDEN": "nWL + nBL + nWR + 1",
    "nWRAPDEN": "nWL + nBL + nWR + 1",
    "nCKE": "nXP",
    "nXS": "nRFC",
    "nXSDLL": "nRFC + nDLLK",
}

LPDDR5_WORDS = {
    "RFCab": "RFCAB",
    "RFCpb": "RFCPB",
    "REFIpb": "REFIPB",
    "RPab": "RPAB",
    "RPpb": "RPPB",
    "RCpb": "RCPB",
    "RCD_L": "RCD",
    "WTR_L": "WTRL",
    "WTR_S": "WTRS",
    "BL_n_min_16": "BLMIN",
    "BL_n_L_16": "CCDL",
    "BL_n_S_16": "CCDS",
    "pbR2pbR": "PBR2PBR",
    "pbR2act": "PBRACT",
}

LPDDR5_DERIVED = {
    "nRFC": "nRFCAB",
    "nRC": "nRCPB",
    "nRP": "nRPPB",
    "nRPab": "nRPAB",
    "nRFCpb": "nRFCPB",
    "nREFIpb": "nREFIPB",
    "nDQSCK": "nWCK2DQO",
    "nRTP": "nBLMIN + nRBTP",
    "nWRPRE": "nWL + nBLMIN + 1 + nWR",
    # an activate counts from the first of its two cycles
    "nPBR2ACT": "nPBRACT - 1",
    "nPBREND": "nRFCPB - 1",
    "nACT2PBR": "nRRD + 1",
    "nACTREF": "nRC + 1",
    "nRDAREF": "nRTP + nRP",
    "nWRAREF": "nWRPRE + nRP",
    "nACTPDEN": "1 + nCMDPD",
    "nPRPDEN": "nCMDPD",
    "nREFPDEN": "nCMDPD",
    "nRDPDEN": "nRL + nDQSCK + nBL + 1",
    "nWRPDEN": "nWRPRE",
    "nWRAPDEN": "nWRPRE + 1",
    "nXS": "nRFC + nXSMORE",
    "nXSDLL": "nRFC + nXSMORE",
}

GDDR6_RULES = (
    # column commands of one rank, then of two ranks
    Rule("Rank", READS, READS, "nCCDS"),
    Rule("Rank", WRITES, WRITES, "nCCDS"),
    Rule("Rank", READS, WRITES, "nRTW"),
    Rule("Rank", WRITES, READS, "nWL + nBL + nWTRS"),
    Rule("Rank", READS, READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", WRITES, WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", READS, WRITES, "nRL + nBL + nRTRS - nWL", sibling=True),
    Rule("Rank", WRITES, READS, "nWL + nBL + nRTRS - nRL", sibling=True),
    # row commands of one rank
    Rule("Rank", ("ACT",), ("ACT",), "nRRDS"),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", READS, ("PREab",), "nRTP"),
    Rule("Rank", WRITES, ("PREab",), "nWL + nBL + nWR"),
    Rule("Rank", ("PREpb",), PRECHARGES, "nPPD"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("RDA",), ("REFab",), "nRTP + nRP"),
    Rule("Rank", ("WRA",), ("REFab",), "nWL + nBL + nWR + nRP"),
    Rule("Rank", PRECHARGES, ("REFab",), "nRP"),
    Rule("Rank", ("REFab",), ("ACT", "REFab"), "nRFC"),
    # one bank group
    Rule("BankGroup", READS, READS, "nCCDL"),
    Rule("BankGroup", WRITES, WRITES, "nCCDL"),
    Rule("BankGroup", WRITES, READS, "nWL + nBL + nWTRL"),
    Rule("BankGroup", ("ACT",), ("ACT", "REFpb"), "nRRDL"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), READS, "nRCDRD"),
    Rule("Bank", ("ACT",), WRITES, "nRCDWR"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nBL + nWR - nRTP"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nRP"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + nRP"),
    *REFRESH_IN_FOUR_ACTIVATES_RULES,
    *PER_BANK_REFRESH_RULES,
    *POWER_DOWN_RULES,
)

GDDR6_WORDS = {"RFCab": "RFCAB", "RFCpb": "RFCPB", "REFIpb": "REFIPB"}

GDDR6_DERIVED = {
    "nRFC": "nRFCAB",
    "nRCD": "nRCDRD",
    "nRPab": "nRP",
    "nRFCpb": "nRFCPB",
    "nREFIpb": "nREFIPB",
    "nDQSCK": "nWCK2CKPIN + nWCK2CK + nWCK2DQO",
    "nPBR2PBR": "nRREFD",
    "nPBR2ACT": "nRREFD",
    "nPBREND": "nRFCPB",
    "nACT2PBR": "nRRDS",
    "nACTREF": "nRC",
    "nRDAREF": "nRTP + nRP",
    "nWRAREF": "nWL + nBL + nWR + nRP",
    "nACTPDEN": "nACTPDE",
    "nPRPDEN": "nPREPDE",
    "nREFPDEN": "nREFPDE",
    "nRDPDEN": "nRL + nDQSCK + nBL",
    "nWRPDEN": "nWL + nWCK2CKPIN + nWCK2CK + nWCK2DQI + nBL",
    "nWRAPDEN": "nWRPDEN",
    "nCKE": "nXP",
    "nXSDLL": "nLK",
}

NEWER_STANDARDS = {
    "DDR5": MemspecStandard(
        GROUPED,
        DDR5_RULES,
        "nRL + nBL",
        "nWL + nBL",
        derived=DDR5_DERIVED,
        refresh_modes=("all_bank", "same_bank"),
        command_cycles=dict.fromkeys(("ACT", "RD", "RDA", "WR", "WRA"), 2),  # JESD79-5C table 31
        words=DDR5_WORDS,
        # JESD79-5C: tCSL; tDLLK at the fastest of each range of rates, 1024 cycles at 3200 MT/s
        times_ns={"nCKESR": (10.0, 0), "nDLLK": (640.0, 1024)},
        # stacks of dies, and commands of twice as many cycles
        fixed={"nbrOfPhysicalRanks": 1, "nbrOfLogicalRanks": 1, "cmdMode": 1},
    ),
    "LPDDR5": MemspecStandard(
        GROUPED,
        LPDDR5.rules,
        "nRL + nDQSCK + nBL",
        "nWL + nWCK2DQI + nBL",
        bus_cycles={"ACT": 2},
        derived=LPDDR5_DERIVED,
        refresh_modes=("all_bank", "per_bank"),
        words=LPDDR5_WORDS,
        # JESD209-5B section 7.5.5 and tWCK2DQI, as in `lpddr5`
        times_ns={
            "nWCK2DQI": (0.9, 0),
            "nCMDPD": (1.75, 2),
            "nPD": (7.5, 3),
            "nCKE": (7.5, 3),
            "nXP": (7.0, 3),
            "nCKESR": (15.0, 2),
            "nXSMORE": (7.5, 0),
        },
        fixed={"burstLength": 16},
        banks_per_refresh=2,  # DRAMSys' REFP2B, JEDEC's REFpb
    ),
    "GDDR6": MemspecStandard(
        GROUPED,
        GDDR6_RULES,
        "nRL + nDQSCK + nBL",
        "nWL + nWCK2CKPIN + nWCK2CK + nWCK2DQI + nBL",
        derived=GDDR6_DERIVED,
        refresh_modes=("all_bank", "per_bank"),
        words=GDDR6_WORDS,
        fixed={"burstLength": 16},
    ),
}
"""By `memoryType`."""
