"""Spaces made of spaces: names, conditions and rules of the parts and across them, parts and groups."""

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosearch.errors import CosearchError, SpaceError, UnknownNameError
from cosearch.space import Categorical, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from cosearch.space.convert import configspace, gymnasium, optuna, pymoo
from space_strategies import Case, any_designs, cases

SLOW = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 999)


def wide_and_deep(columns: Any) -> Any:
    return (columns["depth"] > 8) & (columns["width"] > 1.5)


NETWORK = DesignSpace(
    [
        Categorical("kind", ["cnn", "vit"]),
        Integer("depth", 4, 16, step=4),
        Real("width", 0.5, 2.0),
        Integer("heads", 1, 4, when={"kind": "vit"}),
    ],
    ["kind == 'vit' and depth < 8 and heads > 2", Forbidden(wide_and_deep, "too large to train")],
    name="supernet",
    groups={"stem": ["kind", "depth"]},
)
HARDWARE = DesignSpace(
    [
        Ordinal("pe_rows", [8, 16, 32, 64]),
        Ordinal("pe_columns", [8, 16, 32, 64]),
        Permutation("order", ["K", "C", "P"]),
    ],
    [Forbidden("pe_rows * pe_columns > 2048", reason="more than fit")],
)
JOINED = DesignSpace.join(
    network=NETWORK,
    hardware=HARDWARE,
    when={"hardware.order": {"network.kind": ["cnn"]}},
    forbidden=["network.depth * hardware.pe_rows > 512", "network.kind == 'vit' and hardware.pe_rows == 8"],
    name="co-design",
)


def test_names_conditions_and_rules_come_along() -> None:
    assert JOINED.names == (
        *("network.kind", "network.depth", "network.width", "network.heads"),
        *("hardware.pe_rows", "hardware.pe_columns", "hardware.order"),
    )
    assert JOINED["network.heads"].when == {"network.kind": ("vit",)}
    assert JOINED["hardware.order"].when == {"network.kind": ("cnn",)}
    assert [rule.label for rule in JOINED.forbidden] == [
        "network.kind == 'vit' and network.depth < 8 and network.heads > 2",
        "wide_and_deep",
        "hardware.pe_rows * hardware.pe_columns > 2048",
        "network.depth * hardware.pe_rows > 512",
        "network.kind == 'vit' and hardware.pe_rows == 8",
    ]
    assert JOINED.forbidden[2].reason == "more than fit"
    assert JOINED.forbidden[3].reason == "forbidden: network.depth * hardware.pe_rows > 512"


def test_rules_hold_in_the_parts_and_across_them() -> None:
    good = {
        **{"network.kind": "cnn", "network.depth": 16, "network.width": 1.0},
        **{"hardware.pe_rows": 16, "hardware.pe_columns": 16, "hardware.order": ("K", "C", "P")},
    }
    vit = {name: value for name, value in good.items() if name != "hardware.order"} | {"network.kind": "vit"}
    changed = [
        good,
        good | {"network.width": 1.75},
        good | {"hardware.pe_rows": 64, "hardware.pe_columns": 64, "network.depth": 4},
        good | {"hardware.pe_rows": 64, "hardware.pe_columns": 8},
        vit | {"network.heads": 1, "hardware.pe_rows": 8},
        vit | {"network.heads": 3, "network.depth": 4},
    ]
    assert JOINED.forbidden_reason(changed).tolist() == [
        "",
        "too large to train",
        "more than fit",
        "forbidden: network.depth * hardware.pe_rows > 512",
        "forbidden: network.kind == 'vit' and hardware.pe_rows == 8",
        "forbidden: network.kind == 'vit' and network.depth < 8 and network.heads > 2",
    ]


def test_a_part_is_the_space_that_was_joined() -> None:
    assert JOINED["network"].hash() == NETWORK.hash()
    assert JOINED["hardware"].names == HARDWARE.names
    assert JOINED["network"].groups == {"stem": ("kind", "depth")}
    assert JOINED["network"].is_like(NETWORK)
    assert JOINED["hardware"].is_like(HARDWARE)
    designs = JOINED.sample(50, 0)
    network = designs.part("network")
    assert network.space is JOINED["network"]
    assert network.keys() == NETWORK.designs(network).keys()
    assert (network["depth"] == designs["network.depth"]).all()
    hardware = designs.part("hardware")
    inactive = ~designs.active("hardware.order")
    assert inactive.any()
    assert {design["order"] for design in hardware[inactive]} == {("K", "C", "P")}
    assert hardware["pe_rows"].tolist() == designs["hardware.pe_rows"].tolist()


def test_groups_are_parts_too() -> None:
    assert JOINED.groups["network"] == JOINED.names[:4]
    assert JOINED.groups["network.stem"] == ("network.kind", "network.depth")
    assert JOINED["network.stem"].names == ("kind", "depth")
    designs = JOINED.sample(20, 1)
    assert (designs.part("network.stem")["depth"] == designs["network.depth"]).all()
    array = DesignSpace(HARDWARE.parameters, groups={"array": ["pe_columns", "pe_rows"]})
    assert array["array"].names == ("pe_rows", "pe_columns")


def test_joins_nest() -> None:
    system = DesignSpace.join(
        chip=JOINED,
        memory=DesignSpace([Ordinal("channels", [1, 2, 4])]),
        forbidden=["memory.channels * 8 > chip.hardware.pe_rows * 4"],
    )
    assert "chip.network.depth" in system
    assert system["chip"].hash() == JOINED.hash()
    assert system["chip"]["network"].hash() == system["chip.network"].hash() == NETWORK.hash()
    assert system.groups["chip.network.stem"] == ("chip.network.kind", "chip.network.depth")
    designs = system.sample(30, 0)
    assert designs.part("chip").part("network") == designs.part("chip.network")
    assert JOINED.allowed(designs.part("chip")).all()
    rule = system.forbidden[1]
    assert rule.reads == ("chip.network.depth", "chip.network.width")
    assert pickle.loads(pickle.dumps(system)) == system


def test_a_condition_on_a_part_holds_for_all_of_it() -> None:
    space = DesignSpace.join(
        host=DesignSpace([Categorical("offload", [False, True])]),
        device=DesignSpace([Integer("cores", 1, 4), Integer("threads", 1, 2, when={"cores": [1, 2]})]),
        when={"device": {"host.offload": True}},
    )
    assert space.cardinality() == 1 + 2 * 2 + 2
    assert space["device.threads"].when == {"device.cores": (1, 2), "host.offload": (True,)}


def test_what_is_held_stays_held() -> None:
    joined = DesignSpace.join(network=NETWORK.hold({"kind": "vit", "width": 1.0}), hardware=HARDWARE)
    assert joined.held == {"network.kind": "vit", "network.width": 1.0}
    assert joined["network"].held == {"kind": "vit", "width": 1.0}
    held = JOINED.hold({"hardware.pe_rows": 32})
    assert held.groups == JOINED.groups
    assert held["hardware"].held == {"pe_rows": 32}
    assert not held["network"].held
    assert set(held.sample(20, 0).part("hardware")["pe_rows"]) == {32}


def test_json_keeps_groups_and_the_hash_does_not_count_them() -> None:
    parameters = [Ordinal("a", [1, 2]), Ordinal("b", [1, 2])]
    plain, grouped = DesignSpace(parameters), DesignSpace(parameters, groups={"both": ["a", "b"]})
    assert "groups" not in plain.to_dict()
    assert grouped.hash() == plain.hash()
    assert grouped != plain
    copy = DesignSpace.from_dict(json.loads(json.dumps(grouped.to_dict())))
    assert copy == grouped
    assert copy.groups == {"both": ("a", "b")}
    dropped = DesignSpace.from_dict(json.loads(json.dumps(JOINED.to_dict())), drop_functions=True)
    assert dropped.groups == JOINED.groups
    assert dropped["hardware"].hash() == HARDWARE.hash()
    assert pickle.loads(pickle.dumps(grouped)).groups == grouped.groups
    assert grouped.hold({"a": 1}).groups == grouped.groups


@given(cases(max_parameters=3), cases(max_parameters=3), SEEDS)
@SLOW
def test_a_joined_space_passes_through_every_encoding(one: Case, other: Case, seed: int) -> None:
    space = DesignSpace.join(one=one.space, other=other.space)
    designs = any_designs(space, seed, n=15)
    assert space.designs(designs.to_dicts()) == designs
    assert space.designs({name: designs.column(name) for name in space.names}) == designs
    assert space.from_index(designs.index) == designs
    assert space.designs_from_packed(designs.packed()) == designs
    assert space.from_unit(space.to_unit(designs)) == designs
    assert space.from_onehot(space.to_onehot(designs)) == designs
    assert gymnasium.from_box(space, gymnasium.to_box(space, designs)) == designs
    assert gymnasium.from_dict_actions(space, gymnasium.to_dict_actions(space, designs)) == designs
    assert optuna.from_optuna(space, optuna.to_optuna(space, designs)) == designs
    assert pymoo.from_pymoo(space, pymoo.to_pymoo(space, designs)) == designs
    allowed = designs[space.allowed(designs)]
    assert configspace.from_config(space, configspace.to_config(space, allowed)) == allowed
    assert DesignSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert pickle.loads(pickle.dumps(designs)) == designs
    for name, case in (("one", one), ("other", other)):
        part = designs.part(name)
        assert space[name].hash() == case.space.hash()
        assert part.keys() == case.space.designs(part).keys()
        assert [repr(design) for design in part] == [
            repr({n.removeprefix(f"{name}."): v for n, v in design.items() if n.startswith(f"{name}.")})
            for design in designs
        ]
    both = [
        not one.is_forbidden(a) and not other.is_forbidden(b)
        for a, b in zip(designs.part("one"), designs.part("other"), strict=True)
    ]
    assert space.allowed(designs).tolist() == both


@given(cases(finite=True, max_parameters=3), cases(finite=True, max_parameters=3))
@SLOW
def test_a_joined_space_is_counted_and_listed(one: Case, other: Case) -> None:
    space = DesignSpace.join(one=one.space, other=other.space)
    pairs = [(repr(a), repr(b)) for a in one.every_design() for b in other.every_design()]
    assert space.cardinality() == len(pairs)
    listed = space.enumerate()
    parts = zip(listed.part("one"), listed.part("other"), strict=True)
    assert [(repr(a), repr(b)) for a, b in parts] == pairs


@given(SEEDS)
@SLOW
def test_rules_across_are_counted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limit = int(rng.integers(30, 200))
    a = DesignSpace([Integer("x", 1, 9, default=1), Integer("y", 1, 4, when={"x": [1, 2, 3]})])
    b = DesignSpace([Integer("x", 1, 12, default=2)], ["x == 5"])
    space = DesignSpace.join(
        a=a, b=b, when={"b.x": {"a.x": list(range(1, 8))}}, forbidden=[f"a.x * b.x * 3 > {limit}"]
    )
    expected = 0
    for x in range(1, 10):
        ways = 4 if x <= 3 else 1
        inner = [z for z in range(1, 13) if z != 5 and x * z * 3 <= limit] if x < 8 else [0]
        expected += ways * len(inner)
    assert space.cardinality() == expected == len(space.enumerate())
    assert not space.forbidden_mask(space.sample(100, seed).index).any()


@pytest.mark.parametrize(
    ("join", "error", "message"),
    [
        (lambda: DesignSpace.join(), SpaceError, "nothing to join"),
        (lambda: DesignSpace.join([("a", NETWORK), ("a", HARDWARE)]), SpaceError, "two parts are named 'a'"),
        (lambda: DesignSpace.join({"a": NETWORK}, a=HARDWARE), SpaceError, "two parts are named 'a'"),
        (lambda: DesignSpace.join({"a.b": NETWORK}), SpaceError, "part 'a.b' is not allowed"),
        (lambda: DesignSpace.join({"class": NETWORK}), SpaceError, "part 'class' is not allowed"),
        (lambda: DesignSpace.join([7]), SpaceError, "7 is not a part"),  # type: ignore[list-item]
        (lambda: DesignSpace.join(a=7), SpaceError, "part 'a' is 7; expected a DesignSpace"),
        (
            lambda: DesignSpace.join(n=NETWORK, h=HARDWARE, when={"h.pe_row": {"n.kind": "cnn"}}),
            UnknownNameError,
            "unknown parameter or part 'h.pe_row'; did you mean 'h.pe_rows'",
        ),
        (
            lambda: DesignSpace.join(n=NETWORK, h=HARDWARE, when={"h.pe_rows": {"n.knid": "cnn"}}),
            UnknownNameError,
            "'n.knid'; did you mean 'n.kind'",
        ),
        (
            lambda: DesignSpace.join(n=NETWORK, h=HARDWARE, when={"n.depth": {"h.pe_rows": 8}}),
            SpaceError,
            "must be listed before it",
        ),
        (lambda: DesignSpace.join(n=NETWORK, when=7), SpaceError, "when=7; expected"),
        (lambda: DesignSpace.join(n=NETWORK, when={"n.kind": 7}), SpaceError, "is 7; expected"),
        (
            lambda: DesignSpace.join(n=NETWORK, h=HARDWARE, forbidden=["n.dept > 1"]),
            SpaceError,
            "unknown parameter 'n.dept'; did you mean 'n.depth'",
        ),
        (
            lambda: DesignSpace.join(n=NETWORK, h=HARDWARE, forbidden=["n.depth > 1"]),
            SpaceError,
            "default design is forbidden",
        ),
        (
            lambda: DesignSpace.join(n=NETWORK, groups={"n": ["n.kind"]}),
            SpaceError,
            "two groups are named 'n'",
        ),
        (
            lambda: DesignSpace.join(n=NETWORK, groups={"g": ["n.kin"]}),
            SpaceError,
            "group 'g' names unknown parameter 'n.kin'; did you mean 'n.kind'",
        ),
        (lambda: DesignSpace(HARDWARE.parameters, groups={"g": []}), SpaceError, "group 'g' is empty"),
        (
            lambda: DesignSpace(HARDWARE.parameters, groups={"g": ["order", "order"]}),
            SpaceError,
            "group 'g' names a parameter twice",
        ),
        (lambda: DesignSpace(HARDWARE.parameters, groups={"g": "order"}), SpaceError, "expected a list"),
        (lambda: DesignSpace(HARDWARE.parameters, groups=["order"]), SpaceError, "expected {group"),
        (lambda: JOINED["netwrok"], UnknownNameError, "unknown parameter 'netwrok'; did you mean 'network'"),
        (lambda: JOINED.sample(1, 0).part("hardwar"), UnknownNameError, "did you mean 'hardware'"),
        (lambda: JOINED["depth"], UnknownNameError, "did you mean 'network.depth'"),
        (lambda: JOINED.hold({"network.dept": 4}), UnknownNameError, "did you mean 'network.depth'"),
    ],
)
def test_what_does_not_fit_together_is_refused(join: Any, error: type[CosearchError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        join()
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="ab.( ) *><=1\n'", max_size=30))
@settings(max_examples=200)
def test_renamed_expressions_mean_the_same(text: str) -> None:
    parameters = [Integer("a", 0, 3), Integer("b", 0, 3)]
    try:
        rule = Forbidden(f"({text})").bound({p.name: p for p in parameters})
    except SpaceError:
        return
    joined = {p.name: p for p in (p.renamed(f"x.{p.name}", {}) for p in parameters)}
    renamed = rule.renamed({"a": "x.a", "b": "x.b"}).bound(joined)
    grid = [axis.ravel() for axis in np.indices((4, 4))]
    before = rule.holds(dict(zip("ab", zip(parameters, grid, strict=True), strict=True)))
    after = renamed.holds({n: (joined[n], g) for n, g in zip(("x.a", "x.b"), grid, strict=True)})
    assert (before == after).all()
    back = renamed.renamed({"x.a": "a", "x.b": "b"})
    assert back.expression == rule.expression
