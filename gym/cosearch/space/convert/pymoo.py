"""A design space as pymoo variables, for its mixed-variable algorithms.

A Categorical is a Choice of positions, an Ordinal or Integer an Integer of positions, a permutation its
Lehmer digits. A Real, and an Integer on a log scale, is a Real in [0, 1], because pymoo has no log scale.
What is held is a Choice of one option. pymoo knows no conditions: every variable is always there, and
`from_pymoo` ignores those of inactive parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosearch.space.design_rows import DesignsLike
from cosearch.space.design_space import Designs, DesignSpace
from cosearch.space.integers import Integer
from cosearch.space.parameters import Parameter, Positions
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real
from cosearch.space.scalar_coding import Coding, by_digits, by_unit, from_rows, to_rows


def pymoo_variables(space: DesignSpace) -> dict[str, Any]:
    """{name: pymoo variable}, the `vars` of a pymoo Problem."""
    from pymoo.core import variable

    variables = {}
    for j, coding in enumerate(_codings(space)):
        if j in space.held_positions:
            held = coding.encode(np.array([space.held_positions[j]]))
            for name, column in zip(coding.names, held, strict=True):
                variables[name] = variable.Choice(options=column)
            continue
        if _is_scaled(coding.parameter):
            variables[coding.names[0]] = variable.Real(bounds=(0.0, 1.0))
            continue
        for name, size in zip(coding.names, coding.parameter.digit_sizes, strict=True):
            if not coding.parameter.ordered and not isinstance(coding.parameter, Permutation):
                variables[name] = variable.Choice(options=list(range(size)))
            else:
                variables[name] = variable.Integer(bounds=(0, size - 1))
    return variables


def to_pymoo(space: DesignSpace, designs: DesignsLike) -> list[dict[str, Any]]:
    """One dict of all variables for each design, as in a pymoo population's X."""
    return to_rows(_filled(space, designs), _codings(space), only_active=False)


def from_pymoo(space: DesignSpace, rows: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Designs:
    """The designs of pymoo's X: one dict, or a list or array of dicts.

    Raises:
        DesignError: a variable is missing or out of bounds.
    """
    return Designs(space, from_rows(space, [rows] if isinstance(rows, Mapping) else rows, _codings(space)))


def _filled(space: DesignSpace, designs: DesignsLike) -> Positions:
    """The positions, where inactive those that are held, or else 0: any that the variables have."""
    index = space.designs(designs).index
    held = np.zeros(len(space), dtype=np.int64)
    held[list(space.held_positions)] = list(space.held_positions.values())
    return np.where(index < 0, held, index)


def _codings(space: DesignSpace) -> list[Coding]:
    return [by_unit(p) if _is_scaled(p) else by_digits(p) for p in space.parameters]


def _is_scaled(parameter: Parameter) -> bool:
    return isinstance(parameter, Real) or (isinstance(parameter, Integer) and parameter.log)
