"""A family of networks: its parameters, which designs it has, and what a predictor sees of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import hint, unknown
from cosearch_simulators.errors import ConfigurationError, shown

Raw = Mapping[str, NDArray[Any]]
"""A published table as it stands: by its own column names."""


class Family(ABC):
    """Networks that are described by the same parameters.

    A design is a row of codes: of each parameter the position of its value among `values`, -1 where the
    parameter is not active (a layer beyond its stage's depth). Equal rows are equal networks.

    Attributes:
        name: as `load` and `fit` know it.
        values: by parameter, its values in order.
    """

    name: str
    values: Mapping[str, tuple[Any, ...]]

    def codes(self, columns: Mapping[str, Any]) -> tuple[NDArray[np.int64], list[str]]:
        """The designs as rows of codes (n, parameters), and for each what is wrong with it or "".

        Raises:
            ConfigurationError: a column is missing, or they differ in length.
        """
        missing = [name for name in self.values if name not in columns]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ConfigurationError(
                f"networks of {self.name} need the column {missing[0]}{more}{hint(missing[0], columns)}"
            )
        arrays = {name: np.atleast_1d(np.asarray(columns[name])) for name in self.values}
        lengths = {array.shape for array in arrays.values()}
        if len(lengths) > 1:
            raise ConfigurationError(f"columns of {self.name} differ in length: {sorted(lengths)}")
        codes = np.stack([_positions(arrays[name], known) for name, known in self.values.items()], axis=1)
        active = self.active(codes)
        problems = [""] * len(codes)
        for row, column in zip(*np.nonzero((codes < 0) & active), strict=True):
            name = list(self.values)[column]
            problems[row] = problems[row] or _not_a_value(name, arrays[name][row], self.values[name])
        codes[~active] = -1
        return codes, problems

    def columns(self, codes: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The designs of rows of codes as columns; an inactive parameter has its first value."""
        return {
            name: np.array(known)[np.maximum(codes[:, i], 0)]
            for i, (name, known) in enumerate(self.values.items())
        }

    def active(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which parameters are active, (n, parameters)."""
        return np.ones(codes.shape, bool)

    @abstractmethod
    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """What a predictor sees of n designs, (n, features)."""

    def free_statistics(self, codes: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """What is known of n networks without running them, such as `macs` and `params`; {} if nothing."""
        return {}

    @abstractmethod
    def reads(self, names: frozenset[str]) -> bool:
        """Whether a published table with columns of these names is of this family."""

    @abstractmethod
    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """The networks of a published table as columns of this family's parameters."""

    def one_hot(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """A column for each value of each parameter, all 0 where a parameter is not active."""
        parts = [codes[:, [i]] == np.arange(len(known)) for i, known in enumerate(self.values.values())]
        return np.concatenate(parts, axis=1).astype(np.float64)

    def numbers(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """The values themselves, 0 where a parameter is not active; of parameters that hold numbers."""
        found = [
            np.where(codes[:, i] < 0, 0.0, np.array(known, np.float64)[codes[:, i]])
            for i, known in enumerate(self.values.values())
        ]
        return np.stack(found, axis=1)


def _positions(array: NDArray[Any], known: tuple[Any, ...]) -> NDArray[np.int64]:
    """Positions of values in a tuple, -1 where one is not in it."""
    if array.dtype.kind in "biuf" and all(isinstance(value, (int, float)) for value in known):
        found = np.full(array.shape, -1, np.int64)
        for code, value in enumerate(known):
            found[array == value] = code
        return found
    position = {value: code for code, value in enumerate(known)}
    return np.array([position.get(value, -1) for value in array.tolist()], np.int64)


def _not_a_value(name: str, value: Any, known: tuple[Any, ...]) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(known[0], str):
        return unknown(name, plain, known)
    if len(known) > 8:
        return f"{name} must be one of {known[0]}, {known[1]}, ... {known[-1]}, got {shown(plain)}"
    return f"{name} must be one of {', '.join(map(str, known))}, got {shown(plain)}"
