"""Several trace players, classes, channels and streams on DRAMSys' controller."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosearch_simulators.dram import BankMachineControllers, Device, Trace, device, read_memspec, simulate
from cosearch_simulators.dram.common.rules import COMMANDS
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.engines.dramsys.players import Player, PlayersResult, simulate_players
from cosearch_simulators.dram.engines.dramsys.simulation import Feed, run_players
from cosearch_simulators.dram.engines.dramsys.state import LEAST_RING, LOGGED
from cosearch_simulators.errors import ConfigurationError, SimulatorError

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"
DDR3 = read_memspec(
    SAMPLE / "memspecs" / "MICRON_1Gb_DDR3-1600_8bit_G.json",
    SAMPLE / "mappings" / "am_ddr3_8x1Gbx8_dimm_p1KB_rbc.json",
)
DDR4 = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
DESIGNS = BankMachineControllers(
    page_policy=["Open", "OpenAdaptive", "Closed", "ClosedAdaptive", "Open", "Open"],
    scheduler=["Fifo", "FrFcfs", "FrFcfsGrp", "FrFcfs", "FrFcfsGrp", "FrFcfs"],
    arbiter=["Simple", "Fifo", "Reorder", "Reorder", "Fifo", "Simple"],
    response_queue=["Fifo", "Reorder", "Fifo", "Reorder", "Fifo", "Reorder"],
    scheduler_buffer=["Bankwise", "Shared", "ReadWrite"] * 2,
    request_buffer_size=[1, 4, 8, 2, 3, 8],
    max_active_transactions=[1, 2, 16, 128, 8, 4],
    power_down_policy=["NoPowerDown", "Staggered"] * 3,
)


def _trace(requests: int = 600, seed: int = 0, *, writes: float = 0.3, timed: bool = True) -> Trace:
    rng = np.random.default_rng(seed)
    address = rng.integers(0, 64, requests) * (1 << 16) + rng.integers(0, 1 << 10, requests) * 64
    gap = np.where(rng.random(requests) < 0.02, 4000, rng.integers(0, 9, requests))
    return Trace(address, rng.random(requests) < writes, np.cumsum(gap) if timed else None)


def _assert_same(first: object, second: object) -> None:
    for field in fields(first):  # type: ignore[arg-type]
        ours, theirs = getattr(first, field.name), getattr(second, field.name)
        np.testing.assert_array_equal(ours, theirs, err_msg=field.name)


def test_one_player_is_the_plain_simulation() -> None:
    trace = _trace()
    plain = simulate(DDR3, DESIGNS, trace, trace_tck_ps=1000)
    alone = simulate_players(DDR3, DESIGNS, [Player(trace, tck_ps=1000, qos_class=3)], threads=2)
    _assert_same(plain, alone.total)
    assert np.all(alone.requests == len(trace))
    np.testing.assert_allclose(alone.finish_time_ns[:, 0], plain.time_ns)
    reads = simulate_players(DDR3, DESIGNS, [Player(_trace(writes=0.0))])
    np.testing.assert_allclose(reads.latency_ns[:, 0], reads.total.latency_ns)
    assert np.all(reads.maximum_latency_ns >= reads.latency_ns)


def test_the_players_make_up_the_total() -> None:
    players = [
        Player(_trace(400, 1), tck_ps=1000),
        Player(_trace(300, 2, timed=False), tck_ps=2500, qos_class=1),
        Player(_trace(200, 3), qos_class=2),
    ]
    result = simulate_players(DDR3, DESIGNS, players)
    total = result.total
    assert result.requests.tolist() == [[400, 300, 200]] * len(DESIGNS)
    assert np.all(total.reads_served + total.writes_served == 900)
    np.testing.assert_allclose(result.finish_time_ns.max(axis=1), total.time_ns)
    moved = (result.bandwidth_gb_per_s * result.finish_time_ns).sum(axis=1)
    np.testing.assert_allclose(moved, total.bandwidth_gb_per_s * total.time_ns)


def test_each_player_keeps_to_its_own_clock_and_limit() -> None:
    # One request every 100 of its cycles, far apart enough to be served alone.
    trace = Trace(np.arange(50) * 64, np.zeros(50, bool), np.arange(50) * 100)
    slow, fast = Player(trace, tck_ps=10_000), Player(trace, tck_ps=5_000)
    result = simulate_players(DDR3, BankMachineControllers(refresh_policy="NoRefresh"), [slow, fast])
    assert np.all(result.finish_time_ns - [[49 * 1000, 49 * 500]] < 100)
    one = BankMachineControllers(arbiter="Fifo", max_active_transactions=1, refresh_policy="NoRefresh")
    hits = Trace(np.arange(64) % 16 * 64, np.zeros(64, bool))
    alone = simulate_players(DDR3, one, [Player(hits)]).finish_time_ns[0, 0]
    both = simulate_players(DDR3, one, [Player(hits), Player(hits)]).finish_time_ns[0]
    # The limit is each player's: the second fills the time in which the first waits for its response.
    assert both.max() < 1.5 * alone


def test_equal_players_share_alike() -> None:
    half = np.arange(500) * 64
    players = [
        Player(Trace(half, np.zeros(500, bool))),
        Player(Trace(half + (1 << 24), np.zeros(500, bool))),
    ]
    result = simulate_players(DDR3, BankMachineControllers(request_buffer_size=4), players)
    first, second = result.finish_time_ns[0]
    assert abs(first - second) < 0.02 * first
    assert abs(result.latency_ns[0, 0] - result.latency_ns[0, 1]) < 0.1 * result.latency_ns[0, 0]


@pytest.mark.parametrize("arbiter", ["Simple", "Fifo", "Reorder"])
def test_the_urgent_player_waits_less(arbiter: str) -> None:
    def latency(classes: list[int], starvation_cycles: int = 1 << 40) -> PlayersResult:
        players = [
            Player(_trace(1500, seed, timed=False), qos_class=qos_class)
            for seed, qos_class in enumerate(classes)
        ]
        controller = BankMachineControllers(
            arbiter=arbiter,
            max_active_transactions=16,
            request_buffer_size=4,
            scheduler_buffer="Shared",
        )
        return simulate_players(DDR3, controller, players, starvation_cycles=starvation_cycles)

    equal, urgent = latency([0, 0, 0]), latency([0, 1, 1])
    assert urgent.latency_ns[0, 0] < 0.8 * equal.latency_ns[0, 0]
    assert urgent.finish_time_ns[0, 0] < 0.8 * equal.finish_time_ns[0, 0]
    # Only the order of the classes counts, and equal classes are no classes.
    _assert_same(urgent.total, latency([2, 7, 7]).total)
    _assert_same(equal.total, latency([5, 5, 5]).total)
    # Nobody starves: a bound on the wait at the arbiter is a bound on the latency.
    bounded = latency([0, 1, 1], starvation_cycles=100)
    assert bounded.maximum_latency_ns[0, 1:].max() < 0.5 * urgent.maximum_latency_ns[0, 1:].max()
    assert 0.98 * urgent.latency_ns[0, 0] <= bounded.latency_ns[0, 0] <= equal.latency_ns[0, 0] * 1.1


def _random(requests: int, seed: int, *, writes: float = 0.0, gb_per_s: float | None = None) -> Trace:
    """Random lines of a whole DDR4 rank; by a Poisson process of this rate, or as fast as they are taken."""
    rng = np.random.default_rng(seed)
    cycle = None
    if gb_per_s is not None:
        cycle = np.cumsum(rng.exponential(64 / gb_per_s / (DDR4.tck_ps / 1000), requests)).astype(np.int64)
    return Trace(rng.integers(0, 1 << 26, requests) * 64, rng.random(requests) < writes, cycle)


def _lines(requests: int, *, write: bool) -> Trace:
    return Trace((1 << 30) + np.arange(requests) * 64, np.full(requests, write))


FLOODS = {
    "random reads": _random(12_000, 1),
    "random writes": _random(12_000, 1, writes=1.0),
    "both": _random(12_000, 1, writes=0.5),
    "a stream of reads": _lines(12_000, write=False),
    "a stream of writes": _lines(12_000, write=True),
}
CONTROLLERS = {
    "default": BankMachineControllers(),
    "four a player": BankMachineControllers(
        arbiter="Fifo", max_active_transactions=4, scheduler_buffer="Shared"
    ),
    "shared, in order": BankMachineControllers(
        arbiter="Reorder", max_active_transactions=64, scheduler_buffer="Shared", request_buffer_size=32
    ),
    "Fifo": BankMachineControllers(scheduler_buffer="ReadWrite", scheduler="Fifo"),
}


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize("flood", FLOODS)
def test_an_urgent_player_beside_a_flood_is_nearly_as_fast_as_alone(flood: str, controller: str) -> None:
    # 4 of the 19.2 GB/s; the flood takes what it gets.
    design, urgent = CONTROLLERS[controller], _random(2500, 2, gb_per_s=4.0)
    alone = simulate_players(DDR4, design, [Player(urgent)])
    flood_alone = simulate_players(DDR4, design, [Player(FLOODS[flood])])
    both = simulate_players(DDR4, design, [Player(urgent), Player(FLOODS[flood], qos_class=1)])
    assert both.latency_ns[0, 0] < 2 * alone.latency_ns[0, 0]
    assert both.wait_ns[0, 0] - alone.wait_ns[0, 0] < alone.latency_ns[0, 0]
    assert both.bandwidth_gb_per_s[0, 1] > 0.6 * flood_alone.bandwidth_gb_per_s[0, 0]
    equal = simulate_players(DDR4, design, [Player(urgent), Player(FLOODS[flood])])
    assert both.latency_ns[0, 0] < 0.95 * equal.latency_ns[0, 0]
    if equal.latency_ns[0, 0] > 4 * alone.latency_ns[0, 0]:
        assert both.latency_ns[0, 0] < 0.4 * equal.latency_ns[0, 0]


@pytest.mark.parametrize("scheduler", ["Fifo", "FrFcfs"])
@pytest.mark.parametrize("page_policy", ["Open", "OpenAdaptive", "ClosedAdaptive"])
def test_the_most_urgent_player_beside_a_silent_one_is_alone(scheduler: str, page_policy: str) -> None:
    trace = _trace(800, 7)
    assert trace.cycle is not None
    silent = Trace([0], [False], [int(trace.cycle[-1]) + 1000])
    design = BankMachineControllers(
        scheduler=scheduler, page_policy=page_policy, scheduler_buffer="Shared", request_buffer_size=3
    )
    alone = simulate_players(DDR3, design, [Player(trace)])
    both = simulate_players(DDR3, design, [Player(trace, qos_class=1), Player(silent, qos_class=2)])
    for name in ("latency_ns", "maximum_latency_ns", "finish_time_ns", "wait_ns"):
        assert getattr(both, name)[0, 0] == getattr(alone, name)[0, 0]


@pytest.mark.parametrize("scheduler", ["Fifo", "FrFcfs", "FrFcfsGrp"])
@pytest.mark.parametrize("same", [False, True])
def test_requests_for_one_address_keep_their_order(scheduler: str, same: bool) -> None:
    # A write waits for its row behind a read of another one; an urgent read of the written row comes then.
    less = Trace([0, 1 << 17], [False, True], [0, 1])
    urgent = Trace([(1 << 17) + (0 if same else 64)], [False], [10])
    row = [column[0] for column in BankMachineControllers(scheduler=scheduler).arguments()]
    state = run_players(DDR3, [Feed(less, qos_class=1), Feed(urgent)], row, logged_commands=64)
    issued = [COMMANDS[code] for _, code, _ in state.log[: state.scalars[LOGGED]].tolist()]
    data = [name for name in issued if name in ("RD", "WR")]
    assert issued.count("ACT") == 2
    assert data == (["RD", "WR", "RD"] if same else ["RD", "RD", "WR"])


@pytest.mark.parametrize("scheduler_buffer", ["Bankwise", "ReadWrite", "Shared"])
@pytest.mark.parametrize("request_buffer_size", [1, 2, 8])
def test_the_bound_on_starvation_holds_in_a_bank_too(scheduler_buffer: str, request_buffer_size: int) -> None:
    # A row is hit on and on by the urgent player; the other wants another row of the bank.
    urgent = Player(Trace(np.arange(6000) % 16 * 64, np.zeros(6000, bool)))
    other = Player(Trace([1 << 17] * 3, [False] * 3, [100, 3000, 6000]), qos_class=1)
    design = BankMachineControllers(
        scheduler_buffer=scheduler_buffer,
        request_buffer_size=request_buffer_size,
        refresh_policy="NoRefresh",
        address_mapping="device",
    )
    free, bound = (
        simulate_players(DDR3, design, [urgent, other], starvation_cycles=cycles).maximum_latency_ns[0, 1]
        for cycles in (1 << 40, 500)
    )
    tck_ns = DDR3.tck_ps / 1000
    assert bound < (2 * 500 + 200) * tck_ns < free


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 1),
    classes=st.lists(st.integers(0, 2), min_size=2, max_size=4),
    starvation_cycles=st.sampled_from([1, 50, 1 << 40]),
    design=st.fixed_dictionaries(
        {
            "scheduler": st.sampled_from(["Fifo", "FrFcfs", "FrFcfsGrp"]),
            "page_policy": st.sampled_from(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"]),
            "scheduler_buffer": st.sampled_from(["Bankwise", "ReadWrite", "Shared"]),
            "request_buffer_size": st.integers(1, 4),
            "arbiter": st.sampled_from(["Simple", "Fifo", "Reorder"]),
            "response_queue": st.sampled_from(["Fifo", "Reorder"]),
            "max_active_transactions": st.integers(1, 8),
            "refresh_policy": st.sampled_from(["NoRefresh", "AllBank"]),
            "power_down_policy": st.sampled_from(["NoPowerDown", "Staggered"]),
        }
    ),
)
def test_whatever_the_classes_all_are_served(
    seed: int, classes: list[int], starvation_cycles: int, design: dict[str, Any]
) -> None:
    players = [
        Player(_trace(150, seed + p, timed=p % 2 == 0), tck_ps=(None, 1000, 2500)[p % 3], qos_class=c)
        for p, c in enumerate(classes)
    ]
    controller = BankMachineControllers(**design)
    result = simulate_players(DDR3, controller, players, starvation_cycles=starvation_cycles)
    assert result.requests.tolist() == [[150] * len(classes)]
    assert np.isnan(result.wait_ns[0]).tolist() == [p % 2 == 1 for p in range(len(classes))]
    assert np.nanmin(result.wait_ns) >= 0


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_a_trace_in_pieces_gives_the_same_state(chunk: int) -> None:
    class Pieces(Trace):
        def chunks(self, requests: int = 0):
            return super().chunks(chunk)

    traces = [_trace(500, 4), _trace(350, 5)]
    pieces = [Pieces(t.address_byte, t.is_write, t.cycle) for t in traces]
    for i, row in enumerate(zip(*DESIGNS.arguments(), strict=True)):
        for count in (1, 2):
            whole, parts = (
                run_players(DDR3, [Feed(t, 1000 + p, p) for p, t in enumerate(of[:count])], row)
                for of in (traces, pieces)
            )
            for name in ("counters", "issued", "bank", "rank", "power", "history"):
                np.testing.assert_array_equal(
                    getattr(whole, name), getattr(parts, name), err_msg=f"{i} {name}"
                )
            np.testing.assert_array_equal(whole.line, parts.line)


def test_a_trace_file_streams(tmp_path: Path) -> None:
    trace = _trace(3000, 6)
    np.savez(tmp_path / "trace.npz", address=trace.address_byte, is_write=trace.is_write, cycle=trace.cycle)
    streamed = StreamedTrace(tmp_path / "trace.npz", chunk_requests=250)
    _assert_same(simulate(DDR3, DESIGNS, streamed), simulate(DDR3, DESIGNS, trace))


def test_memory_is_flat_in_the_length_of_the_trace() -> None:
    row = [column[0] for column in BankMachineControllers().arguments()]
    for channel in (DDR3, device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")):
        sizes = []
        for requests in (20_000, 60_000):
            rng = np.random.default_rng(8)
            trace = Trace(
                rng.integers(0, 1 << 24, requests) * 64 % channel.capacity_bytes, rng.random(requests) < 0.3
            )
            sizes.append(run_players(channel, [Feed(trace)], row).flight.shape[1])
        assert sizes[0] == sizes[1] < 4096


def test_latencies_survive_the_growth_of_the_rings() -> None:
    # The sum of the latencies is that of a run whose rings are large from the start.
    address = np.arange(3000) % 16 * 64
    address[[5, 700]] = 1 << 16  # wait while the open row is hit
    trace = Trace(address, np.zeros(3000, bool))
    row = [column[0] for column in BankMachineControllers().arguments()]
    small = run_players(DDR3, [Feed(trace)], row)
    assert small.flight.shape[1] > LEAST_RING
    large = run_players(DDR3, [Feed(trace)], row, least_ring=4096)
    assert large.flight.shape[1] == 4096
    np.testing.assert_array_equal(small.player, large.player)


def test_a_ring_that_is_full_grows() -> None:
    # A row that is hit on and on keeps an old request for another row waiting.
    address = np.arange(3000) % 16 * 64
    address[5] = 1 << 16
    trace = Trace(address, np.zeros(3000, bool))
    controller = BankMachineControllers(scheduler="FrFcfs", refresh_policy="NoRefresh", request_buffer_size=8)
    row = [column[0] for column in controller.arguments()]
    state = run_players(DDR3, [Feed(trace)], row)
    assert state.flight.shape[1] > 1024
    result = simulate(DDR3, controller, trace)
    assert result.reads_served[0] == 3000
    assert result.row_conflicts[0] == 1


def test_channels_are_memories_side_by_side() -> None:
    one = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    two: Device = replace(one, channels=2)
    # Alternate lines lie in alternate channels.
    line = np.arange(2000)
    trace = Trace(line * 64, np.zeros(2000, bool))
    controller = BankMachineControllers(address_mapping="RoBaRaCoCh")
    both = simulate(two, controller, trace)
    half = simulate(one, controller, Trace(line[:1000] * 64, np.zeros(1000, bool)))
    assert both.cycles[0] == half.cycles[0]
    assert both.reads_served[0] == 2000
    assert both.activates[0] == 2 * half.activates[0]
    assert both.energy_pj[0] == pytest.approx(2 * half.energy_pj[0])
    as_player = simulate_players(two, controller, [Player(trace)])
    _assert_same(as_player.total, both)


def test_what_is_wrong_with_players_is_said() -> None:
    with pytest.raises(ConfigurationError, match="players must be at least one Player, got none"):
        simulate_players(DDR3, BankMachineControllers(), [])
    with pytest.raises(ConfigurationError, match="qos_class of a player must be a .* 0 to 16383, got -1"):
        Player(_trace(10), qos_class=-1)
    with pytest.raises(ConfigurationError, match="tck_ps of a player must be a .* from 1 to .*, got 0"):
        Player(_trace(10), tck_ps=0)
    beyond = Trace([DDR3.capacity_bytes], [False])
    with pytest.raises(SimulatorError, match="request 0 is at address"):
        simulate_players(DDR3, BankMachineControllers(), [Player(_trace(10)), Player(beyond)])
    marked = simulate_players(DDR3, DESIGNS, [Player(beyond)], on_error="mark")
    assert all(marked.total.error)
    assert np.isnan(marked.latency_ns).all()
