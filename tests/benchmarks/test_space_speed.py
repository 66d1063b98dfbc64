"""How long designs take: 100,000 of ten mixed parameters in every encoding, one at a time, and in a table."""

from typing import Any

import numpy as np
import pytest

from cosearch.space import (
    Categorical,
    Designs,
    DesignSpace,
    DesignTable,
    Forbidden,
    Integer,
    Ordinal,
    Permutation,
    Real,
)
from cosearch.space.convert import gymnasium, optuna, pymoo

PARAMETERS = [
    Categorical("row_policy", ["open", "closed", "closed_cap", "timeout"]),
    Integer("cap", 1, 64, log=True, when={"row_policy": "closed_cap"}),
    Integer("timeout_cycles", 50, 1000, step=50, when={"row_policy": "timeout"}),
    Ordinal("rows", [8, 16, 32, 64, 128]),
    Ordinal("columns", [8, 16, 32, 64, 128]),
    Ordinal("precision", ["int4", "int8", "fp16", "fp32"]),
    Categorical("bypass", [False, True]),
    Integer("buffer_kib", 16, 1024, step=16),
    Permutation("loop_order", ["N", "K", "C", "P", "Q", "R", "S"]),
]
RULES = [
    Forbidden("rows * columns > 8192", reason="more processing elements than fit"),
    Forbidden("bypass and cap > 32", reason="the bypass holds 32 requests"),
    Forbidden("precision > 'int8' and buffer_kib < 64", reason="the buffer holds no tile"),
]
DISCRETE = DesignSpace([*PARAMETERS, Integer("queue_entries", 4, 64)], RULES, name="discrete")
CONTINUOUS = DesignSpace(
    [
        *(p for p in PARAMETERS if p.name != "timeout_cycles"),
        Real("voltage_v", 0.6, 1.2),
        Real("clock_hz", 1e8, 4e9, log=True),
    ],
    RULES,
    name="continuous",
)
N = 100_000


@pytest.fixture(scope="module", params=[DISCRETE, CONTINUOUS], ids=lambda space: space.name)
def designs(request: pytest.FixtureRequest) -> Designs:
    return request.param.sample(N, 0)


ENCODINGS: dict[str, Any] = {
    "unit": (DesignSpace.to_unit, DesignSpace.from_unit),
    "box": (gymnasium.to_box, gymnasium.from_box),
    "onehot": (DesignSpace.to_onehot, DesignSpace.from_onehot),
    "multi_discrete": (gymnasium.to_multi_discrete, gymnasium.from_multi_discrete),
    "dict_actions": (gymnasium.to_dict_actions, gymnasium.from_dict_actions),
}
LIBRARIES: dict[str, Any] = {
    "optuna": (optuna.to_optuna, optuna.from_optuna),
    "pymoo": (pymoo.to_pymoo, pymoo.from_pymoo),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encode(benchmark: Any, designs: Designs, encoding: str) -> None:
    if encoding == "multi_discrete" and designs.space is CONTINUOUS:
        pytest.skip("a Real has no MultiDiscrete")
    encoded = benchmark(ENCODINGS[encoding][0], designs.space, designs)
    assert len(encoded) in (N, len(designs.space))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_decode(benchmark: Any, designs: Designs, encoding: str) -> None:
    if encoding == "multi_discrete" and designs.space is CONTINUOUS:
        pytest.skip("a Real has no MultiDiscrete")
    encode, decode = ENCODINGS[encoding]
    encoded = encode(designs.space, designs)
    assert benchmark(decode, designs.space, encoded) == designs


def test_from_index(benchmark: Any, designs: Designs) -> None:
    assert benchmark(designs.space.from_index, designs.index) == designs


@pytest.mark.parametrize("library", LIBRARIES)
def test_library_round_trip(benchmark: Any, designs: Designs, library: str) -> None:
    encode, decode = LIBRARIES[library]
    space = designs.space
    assert benchmark.pedantic(lambda: decode(space, encode(space, designs)), rounds=2) == designs


def test_dict_round_trip(benchmark: Any, designs: Designs) -> None:
    result = benchmark.pedantic(lambda: designs.space.designs(designs.to_dicts()), rounds=2)
    assert result == designs


def test_keys(benchmark: Any, designs: Designs) -> None:
    assert len(benchmark(designs.keys)) == N


def test_allowed(benchmark: Any, designs: Designs) -> None:
    assert benchmark(designs.space.allowed, designs).all()


@pytest.mark.parametrize("way", ["sample", "sobol"])
def test_choose(benchmark: Any, designs: Designs, way: str) -> None:
    assert len(benchmark.pedantic(getattr(designs.space, way), (N, 1), rounds=3)) == N


SMALL = DesignSpace(
    [
        *(Categorical(f"choice{i}", ["a", "b", "c"]) for i in range(4)),
        *(Ordinal(f"size{i}", [4, 8, 16, 32]) for i in range(4)),
        *(Integer(f"count{i}", 1, 64) for i in range(3)),
    ],
    ["size0 * size1 > 512"],
    name="eleven small parameters",
)


@pytest.mark.parametrize("n", [1, 10_000])
def test_sample_small(benchmark: Any, n: int) -> None:
    rng = np.random.default_rng(0)
    assert len(benchmark(SMALL.sample, n, rng)) == n


@pytest.mark.parametrize(
    "call",
    [
        lambda designs: designs[7:8],
        lambda designs: designs[7:8].keys(),
        lambda designs: designs[7:8].to_dicts(),
        lambda designs: SMALL.allowed(Designs(SMALL, designs.index[7:8])),
        lambda designs: SMALL.from_index(designs.index[7:8]),
        lambda designs: SMALL.to_unit(designs[7:8]),
    ],
    ids=["slice", "keys", "to_dicts", "allowed", "from_index", "to_unit"],
)
def test_one_design(benchmark: Any, call: Any) -> None:
    assert len(benchmark(call, SMALL.sample(100, 0))) == 1


@pytest.fixture(scope="module")
def million() -> DesignTable:
    table, rng = DesignTable(SMALL), np.random.default_rng(0)
    while len(table) < 1_000_000:
        table.add(SMALL.sample(10_000, rng))
    return table


@pytest.mark.parametrize("n", [1, 10_000])
def test_add_to_a_table_of_a_million(benchmark: Any, million: DesignTable, n: int) -> None:
    rng = np.random.default_rng(n)
    benchmark.pedantic(million.add, setup=lambda: ((SMALL.sample(n, rng),), {}), rounds=30)
    assert million.nbytes <= 40 * len(million)
