"""Timing rules of DDR3, DDR4 and HBM3 over the timing names of a DRAMSys `memspec`, and all types by name.

A memspec's name such as `CCD_L` is `nCCDL` here; `nBL` is the burst in cycles. The rules are those of the
standards (JESD79-3, JESD79-4) as DRAMSys 4 checks them (its controller's `Checker` classes). LPDDR4's and
HBM2's serve our own devices too and stand in `standard_tables`, HBM3's are HBM2's and one more; the other
memory types' are in `newer_rules`.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.memspecs.memory_types import GROUPED, UNGROUPED, MemspecStandard
from cosearch_simulators.dram.common.memspecs.newer_rules import NEWER_STANDARDS
from cosearch_simulators.dram.common.rules import COLUMNS, PRECHARGES, READS, WRITES, Rule
from cosearch_simulators.dram.common.standard_tables.hbm2 import HBM2_DERIVED, HBM2_RULES, HBM_ROW_BUS
from cosearch_simulators.dram.common.standard_tables.lpddr4 import (
    LPDDR4_BUS_CYCLES,
    LPDDR4_DERIVED,
    LPDDR4_RULES,
)
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import POWER_DOWN_RULES

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
