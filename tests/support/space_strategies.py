"""Hypothesis strategies for design spaces, with a slow and obvious account of what each space means.

A `Case` is a space together with plain Python functions that say, for one design as a dict, whether a rule
forbids it. `Case.every_design()` lists the designs with itertools; the tests hold the space against it.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from cosearch.errors import SpaceError
from cosearch.space import (
    Categorical,
    Designs,
    DesignSpace,
    Forbidden,
    Integer,
    Ordinal,
    Parameter,
    Permutation,
    Real,
)

COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass
class Rule:
    expression: str
    reads: set[str]
    holds: Callable[[dict[str, Any]], bool]


@dataclass
class Case:
    space: DesignSpace
    rules: list[Rule]

    def is_forbidden(self, design: dict[str, Any]) -> bool:
        return any(rule.reads <= design.keys() and rule.holds(design) for rule in self.rules)

    def every_design(self) -> list[dict[str, Any]]:
        partial: list[dict[str, Any]] = [{}]
        for parameter in self.space.parameters:
            longer = []
            for design in partial:
                active = all(
                    parent in design and any(is_same(design[parent], value) for value in values)
                    for parent, values in parameter.when.items()
                )
                held = self.space.held
                values = [held[parameter.name]] if parameter.name in held else every_value(parameter)
                longer += [{**design, parameter.name: value} for value in values] if active else [design]
            partial = longer
        return [design for design in partial if not self.is_forbidden(design)]


def is_same(a: Any, b: Any) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def every_value(parameter: Parameter) -> list[Any]:
    if isinstance(parameter, Categorical):
        return list(parameter.values)
    if isinstance(parameter, Permutation):
        return list(itertools.permutations(parameter.items))
    assert isinstance(parameter, Integer)
    return list(range(parameter.low, parameter.high + 1, parameter.step))


WORDS = st.text(alphabet="abcxyz", min_size=1, max_size=3)
SCALARS = st.one_of(
    WORDS, st.booleans(), st.integers(-9, 99), st.sampled_from([0.5, -2.25, 1e-9, 3.0]), st.none()
)


def values(max_size: int) -> st.SearchStrategy[list[Any]]:
    kinds = [st.integers(-9, 99), WORDS, st.booleans(), SCALARS, st.sampled_from([0.25, 0.1, 7.5, 1e6])]
    return st.one_of([st.lists(kind, min_size=1, max_size=max_size, unique_by=lambda v: v) for kind in kinds])


@st.composite
def whens(draw: st.DrawFn, earlier: list[Parameter]) -> dict[str, tuple[Any, ...]]:
    parents = [p for p in earlier if not isinstance(p, Real | Permutation) and p.size <= 50]
    if not parents or draw(st.integers(0, 2)):
        return {}
    chosen = draw(st.lists(st.sampled_from(parents), min_size=1, max_size=2, unique_by=lambda p: p.name))
    return {
        parent.name: tuple(draw(st.lists(st.sampled_from(every_value(parent)), min_size=1, max_size=3)))
        for parent in chosen
    }


@st.composite
def integers(draw: st.DrawFn, name: str, when: dict[str, Any], finite: bool) -> Integer:
    longest = 4 if finite else draw(st.sampled_from([1, 5, 1000, 2**40]))
    if draw(st.booleans()):
        low = draw(st.integers(1, 50))
        high = min(low + draw(st.integers(0, longest)), 2**40)
        return Integer(name, low, high, log=True, when=when)
    low, step = draw(st.integers(-50, 50)), draw(st.integers(1, 7))
    return Integer(name, low, low + step * draw(st.integers(0, longest)), step=step, when=when)


@st.composite
def reals(draw: st.DrawFn, name: str, when: dict[str, Any]) -> Real:
    log = draw(st.booleans())
    bound = st.floats(1e-30, 1e30) if log else st.floats(-1e30, 1e30)
    low = draw(st.one_of(bound, st.sampled_from([0.001, 0.1, 1.0, 1e-6])))
    high = draw(st.one_of(bound, st.sampled_from([0.7, 1.0, 5.0, 1e3])))
    assume(high - low > max(1e-200, 1e-9 * max(abs(low), abs(high))))
    return Real(name, low, high, log=log, when=when)


@st.composite
def parameters(draw: st.DrawFn, name: str, earlier: list[Parameter], finite: bool) -> Parameter:
    when = draw(whens(earlier))
    kinds = ["categorical", "ordinal", "integer", "permutation"] + ([] if finite else ["real"])
    match draw(st.sampled_from(kinds)):
        case "categorical":
            return Categorical(name, draw(values(5)), when=when)
        case "ordinal":
            return Ordinal(name, draw(values(5)), when=when)
        case "integer":
            return draw(integers(name, when, finite))
        case "permutation":
            longest = 3 if finite else draw(st.sampled_from([4, 20]))
            items = draw(
                st.lists(st.one_of(WORDS, st.integers(0, 99)), min_size=1, max_size=longest, unique=True)
            )
            return Permutation(name, items, when=when)
        case _:
            return draw(reals(name, when))


def is_numeric(parameter: Parameter) -> bool:
    return isinstance(parameter, Integer | Real) or (isinstance(parameter, Categorical) and parameter.numeric)


@st.composite
def rules(draw: st.DrawFn, known: list[Parameter], depth: int = 1) -> Rule:
    readable = [p for p in known if not isinstance(p, Permutation)]
    assume(readable)
    if depth and draw(st.integers(0, 2)) == 0:
        left, right = draw(rules(known, depth - 1)), draw(rules(known, depth - 1))
        reads = left.reads | right.reads
        if draw(st.booleans()):
            return Rule(
                f"({left.expression}) and not ({right.expression})",
                reads,
                lambda design: left.holds(design) and not right.holds(design),
            )
        return Rule(
            f"({left.expression}) or ({right.expression})",
            reads,
            lambda design: left.holds(design) or right.holds(design),
        )
    first = draw(st.sampled_from(readable))
    name = first.name
    if not is_numeric(first):
        assert isinstance(first, Categorical)
        value = draw(st.sampled_from(first.values))
        rank = {(v, isinstance(v, bool)): i for i, v in enumerate(first.values)}
        symbols = list(COMPARISONS) if isinstance(first, Ordinal) else ["==", "!="]
        symbol = draw(st.sampled_from([*symbols, "in"]))
        if symbol == "in":
            some = draw(st.lists(st.sampled_from(first.values), min_size=1, max_size=3))
            return Rule(f"{name} in {some!r}", {name}, lambda d: any(is_same(d[name], v) for v in some))
        number = rank[(value, isinstance(value, bool))]
        return Rule(
            f"{name} {symbol} {value!r}",
            {name},
            lambda d: COMPARISONS[symbol](rank[(d[name], isinstance(d[name], bool))], number),
        )
    second = draw(st.sampled_from([p for p in readable if is_numeric(p)])).name
    symbol = draw(st.sampled_from(list(COMPARISONS)))
    constant = draw(st.integers(-20, 200))
    operator_symbol, combine = draw(
        st.sampled_from([("+", operator.add), ("-", operator.sub), ("*", operator.mul)])
    )
    return Rule(
        f"{name} {operator_symbol} {second} {symbol} {constant}",
        {name, second},
        lambda d: COMPARISONS[symbol](combine(float(d[name]), float(d[second])), constant),
    )


@st.composite
def cases(draw: st.DrawFn, *, finite: bool = False, max_parameters: int = 5, max_rules: int = 3) -> Case:
    """Spaces of all kinds of parameters, nested conditions, forbidden expressions and held parameters."""
    made: list[Parameter] = []
    for i in range(draw(st.integers(1, max_parameters))):
        made.append(draw(parameters(f"p{i}", made, finite)))
    kept: list[Rule] = []
    if any(not isinstance(p, Permutation) for p in made):
        for rule in draw(st.lists(rules(made), max_size=max_rules)):
            try:  # a rule that forbids the defaults is refused
                DesignSpace(made, [Forbidden(one.expression) for one in [*kept, rule]])
            except SpaceError as error:
                assume("default design is forbidden" in str(error))
            else:
                kept.append(rule)
    space = DesignSpace(made, [Forbidden(rule.expression) for rule in kept], name="drawn")
    if draw(st.integers(0, 3)) == 0:  # some parameters held at what they have in an allowed design
        design = space.sample(1, draw(st.integers(0, 99)))[0]
        names = draw(st.lists(st.sampled_from(list(design)), unique=True))
        space = space.hold({name: design[name] for name in names})
    return Case(space, kept)


def any_designs(space: DesignSpace, seed: int, n: int = 40) -> Designs:
    """Designs, forbidden ones too, from random positions; first and last ones are frequent."""
    rng = np.random.default_rng(seed)
    columns = []
    for parameter in space.parameters:
        column = rng.integers(0, parameter.size, n)
        ends = np.array([0, parameter.size - 1, min(1, parameter.size - 1), max(parameter.size - 2, 0)])
        columns.append(np.where(rng.random(n) < 0.3, rng.choice(ends, n), column))
    return space.from_index(space.canonical(np.stack(columns, axis=1)))
