"""GDDR6 SGRAM: organisations, speed grades and timing rules of JESD250, one 16-bit channel.

A device has two such channels with buses of their own; an organisation is named after the device and
describes one of its channels. Cycles are those of the command clock CK: eight transfers a pin. JESD250 leaves
most timings to the vendor; those of Samsung's K4Z80325BC (data sheet revision 1.3, tables 27, 91 and 92) at
14 Gb/s and 1.35 V are taken as Ramulator 2.1 lists them, in ns, for all rates.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.rules import Rule
from cosearch_simulators.dram.common.standard_tables.maintenance_rules import (
    PER_BANK_REFRESH_RULES,
    POWER_DOWN_RULES,
)
from cosearch_simulators.dram.common.standard_tables.published_energies import GDDR6_ENERGY
from cosearch_simulators.dram.common.standard_tables.standard import Organization, Standard, whole_cycles

# JESD250 table 19, as Ramulator 2.0 lists it: x16 mode, four groups of four banks.
ORGANIZATIONS = {
    # name             Mb     dq  groups banks rows     columns
    "GDDR6_8Gb_x16": Organization(4096, 16, 4, 4, 1 << 14, 1 << 10),
    "GDDR6_16Gb_x16": Organization(8192, 16, 4, 4, 1 << 14, 1 << 11),
    "GDDR6_32Gb_x16": Organization(16384, 16, 4, 4, 1 << 15, 1 << 11),
}

RATES = {12000: 667, 14000: 571, 16000: 500}  # tCK in ps by data rate in MT/s

# ns, in steps of half a ns where Ramulator 2.1 has only the cycles, of 572 ps: nCL 24, nRCDRD 27, nRCDWR 16,
# nRP 27, nRAS 53, nWR 27, nRTP 4, nCWL 6, nRRD 8, nWTRS 10, nWTRL 12, nFAW 29, nRREFD 15.
CL_NS, CWL_NS = 13.68, 3.42
RCD_READ_NS, RCD_WRITE_NS, RP_NS, RAS_NS, WR_NS = 15.0, 9.0, 15.0, 30.0, 15.0
RTP_NS, WTR_OTHER_GROUP_NS, WTR_SAME_GROUP_NS, RRD_NS, FAW_NS = 2.28, 5.5, 6.5, 4.5, 16.5
BANK_REFRESH_SPACING_NS = 8.5
# By density of the channel in Mb. The first is Ramulator 2.1's; the others are taken longer as DDR4's tRFC
# grows (350 ns at 8 Gb, 550 ns at 16 Gb), since no public figure was found.
REFRESH_NS = {4096: 120.0, 8192: 190.0, 16384: 300.0}
BANK_REFRESH_NS = {4096: 60.0, 8192: 95.0, 16384: 150.0}
REFRESH_INTERVAL_NS = 1900.0  # 32 ms over 16 K rows, JESD250


def timings(organization: Organization, speed_grade: str) -> dict[str, int]:
    """Clock cycles by timing name."""
    rate = int(speed_grade.removeprefix("GDDR6_"))
    tck_ps = RATES[rate]

    def cycles(time_ns: float, least: int = 0) -> int:
        return whole_cycles(time_ns, tck_ps, least)

    density = organization.density_mb
    read_latency, write_latency = cycles(CL_NS), cycles(CWL_NS)
    ras, rp, wr, rtp = cycles(RAS_NS), cycles(RP_NS), cycles(WR_NS), cycles(RTP_NS, 2)
    refresh_bank, spacing = cycles(BANK_REFRESH_NS[density]), cycles(BANK_REFRESH_SPACING_NS)
    write_to_precharge = write_latency + 2 + wr
    n = {
        "rate": rate,
        "tCK_ps": tck_ps,
        "nBL": 2,
        "nRL": read_latency,
        "nCL": read_latency,
        "nWL": write_latency,
        "nCWL": write_latency,
        "nDQSCK": 0,  # the latencies are up to the data at the pins
        "nCCDS": 2,
        "nCCDL": 4,  # the same data sheet
        "nRCD": cycles(RCD_READ_NS),
        "nRCDRD": cycles(RCD_READ_NS),
        "nRCDWR": cycles(RCD_WRITE_NS),
        "nRAS": ras,
        "nRP": rp,
        "nRPab": rp,
        "nRC": ras + rp,
        "nWR": wr,
        "nRTP": rtp,
        "nWTRS": cycles(WTR_OTHER_GROUP_NS),
        "nWTRL": cycles(WTR_SAME_GROUP_NS),
        "nRRDS": cycles(RRD_NS),
        "nRRDL": cycles(RRD_NS),
        "nFAW": cycles(FAW_NS),
        "nRTRS": 2,  # bubble on the data bus when the rank changes; a controller's choice
        "nREFI": int(REFRESH_INTERVAL_NS * 1000) // tck_ps,
        "nRFC": cycles(REFRESH_NS[density]),
        "nRFCpb": refresh_bank,
        "nPBR2PBR": spacing,
        "nPBR2ACT": spacing,
        "nPBREND": refresh_bank,
        "nACT2PBR": cycles(RRD_NS),
        "nACTREF": ras + rp,
        "nRDAREF": rtp + rp,
        "nWRAREF": write_to_precharge + rp,
        # JESD250 leaves these to the vendor too; DRAMsim3's GDDR5X in cycles of 667 ps has an exit of 10.
        "nACTPDEN": 1,
        "nPRPDEN": 1,
        "nREFPDEN": 1,
        "nRDPDEN": read_latency + 2 + 1,
        "nWRPDEN": write_to_precharge + 1,
        "nWRAPDEN": write_to_precharge + 1,
        "nPD": cycles(6.67),
        "nCKE": cycles(6.67),
        "nXP": cycles(6.67),
        "nCKESR": cycles(6.67) + 1,
        "nXS": cycles(REFRESH_NS[density] + 13.3),  # DRAMsim3's GDDR5X: 20 cycles of 667 ps beyond a refresh
        "nXSDLL": cycles(REFRESH_NS[density] + 13.3),
    }
    return n | {"nREFIpb": n["nREFI"] // (organization.bankgroups * organization.banks)}


_READS, _WRITES = ("RD", "RDA"), ("WR", "WRA")

RULES = (
    # column commands of one channel; a second rank is unusual but possible
    Rule("Rank", _READS, _READS, "nCCDS"),
    Rule("Rank", _WRITES, _WRITES, "nCCDS"),
    Rule("Rank", _READS, _WRITES, "nRL + nBL + 4 - nWL"),  # 4 for the turnaround, as in Ramulator 2.0
    Rule("Rank", _WRITES, _READS, "nWL + nBL + nWTRS"),
    Rule("Rank", _READS, _READS, "nBL + nRTRS", sibling=True),
    Rule("Rank", _WRITES, _WRITES, "nBL + nRTRS", sibling=True),
    Rule("Rank", _READS, _WRITES, "nRL + nBL + 4 - nWL", sibling=True),
    Rule("Rank", _WRITES, _READS, "nWL + nBL + nRTRS - nRL", sibling=True),
    # row commands
    Rule("Rank", ("ACT",), ("ACT",), "nRRDS"),
    Rule("Rank", ("ACT",), ("ACT",), "nFAW", window=4),
    Rule("Rank", ("ACT",), ("PREab",), "nRAS"),
    Rule("Rank", ("RD",), ("PREab",), "nRTP"),
    Rule("Rank", ("WR",), ("PREab",), "nWL + nBL + nWR"),
    Rule("Rank", ("PREab",), ("ACT",), "nRP"),
    # refresh
    Rule("Rank", ("ACT",), ("REFab",), "nRC"),
    Rule("Rank", ("RDA",), ("REFab",), "nRDAREF"),
    Rule("Rank", ("WRA",), ("REFab",), "nWRAREF"),
    Rule("Rank", ("PREpb", "PREab"), ("REFab",), "nRP"),
    Rule("Rank", ("REFab",), ("ACT", "REFab"), "nRFC"),
    # one bank group
    Rule("BankGroup", _READS, _READS, "nCCDL"),
    Rule("BankGroup", _WRITES, _WRITES, "nCCDL"),
    Rule("BankGroup", _WRITES, _READS, "nWL + nBL + nWTRL"),
    Rule("BankGroup", ("ACT",), ("ACT",), "nRRDL"),
    # one bank
    Rule("Bank", ("ACT",), ("ACT",), "nRC"),
    Rule("Bank", ("ACT",), _READS, "nRCDRD"),
    Rule("Bank", ("ACT",), _WRITES, "nRCDWR"),
    Rule("Bank", ("ACT",), ("PREpb",), "nRAS"),
    Rule("Bank", ("RD",), ("PREpb",), "nRTP"),
    Rule("Bank", ("WR",), ("PREpb",), "nWL + nBL + nWR"),
    Rule("Bank", ("WR",), ("RDA",), "nWL + nBL + nWR - nRTP"),
    Rule("Bank", ("PREpb",), ("ACT",), "nRP"),
    Rule("Bank", ("RDA",), ("ACT",), "nRTP + nRP"),
    Rule("Bank", ("WRA",), ("ACT",), "nWL + nBL + nWR + nRP"),
    *PER_BANK_REFRESH_RULES,
    *POWER_DOWN_RULES,
)

GDDR6 = Standard(
    name="GDDR6",
    levels=("Channel", "Rank", "BankGroup", "Bank"),
    prefetch=16,
    channel_width_bits=16,
    read_latency="nRL + nBL",
    write_latency="nWL + nBL",
    organizations=ORGANIZATIONS,
    speed_grades=tuple(f"GDDR6_{rate}" for rate in RATES),
    timings=timings,
    rules=RULES,
    energy=GDDR6_ENERGY,
    refresh_modes=("all_bank", "per_bank"),
)
