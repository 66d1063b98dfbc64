"""The memories of `dram-controller`: by the names of their standard or by a DRAMSys memspec, one or several.

The standards themselves are `cosearch_simulators.dram`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from cosearch.errors import ArgumentError, unknown_name
from cosearch.space import Categorical, Designs, Parameter

if TYPE_CHECKING:
    from cosearch_simulators.dram import AddressBits, Device

# The size of chip and the speed that a user gets who names only the standard.
USUAL_ORGANIZATION = {
    "DDR3": "DDR3_8Gb_x8",
    "DDR4": "DDR4_8Gb_x8",
    "DDR5": "DDR5_8Gb_x8",
    "LPDDR4": "LPDDR4_8Gb_x16",
    "LPDDR5": "LPDDR5_8Gb_x16",
    "GDDR6": "GDDR6_8Gb_x16",
    "HBM2": "HBM2_8Gb",
    "HBM3": "HBM3_8Gb",
}
USUAL_SPEED_GRADE = {
    "DDR3": "DDR3_1600K",
    "DDR4": "DDR4_2400R",
    "DDR5": "DDR5_4800BN",
    "LPDDR4": "LPDDR4_3200",
    "LPDDR5": "LPDDR5_6400",
    "GDDR6": "GDDR6_14000",
    "HBM2": "HBM2_2000",
    "HBM3": "HBM3_5200",
}
# Those among which a search may choose: DIMMs of 64 and 32 data pins; 16 pins a channel; stacks.
COMPARABLE = (("DDR3", "DDR4", "DDR5"), ("LPDDR4", "LPDDR5", "GDDR6"), ("HBM2", "HBM3"))


@dataclass(frozen=True)
class Devices:
    """Every device that a design may choose.

    Attributes:
        by_name: by standard and speed grade.
        parameters: those of the design space that choose; none if there is one device.
        congen: the content of a CONGEN address mapping that all of them have, if one was given.
    """

    by_name: Mapping[tuple[str, str], Device]
    parameters: tuple[Parameter, ...] = ()

    def of(self, designs: Designs) -> list[Device]:
        """The device of each design."""
        if not self.parameters:
            return list(self.by_name.values()) * len(designs)
        standards = [parameter.name == "standard" for parameter in self.parameters]
        (only, _), *_ = self.by_name
        chosen = designs["standard"] if any(standards) else [only] * len(designs)
        grades = {s: designs[_grade_parameter(s)] for s in self.standards}
        return [self.by_name[s, grades[s][i]] for i, s in enumerate(chosen)]

    @property
    def default(self) -> Device:
        """That of the default design."""
        chosen = {parameter.name: parameter.default for parameter in self.parameters}
        standard = chosen.get("standard", self.standards[0])
        return next(
            device
            for (s, grade), device in self.by_name.items()
            if s == standard and grade == chosen.get(_grade_parameter(s), grade)
        )

    @property
    def standards(self) -> tuple[str, ...]:
        """The standards that a design may choose."""
        return tuple(dict.fromkeys(s for s, _ in self.by_name))

    @property
    def refresh_modes(self) -> tuple[str, ...]:
        """Those that any of them has."""
        return tuple(dict.fromkeys(mode for device in self.by_name.values() for mode in device.refresh_modes))

    def without(self, refresh: str) -> tuple[str, ...]:
        """The standards that do not have this refresh mode."""
        lack = {s for (s, _), device in self.by_name.items() if refresh not in device.refresh_modes}
        return tuple(s for s in self.standards if s in lack)

    def with_address_bits(self, bits: AddressBits) -> Devices:
        """The same devices under an address mapping of their own."""
        found = {key: replace(device, address_bits=bits) for key, device in self.by_name.items()}
        return replace(self, by_name=found)

    def with_address_mapping(self, mapping: str | Mapping[str, Any]) -> Devices:
        """The same devices under an address mapping of DRAMSys, or the path of its file.

        Raises:
            ArgumentError: it cannot be read, or does not fit a device.
        """
        from cosearch_simulators.dram.common.memspecs.address_mapping import address_bits
        from cosearch_simulators.dram.common.memspecs.files import MAPPING_KEYS, read_object, section
        from cosearch_simulators.errors import ConfigurationError

        where = "address mapping"
        try:
            where += f" {mapping}" if isinstance(mapping, str) else ""
            congen = section(read_object(mapping) if isinstance(mapping, str) else mapping, *MAPPING_KEYS)
            return replace(
                self,
                by_name={
                    key: replace(device, address_bits=address_bits(congen, device))
                    for key, device in self.by_name.items()
                },
            )
        except ConfigurationError as error:
            raise ArgumentError(f"{where}: {error}") from None


def named_devices(
    standard: str,
    organization: str | None,
    speed_grade: str | None,
    *,
    ranks: int | None,
    channels: int,
    search: bool | Literal["speed_grade"],
) -> Devices:
    """The device of these names, or all that `search` lets a design choose.

    Raises:
        UnknownNameError: an unknown organization or speed grade.
        ArgumentError: chips that a searched standard does not have.
    """
    from cosearch_simulators.dram import device, organizations, speed_grades

    organization = organization or USUAL_ORGANIZATION[standard]
    grade = speed_grade or USUAL_SPEED_GRADE[standard]
    for kind, name, valid in (
        ("organization", organization, organizations(standard)),
        ("speed grade", grade, speed_grades(standard)),
    ):
        if name not in valid:
            raise unknown_name(f"{standard} {kind}", name, valid)
    searched: Sequence[str] = (standard,)
    if search is True:
        searched = next(family for family in COMPARABLE if standard in family)
    devices = {}
    for s in searched:
        same_chips = organization.replace(standard, s)
        if same_chips not in organizations(s):
            raise ArgumentError(
                f"{s} has no chips like {organization!r}, so the standard cannot be searched with them; "
                f"choose a density and width that every standard has, such as {USUAL_ORGANIZATION[standard]}"
            )
        for its in speed_grades(s) if search else (grade,):
            devices[s, its] = device(s, same_chips, its, ranks=ranks, channels=channels)
    return Devices(devices, _parameters(devices, standard, grade))


def memspec_devices(path: str) -> Devices:
    """The device of a DRAMSys memspec file.

    Raises:
        ArgumentError: it cannot be read or used.
    """
    from cosearch_simulators.dram import read_memspec
    from cosearch_simulators.errors import ConfigurationError

    try:
        device = read_memspec(path)
    except ConfigurationError as error:
        raise ArgumentError(f"memspec: {error}") from None
    return Devices({(device.standard, device.speed_grade): device})


def _parameters(
    devices: Mapping[tuple[str, str], Device], standard: str, speed_grade: str
) -> tuple[Parameter, ...]:
    if len(devices) == 1:
        return ()
    standards = list(dict.fromkeys(s for s, _ in devices))
    default = USUAL_SPEED_GRADE | {standard: speed_grade}
    several = len(standards) > 1
    return (
        *([Categorical("standard", standards, default=standard)] if several else []),
        *(
            Categorical(
                _grade_parameter(s),
                [grade for its, grade in devices if its == s],
                default=default[s],
                when={"standard": [s]} if several else None,
            )
            for s in standards
        ),
    )


def _grade_parameter(standard: str) -> str:
    return f"{standard.lower()}_speed_grade"
