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
from cosearch.space.design_rows import DesignsLike
from cosearch.space.design_space import Designs, DesignSpace
from cosearch.space.integers import Integer
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real
from cosearch.space.scalar_coding import Coding, by_digits, by_unit, by_value, from_rows, to_rows

if TYPE_CHECKING:
    import ConfigSpace

    from cosearch.space.forbidden import Forbidden

MAX_RULE_COMBINATIONS = 100_000
MAX_CLAUSES = 1_000


def config_space(space: DesignSpace) -> ConfigSpace.ConfigurationSpace:
    """The ConfigurationSpace; needs `pip install cosearch[configspace]`."""
    import ConfigSpace

    configurations = ConfigSpace.ConfigurationSpace(name=space.name or None)
    codings = _codings(space)
    idle = space.fixed.keys() - space.held_positions.keys()
    for j, coding in enumerate(codings):
        if j not in idle:
            configurations.add(_hyperparameters(coding, space.held_positions.get(j)))
    for child, conditions in enumerate(space.conditions):
        if child in idle:
            continue
        for name in codings[child].names:
            clauses = []
            for condition in conditions:
                if condition.parent in space.held_positions and not space.conditions[condition.parent]:
                    continue  # always holds; ConfigSpace loses sight of what depends on a constant
                parent = codings[condition.parent]
                positions = condition.positions
                if condition.parent in space.held_positions:
                    positions = np.array([space.held_positions[condition.parent]])
                clauses.append(
                    ConfigSpace.InCondition(
                        configurations[name],
                        configurations[parent.names[0]],
                        parent.encode(positions)[0],
                    )
                )
            if clauses:
                configurations.add(clauses[0] if len(clauses) == 1 else ConfigSpace.AndConjunction(*clauses))
    for table in space.rules:
        configurations.add(_clauses(space, table.rule, configurations, codings))
    return configurations


def to_config(space: DesignSpace, designs: DesignsLike) -> list[ConfigSpace.Configuration]:
    """One Configuration for each design.

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
        elif isinstance(parameter, Permutation) or stepped or mixed:
            codings.append(by_digits(parameter))
        else:
            codings.append(by_value(parameter))
    return codings


def _hyperparameters(coding: Coding, held: int | None) -> list[Any]:
    import ConfigSpace

    parameter = coding.parameter
    default = parameter.default_index if held is None else held
    defaults = [column[0] for column in coding.encode(np.array([default]))]
    if held is not None or parameter.size == 1:
        named = zip(coding.names, defaults, strict=True)
        return [ConfigSpace.Constant(name, default) for name, default in named]
    if isinstance(parameter, Real):
        return [ConfigSpace.UniformFloatHyperparameter(coding.names[0], 0.0, 1.0, defaults[0])]
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

    parameters = [space.parameter(name) for name in rule.reads]
    columns = [space.column_of[name] for name in rule.reads]
    shape = (space.highest - space.lowest + 1)[columns].tolist()
    free = [space.parameters[column] for column in columns if column not in space.fixed]
    if any(isinstance(p, Real | Permutation) for p in free):
        return []
    if np.prod(shape, dtype=float) > MAX_RULE_COMBINATIONS:
        return []
    lowest = space.lowest[columns]
    grid = [axis.ravel() + low for axis, low in zip(np.indices(shape), lowest, strict=True)]
    named = {p.name: (p, positions) for p, positions in zip(parameters, grid, strict=True)}
    which = np.flatnonzero(rule.holds(named))
    if len(which) > MAX_CLAUSES:
        return []
    scalars: list[tuple[str, list[Any]]] = []
    for column, positions in zip(columns, grid, strict=True):
        coded = codings[column].encode(positions[which])
        scalars += zip(codings[column].names, coded, strict=True)
    clauses = []
    for i in range(len(which) if scalars else 0):
        equals = [
            ConfigSpace.ForbiddenEqualsClause(configurations[name], coded[i]) for name, coded in scalars
        ]
        clauses.append(equals[0] if len(equals) == 1 else ConfigSpace.ForbiddenAndConjunction(*equals))
    return clauses
