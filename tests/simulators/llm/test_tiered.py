"""Machines of tiers: floors of physics, where data lies, what memory computes, gradients, refusals, speed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from cosearch_simulators.core.result import Result
from cosearch_simulators.llm import MODELS, Serving, precision_code
from cosearch_simulators.llm.common.columns import as_columns
from cosearch_simulators.llm.devices import GIB
from cosearch_simulators.llm.engines.tiered.entry import METRICS, evaluate, seconds
from cosearch_simulators.llm.machines import Machine, Tier, bank_bandwidth
from cosearch_simulators.llm.models import parameters

LLAMA = MODELS["llama-3.1-8b"]
CHIP = Machine(arrays=16.0, side=128.0, clock_ghz=1.0, lanes=2048.0, sram_bytes=64.0 * (1 << 20))
HBM = Tier(capacity_bytes=64 * GIB, bandwidth=1e12, pj_per_bit=3.9)
DDR = Tier(capacity_bytes=256 * GIB, bandwidth=1e11, pj_per_bit=14.0)


def run(*tiers: Tier, machine: Machine = CHIP, serving: Serving | None = None, **more: float) -> Result:
    return evaluate(LLAMA, machine, tiers, serving or Serving(), **more)  # type: ignore[arg-type]


def test_decoding_is_not_faster_than_weights_can_be_read():
    read = (float(parameters(LLAMA)) - LLAMA.vocabulary * LLAMA.hidden) * 2
    floor_ms = read / HBM.bandwidth * 1e3
    assert floor_ms < run(HBM)["step_ms"][0] < 1.3 * floor_ms


def test_a_prompt_is_not_faster_than_its_arithmetic():
    found = run(HBM, serving=Serving(prompt=8192.0))
    rate = 2 * CHIP.arrays * CHIP.side**2 * CHIP.clock_ghz * 1e9
    floor_ms = 2 * (float(parameters(LLAMA)) - 2 * LLAMA.vocabulary * LLAMA.hidden) * 8192 / rate * 1e3
    assert floor_ms < found["prefill_ms"][0] < 1.7 * floor_ms


def test_moving_the_weights_takes_the_energy_that_their_bits_take():
    idle = replace(CHIP, static_w=0.0, mac_pj=1e-9, sram_pj_per_bit=0.0)
    found = run(HBM, machine=idle, serving=Serving(prompt=2.0, output=4096.0))
    bits = (float(parameters(LLAMA)) - LLAMA.vocabulary * LLAMA.hidden) * 16
    assert found["energy_per_token_j"][0] == pytest.approx(bits * 3.9e-12, rel=0.05)


def test_weights_that_spill_over_are_offloaded_and_cost_their_way():
    """Half of the weights behind a tenth of the bandwidth: the step takes what that half takes there."""
    small = replace(HBM, capacity_bytes=8 * GIB)
    alone, spilled = run(HBM), run(small, DDR)
    share = 1 - spilled["fast_weights_share"][0]
    assert 0.4 < share < 0.6
    layers = (float(parameters(LLAMA)) - LLAMA.vocabulary * LLAMA.hidden) * 2
    assert spilled["step_ms"][0] == pytest.approx(share * layers / DDR.bandwidth * 1e3, rel=0.1)
    assert spilled["step_ms"][0] > 3 * alone["step_ms"][0]
    weights_first = run(small, DDR, machine=replace(CHIP, cache_first=0.0))
    assert weights_first["fast_weights_share"][0] > spilled["fast_weights_share"][0]


def test_what_no_memory_holds_is_infeasible_with_the_sizes():
    found = run(replace(HBM, capacity_bytes=8 * GIB))
    assert found.reason[0] == "needs 15.1 GiB on a chip, its memories hold 8.0"


def test_banks_read_at_their_own_rate_and_four_of_them_open_in_a_window():
    """Newton's rule: with a window of 30 ns and rows of 1 KiB no more than 4 KiB every 30 ns."""
    assert bank_bandwidth(16, 1024, 32, 28, 2, window_ns=30, overlapped=True) == pytest.approx(4096 / 30e-9)
    assert bank_bandwidth(16, 1024, 32, 28, 2) == pytest.approx(16 * 1024 / 92e-9)
    one, two = (bank_bandwidth(16, 1024, 32, 28, 2, window_ns=30, overlapped=o) for o in (False, True))
    assert one < two


def test_a_memory_that_computes_and_one_that_is_read_end_together():
    """Hybrid tiles: their rates add up, where the arrays are not in the way."""
    inside = replace(HBM, inside_bandwidth=3e12, inside_rate=1e16, inside=2.0)
    fast = replace(CHIP, arrays=1024.0, launch_s=0.0)
    both, read = (run(tier, machine=fast, serving=Serving(prompt=2.0, output=64.0)) for tier in (inside, HBM))
    assert read["step_ms"][0] / both["step_ms"][0] == pytest.approx(4.0, rel=0.1)


def test_dataflow_saves_launches_and_traffic_only_where_a_tile_has_room():
    serving = Serving(prompt=2048.0, batch=8.0)
    kernels, fused = (run(HBM, machine=replace(CHIP, fused=f), serving=serving) for f in (0.0, 1.0))
    assert fused["step_ms"][0] < kernels["step_ms"][0]
    assert fused["prefill_ms"][0] < kernels["prefill_ms"][0]
    small = replace(CHIP, fused=1.0, sram_bytes=1e5)
    assert run(HBM, machine=small, serving=serving)["step_ms"][0] == kernels["step_ms"][0]


def test_speculation_pays_where_tokens_are_accepted():
    accepted = np.array([0.0, 0.5, 0.8, 1.0])
    found = run(HBM, serving=Serving(draft=4.0, accepted=accepted, draft_share=0.05))
    plain = run(HBM)["tpot_ms"][0]
    assert np.all(np.diff(found["tpot_ms"]) < 0)
    assert found["tpot_ms"][0] > plain
    assert plain / found["tpot_ms"][-1] == pytest.approx(5 / 1.2, rel=0.1)


@pytest.mark.parametrize(
    ("machine", "tier", "serving", "reason"),
    [
        (CHIP, replace(HBM, bandwidth=0.0), Serving(), "tier 1's bandwidth must be above 0, got 0"),
        (CHIP, replace(HBM, capacity_bytes=-1.0), Serving(), "tier 1's capacity_bytes must be 0 or more"),
        (CHIP, replace(HBM, inside=3.0), Serving(), "tier 1's inside must be from 0 to 2, got 3"),
        (replace(CHIP, arrays=np.nan), HBM, Serving(), "arrays must be above 0, got nan"),
        (CHIP, HBM, Serving(tp=3.0), "32 heads cannot be split over tp 3"),
        (CHIP, HBM, Serving(pp=2.0), "this engine splits a model by tp alone"),
        (CHIP, HBM, Serving(accepted=1.5), "accepted must be from 0 to 1, got 1.5"),
        (CHIP, HBM, Serving(draft=-1.0), "draft must be 0 or more, got -1"),
    ],
)
def test_what_cannot_be_is_infeasible_with_the_reason(
    machine: Machine, tier: Tier, serving: Serving, reason: str
):
    found = evaluate(LLAMA, machine, (tier,), serving)
    assert found.status.tolist() == ["infeasible"]
    assert reason in found.reason[0]


@pytest.mark.parametrize("field", ["arrays", "clock_ghz", "tier.bandwidth", "model.ffn"])
@pytest.mark.parametrize("metric", ["ttft_ms", "tpot_ms", "energy_per_token_j"])
def test_a_gradient_is_that_of_finite_differences(field: str, metric: str):
    torch = pytest.importorskip("torch")
    import array_api_compat.torch as xp

    room, _, name = field.rpartition(".")
    given = {"": CHIP, "tier": HBM, "model": LLAMA}

    def value(at: object) -> object:
        changed = given | {room: replace(given[room], **{name: at})}  # type: ignore[type-var]
        parts = (as_columns(xp, changed[key]) for key in ("model", "", "tier"))  # type: ignore[type-var]
        model, machine, tier = parts
        serving = as_columns(xp, Serving(batch=160.0, prompt=512.0))
        return seconds(xp, model, machine, (tier,), serving)[metric]

    start = float(getattr(given[room], name))
    point = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(value(point).sum(), point)  # type: ignore[attr-defined]
    step = 1e-6 * start
    ends = [float(value(torch.tensor([start + s * step], dtype=torch.float64))[0]) for s in (-1, 1)]  # type: ignore[index]
    assert slope.item() == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-4, abs=1e-12)


def test_a_design_has_the_same_bits_in_any_batch():
    rng = np.random.default_rng(0)
    machine = replace(CHIP, arrays=rng.integers(1, 64, 50).astype(float))
    together = evaluate(LLAMA, machine, (HBM, DDR), Serving(batch=4.0))
    for row in (0, 17, 49):
        alone = evaluate(LLAMA, replace(CHIP, arrays=machine.arrays[[row]]), (HBM, DDR), Serving(batch=4.0))
        assert all(together[name][row] == alone[name][0] for name in METRICS)


def test_it_is_quick():
    """A quarter of a million designs a second on a machine that is busy; half of that is asked here."""
    arrays = np.arange(10_000) % 64 + 1.0
    took = []
    for _ in range(5):
        start = time.process_time()
        evaluate(LLAMA, replace(CHIP, arrays=arrays), (HBM, DDR), Serving(precision=precision_code("int8")))
        took.append(time.process_time() - start)
    assert 10_000 / min(took) > 125_000
