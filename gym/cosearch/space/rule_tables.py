"""The forbidden rules of a space as they are applied to index arrays: looked up where they can be.

A rule that reads few combinations is computed once for all of them; from then on it costs one look-up for
each design, which is what makes a batch of one cheap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch.space.conditions import INACTIVE
from cosearch.space.forbidden import Forbidden
from cosearch.space.parameters import Parameter, Positions

MAX_TABLE = 2**18  # combinations
EAGER_TABLE = 2**12  # so few are computed at once; more when as many designs were asked about


class RuleTable:
    """One rule over the columns of index arrays.

    Attributes:
        rule: the rule.
        columns: of the parameters that it reads.
    """

    def __init__(self, rule: Forbidden, parameters: Sequence[Parameter], columns: Sequence[int]) -> None:
        self.rule, self.columns = rule, tuple(columns)
        self._parameters = tuple(parameters[column] for column in self.columns)
        self._shape = tuple(parameter.size + 1 for parameter in self._parameters)  # inactive comes last
        combinations = math.prod(self._shape)
        self._wanted_after: float = combinations if combinations <= MAX_TABLE else math.inf
        if combinations <= EAGER_TABLE:
            self._wanted_after = 0
        self._table: NDArray[np.bool_] | None = None

    def holds(self, index: Positions) -> NDArray[np.bool_]:
        """Which rows of an index array are forbidden."""
        if self._table is None:
            self._wanted_after -= len(index)
            if self._wanted_after > 0 or not self._tabulated():
                return self._computed([index[:, column] for column in self.columns])
        assert self._table is not None
        return self._table[tuple([index[:, column] for column in self.columns])]  # -1 is the last

    def _computed(self, positions: Sequence[Positions]) -> NDArray[np.bool_]:
        named = zip(self._parameters, positions, strict=True)
        return self.rule.holds({parameter.name: (parameter, column) for parameter, column in named})

    def _tabulated(self) -> bool:
        axes = [np.append(np.arange(parameter.size), INACTIVE) for parameter in self._parameters]
        grid = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
        try:
            with np.errstate(all="ignore"):
                self._table = self._computed(grid).reshape(self._shape)
        except Exception:  # a function may not know what to say of combinations that no design has
            self._wanted_after = math.inf
        return self._table is not None

    def __reduce__(self) -> tuple[object, ...]:
        parameters = dict(zip(self.columns, self._parameters, strict=True))
        return RuleTable, (self.rule, parameters, self.columns)
