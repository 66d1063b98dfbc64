"""What each kind of parameter holds, and what its constructor refuses."""

import itertools
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cosearch.errors import SpaceError
from cosearch.space import Categorical, DesignSpace, Integer, Ordinal, Parameter, Permutation, Real


def values(parameter: Parameter) -> list[Any]:
    return parameter.values_at(np.arange(parameter.size))


def test_values_are_plain_python_objects() -> None:
    assert values(Integer("n", 4, 10, step=3)) == [4, 7, 10]
    assert [type(v) for v in values(Categorical("c", np.array([1, 2])))] == [int, int]
    assert [type(v) for v in values(Categorical("c", [np.bool_(True), False]))] == [bool, bool]
    assert [type(v) for v in values(Categorical("c", [1, 0.5]))] == [int, float]
    assert type(Real("r", 0, 1).default) is float


def test_columns_are_typed() -> None:
    def dtype(*listed: Any) -> np.dtype[Any]:
        return Categorical("c", listed).column(np.array([0])).dtype

    assert dtype(1, 2) == np.int64
    assert dtype(1, 0.5) == np.float64
    assert dtype(True, False) == np.bool_
    assert {dtype("a", "b"), dtype("a", None), dtype(True, 2)} == {np.dtype(object)}


def test_defaults() -> None:
    assert Categorical("c", ["b", "a"]).default == "b"
    assert Ordinal("o", [8, 16, 32]).default == 16
    assert Integer("n", 1, 64, log=True).default == 8
    assert Real("r", 0, 1).default == 0.5
    assert Real("r", 1e-4, 1e-2, log=True).default == pytest.approx(1e-3)
    assert Permutation("p", ["b", "a"]).default == ("b", "a")
    assert Categorical("c", ["a", None]).default == "a"
    assert Categorical("c", ["a", None], default=None).default is None
    assert Integer("n", 1, 9, default=None).default == 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical("c", []), "values is empty"),
        (lambda: Categorical("c", "abc"), "values must be a list"),
        (lambda: Categorical("c", [1, True]), "values 1 and True are equal"),
        (lambda: Categorical("c", ["a", "a"]), "'a' and 'a' are equal"),
        (lambda: Categorical("c", [1.0, float("nan")]), "value nan is not allowed"),
        (lambda: Categorical("c", [[1], [2]]), r"value \[1\] is not allowed"),
        (lambda: Categorical("c", ["open", "close"], default="opne"), "nearest is 'open'"),
        (lambda: Ordinal("o", [8, 16, 32], default=17), "nearest is 16"),
        (lambda: Integer("n", 5, 4), "low=5 is above high=4"),
        (lambda: Integer("n", 0, 10, step=4), "nearest high below is 8"),
        (lambda: Integer("n", 0, 10, step=0), "step=0"),
        (lambda: Integer("n", 0, 10, log=True), "log=True needs"),
        (lambda: Integer("n", 0, 1.5), "high=1.5 is not an integer"),
        (lambda: Integer("n", 0, 2**60), "beyond"),
        (lambda: Integer("n", 0, 10, default=11), "nearest is 10"),
        (lambda: Real("r", 1, 1), "expected finite low < high"),
        (lambda: Real("r", 0, math.inf), "expected finite"),
        (lambda: Real("r", 0, 1, log=True), "needs low > 0"),
        (lambda: Real("r", 1.0, 1.0 + 1e-15), "too close"),
        (lambda: Real("r", 0.0, 5e-324), "too close"),
        (lambda: Real("r", 0, 1, default=1.5), "nearest is 1.0"),
        (lambda: Permutation("p", range(21)), "at most 20"),
        (lambda: Permutation("p", ["a", "a"]), "are equal"),
        (lambda: Permutation("p", ["a", "b"], default=("a", "a")), "in some order"),
        (lambda: Categorical("two words", [1]), "expected an identifier"),
        (lambda: Categorical("lambda", [1]), "expected an identifier"),
        (lambda: Categorical("c", [1], when={"x": ()}), "could never be active"),
    ],
)
def test_wrong_parameters_are_refused(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "has no parameter"),
        ([Ordinal("a", [1]), Ordinal("a", [2])], "two parameters named 'a'"),
        ([Ordinal("a", [1], when={"b": 1}), Ordinal("b", [1])], "must be listed before"),
        ([Ordinal("a", [1], when={"a": 1})], "must be listed before"),
        ([Ordinal("rows", [1]), Ordinal("b", [1], when={"row": 1})], "did you mean 'rows'"),
        ([Ordinal("a", [1, 2]), Ordinal("b", [1], when={"a": 3})], "nearest is 2"),
        ([Real("a", 0, 1), Ordinal("b", [1], when={"a": 0.5})], "a real parameter"),
        (["rows"], "is not a parameter"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(parameters: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        DesignSpace(parameters)


@given(st.integers(1, 5))
def test_permutations_are_numbered_in_lexicographic_order(k: int) -> None:
    parameter = Permutation("p", list(range(k)))
    assert values(parameter) == list(itertools.permutations(range(k)))
    assert parameter.positions_of(values(parameter)).tolist() == list(range(math.factorial(k)))


@given(st.permutations(list("abcdefghijklmnopqrst")))
def test_the_longest_permutations_fit(order: list[str]) -> None:
    parameter = Permutation("p", sorted(order))
    assert parameter.values_at(parameter.positions_of([order])) == [tuple(order)]


@given(st.integers(1, 10**6), st.integers(0, 2000), st.floats(0, 1))
def test_log_integers_share_out_the_unit_interval_by_their_logarithm(low: int, more: int, u: float) -> None:
    parameter = Integer("n", low, low + more, log=True)
    position = parameter.from_unit(np.array([[u]]))
    value = parameter.values_at(position)[0]
    span = math.log(low + more + 0.5) - math.log(low - 0.5)
    bin_low, bin_high = ((math.log(v) - math.log(low - 0.5)) / span for v in (value - 0.5, value + 0.5))
    assert bin_low - 1e-9 <= u <= bin_high + 1e-9
    assert parameter.unit_mass(position)[0] == pytest.approx(bin_high - bin_low, rel=1e-3)


@given(st.decimals(0, 1, places=9))
def test_reals_keep_short_decimals(decimal: Decimal) -> None:
    number = float(decimal)
    for parameter in (Real("r", 0, 1), Real("r", -3, 90), Real("r", -1, 1.25)):
        assert parameter.values_at(parameter.positions_of([number])) == [number]


@given(st.integers(1, 10**10 - 1), st.integers(-60, 40))
@example(123, -24)
def test_log_reals_keep_ten_digits(digits: int, exponent: int) -> None:
    number = float(f"{digits}e{exponent}")
    parameter = Real("r", number / 7, number * 90, log=True)
    assert parameter.values_at(parameter.positions_of([number])) == [number]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.floats(0, 1))
def test_reals_are_rounded_to_a_fine_grid(low: float, span: float, share: float) -> None:
    high = low + span
    assume(high - low > 1e-3 * abs(low))
    parameter = Real("r", low, high)
    number = min(max(low + share * (high - low), low), high)
    kept = parameter.values_at(parameter.positions_of([number]))[0]
    assert low <= kept <= high
    assert abs(Fraction(kept) - Fraction(number)) <= Fraction(high - low) / 10**10
    assert parameter.values_at(np.array([0, parameter.size - 1])) == [low, high]
    neighbours = parameter.column(np.array([0, 1, 2, parameter.size - 2, parameter.size - 1]))
    assert (np.diff(neighbours) > 0).all()


def test_booleans_are_not_numbers() -> None:
    assert Categorical("c", [0, 1]).position_of(True) == -1
    assert Categorical("c", [False, True]).position_of(1) == -1
    assert Integer("n", 0, 1).position_of(True) == -1
    assert Real("r", 0, 1).position_of(True) == -1
    assert Categorical("c", [0, 1]).position_of(np.int32(1)) == 1
    assert Categorical("c", [False, True]).position_of(np.True_) == 1
    assert Integer("n", 0, 9).position_of(np.float32(3.0)) == 3
    assert Ordinal("o", [8, 16]).position_of(16.0) == 1
