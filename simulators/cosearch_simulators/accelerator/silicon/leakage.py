"""Static power: what silicon takes whether it works or not, by area."""

from __future__ import annotations

from typing import NamedTuple

from cosearch_simulators.errors import ConfigurationError


class Library(NamedTuple):
    """A flip-flop of a published cell library at its typical corner and 25 degrees Celsius.

    Attributes:
        source: library, file and cell.
        leakage_nw: its static power, over all states of its inputs.
        area_um2: its area.
    """

    source: str
    leakage_nw: float
    area_um2: float

    @property
    def mw_per_mm2(self) -> float:
        """Static power by area."""
        return self.leakage_nw / self.area_um2


# None of them has memories: SRAM is taken to leak as much for its area, an assumption. They are processes of
# different aims (SkyWater's cells leak little, ASAP7 is predicted), not one process at several sizes, so
# nothing is interpolated. For other nodes there is no figure here: give your own.
LIBRARIES = {
    7.0: Library(
        "ASAP7, asap7sc7p5t_SEQ_RVT_TT_nldm_220123.lib (0.7 V), DFFASRHQNx1_ASAP7_75t_R", 0.288555, 0.37908
    ),
    45.0: Library("NanGate 45 nm, NangateOpenCellLibrary_typical.lib (1.1 V), DFF_X1", 79.112308, 4.522),
    130.0: Library(
        "SkyWater, sky130_fd_sc_hd__tt_025C_1v80 (1.8 V), sky130_fd_sc_hd__dfxtp_1",
        0.008438635,
        20.0192,
    ),
}
"""By feature size in nm."""


def library_mw_per_mm2(technology_nm: float) -> float:
    """Static power of an area of a published library's cells.

    Raises:
        ConfigurationError: there is no library of this technology.
    """
    if technology_nm not in LIBRARIES:
        known = ", ".join(f"{node:g}" for node in LIBRARIES)
        raise ConfigurationError(
            f"the static power of {technology_nm:g} nm is not known, only that of {known} nm: give a number "
            "of mW/mm2"
        )
    return LIBRARIES[technology_nm].mw_per_mm2
