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
        ConfigurationError: several stacks, a clock period that cannot be, or an unknown refresh mode of DDR5.
    """
    words = MEMSPEC_STANDARDS[memspec["memoryType"]].words
    newer = "tCK" in memspec["memtimingspec"]
    if not newer and not words:
        return memspec
    left_out = _left_out(memspec)

    def renamed(part: str) -> dict[str, Any]:
        found = {name: value for name, value in (memspec.get(part) or {}).items() if name not in left_out}
        common = {NEWER_WORDS.get(name, name): value for name, value in found.items() if name not in words}
        return common | {words[name]: value for name, value in found.items() if name in words}

    architecture, times, power = map(renamed, ("memarchitecturespec", "memtimingspec", "mempowerspec"))
    if architecture.get("nbrOfStacks", 1) != 1:
        raise ConfigurationError(f"nbrOfStacks must be 1, got {short(architecture['nbrOfStacks'])}")
    if newer:
        period_s = times.pop("tCK")
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
        "memarchitecturespec": architecture,
        "memtimingspec": {name if name == "clkMhz" else name.upper(): value for name, value in times.items()},
        "mempowerspec": power,
    }


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
