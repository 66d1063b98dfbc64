"""Timing rules of refresh by bank, power-down and self-refresh, shared by all standards.

They are stated over timing names that every standard defines, so that only the numbers differ. What the
commands mean is the JEDEC standards' and the distances are those that DRAMSys' checkers hold them to.

Names, in clock cycles from the first command to the second:
    nRFCpb, nRFCsb: a refresh of a bank (of the same bank of all groups) to the next command to that bank.
    nPBR2PBR, nPBR2ACT: a refresh of a bank to the next one, or to an activate, of another bank of the rank.
    nREFSBRD: a same-bank refresh to an activate of another bank.
    nACT2PBR: an activate to a refresh of another bank.
    nREFIpb, nREFIsb: interval between such refreshes of a rank if each bank gets as many as REFab gives.
    nACTREF, nRDAREF, nWRAREF: activate, read and write with auto-precharge to a refresh of that bank.
    nPBREND, nSBREND: as nRFCpb and nRFCsb, to an activate.
    nRPab: all banks precharged to a refresh.
    nACTPDEN, nPRPDEN, nREFPDEN, nRDPDEN, nWRPDEN, nWRAPDEN: activate, precharge, refresh, read (with
        auto-precharge or not), write, write with auto-precharge to entering power-down.
    nPD: shortest power-down. nCKE: shortest time between two. nXP: leaving it to any command.
    nCKESR: shortest self-refresh. nXS: leaving it to any command, nXSDLL: to a read or write.
"""

from __future__ import annotations

from cosearch_simulators.dram.common.rules import Rule

_READS, _WRITES = ("RD", "RDA"), ("WR", "WRA")
_PRECHARGES = ("PREpb", "PREab")
_ENTRIES = ("PDEA", "PDEP", "SREFEN")

REFRESH_AFTER_REFRESH_RULES = (Rule("Rank", ("REFab",), ("REFab",), "nRFC"),)
"""Of the standards whose tables are Ramulator's, which never refreshes ahead of time."""

PER_BANK_REFRESH_RULES = (
    Rule("Rank", ("ACT",), ("REFpb",), "nACT2PBR"),
    Rule("Rank", ("REFpb",), ("ACT",), "nPBR2ACT"),
    Rule("Rank", ("REFpb",), ("REFpb",), "nPBR2PBR"),
    Rule("Rank", ("PREab",), ("REFpb",), "nRPab"),
    Rule("Rank", ("REFab",), ("REFpb",), "nRFC"),
    Rule("Rank", ("REFpb",), ("REFab", "PREab", "SREFEN"), "nRFCpb"),
    Rule("Bank", ("ACT",), ("REFpb",), "nACTREF"),
    Rule("Bank", ("PREpb",), ("REFpb",), "nRP"),
    Rule("Bank", ("RDA",), ("REFpb",), "nRDAREF"),
    Rule("Bank", ("WRA",), ("REFpb",), "nWRAREF"),
    Rule("Bank", ("REFpb",), ("REFpb",), "nRFCpb"),
    Rule("Bank", ("REFpb",), ("ACT",), "nPBREND"),
)

REFRESH_IN_FOUR_ACTIVATES_RULES = (Rule("Rank", ("ACT", "REFpb"), ("ACT", "REFpb"), "nFAW", window=4),)
"""Of the standards that count a refresh of a bank as an activate."""

SAME_BANK_REFRESH_RULES = (
    Rule("Rank", ("ACT",), ("REFsb",), "nACT2PBR"),
    Rule("Rank", ("REFsb",), ("ACT",), "nREFSBRD"),
    Rule("Rank", ("REFsb",), ("REFsb", "REFab", "PREab", "SREFEN"), "nRFCsb"),
    Rule("Rank", ("PREab",), ("REFsb",), "nRPab"),
    Rule("Rank", ("REFab",), ("REFsb",), "nRFC"),
    Rule("Bank", ("ACT",), ("REFsb",), "nACTREF"),
    Rule("Bank", ("PREpb",), ("REFsb",), "nRP"),
    Rule("Bank", ("RDA",), ("REFsb",), "nRDAREF"),
    Rule("Bank", ("WRA",), ("REFsb",), "nWRAREF"),
    Rule("Bank", ("REFsb",), ("ACT",), "nSBREND"),
)

POWER_DOWN_RULES = (
    # entering; what was begun is finished first
    Rule("Rank", ("ACT",), ("PDEA",), "nACTPDEN"),
    Rule("Rank", _READS, _ENTRIES, "nRDPDEN"),
    Rule("Rank", ("WR",), _ENTRIES, "nWRPDEN"),
    Rule("Rank", ("WRA",), _ENTRIES, "nWRAPDEN"),
    Rule("Rank", _PRECHARGES, ("PDEA", "PDEP"), "nPRPDEN"),
    Rule("Rank", ("REFab",), ("PDEP",), "nREFPDEN"),
    Rule("Rank", ("REFpb", "REFsb"), ("PDEA", "PDEP"), "nREFPDEN"),
    # power-down
    Rule("Rank", ("PDEA",), ("PDXA",), "nPD"),
    Rule("Rank", ("PDEP",), ("PDXP",), "nPD"),
    Rule("Rank", ("PDXA", "PDXP"), ("PDEA", "PDEP"), "nCKE"),
    Rule("Rank", ("PDXA",), (*_PRECHARGES, *_READS, *_WRITES), "nXP"),
    Rule("Rank", ("PDXA", "PDXP"), ("ACT", "REFpb", "REFsb"), "nXP"),
    Rule("Rank", ("PDXP",), ("REFab", "SREFEN"), "nXP"),
    # self-refresh, of a rank whose banks are all precharged
    Rule("Rank", ("RDA",), ("SREFEN",), "nRDAREF"),
    Rule("Rank", ("WRA",), ("SREFEN",), "nWRAREF"),
    Rule("Rank", ("PREpb",), ("SREFEN",), "nRP"),
    Rule("Rank", ("PREab",), ("SREFEN",), "nRPab"),
    Rule("Rank", ("REFab",), ("SREFEN",), "nRFC"),
    Rule("Rank", ("SREFEN",), ("SREFEX",), "nCKESR"),
    Rule("Rank", ("SREFEX",), ("ACT", "REFab", "REFpb", "REFsb", "PDEP", "SREFEN"), "nXS"),
    Rule("Rank", ("SREFEX",), (*_READS, *_WRITES), "nXSDLL"),
)
