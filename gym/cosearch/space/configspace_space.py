"""A design space as a ConfigSpace ConfigurationSpace, with its conditions and its smaller forbidden rules.

Permutations are their Lehmer digits ("order[0]", ...), stepped Integers their positions ("rows[position]"),
Reals their unit coordinates ("voltage_v[unit]"), because ConfigSpace rounds floats to 13 decimals. A
rule that forbids more than 1,000 combinations, or reads a Real or a permutation, has no counterpart that
ConfigSpace could check quickly; `allowed` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.space.categorical import Categorical, Ordinal
from cosearch.space.conditions import idle_columns
from cosearch.space.designs import Designs
from cosearch.space.held import Held
from cosearch.space.integers import Integer
from cosearch.space.named import Coding, by_digits, by_unit, by_value, from_rows, to_rows
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real

if TYPE_CHECKING:
    import ConfigSpace

    from cosearch.space.design_space import DesignsLike, DesignSpace
    from cosearch.space.forbidden import Forbidden

MAX_RULE_COMBINATIONS = 100_000
MAX_CLAUSES = 1_000


def config_space(space: DesignSpace) -> ConfigSpace.ConfigurationSpace:
    """The ConfigurationSpace; needs `pip install cosearch[configspace]`."""
    import ConfigSpace

    configurations = ConfigSpace.ConfigurationSpace(name=space.name or None)
    codings = _codings(space)
    idle = idle_columns(space.conditions)
    for j, coding in enumerate(codings):
        if j not in idle:
            configurations.add(_hyperparameters(coding))
    for child, conditions in enumerate(space.conditions):
        if child in idle:
            continue
        for name in codings[child].names:
            clauses = []
            for condition in conditions:
                parent = codings[condition.parent]
                clauses.append(
                    ConfigSpace.InCondition(
                        configurations[name],
                        configurations[parent.names[0]],
                        parent.encode(condition.positions)[0],
                    )
                )
            if clauses:
                configurations.add(clauses[0] if len(clauses) == 1 else ConfigSpace.AndConjunction(*clauses))
    for rule in space.forbidden:
        configurations.add(_clauses(space, rule, configurations, codings))
    return configurations


def to_config(space: DesignSpace, designs: DesignsLike) -> list[ConfigSpace.Configuration]:
    """One Configuration a design.

    Raises:
        ConfigSpace.exceptions.ForbiddenValueError: a design is forbidden.
    """
    import ConfigSpace

    configurations = config_space(space)
    rows = to_rows(space.designs(designs).index, _codings(space), only_active=True)
    return [ConfigSpace.Configuration(configurations, values=row) for row in rows]


def from_config(
    space: DesignSpace, configurations: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> Designs:
    """The designs of Configurations, or of their dicts.

    Raises:
        DesignError: a hyperparameter is missing or out of range.
    """
    rows = [configurations] if isinstance(configurations, Mapping) else configurations
    return Designs(space, from_rows(space, [dict(row) for row in rows], _codings(space)))


def _codings(space: DesignSpace) -> list[Coding]:
    codings = []
    for parameter in space.parameters:
        stepped = isinstance(parameter, Integer) and parameter.step > 1
        mixed = isinstance(parameter, Categorical) and len({type(value) for value in parameter.values}) > 1
        if isinstance(parameter, Real):
            codings.append(by_unit(parameter))
        elif isinstance(parameter, Permutation | Held) or stepped or mixed:
            codings.append(by_digits(parameter))
        else:
            codings.append(by_value(parameter))
    return codings


def _hyperparameters(coding: Coding) -> list[Any]:
    import ConfigSpace

    parameter = coding.parameter
    defaults = [column[0] for column in coding.encode(np.array([parameter.default_index]))]
    if isinstance(parameter, Real):
        return [ConfigSpace.UniformFloatHyperparameter(coding.names[0], 0.0, 1.0, defaults[0])]
    if parameter.size == 1:
        named = zip(coding.names, defaults, strict=True)
        return [ConfigSpace.Constant(name, default) for name, default in named]
    if isinstance(parameter, Integer) and parameter.step == 1:
        return [
            ConfigSpace.UniformIntegerHyperparameter(
                parameter.name, parameter.low, parameter.high, defaults[0], log=parameter.log
            )
        ]
    if isinstance(parameter, Integer | Permutation):
        return [
            ConfigSpace.UniformIntegerHyperparameter(name, 0, size - 1, default)
            for name, size, default in zip(coding.names, parameter.digit_sizes, defaults, strict=True)
        ]
    values = coding.encode(np.arange(parameter.size))[0]
    if isinstance(parameter, Ordinal):
        return [ConfigSpace.OrdinalHyperparameter(coding.names[0], values, defaults[0])]
    return [ConfigSpace.CategoricalHyperparameter(coding.names[0], values, defaults[0])]


def _clauses(
    space: DesignSpace, rule: Forbidden, configurations: Any, codings: Sequence[Coding]
) -> list[Any]:
    """One conjunction for each combination that the rule forbids; none if they are too many."""
    import ConfigSpace

    parameters = [space[name] for name in rule.reads]
    shape = [parameter.size for parameter in parameters]
    if (
        any(isinstance(p, Real | Permutation) for p in parameters)
        or np.prod(shape, dtype=float) > MAX_RULE_COMBINATIONS
    ):
        return []
    grid = [axis.ravel() for axis in np.indices(shape)]
    columns = {p.name: (p, positions) for p, positions in zip(parameters, grid, strict=True)}
    which = np.flatnonzero(rule.holds(columns))
    if len(which) > MAX_CLAUSES:
        return []
    mine = [codings[space.column_number(name)] for name in rule.reads]
    values = [coding.encode(positions[which])[0] for coding, positions in zip(mine, grid, strict=True)]
    clauses = []
    for combination in zip(*values, strict=True):
        equals = [
            ConfigSpace.ForbiddenEqualsClause(configurations[coding.names[0]], value)
            for coding, value in zip(mine, combination, strict=True)
        ]
        clauses.append(equals[0] if len(equals) == 1 else ConfigSpace.ForbiddenAndConjunction(*equals))
    return clauses
