"""What a network space lets one choose, as plain data: a list of parameters, each with its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError, shown


@dataclass(frozen=True)
class Parameter:
    """One choice.

    Attributes:
        name: of the column.
        values: that it may have; numbers in ascending order, or names.
        when: {earlier parameter: its values} under which this one matters; always where empty.
        default: one of the values; None for the first.
        description: for people.
    """

    name: str
    values: tuple[Any, ...]
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    default: Any = None
    description: str = ""

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers that grow."""
        return all(isinstance(value, int | float) for value in self.values) and len(self.values) > 1

    @property
    def start(self) -> Any:
        """The default."""
        return self.values[0] if self.default is None else self.default


Columns = Mapping[str, Any]
"""{parameter: n values}; where a parameter does not matter its value is ignored."""


def length_of(columns: Columns, parameters: Sequence[Parameter]) -> int:
    """How many designs these are.

    Raises:
        ConfigurationError: a column is missing or unknown, or not as long as the others.
    """
    names = [parameter.name for parameter in parameters]
    for name in columns:
        if name not in names:
            raise ConfigurationError(f"no network parameter {name!r}{hint(name, names)}")
    lengths = {name: np.asarray(columns[name]).size for name in columns}
    for name in names:
        if name not in lengths:
            raise ConfigurationError(f"the columns have no {name!r}, which the network space needs")
        if lengths[name] != lengths[names[0]]:
            raise ConfigurationError(
                f"column {name} has {lengths[name]} rows, expected {lengths[names[0]]} as {names[0]}"
            )
    return lengths[names[0]] if names else 0


def read_columns(
    columns: Columns, parameters: Sequence[Parameter]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.bool_]], list[str]]:
    """The columns with the default wherever a parameter does not matter or has a value that it cannot have.

    Returns:
        The columns; where each parameter matters; and for each design what is wrong with it, or "".

    Raises:
        ConfigurationError: as `length_of`.
    """
    number = length_of(columns, parameters)
    read: dict[str, NDArray[Any]] = {}
    active: dict[str, NDArray[np.bool_]] = {}
    problems = [""] * number
    for parameter in parameters:
        given = np.asarray(columns[parameter.name]).reshape(number)
        matters = np.ones(number, bool)
        for parent, values in parameter.when.items():
            matters &= active[parent] & np.isin(read[parent], values)
        known = np.zeros(number, bool)
        kind = type(parameter.start)
        column = np.full(number, parameter.start, object if kind is str else type(parameter.start))
        for value in parameter.values:
            here = given == value
            known |= here
            column[here] = value
        column[~(matters & known)] = parameter.start
        for row in np.flatnonzero(matters & ~known):
            allowed = ", ".join(map(str, parameter.values[:12]))
            problems[row] = problems[row] or (
                f"{parameter.name} must be one of {allowed}, got {shown(given[row].item())}"
            )
        read[parameter.name] = column.astype(str) if kind is str else column
        active[parameter.name] = matters
    return read, active, problems
