"""The fields of a memspec under one name and unit each, whichever DRAMSys and memory type it is for.

That name is DRAMSys 4's. DRAMSys 5 has the clock period in s, currents in A and some fields under other names
(`NEWER_WORDS`); so have some memory types (`MemspecStandard.words`). What cannot be is refused by
`checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

from cosearch_simulators.dram.common.memspecs.checks import MOST_MA, NEWER_WORDS, is_number
from cosearch_simulators.dram.common.memspecs.rules import MEMSPEC_STANDARDS
from cosearch_simulators.errors import ConfigurationError

FINE_GRANULARITY = {
    False: ("RFC2_slr", "REFI2", "idd5f", "ipp5f"),
    True: ("RFC1_slr", "REFI1", "idd5b", "ipp5b"),
}
"""Of DDR5: the fields that say nothing, by whether its refresh is of the fine granularity."""


def in_older_words(memspec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The memspec as DRAMSys 4 would state it.

    Raises:
        ConfigurationError: a clock period that cannot be, or an unknown refresh mode of DDR5.
    """
    words = MEMSPEC_STANDARDS[memspec["memoryType"]].words
    newer = "tCK" in memspec["memtimingspec"]
    if not newer and not words:
        return {**memspec, "memarchitecturespec": _whole_stacks(memspec["memarchitecturespec"], memspec)}
    left_out = _left_out(memspec)

    def renamed(part: str) -> dict[str, Any]:
        found = {name: value for name, value in (memspec.get(part) or {}).items() if name not in left_out}
        common = {NEWER_WORDS.get(name, name): value for name, value in found.items() if name not in words}
        return common | {words[name]: value for name, value in found.items() if name in words}

    architecture, times, power = map(renamed, ("memarchitecturespec", "memtimingspec", "mempowerspec"))
    if newer:
        period_s = times.pop("tCK")
        if is_number(period_s, 100, 1_000_000):  # a published LPDDR4 has 625, which are ps
            period_s *= 1e-12
        if not is_number(period_s, 1e-10, 1e-6):
            raise ConfigurationError(
                f"tCK must be a number of seconds from 1e-10 to 1e-06, got {short(period_s)}"
            )
        times["clkMhz"] = 1e-6 / period_s
        power = {
            name: 1000 * value if name.startswith("idd") and is_number(value, 0, MOST_MA) else value
            for name, value in power.items()
        }
    return {
        **memspec,
        "memarchitecturespec": _whole_stacks(architecture, memspec),
        "memtimingspec": {name if name == "clkMhz" else name.upper(): value for name, value in times.items()},
        "mempowerspec": power,
    }


HBM_BANK_GROUPS = 4
HBM_PAGE_BYTES = 1024
"""Of a pseudo-channel of one stack: JESD235A, JESD238."""


def _whole_stacks(architecture: Mapping[str, Any], memspec: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of an HBM over all of its stacks, its columns as those of other memories.

    DRAMSys 5 counts the banks of one stack; an earlier state of its file counts those of all. Its columns are
    bursts.
    """
    found = dict(architecture)
    if not str(memspec["memoryType"]).startswith("HBM"):
        return found
    stacks, groups, columns = (found.get(n, 1) for n in ("nbrOfStacks", "nbrOfBankGroups", "nbrOfColumns"))
    counts = {n: found.get(n) for n in ("nbrOfBanks", "burstLength", "width")}
    if not all(type(n) is int for n in (stacks, groups, columns, *counts.values())):
        return found  # `checks` says what is wrong
    if stacks > 1 and groups <= HBM_BANK_GROUPS:
        found["nbrOfBankGroups"], found["nbrOfBanks"] = groups * stacks, found["nbrOfBanks"] * stacks
    if columns * found["burstLength"] * found["width"] // 8 == HBM_PAGE_BYTES:
        found["nbrOfColumns"] = columns * found["burstLength"]
    return found


def _left_out(memspec: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that another one takes the place of."""
    architecture = memspec["memarchitecturespec"]
    if memspec["memoryType"] == "LPDDR5":
        return ("RCD_L",) if "RCD" in memspec["memtimingspec"] else ()
    if memspec["memoryType"] != "DDR5":
        return ()
    mode = architecture.get("refMode", architecture.get("RefMode", 1))
    if mode not in (1, 2):
        raise ConfigurationError(f"refMode must be 1 or 2, got {short(mode)}")
    writes = "CCD_L_WR2_slr" if architecture.get("width") == 4 else "CCD_L_WR_slr"
    return (*FINE_GRANULARITY[mode == 2], writes)
