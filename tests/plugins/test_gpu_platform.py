"""The problem `gpu-platform`: A100 is in it as it is sold, and there is better for a given service."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.llm.gpu_platform import GpuPlatform
from cosearch_simulators.llm import MODELS, Serving, evaluate, platform_named
from cosearch_simulators.llm.common.silicon import A100, area_mm2, peak_power_w, platform_of_chip


def test_it_keeps_the_contract_of_a_problem() -> None:
    check_problem(GpuPlatform(), designs=12)


def test_a100_has_its_published_numbers() -> None:
    platform = platform_of_chip(A100)
    assert area_mm2(A100) == pytest.approx(826, rel=0.01)
    assert peak_power_w(A100) == pytest.approx(400, rel=0.02)
    assert platform.bf16 == pytest.approx(312e12, rel=0.01)
    assert platform.bandwidth == pytest.approx(2039e9, rel=0.01)
    assert platform.memory_bytes == 80 * 2**30
    assert platform.link == 300e9


def test_the_default_is_a100_and_is_costed_as_a100() -> None:
    problem = GpuPlatform()
    found = problem.evaluate([problem.space.default()])
    serving = Serving(batch=32.0, prompt=2048.0, output=512.0, tp=8.0)
    device = evaluate(MODELS["llama-3.1-70b"], platform_named("a100_sxm"), serving)
    for metric in ("ttft_ms", "tpot_ms"):
        assert found[metric][0] == pytest.approx(device[metric][0], rel=1e-3)


def test_the_space_has_about_five_million_chips_and_some_are_better_in_every_objective() -> None:
    problem = GpuPlatform()
    assert 4e6 < problem.space.cardinality() < 9e6
    base = problem.evaluate([problem.space.default()])
    found = problem.evaluate(problem.space.sample(20_000, rng=1))
    names = ("ttft_ms", "tpot_ms", "area_mm2")
    better = np.all([found[name] < base[name][0] for name in names], axis=0)
    assert better.sum() >= 6


def test_a_chip_beyond_the_reticle_is_infeasible() -> None:
    problem = GpuPlatform()
    found = problem.evaluate([problem.space.default() | {"cores": 216, "macs_per_core": 4096}])
    assert found.status.tolist() == ["infeasible"]
    assert "more than the reticle's 858" in found.reason[0]


def test_an_unknown_model_is_one_line() -> None:
    with pytest.raises(CosearchError, match="did you mean 'llama-3.1-70b'"):
        GpuPlatform(model="llama-3.1-70")
