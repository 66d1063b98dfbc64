"""The event-driven engine against a model that visits every clock cycle, on random designs and traces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosearch_simulators.dram import (
    ADDRESS_MAPPINGS,
    ROW_POLICIES,
    SCHEDULERS,
    Controllers,
    SimulatorError,
    Trace,
    device,
    simulate,
)
from cosearch_simulators.dram.engines.ramulator import evaluate
from cosearch_simulators.errors import ConfigurationError
from dram_per_cycle_model import run

DEVICES = (
    ("DDR3", "DDR3_1Gb_x16", "DDR3_800D"),
    ("DDR3", "DDR3_4Gb_x8", "DDR3_1600K"),
    ("DDR4", "DDR4_2Gb_x16", "DDR4_1600J"),
    ("DDR4", "DDR4_8Gb_x4", "DDR4_3200AA"),
    ("DDR5", "DDR5_8Gb_x16", "DDR5_3200AN"),
    ("DDR5", "DDR5_32Gb_x4", "DDR5_6400AN"),
    ("LPDDR4", "LPDDR4_2Gb_x16", "LPDDR4_1600"),
    ("LPDDR5", "LPDDR5_2Gb_x16", "LPDDR5_4267"),
    ("GDDR6", "GDDR6_8Gb_x16", "GDDR6_12000"),
    ("HBM2", "HBM2_2Gb", "HBM2_1600"),
)


@st.composite
def traces(draw: st.DrawFn, capacity_bytes: int) -> Trace:
    """Few rows and lines, so that hits, conflicts, forwarding and merging occur; some with issue cycles."""
    requests = draw(st.integers(20, 80))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bases = rng.integers(0, capacity_bytes // 64, draw(st.integers(1, 6)))
    near = rng.integers(0, draw(st.sampled_from([2, 16, 4096])), requests)
    line = (rng.choice(bases, requests) + near) % (capacity_bytes // 64)
    cycle = None
    if draw(st.booleans()):
        cycle = np.cumsum(rng.integers(0, draw(st.sampled_from([2, 20, 200])), requests))
    return Trace(line * 64, rng.random(requests) < draw(st.sampled_from([0.0, 0.3, 0.9])), cycle)


@st.composite
def controllers(draw: st.DrawFn, refresh_modes: tuple[str, ...] = ("all_bank",)) -> Controllers:
    low = draw(st.sampled_from([0.01, 0.2, 0.5]))
    return Controllers(
        scheduler=draw(st.sampled_from(SCHEDULERS)),
        row_policy=draw(st.sampled_from(ROW_POLICIES)),
        row_cap=draw(st.integers(1, 5)),
        refresh=draw(st.sampled_from(["none", *refresh_modes])),
        address_mapping=draw(st.sampled_from(ADDRESS_MAPPINGS)),
        read_queue=draw(st.sampled_from([1, 2, 8, 17])),
        write_queue=draw(st.sampled_from([1, 3, 8, 16])),
        write_low_watermark=low,
        write_high_watermark=draw(st.sampled_from([0.6, 0.8, 1.0])),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_equals_a_model_that_visits_every_cycle(data: st.DataObject) -> None:
    channel = device(*data.draw(st.sampled_from(DEVICES)), ranks=data.draw(st.sampled_from([1, 2])))
    controller = data.draw(controllers(channel.refresh_modes))
    trace = data.draw(traces(channel.capacity_bytes))
    result = evaluate(channel, controller, trace, drain=False)
    expected = run(channel, controller, trace)
    assert {name: getattr(result, name)[0] for name in expected} == expected

    # Ramulator's figures stay what they are when the run goes on until all is answered and written.
    accepted = {"accepted_cycles": expected["cycles"]}
    accepted["average_read_latency_cycles"] = expected["average_read_latency_cycles"]
    drained = run(channel, controller, trace, drain=True)
    result = evaluate(channel, controller, trace)
    assert {name: getattr(result, name)[0] for name in drained | accepted} == drained | accepted
    assert result.reads_served[0] + result.reads_forwarded[0] == np.count_nonzero(~trace.is_write)
    assert result.writes_served[0] + result.writes_coalesced[0] == np.count_nonzero(trace.is_write)


def test_in_order_service_waits_for_the_oldest_even_when_its_bank_must_stay_open() -> None:
    # The first write wants another row of the bank that the read before it has opened. Nothing overtakes it.
    channel = device("DDR5", "DDR5_32Gb_x4", "DDR5_6400AN", ranks=4)
    line = [1703420803, 1703422944, 1250372647, 548907298, 1250371360]
    trace = Trace(np.array(line) * 64, [False, True, False, True, True], [14, 26, 31, 32, 39])
    controller = Controllers(scheduler="fcfs", address_mapping="ChRaBaRoCo", read_queue=2, write_queue=3)
    result = evaluate(channel, controller, trace, drain=False)
    assert result.activates[0] == run(channel, controller, trace)["activates"] == 1


def _random_trace(requests: int = 2000) -> Trace:
    rng = np.random.default_rng(7)
    return Trace(rng.integers(0, 2**28, requests) * 2 // 64 * 64, rng.random(requests) < 0.4)


def _mixed_batch() -> tuple[list, Controllers]:
    names = [DEVICES[i % 6] for i in range(12)]
    return [device(*name) for name in names], Controllers(
        scheduler=["frfcfs", "frfcfs_row_hit", "fcfs"] * 4,
        row_policy=["open", "closed_cap"] * 6,
        read_queue=np.arange(1, 13) * 4,
        address_mapping=["RoBaRaCoCh", "MOP4CLXOR", "ChRaBaRoCo", "MOP4CLXOR"] * 3,
    )


def _rows(result, index: int) -> dict[str, float]:
    return {name: getattr(result, name)[index] for name in result.__dataclass_fields__}


@pytest.mark.parametrize("threads", [1, 3])
def test_a_design_has_the_same_numbers_in_any_batch(threads: int) -> None:
    devices, designs = _mixed_batch()
    trace = _random_trace()
    together = simulate(devices, designs, trace, threads=threads)
    for i in range(len(designs)):
        alone = simulate(
            devices[i],
            Controllers(
                **{name: np.asarray(getattr(designs, name))[i] for name in designs.__dataclass_fields__}
            ),
            trace,
        )
        np.testing.assert_equal(_rows(alone, 0), _rows(together, i))


def test_one_device_or_one_controller_stands_for_all() -> None:
    trace = _random_trace(300)
    devices = [device(*name) for name in DEVICES[:6]]
    many = simulate(devices, Controllers(), trace)
    assert many.cycles.tolist() == [int(simulate(d, Controllers(), trace).cycles[0]) for d in devices]


def test_a_longer_queue_never_reads_more_rows_of_an_in_order_stream() -> None:
    stream = Trace(np.arange(4000) * 64, np.zeros(4000, bool))
    result = simulate(device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"), Controllers(refresh="none"), stream)
    # 1024 columns of 64 bits are 128 bursts to a row; all but the first access to each of the rows hit.
    assert result.activates[0] == -(-4000 // 128)
    assert result.bandwidth_gb_per_s[0] <= device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R").peak_bandwidth_gb_per_s


def test_an_address_beyond_the_device_is_an_error_that_names_it() -> None:
    small = device("DDR3", "DDR3_1Gb_x16", "DDR3_800D")
    trace = Trace([0, small.capacity_bytes, 64], [False] * 3)
    with pytest.raises(
        SimulatorError, match=r"request 1 is at address 0x20000000, beyond the 0x20000000 bytes"
    ):
        simulate(small, Controllers(), trace)
    assert simulate(small, Controllers(), trace, wrap_addresses=True).error == [""]


def test_bad_designs_are_marked_and_the_others_simulated() -> None:
    devices = [device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R"), device("DDR3", "DDR3_1Gb_x16", "DDR3_800D")] * 2
    designs = Controllers(read_queue=[8, 8, 0, 8])
    trace = Trace(np.arange(100) * 64 + 2**30, np.zeros(100, bool))
    result = simulate(devices, designs, trace, on_error="mark")
    assert result.error[0] == ""
    assert "beyond the 0x20000000 bytes" in result.error[1]
    assert "read_queue must be a whole number from 1 to 65536, got 0" in result.error[2]
    assert result.cycles[0] > 0
    assert np.isnan(result.energy_pj[1:]).all()
    with pytest.raises(SimulatorError, match="design 1: "):
        simulate(devices, designs, trace)


def test_lengths_must_agree() -> None:
    one = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
    with pytest.raises(ConfigurationError, match="3 devices for 2 controllers"):
        simulate([one] * 3, Controllers(read_queue=[1, 2]), _random_trace(10))
    with pytest.raises(ConfigurationError, match="threads must be at least 1, got 0"):
        simulate(one, Controllers(), _random_trace(10), threads=0)


def test_a_slow_trace_clock_spaces_the_requests() -> None:
    channel = device("DDR4", "DDR4_8Gb_x8", "DDR4_3200AA")
    trace = Trace(np.arange(10) * 64, np.zeros(10, bool), np.arange(10) * 100)
    result = simulate(channel, Controllers(refresh="none"), trace, trace_tck_ps=channel.tck_ps * 3)
    assert result.accepted_cycles[0] == 2700


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_queue_of_one_in_front_of_an_equal_memory_is_not_better(timed: bool, share: float) -> None:
    rng = np.random.default_rng(5)
    cycle = np.cumsum(rng.integers(0, 12, 3000)) if timed else None
    trace = Trace(rng.integers(0, 2**22, 3000) * 64, rng.random(3000) < share, cycle)
    one, many = range(2)
    result = simulate(device(*DEVICES[3]), Controllers(read_queue=[1, 32]), trace)
    assert result.latency_ns[one] < result.latency_ns[many]  # Ramulator's figure leaves the wait out
    assert result.time_ns[one] > 1.5 * result.time_ns[many]
    assert result.energy_pj[one] > result.energy_pj[many]
    if timed:
        assert result.response_time_ns[one] > 10 * result.response_time_ns[many]
        assert (result.response_time_ns > result.wait_ns).all()
    else:
        assert np.isnan(result.response_time_ns).all()
