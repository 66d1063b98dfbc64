"""Forbidden rules: what expressions mean, and which are refused."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch.errors import SpaceError
from cosearch.space import Categorical, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from space_strategies import Case, any_designs, cases

PARAMETERS = [
    Ordinal("rows", [8, 16, 32]),
    Ordinal("columns", [8, 16, 32]),
    Ordinal("precision", ["int4", "int8", "fp16"]),
    Ordinal("least", ["int4", "int8"]),
    Categorical("policy", ["open", "closed"]),
    Categorical("bypass", [False, True]),
    Integer("cap", 0, 8, when={"policy": "closed"}),
    Real("voltage_v", 0.5, 1.5),
    Permutation("order", ["K", "C"]),
    Categorical("limit", [None, 1, 2]),
]
DESIGN = {
    "rows": 16,
    "columns": 32,
    "precision": "int8",
    "least": "int8",
    "policy": "closed",
    "bypass": True,
    "cap": 0,
    "voltage_v": 0.75,
    "order": ("K", "C"),
    "limit": None,
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rows > columns", False),
        ("rows < columns", True),
        ("rows * columns >= 512", True),
        ("8 < rows < columns", True),
        ("8 < rows < 16", False),
        ("rows in (8, 16)", True),
        ("rows not in [8, 16]", False),
        ("columns % rows == 0", True),
        ("columns // rows ** 2 == 0", True),
        ("columns / rows == 2.0", True),
        ("-rows < +columns - 1", True),
        ("precision == 'int8'", True),
        ("precision < 'fp16'", True),
        ("'fp16' > precision", True),
        ("precision <= 'int4'", False),
        ("precision in ('int4', 'fp16')", False),
        ("least >= precision", True),
        ("policy == 'open'", False),
        ("policy != 'open' and bypass", True),
        ("not bypass or rows == 8", False),
        ("bypass == True", True),
        ("limit == None", True),
        ("limit != None", False),
        ("rows / cap > 2", True),  # 16 / 0 is infinite
        ("cap / cap > 0 or cap / cap <= 0", False),  # 0 / 0 is no number
        ("voltage_v * 2 == 1.5", True),
        ("  rows == 16  ", True),
        ("rows * 10 ** 400 > 0", True),
    ],
)
def test_what_expressions_mean(expression: str, expected: bool) -> None:
    rule = Forbidden(expression)
    columns = {p.name: (p, np.array([p.position_of(DESIGN[p.name])])) for p in PARAMETERS}
    assert rule.holds(columns).tolist() == [expected]


def test_what_a_rule_reads_is_listed_in_the_order_of_reading() -> None:
    assert Forbidden("cap_max > 2 * cap and (rows > cap_max)").reads == ("cap_max", "cap", "rows")


@given(cases(), st.integers(0, 999))
def test_rules_agree_with_python(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed)
    assert case.space.allowed(designs).tolist() == [not case.is_forbidden(design) for design in designs]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("rows >", "is not an expression"),
        ("", "is not an expression"),
        ("__import__('os').system('true')", "Call is not allowed|Attribute is not allowed"),
        ("rows.__class__ == 1", "Attribute is not allowed"),
        ("[r for r in rows]", "is not allowed"),
        ("order[0] == 'K'", "Subscript is not allowed"),
        ("rows if bypass else columns", "IfExp is not allowed"),
        ("rows == b'x'", "constant b'x' is not allowed"),
        ("rows == 1j", "constant 1j is not allowed"),
        ("rows == " + "9" * 400, "too large"),
        ("rows" + " + rows" * 1400 + " > 1", "nested too deeply"),
        ("rows" + " + rows" * 5000 + " > 1", "has 35008 characters"),
        ("(" * 4000 + "rows" + ")" * 4000, "is not an expression"),
        ("1 == 1", "reads no parameter"),
        ("row > 3", "unknown parameter 'row'; did you mean 'rows'"),
        ("precision == 'int9'", "nearest is 'int8'"),
        ("policy == 'opne'", "nearest is 'open'"),
        ("policy < 'open'", "have no order"),
        ("policy + 1 > 2", "not numbers"),
        ("precision > 3", "3 is not allowed"),
        ("rows == 'eight'", "where a number is expected"),
        ("rows > None", "where a number is expected"),
        ("rows in 8", "expected a list"),
        ("rows == (8, 16)", "where a number is expected"),
        ("order == 1", "pass a function"),
        ("policy", "not numbers"),
    ],
)
def test_wrong_expressions_are_refused(expression: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        DesignSpace(PARAMETERS, [Forbidden(expression)])


def test_rules_do_not_apply_where_a_parameter_is_inactive() -> None:
    space = DesignSpace(PARAMETERS, [Forbidden("cap < 4", reason="too few"), "rows == 32 or cap > 6"])
    closed = {**DESIGN, "cap": 5}
    opened = {name: value for name, value in DESIGN.items() if name != "cap"} | {"policy": "open"}
    designs = space.designs([DESIGN, closed, {**closed, "rows": 32}, {**opened, "rows": 32}])
    assert space.forbidden_reason(designs).tolist() == ["too few", "", "forbidden: rows == 32 or cap > 6", ""]
    assert space.allowed(designs).tolist() == [False, True, False, True]


def reversed_order(columns: Any) -> Any:
    return (columns["order"][:, 0] == "C") & (columns["cap"] > 2)


def test_functions_are_rules_too() -> None:
    space = DesignSpace(PARAMETERS, [Forbidden(reversed_order, "C first needs a small cap")])
    assert space.forbidden[0].reads == ("cap", "order")
    wrong = {**DESIGN, "order": ("C", "K"), "cap": 3}
    assert space.forbidden_reason([wrong, DESIGN]).tolist() == ["C first needs a small cap", ""]
    opened = {name: value for name, value in wrong.items() if name != "cap"} | {"policy": "open"}
    assert space.allowed(opened).tolist() == [True]
    assert pickle.loads(pickle.dumps(space)) == space


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda: Forbidden(reversed_order), "needs reason"),
        (lambda: Forbidden(7, "seven"), "expected an expression or a function"),  # type: ignore[arg-type]
        (lambda: Forbidden(lambda c: c["rows"], "no booleans"), "returned int64 of shape"),
        (lambda: Forbidden(lambda c: np.array([True, False]), "reads nothing"), "reads no parameter"),
        (lambda: Forbidden(lambda c: c["row"] > 1, "typing error"), "unknown parameter 'row'"),
        (lambda: Forbidden(lambda c: c["rows"] > 1, "hides", reads=["columns"]), r"pass reads="),
    ],
)
def test_wrong_functions_are_refused(rule: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        DesignSpace(PARAMETERS, [rule()])


def test_a_forbidden_default_is_refused() -> None:
    with pytest.raises(
        SpaceError, match=r"default design is forbidden \(square\); set default= of a parameter"
    ):
        DesignSpace(PARAMETERS, [Forbidden("rows == columns", reason="square")])
