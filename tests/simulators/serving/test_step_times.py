"""The tables of step times are the LLM simulator's, between their points too."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.llm import MODELS, Serving, evaluate, platform_named, precision_code
from cosearch_simulators.serving import Fleet, Options, Pool, of_arrays, process, simulate, step_times
from cosearch_simulators.serving.lengths import lengths_named

LAYOUTS = [
    ("llama-3.1-8b", "h100_sxm", {}),
    ("llama-3.1-70b", "a100_sxm", {"tp": 4.0}),
    ("llama-3.1-70b", "h100_sxm", {"tp": 2.0, "pp": 2.0, "precision": precision_code("fp8")}),
    ("qwen3-30b-a3b", "h200_sxm", {"attention_dp": 2.0, "ep": 2.0}),
    ("gemma-3-27b", "h200_sxm", {}),
    ("deepseek-v3", "b200_sxm", {"tp": 8.0, "ep": 8.0, "precision": precision_code("fp8"),
                                 "expert_precision": precision_code("fp8")}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "device", "layout"), LAYOUTS)
def test_steps_of_one_kind_are_those_of_the_llm_simulator(model: str, device: str, layout: dict) -> None:
    times = step_times(MODELS[model], platform_named(device), Serving(**layout))
    assert times.reason == ""
    for batch, context in ((8, 777), (100, 1500), (48, 3210)):
        parts = layout.get("attention_dp", 1.0) * layout.get("pp", 1.0)
        serving = Serving(batch=np.array([float(batch)]), prompt=context - 0.5, output=1.0, **layout)
        found = evaluate(MODELS[model], platform_named(device), serving)
        expected = float(np.nan_to_num(found["step_ms"][0]))
        if batch >= parts and expected:
            assert 1e3 * times.step_s(batch, batch, batch, context) == pytest.approx(expected, rel=0.02)
    if layout.get("pp", 1.0) == 1.0 and layout.get("attention_dp", 1.0) == 1.0:
        for prompt in (100, 1000, 5000):
            serving = Serving(batch=1.0, prompt=np.array([float(prompt)]), output=1.0, **layout)
            expected = evaluate(MODELS[model], platform_named(device), serving)["prefill_ms"][0]
            assert 1e3 * times.prefill_s(prompt) == pytest.approx(expected, rel=0.02)


def test_a_prompt_in_pieces_takes_little_more_than_whole() -> None:
    times = step_times(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving())
    lone = of_arrays([0.0], [8192], [1])
    whole, pieces = (
        simulate([Fleet([Pool(times, step_tokens=budget)])], lone)[0].metrics["ttft_mean_ms"]
        for budget in (8192, 1024)
    )
    assert whole == pytest.approx(1e3 * times.prefill_s(8192), rel=0.01)
    assert whole < pieces < 1.3 * whole


def test_what_the_cache_holds_is_what_the_llm_simulator_has_room_for() -> None:
    times = step_times(MODELS["llama-3.1-8b"], platform_named("a100_sxm"), Serving(), context=2048.0)
    found = evaluate(
        MODELS["llama-3.1-8b"],
        platform_named("a100_sxm"),
        Serving(batch=np.array([8.0]), prompt=1024.0, output=1024.0),
    )
    assert times.kv_tokens // 2048 == pytest.approx(found["batch_that_fits"][0], abs=1)


def test_a_closed_loop_has_the_tpot_of_the_closed_form() -> None:
    """Two ways to the same deployment: the LLM simulator's closed form, and the events."""
    layout = {"batch": np.array([64.0]), "prompt": 1024.0, "output": 256.0}
    found = evaluate(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving(**layout))
    times = step_times(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving())
    lengths = type(lengths_named("azure-code"))(1024, 0.0, 256, 0.25)
    run = simulate([Fleet([Pool(times)])], process(lengths, count=1500, closed=64), options=Options())[0]
    assert run.metrics["tpot_mean_ms"] == pytest.approx(found["tpot_ms"][0], rel=0.1)


def test_a_layout_that_cannot_run_says_why() -> None:
    assert step_times(MODELS["llama-3.1-70b"], platform_named("l4"), Serving()).reason.startswith("needs 1")
    fp8 = Serving(precision=precision_code("fp8"))
    assert "no engine for fp8" in step_times(MODELS["llama-3.1-8b"], platform_named("a100_sxm"), fp8).reason
