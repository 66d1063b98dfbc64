"""A design space as Optuna distributions, and designs as the parameters of Optuna trials.

An Ordinal is the number of its value ("rows[position]"), because Optuna's categories have no order; a
permutation is its Lehmer digits ("order[0]", ...). Optuna knows no conditions and no forbidden combinations:
`suggest` asks a trial for active parameters only, and `allowed` tells whether to prune.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.space.categorical import Categorical, Ordinal
from cosearch.space.conditions import INACTIVE
from cosearch.space.design_rows import Design, DesignsLike
from cosearch.space.design_space import Designs, DesignSpace
from cosearch.space.integers import Integer
from cosearch.space.parameters import Parameter
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real
from cosearch.space.scalar_coding import Coding, by_digits, by_value, from_rows, to_rows

if TYPE_CHECKING:
    import optuna


def optuna_distributions(space: DesignSpace) -> dict[str, optuna.distributions.BaseDistribution]:
    """A distribution for each scalar, inactive parameters included; needs `pip install cosearch[optuna]`."""
    return {name: d for j in range(len(space)) for name, d in _distributions(space, j).items()}


def to_optuna(space: DesignSpace, designs: DesignsLike) -> list[dict[str, Any]]:
    """The parameters of one trial for each design; inactive ones are left out."""
    return to_rows(space.designs(designs).index, _codings(space), only_active=True)


def from_optuna(space: DesignSpace, params: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Designs:
    """The designs of trial parameters; those of inactive parameters are ignored.

    Raises:
        DesignError: a parameter is missing or out of range.
    """
    rows = [params] if isinstance(params, Mapping) else params
    return Designs(space, from_rows(space, rows, _codings(space)))


def suggest(space: DesignSpace, trial: optuna.trial.BaseTrial) -> Design:
    """The design that an Optuna trial suggests; only its active parameters are asked for.

    Example:
        >>> import optuna
        >>> from cosearch.space import DesignSpace, Ordinal
        >>> space = DesignSpace([Ordinal("rows", [8, 16, 32])])
        >>> suggest(space, optuna.trial.FixedTrial({"rows[position]": 2}))
        {'rows': 32}
    """
    row: dict[str, Any] = {}
    codings = _codings(space)
    index = np.full((1, len(space)), INACTIVE, dtype=np.int64, order="F")
    for j, coding in enumerate(codings):
        if space.active_column(index, j)[0]:
            for name, distribution in _distributions(space, j).items():
                row[name] = _suggested(trial, name, distribution)
            index[0, j] = coding.decode([[row[name]] for name in coding.names], 1)[0]
    return Designs(space, index)[0]


def _codings(space: DesignSpace) -> list[Coding]:
    return [_coding(parameter) for parameter in space.parameters]


def _coding(parameter: Parameter) -> Coding:
    return by_digits(parameter) if isinstance(parameter, Ordinal | Permutation) else by_value(parameter)


def _suggested(trial: optuna.trial.BaseTrial, name: str, distribution: Any) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
    if isinstance(distribution, IntDistribution):
        low, high = distribution.low, distribution.high
        return trial.suggest_int(name, low, high, step=distribution.step, log=distribution.log)
    return trial.suggest_categorical(name, distribution.choices)


def _distributions(space: DesignSpace, column: int) -> dict[str, Any]:
    """The distributions of one parameter; of one value each if it is held."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    parameter = space.parameters[column]
    coding = _coding(parameter)
    if column in space.held_positions:
        held = coding.encode(np.array([space.held_positions[column]]))
        scalars = {name: column[0] for name, column in zip(coding.names, held, strict=True)}
        if isinstance(parameter, Real):
            return {name: FloatDistribution(at, at) for name, at in scalars.items()}
        if isinstance(parameter, Integer | Ordinal | Permutation):
            return {name: IntDistribution(at, at) for name, at in scalars.items()}
        return {name: CategoricalDistribution([value]) for name, value in scalars.items()}
    if isinstance(parameter, Real):
        return {parameter.name: FloatDistribution(parameter.low, parameter.high, log=parameter.log)}
    if isinstance(parameter, Integer):
        return {parameter.name: IntDistribution(parameter.low, parameter.high, parameter.log, parameter.step)}
    if isinstance(parameter, Ordinal | Permutation):
        sizes = zip(coding.names, parameter.digit_sizes, strict=True)
        return {name: IntDistribution(0, size - 1) for name, size in sizes}
    assert isinstance(parameter, Categorical)
    return {parameter.name: CategoricalDistribution(parameter.values)}
