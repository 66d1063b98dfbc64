"""Static power: what silicon takes whether it works or not, by area."""

from __future__ import annotations

from cosearch_simulators.errors import ConfigurationError

# NanGate 45 nm open cell library, typical corner (NangateOpenCellLibrary_typical.lib, cell_leakage_power): a
# flip-flop DFF_X1 leaks 79.112308 nW on 4.522 um2, 17.5 mW/mm2. The library has no memories: SRAM is taken to
# leak as much for its area, an assumption. For other nodes there is no figure here: give your own.
LIBRARY_NM = 45.0
LIBRARY_MW_PER_MM2 = 79.112308 / 4.522  # nW/um2 is mW/mm2


def library_mw_per_mm2(technology_nm: float) -> float:
    """Static power of an area of the library's cells.

    Raises:
        ConfigurationError: the technology is another than the library's.
    """
    if technology_nm != LIBRARY_NM:
        raise ConfigurationError(
            f"the static power of {technology_nm:g} nm is not known, only that of {LIBRARY_NM:g} nm: give "
            "a number of mW/mm2"
        )
    return LIBRARY_MW_PER_MM2
