"""The problem hybrid-lm-cpu: language models that are trained and timed for real."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import cosearch
from cosearch.errors import ArgumentError
from cosearch.testing import check_problem
from cosearch_plugins.hybrid_lm.hybrid_lm_cpu import DEPTHS, MIXERS, HybridLmCpu
from cosearch_simulators import hybrid_lm
from cosearch_simulators.hybrid_lm.architecture import PRECISIONS

QUICK = {"steps": 16, "prompt": 32, "decoded": 2, "repeats": 3}


def test_it_keeps_the_contract_of_a_problem():
    check_problem(HybridLmCpu(**QUICK | {"steps": 1}), designs=1, seed=6)


def test_the_names_are_the_simulators():
    assert MIXERS == hybrid_lm.MIXERS
    assert HybridLmCpu.space["precision"].values == tuple(PRECISIONS)


def test_every_design_is_counted_once():
    ways = sum(len(MIXERS) ** depth for depth in DEPTHS)
    assert HybridLmCpu.space.cardinality() == ways * 5 * 4 * 3
    members = [name for group in HybridLmCpu.space.groups.values() for name in group]
    assert sorted(members) == sorted(HybridLmCpu.space.names)


def test_more_training_is_better_and_the_cache_is_of_the_mix():
    problem = HybridLmCpu(**QUICK | {"steps": 64})
    default = problem.space.default() | {"width": 64, "depth": 2}
    attention = {name: value for name, value in default.items() if name not in ("layer_3", "layer_4")}
    short = attention | {"layer_1": "short_convolution", "layer_2": "short_convolution"}
    designs = problem.space.designs([attention, short])
    rough, full = (problem.evaluate(designs, fidelity=name) for name in ("sixteenth", "full"))
    assert (full["bits_per_byte"] < rough["bits_per_byte"] - 0.5).all()
    assert full["cache_bytes"].tolist() == [2 * 2 * 32 * 64 * 4, 2 * 2 * 64 * 4]
    assert full.standard_error["decode_ms"].shape == (2,)
    assert np.array_equal(problem.features(designs)["parameters"], full["parameters"])
    (picture,) = problem.pictures(short)
    assert {trace["name"] for trace in picture.traces} == {"short convolution"}


def test_its_environment_trains_for_real():
    env = gymnasium.make("cosearch/HybridLmCpu-v0", fidelity="sixteenth", **QUICK)
    env.reset(seed=0)
    _, reward, _, _, info = env.step(env.action_space.sample())
    assert np.isfinite(reward)
    assert info["status"] == "ok"


def test_a_text_that_is_too_short_is_refused_at_once(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("too short")
    with pytest.raises(ArgumentError, match=r"text: .*9 bytes of text, at least 100,000"):
        cosearch.make_problem("hybrid-lm-cpu", text=str(path))
