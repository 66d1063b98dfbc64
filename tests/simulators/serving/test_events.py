"""The clock: against a model that looks at every token, and what must hold whatever the fleet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import serving_per_token_model as plain
from cosearch_simulators.core.check import check_simulator
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm import MODELS, Serving, platform_named
from cosearch_simulators.serving import (
    ROUTERS,
    UNITS,
    Fleet,
    Lengths,
    Levels,
    Options,
    Pool,
    Workload,
    constant_times,
    evaluate,
    lengths_named,
    of_arrays,
    process,
    simulate,
    step_times,
)

H100 = step_times(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving())
L4 = step_times(MODELS["llama-3.1-8b"], platform_named("l4"), Serving())
RECORD = Options(record=True, refuse_overload=False)
MADE_UP = constant_times(token_s=1e-4, step_s=0.01, kv_tokens=4096, kv_bytes=1e5)


def small(rate: float = 6.0, seconds: float = 60.0, **others: Any) -> Workload:
    return process(Lengths(300, 0.8, 60, 0.7, 1500, 400), rate=rate, seconds=seconds, **others)


@pytest.mark.parametrize(("tokens", "most", "budget"), [(1e6, 64, 512), (2048, 64, 512), (2048, 8, 64)])
def test_every_time_is_that_of_a_model_that_looks_at_every_token(tokens: int, most: int, budget: int) -> None:
    workload = small(rate=20.0, seconds=20.0)
    times = constant_times(token_s=1e-4, step_s=0.01, kv_tokens=tokens)
    fleet = Fleet([Pool(times, most_requests=most, step_tokens=budget)])
    found = simulate([fleet], workload, options=RECORD)[0]
    piece = next(workload.pieces())
    requests = [
        plain.Request(float(a), int(p), int(o))
        for a, p, o in zip(piece.arrival, piece.prompt, piece.output, strict=True)
    ]
    plain.run(plain.Instance(most, budget, int(tokens) // 16, 16, 1e-4, 0.01), requests)
    preempted = sum(r.preempted for r in requests)
    assert (preempted > 10) == (tokens == 2048)
    assert found.metrics["preemptions"] == preempted
    assert found.requests["first_s"] == pytest.approx([r.first for r in requests], abs=1e-9)
    assert found.requests["last_s"] == pytest.approx([r.last for r in requests], abs=1e-9)


def fleets() -> list[Fleet]:
    """Every kind of router, preemption, split and scaling."""
    tight = replace(H100, kv_tokens=6000.0)
    found = [Fleet([Pool(H100, 3), Pool(L4, 2)], router=router) for router in ROUTERS]  # type: ignore[arg-type]
    found += [
        Fleet([Pool(tight, 1)], preemption="swap"),
        Fleet([Pool(tight, 2, chunked=False)]),
        Fleet([Pool(H100, 2, "prefill"), Pool(tight, 1, "decode")]),
        Fleet([Pool(H100, 1, "prefill", chunked=False), Pool(L4, 3, "decode"), Pool(L4, 1)]),
        Fleet([Pool(H100, 6, least=1, target=4.0, start_s=5.0)]),
        Fleet([Pool(H100, 3)], prefix_cache=True, router="session_affinity"),
        Fleet([Pool(tight, 2)], prefix_cache=True),
    ]
    return found


class Fleets(list):  # type: ignore[type-arg]
    def take(self, rows: Any) -> Fleets:
        return Fleets(self[int(row)] for row in rows)


def test_a_fleets_numbers_depend_on_nothing_but_the_fleet() -> None:
    broken = Fleet([Pool(replace(H100, kv_tokens=500.0))])
    workload = small(rate=8.0, seconds=30.0, prefix_tokens=256, prefixes=4, urgent=0.3)
    check_simulator(
        lambda designs, threads: evaluate(designs, workload, Levels(1.0, 0.2), threads=threads),
        Fleets([*fleets(), broken]),
        UNITS,
        broken=[len(fleets())],
        threads=(2,),
    )


@pytest.mark.parametrize("fleet", fleets())
@pytest.mark.parametrize("closed", [0, 40])
def test_all_requests_are_served_once_and_littles_law_holds(fleet: Fleet, closed: int) -> None:
    """`simulate` checks both at the end of every run; here from the record, by hand."""
    kind: dict[str, Any] = {"rate": 0.0, "seconds": 0.0, "count": 300, "closed": closed}
    workload = small(**(kind if closed else {"rate": 20.0, "seconds": 15.0}), prefix_tokens=128, prefixes=3)
    count = sum(piece.prompt.size for piece in workload.pieces())
    run = simulate([fleet], workload, options=RECORD)[0]
    assert run.reason == ""
    assert run.metrics["requests"] == count
    rows = run.requests
    assert np.all(rows["arrival_s"] <= rows["begun_s"])
    assert np.all(rows["begun_s"] < rows["first_s"])
    assert np.all(rows["first_s"] <= rows["last_s"])
    assert run.state is not None
    spent = (rows["last_s"] - rows["arrival_s"]).sum()
    assert run.state.sim[0]["area"] == pytest.approx(spent, rel=1e-9)
    assert run.state.sim[0]["tokens_out"] == sum(int(piece.output.sum()) for piece in workload.pieces())


def test_the_percentiles_are_those_of_the_requests() -> None:
    run = simulate([Fleet([Pool(H100, 2)])], small(), options=RECORD)[0]
    rows = run.requests
    served = rows["last_s"] > 0
    ttft = 1e3 * (rows["first_s"] - rows["arrival_s"])[served]
    for p in (50, 90, 99):
        expected = np.quantile(ttft, p / 100, method="inverted_cdf")
        assert run.metrics[f"ttft_p{p}_ms"] == pytest.approx(expected, rel=0.002)
    assert run.metrics["ttft_mean_ms"] == pytest.approx(ttft.mean())


def test_one_request_alone_takes_its_prompt_and_its_steps() -> None:
    run = simulate([Fleet([Pool(H100)])], of_arrays([0.0], [1000], [100]), options=RECORD)[0]
    assert run.metrics["ttft_mean_ms"] == pytest.approx(1e3 * H100.prefill_s(1000), rel=0.01)
    steps = [H100.step_s(1, 1, 1, 1000 + k) for k in range(99)]
    assert run.metrics["tpot_mean_ms"] == pytest.approx(1e3 * np.mean(steps), rel=0.01)


def test_urgent_requests_go_first() -> None:
    workload = small(rate=12.4, seconds=300.0, urgent=0.2)
    piece = next(workload.pieces())
    slow = Fleet([Pool(constant_times(step_s=0.05), most_requests=48)])
    run = simulate([slow], workload, options=RECORD)[0]
    wait = run.requests["begun_s"] - run.requests["arrival_s"]
    urgent = piece.priority == 0
    assert wait[~urgent].mean() > 1.0
    assert wait[urgent].mean() < 0.2 * wait[~urgent].mean()


def test_a_cache_on_its_way_waits_for_the_link() -> None:
    """Ten prompts end together; the link takes a second for each cache, so the last comes ten later."""
    times = constant_times(step_s=0.01, kv_bytes=1e6)
    pools = [Pool(times, 1, "prefill", link_bytes_per_s=1e8), Pool(times, 1, "decode")]
    workload = of_arrays(np.zeros(10), np.full(10, 100), np.full(10, 2))
    run = simulate([Fleet(pools, link_s=0.0)], workload, options=RECORD)[0]
    # The decode side has 1e9 bytes a second, so the slower end counts: 100 tokens x 1 MB / 0.1 GB/s.
    expected = 0.01 + np.arange(1, 11) + 0.01
    assert np.sort(run.requests["last_s"]) == pytest.approx(expected, abs=0.011)
    assert run.metrics["moved_gb"] == pytest.approx(1.0)


def test_a_shared_prefix_is_computed_once_for_each_instance() -> None:
    workload = small(rate=5.0, prefix_tokens=512, prefixes=1)
    one, two = (simulate([Fleet([Pool(H100, n)], prefix_cache=True)], workload)[0].metrics for n in (1, 2))
    count, mean = one["requests"], next(workload.pieces()).prompt.mean()
    for found, instances in ((one, 1), (two, 2)):
        # A few more, where the first ones of an instance come while its first is computed.
        computed = count - found["prefix_hits"] * count * mean / 512
        assert instances <= computed <= instances + 4
    without = simulate([Fleet([Pool(H100)])], workload)[0].metrics
    assert without["prefix_hits"] == 0
    assert one["ttft_mean_ms"] < 0.75 * without["ttft_mean_ms"]


def test_prefixes_are_thrown_out_when_room_is_needed() -> None:
    workload = small(rate=5.0, prefix_tokens=512, prefixes=64)
    hits = [
        simulate([Fleet([Pool(replace(H100, kv_tokens=kv))], prefix_cache=True)], workload)[0].metrics[
            "prefix_hits"
        ]
        for kv in (4e3, 16e3, 64e3)
    ]
    assert 0 < hits[0] < hits[1] < hits[2]


def test_a_session_stays_with_its_instance() -> None:
    workload = small(rate=10.0, prefix_tokens=512, prefixes=32)
    kept, spread = (
        simulate([Fleet([Pool(H100, 8)], prefix_cache=True, router=router)], workload)[0].metrics[
            "prefix_hits"
        ]
        for router in ("session_affinity", "round_robin")
    )
    assert kept > spread


def test_the_better_of_two_waits_less_than_the_next_in_turn() -> None:
    """Mitzenmacher (2001): two choices are enough to do away with long queues."""
    lengths = Lengths(3000, 1.2, 1, 0, 16000, 1)
    workload = process(lengths, rate=58.0, seconds=300.0)
    slow = constant_times(token_s=1e-5)
    turn, two, least = (
        simulate([Fleet([Pool(slow, 5, most_requests=1, chunked=False)], router=router)], workload)[0].metrics
        for router in ("round_robin", "power_of_two", "least_work")
    )
    assert least["wait_mean_ms"] < two["wait_mean_ms"] < turn["wait_mean_ms"]


def test_instances_start_with_the_load_and_leave_with_it() -> None:
    """A step takes 50 ms for up to 8 requests: 10 to 20 requests/s need 3 to 5 instances."""
    slow = constant_times(step_s=0.05)
    workload = process(Lengths(300, 0.5, 40, 0.5), rate=10.0, seconds=2400.0, daily=0.95, day_s=2400.0)
    fixed = Fleet([Pool(slow, 6, most_requests=8)])
    scaled, late = (
        Fleet([Pool(slow, 6, most_requests=8, least=1, target=5.0, start_s=cold)]) for cold in (10.0, 120.0)
    )
    runs = simulate([fixed, scaled, late], workload, Levels(1.0, 0.1), options=Options(log_steps=1))
    assert [run.reason for run in runs] == [""] * 3
    assert runs[1].metrics["usd_per_hour"] < 0.8 * runs[0].metrics["usd_per_hour"]
    assert runs[1].metrics["gpu_hours"] < 0.8 * runs[0].metrics["gpu_hours"]
    waits = [run.metrics["wait_mean_ms"] for run in runs]
    assert waits[0] < waits[1] < waits[2]
    on = runs[1].series["instances"]
    assert on.max() > 4
    assert on[on.size * 3 // 4] < 2


def test_swapping_costs_what_the_bus_takes() -> None:
    tight = replace(H100, kv_tokens=6000.0)
    workload = small(rate=25.0, seconds=20.0)
    slow, fast = (
        simulate([Fleet([Pool(tight)], preemption="swap", swap_bytes_per_s=bus)], workload, options=RECORD)[0]
        for bus in (1e9, 1e12)
    )
    assert slow.metrics["preemptions"] > 0
    assert slow.metrics["latency_mean_ms"] > fast.metrics["latency_mean_ms"]


def test_memory_does_not_grow_with_the_number_of_requests() -> None:
    found = [
        simulate([Fleet([Pool(H100)])], process(Lengths(50, 0.5, 2, 0), rate=20.0, count=n))[0]
        for n in (1_000, 150_000)
    ]
    sizes = [sum(np.asarray(part).nbytes for part in run.state) for run in found if run.state is not None]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        (Fleet([]), "a fleet needs at least one instance"),
        (Fleet([Pool(H100, 1, "prefill")]), "prompts and answers apart need both kinds of instances"),
        (
            Fleet([Pool(H100, 1, "prefill", link_bytes_per_s=0.0), Pool(H100, 1, "decode")]),
            "the link between prompts and answers has no bandwidth",
        ),
        (Fleet([Pool(replace(H100, kv_tokens=800.0))]), "the longest request has 1,900 tokens, the cache"),
        (Fleet([Pool(H100, most_requests=256, step_tokens=128)]), "a step of 128 tokens cannot hold 256"),
        (Fleet([Pool(H100)], router="least_wrok"), "did you mean 'least_work'"),  # type: ignore[arg-type]
        (Fleet([Pool(H100, least=2)]), "a pool of 1 that scales keeps 1 to 1 on, got 2"),
        (Fleet([Pool(replace(H100, reason="the device has no engine for fp8"))]), "has no engine for fp8"),
    ],
)
def test_a_fleet_that_cannot_be_says_why(fleet: Fleet, words: str) -> None:
    found = evaluate([fleet], small())
    assert found.status.tolist() == ["infeasible"]
    assert words in found.reason[0]
    assert "\n" not in found.reason[0]


def test_a_rate_that_cannot_be_served_is_said_at_once() -> None:
    found = evaluate([Fleet([Pool(H100)])], small(rate=1e6, seconds=3600.0))
    assert found.status.tolist() == ["infeasible"]
    assert found.reason[0].startswith("1e+06 requests/s are above the ")


def test_a_rate_below_what_could_be_served_at_best_may_still_be_too_much() -> None:
    slow = constant_times(step_s=0.05)
    fleet = Fleet([Pool(slow, most_requests=16)])
    options = Options(patience_s=5.0)
    found = evaluate([fleet], small(rate=4.15, seconds=3600.0), options=options)
    assert "a request had waited over 5 s" in found.reason[0]


def test_the_best_rate_is_an_upper_bound() -> None:
    """What a closed loop of very many requests gets through is not above it."""
    from cosearch_simulators.serving.fleet import most_rate

    workload = process(Lengths(300, 0.8, 60, 0.7, 1500, 400), count=3000, closed=1000)
    for fleet in (
        Fleet([Pool(H100)]),
        Fleet([Pool(L4)]),
        Fleet([Pool(H100, 1, "prefill"), Pool(L4, 2, "decode")]),
    ):
        found = simulate([fleet], workload)[0].metrics["requests_per_s"]
        assert 0.3 * most_rate(fleet, workload) < found <= most_rate(fleet, workload)


def test_a_service_level_below_the_bare_step_is_refused() -> None:
    found = evaluate([Fleet([Pool(H100)])], small(), Levels(1.0, 0.001))
    assert found.reason[0].startswith("the service level of 1 ms a token is below the bare step of ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": -1.0}, "rate must be above 0 requests/s, got -1"),
        ({"rate": 1.0, "arrivals": "poison"}, "unknown arrivals 'poison'; did you mean 'poisson'?"),
        ({"rate": 1.0, "daily": 1.5}, "daily must be from 0 to 1, got 1.5"),
        ({"rate": 1.0, "closed": 4}, "give a rate or clients of a closed loop, not both"),
        ({"rate": 1.0, "seconds": 0.0}, "give seconds or a count of requests"),
    ],
)
def test_a_process_that_cannot_be_says_why(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        process(lengths_named("azure-code"), **({"seconds": 10.0} | values))


def test_arrivals_have_the_rate_and_the_variation_that_were_asked_for() -> None:
    for arrivals, variation in (("poisson", 1.0), ("gamma", 2.5), ("constant", 0.0)):
        workload = process(
            lengths_named("azure-code"), rate=50.0, count=60_000, arrivals=arrivals, variation=2.5
        )  # type: ignore[arg-type]
        gaps = np.diff(next(workload.pieces()).arrival)
        assert gaps.mean() == pytest.approx(0.02, rel=0.05)
        assert gaps.std() / gaps.mean() == pytest.approx(variation, abs=0.1)


def test_the_rate_changes_over_the_day() -> None:
    workload = process(lengths_named("azure-code"), rate=5.0, seconds=4000.0, daily=0.8, day_s=4000.0)
    arrival = np.concatenate([piece.arrival for piece in workload.pieces()])
    halves = np.histogram(arrival, 2, (0, 4000.0))[0]
    # The integral of 1 + 0.8 sin over the first half of the day.
    assert halves[0] / arrival.size == pytest.approx(0.5 + 0.8 / np.pi, abs=0.01)


def test_lengths_have_the_published_median_and_mean() -> None:
    prompt, output = (
        np.concatenate(columns)
        for columns in zip(
            *(
                (piece.prompt, piece.output)
                for piece in process(lengths_named("azure-conversation"), rate=1.0, count=60_000).pieces()
            ),
            strict=True,
        )
    )
    assert np.median(prompt) == pytest.approx(1020, rel=0.02)
    assert np.median(output) == pytest.approx(129, rel=0.03)
    found = lengths_named("azure-conversation").mean
    assert (prompt.mean(), output.mean()) == pytest.approx(found, rel=0.02)


def test_goodput_of_requests_that_all_come_at_once_is_over_the_time_that_they_take() -> None:
    """There is no time in which they come, and a rate over none would be without bound."""
    run = simulate([Fleet([Pool(H100)])], of_arrays([1.0, 1.0], [200, 200], [10, 10]), Levels(1.0, 1.0))[0]
    took_s = run.metrics["latency_p99_ms"] / 1e3
    assert run.metrics["attainment"] == 1.0
    assert run.metrics["goodput_per_s"] == pytest.approx(2 / took_s, rel=0.01)
