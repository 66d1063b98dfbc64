"""Bits of weights and activations, and how many weights are kept, by part of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.errors import ConfigurationError

Ints = NDArray[np.int64]

GROUP = 4
"""Structured sparsity is by groups of so many input channels (2:4 of A. Mishra et al., arXiv 2104.08378)."""


@dataclass(frozen=True, eq=False)
class Precisions:
    """n designs, each with its bits for every stage of its network.

    Attributes:
        weight_bits: (n, stages).
        activation_bits: (n, stages).
        kept: (n, stages) of every `GROUP` weights along the input channels, how many are not zero.
    """

    weight_bits: Ints
    activation_bits: Ints
    kept: Ints

    @classmethod
    def of(
        cls,
        number: int,
        stages: int,
        weight_bits: ArrayLike = 8,
        activation_bits: ArrayLike = 8,
        kept: ArrayLike = GROUP,
    ) -> Precisions:
        """Each a number, (n,) for all stages, (n, stages).

        Raises:
            ConfigurationError: bits that are not from 1 to 32, or weights kept that are not from 1 to 4.
        """
        whole = []
        for name, given, most in (
            ("weight_bits", weight_bits, 32),
            ("activation_bits", activation_bits, 32),
            ("kept", kept, GROUP),
        ):
            column = np.asarray(given, np.int64)
            if column.ndim == 1:
                column = column[:, None]
            if column.size and not (column.min() >= 1 and column.max() <= most):
                raise ConfigurationError(
                    f"{name} must be from 1 to {most}, got {column.min()} to {column.max()}"
                )
            whole.append(np.ascontiguousarray(np.broadcast_to(column, (number, stages))))
        return cls(*whole)

    def take(self, rows: ArrayLike) -> Precisions:
        """These rows."""
        which = np.asarray(rows)
        return Precisions(self.weight_bits[which], self.activation_bits[which], self.kept[which])
