"""How long encoding and decoding 100,000 designs of ten mixed parameters takes (pytest-benchmark)."""

from typing import Any

import pytest

from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
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
