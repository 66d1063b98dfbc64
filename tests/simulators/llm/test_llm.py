"""Our engine: published sizes, physics that must hold, refusals, gradients, the same bits in any batch."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm import (
    DEVICES,
    MODELS,
    Model,
    Serving,
    evaluate,
    model_named,
    platform_named,
    platform_of,
    precision_code,
)
from cosearch_simulators.llm.common.columns import as_columns, rows, stacked
from cosearch_simulators.llm.common.speculation import tokens_of_a_step
from cosearch_simulators.llm.engines.ours.entry import METRICS, UNITS, seconds
from cosearch_simulators.llm.models import nested, parameters

H100 = platform_named("h100_sxm")
LLAMA = MODELS["llama-3.1-8b"]

# Billions, as the publishers' model cards and papers state them.
PUBLISHED = {
    "llama-2-7b": 6.74,
    "llama-3.1-8b": 8.03,
    "llama-3.1-70b": 70.6,
    "llama-3.1-405b": 405.9,
    "mixtral-8x7b": 46.7,
    "mixtral-8x22b": 140.6,
    "qwen2.5-72b": 72.7,
    "qwen3-30b-a3b": 30.5,
    "qwen3-235b-a22b": 235.0,
    "gemma-2-9b": 9.24,
    "gpt-3": 175.0,
    "bloom-176b": 176.2,
    "gpt-oss-20b": 20.9,
    "gpt-oss-120b": 116.8,
    "deepseek-v3": 671.0,
    "lfm2-1.2b": 1.17,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_model_has_its_published_number_of_weights(name: str):
    assert float(parameters(MODELS[name])) / 1e9 == pytest.approx(PUBLISHED[name], rel=0.01)


def test_every_metric_has_a_unit_and_one_definition():
    assert list(UNITS) == list(METRICS)


def test_decoding_is_not_faster_than_weights_can_be_read():
    found = evaluate(LLAMA, H100, Serving(batch=1.0))
    floor_ms = (float(parameters(LLAMA)) - LLAMA.vocabulary * LLAMA.hidden) * 2 / H100.bandwidth * 1e3
    assert floor_ms < found["step_ms"][0] < 2 * floor_ms


def test_a_prompt_is_not_faster_than_its_arithmetic():
    found = evaluate(LLAMA, H100, Serving(prompt=8192.0))
    floor_ms = 2 * (float(parameters(LLAMA)) - 2 * LLAMA.vocabulary * LLAMA.hidden) * 8192 / H100.bf16 * 1e3
    assert floor_ms < found["prefill_ms"][0] < 2.5 * floor_ms


def test_the_cache_has_the_size_that_its_numbers_give():
    found = evaluate(LLAMA, H100, Serving(batch=4.0, prompt=1000.0, output=24.0))
    assert found["cache_gib"][0] * 2**30 == pytest.approx(4 * 1024 * 32 * 2 * 8 * 128 * 2)


def test_a_cached_prefix_saves_time():
    cached = evaluate(LLAMA, H100, Serving(prompt=4096.0, cached=np.array([0.0, 2048.0, 4000.0])))
    assert np.all(np.diff(cached["ttft_ms"]) < 0)


def test_a_window_needs_less_cache_and_less_time():
    windowed = replace(LLAMA, full_layers=8.0, window_layers=24.0, window=1024.0)
    serving = Serving(batch=8.0, prompt=16384.0)
    full, less = (evaluate(model, H100, serving) for model in (LLAMA, windowed))
    assert less["cache_gib"][0] < 0.5 * full["cache_gib"][0]
    assert less["tpot_ms"][0] < full["tpot_ms"][0]
    assert less["prefill_ms"][0] < full["prefill_ms"][0]


@pytest.mark.parametrize(
    ("model", "serving", "reason"),
    [
        (LLAMA, Serving(tp=3.0), "32 heads cannot be split over tp 3"),
        (replace(LLAMA, kv_heads=64.0), Serving(), "kv_heads 64 is above heads 32"),
        (MODELS["mixtral-8x7b"], Serving(ep=3.0, tp=4.0), "ep 3 does not divide tp x attention_dp = 4"),
        (replace(MODELS["mixtral-8x7b"], top_k=9.0), Serving(tp=4.0), "top_k 9 is above experts 8"),
        (LLAMA, Serving(ep=2.0, tp=2.0), "ep 2 needs a model with experts"),
        (LLAMA, Serving(prompt=131072.0), "prompt \\+ output 131328 is above the model's 131072 tokens"),
        (LLAMA, Serving(cached=1024.0), "cached 1024 must be below prompt 1024"),
        (LLAMA, Serving(batch=0.0), "batch must be above 0, got 0"),
        (LLAMA, Serving(precision=precision_code("nvfp4")), "no engine for nvfp4"),
        (MODELS["llama-3.1-70b"], Serving(), "needs .* GiB on a device .*, has 72.0 usable"),
        (LLAMA, Serving(pp=64.0), "pp 64 is above the 32 layers"),
    ],
)
def test_what_cannot_run_is_infeasible_with_the_reason(model: Model, serving: Serving, reason: str):
    found = evaluate(model, H100, serving)
    assert found.status.tolist() == ["infeasible"]
    with pytest.raises(SimulatorError, match=reason):
        found.raise_first()


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan])
def test_a_platform_without_bandwidth_is_refused(bandwidth: float):
    found = evaluate(LLAMA, replace(H100, bandwidth=bandwidth), Serving())
    assert "bandwidth must be above 0" in found.reason[0]


def test_an_unknown_name_says_which_is_near():
    with pytest.raises(SimulatorError, match="did you mean 'llama-3.1-8b'"):
        model_named("llama-3.1-8")
    with pytest.raises(SimulatorError, match="did you mean 'h100_sxm'"):
        platform_named("h100-sxm")


def test_speculation_pays_where_tokens_are_accepted():
    accepted = np.array([0.0, 0.5, 0.9, 1.0])
    found = evaluate(LLAMA, H100, Serving(draft=4.0, accepted=accepted, draft_share=0.05))
    plain = evaluate(LLAMA, H100, Serving())["tpot_ms"][0]
    assert np.all(np.diff(found["tpot_ms"]) < 0)
    assert found["tpot_ms"][0] > plain
    assert plain / found["tpot_ms"][-1] > 3.5


def test_expected_tokens_are_those_of_drawn_acceptances():
    """Leviathan et al., equation 1, against draws: accepted until the first that is not, and one more."""
    rng = np.random.default_rng(0)
    drawn = rng.random((200_000, 4)) < 0.7
    tokens = 1 + np.cumprod(drawn, axis=1).sum(axis=1)
    found = tokens_of_a_step(np, np.array([4.0]), np.array([0.7]))[0]
    assert found == pytest.approx(tokens.mean(), rel=0.01)
    assert tokens_of_a_step(np, np.array([4.0, 0.0]), np.array([1.0, 0.3])).tolist() == [5.0, 1.0]


def test_offloaded_weights_come_over_the_hosts_link():
    """A 70B model in 16 bits on one device of 80 GB: what has no room crosses the link in every step."""
    serving = Serving(offload=np.array([0.0, 1.0]))
    found = evaluate(MODELS["llama-3.1-70b"], H100, serving)
    assert found.status.tolist() == ["infeasible", "ok"]
    over = float(parameters(MODELS["llama-3.1-70b"])) * 2 - 72 * 2**30
    assert found["tpot_ms"][1] == pytest.approx(over / 64e9 * 1e3, rel=0.1)
    fits = evaluate(LLAMA, H100, serving)
    assert fits["tpot_ms"][0] == fits["tpot_ms"][1]


def test_chunked_prompts_smooth_the_steps_of_the_others():
    """Chunks cost the first token and help the throughput where decoding leaves arithmetic idle (Sarathi)."""
    found = evaluate(LLAMA, H100, Serving(batch=64.0, prompt=4096.0, chunk=np.array([0.0, 512.0, 2048.0])))
    assert found.ok.all()
    assert found["tokens_per_s"][2] > found["tokens_per_s"][0]
    assert found["tpot_ms"][1] < found["tpot_ms"][2] * 1.5
    assert found["ttft_ms"][2] > 0.3 * found["ttft_ms"][0]
    alone = evaluate(LLAMA, H100, Serving(batch=1.0, prompt=4096.0, chunk=np.array([0.0, 4096.0])))
    assert alone["tpot_ms"][1] == pytest.approx(alone["tpot_ms"][0], rel=0.2)


def test_a_nested_model_is_smaller_and_quicker():
    """MatFormer: the feed-forward part's first half; all of it is the model itself."""
    half, whole = nested(LLAMA, 0.5), nested(LLAMA, 1.0)
    assert whole == LLAMA
    assert float(parameters(LLAMA) - parameters(half)) == 0.5 * 32 * 3 * 4096 * 14336
    assert evaluate(half, H100, Serving())["step_ms"][0] < evaluate(LLAMA, H100, Serving())["step_ms"][0]
    with pytest.raises(SimulatorError, match="share must be above 0 and at most 1, got 0"):
        nested(LLAMA, 0)


def mixed(n: int) -> tuple:
    rng = np.random.default_rng(0)
    models, devices = list(MODELS.values()), [platform_of(one) for one in DEVICES.values()]
    model = rows(stacked(models), rng.integers(0, len(models), n))
    platform = rows(stacked(devices), rng.integers(0, len(devices), n))
    serving = Serving(
        batch=rng.integers(1, 128, n).astype(float),
        tp=2.0 ** rng.integers(0, 4, n),
        precision=rng.integers(0, 5, n).astype(float),
        expert_precision=rng.integers(0, 7, n).astype(float),
    )
    return model, platform, as_columns(np, serving)


def at(columns: tuple, which: np.ndarray) -> list:
    n = columns[0].hidden.size
    whole = [type(one)(**{k: np.broadcast_to(v, n) for k, v in vars(one).items()}) for one in columns]
    return [rows(one, which) for one in whole]


def test_a_design_has_the_same_bits_in_any_batch():
    columns = mixed(400)
    together = evaluate(*columns)
    assert 0.2 < together.ok.mean() < 1.0
    assert not np.any(together.codes == 2)
    for row in range(0, 400, 40):
        alone = evaluate(*at(columns, np.array([row])))
        for name, column in together.metrics.items():
            assert np.array_equal(column[[row]], alone[name], equal_nan=True), name


def test_torch_gives_the_same_numbers():
    torch = pytest.importorskip("torch")
    columns = at(mixed(50), np.arange(50))
    theirs = [type(one)(**{k: torch.asarray(v.copy()) for k, v in vars(one).items()}) for one in columns]
    ours, other = evaluate(*columns), evaluate(*theirs)
    for name in UNITS:
        np.testing.assert_allclose(other[name], ours[name], rtol=1e-12)


@pytest.mark.parametrize("field", ["bandwidth", "bf16"])
@pytest.mark.parametrize("metric", ["ttft_ms", "tpot_ms"])
def test_a_gradient_is_that_of_finite_differences(field: str, metric: str):
    torch = pytest.importorskip("torch")
    import array_api_compat.torch as xp

    platform, model, serving = (as_columns(xp, one) for one in (H100, LLAMA, Serving(batch=32.0)))
    at_point = getattr(platform, field).clone().requires_grad_(True)
    value = seconds(xp, model, replace(platform, **{field: at_point}), serving)[metric]
    (gradient,) = torch.autograd.grad(value.sum(), at_point)
    step = 1e-6 * getattr(H100, field)
    ends = [
        evaluate(LLAMA, replace(H100, **{field: getattr(H100, field) + side * step}), Serving(batch=32.0))[
            metric
        ][0]
        for side in (-1, 1)
    ]
    assert gradient.item() == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-4)
    assert gradient.item() < 0


def test_it_is_quick():
    """Half a million designs a second, and one in a millisecond; a busy machine may take twice that."""
    batch = np.arange(1.0, 10_001.0) % 256 + 1.0
    many, one = Serving(batch=batch), Serving(batch=8.0)
    took = []
    for _ in range(5):
        start = time.process_time()
        evaluate(LLAMA, H100, many)
        took.append(time.process_time() - start)
    assert 10_000 / min(took) > 250_000
    took = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(20):
            evaluate(LLAMA, H100, one)
        took.append((time.process_time() - start) / 20)
    assert min(took) < 2e-3
