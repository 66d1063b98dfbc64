"""DRAMSys' controller on cases that can be worked out by hand from the timings of DDR3-1600."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.dram import BankMachineControllers, DramResult, Trace, read_memspec, simulate
from cosearch_simulators.errors import ConfigurationError

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"
DDR3 = read_memspec(
    SAMPLE / "memspecs" / "MICRON_1Gb_DDR3-1600_8bit_G.json",
    SAMPLE / "mappings" / "am_ddr3_8x1Gbx8_dimm_p1KB_rbc.json",
)
RCD, RL, BL, RP, RAS, RTP, CCD, REFI, RFC = 10, 10, 4, 10, 28, 6, 4, 6240, 88
ROW = 1 << 16  # the next row of the same bank


def _run(addresses: Sequence[int], cycles: Sequence[int] | None = None, **controller: object) -> DramResult:
    columns = {"refresh_policy": "NoRefresh", **controller}
    trace = Trace(np.array(addresses), np.zeros(len(addresses), bool), cycles and np.array(cycles))
    return simulate(DDR3, BankMachineControllers(**columns), trace)  # type: ignore[arg-type]


def test_a_read_waits_for_its_row_and_its_data() -> None:
    result = _run([0])
    assert result.cycles[0] == RCD + RL + BL
    assert result.average_read_latency_cycles[0] == RCD + RL + BL
    assert (result.activates[0], result.row_misses[0], result.row_hits[0]) == (1, 1, 0)
    assert result.time_ns[0] == result.cycles[0] * 1.25


def test_page_policies_differ_when_the_next_request_comes_late() -> None:
    late = [0, 1000]
    hit = _run([0, 64], late, page_policy=["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"])
    assert (hit.cycles - 1000).tolist() == [RL + BL] * 2 + [RCD + RL + BL] * 2
    conflict = _run([0, ROW], late, page_policy=["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"])
    assert (conflict.cycles - 1000).tolist() == [RP + RCD + RL + BL] * 2 + [RCD + RL + BL] * 2


def test_adaptive_policies_look_at_the_requests_that_wait() -> None:
    policies = ["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"]
    conflict = _run([0, ROW], page_policy=policies)
    assert conflict.auto_precharges.tolist() == [0, 1, 2, 2]
    hit = _run([0, 64], page_policy=policies)
    assert hit.auto_precharges.tolist() == [0, 0, 2, 1]
    assert hit.activates.tolist() == [1, 1, 2, 1]


def test_schedulers_choose_within_a_bank() -> None:
    result = _run([0, ROW, 64], scheduler=["Fifo", "FrFcfs", "FrFcfsGrp"])
    assert result.row_hits.tolist() == [0, 1, 1]
    assert result.activates.tolist() == [3, 2, 2]
    assert result.cycles[1] == RCD + max(CCD + RTP, RAS - RCD) + RP + RCD + RL + BL


def test_the_buffer_bounds_what_a_scheduler_sees() -> None:
    # With two places the third is in the buffer as soon as the first is served, before the row closes.
    result = _run([0, ROW, 64], scheduler="FrFcfs", scheduler_buffer="Shared", request_buffer_size=[1, 2, 3])
    assert result.row_hits.tolist() == [0, 1, 1]


def test_one_transaction_at_a_time_waits_for_each_response() -> None:
    # The player sends a cycle after its last request was taken, the arbiter takes it after the response.
    result = _run([0, 64, 128], arbiter="Fifo", max_active_transactions=1)
    assert result.cycles[0] == RCD + 3 * (RL + BL)


def test_responses_keep_the_order_of_the_requests() -> None:
    bank = 1 << 13
    for controller in ({"arbiter": "Reorder"}, {"response_queue": "Reorder"}):
        in_order = _run([0, ROW, bank], **controller)
        # The third request is on another bank and has its data long before the second.
        as_served = _run([0, ROW, bank])
        assert in_order.cycles[0] == as_served.cycles[0] + 1
        assert in_order.average_read_latency_cycles[0] > as_served.average_read_latency_cycles[0]


def test_refreshes_are_postponed_while_requests_wait_and_then_caught_up() -> None:
    requests = 3000
    addresses = (np.arange(requests) % 64 * ROW).tolist()
    result = _run(
        addresses,
        refresh_policy="AllBank",
        refresh_max_postponed=[0, 4],
        refresh_max_pulled_in=0,
        scheduler="Fifo",
    )
    intervals = result.cycles // REFI
    assert result.refreshes[0] == intervals[0]
    assert result.refreshes[1] == intervals[1] - 4


def test_idle_time_pulls_refreshes_in() -> None:
    result = _run([0, 64], [0, 2 * REFI], refresh_policy="AllBank", refresh_max_pulled_in=[0, 1, 3])
    assert result.refreshes.tolist() == [2, 3, 5]


def test_the_trace_player_has_its_own_clock() -> None:
    trace = Trace(np.array([0, 64]), np.zeros(2, bool), np.array([0, 100]))
    late = simulate(DDR3, BankMachineControllers(), trace, trace_tck_ps=2000)
    assert late.cycles[0] == 160 + RL + BL  # 100 cycles of 2 ns are 160 of 1.25 ns


def test_energy_is_drampowers_sum() -> None:
    result = _run([0])
    cycles = RCD + RL + BL
    i0, i2n, i3n, i4r = 70.0, 45.0, 45.0, 140.0
    expected_ma_cycles = RAS * (i0 - i3n) + BL * (i4r - i3n) + RCD * i2n * 0 + cycles * i3n
    assert i2n == i3n
    assert result.energy_pj[0] == pytest.approx(expected_ma_cycles * 8 * 1.5 * 1.25)


def test_a_time_has_one_unit_whatever_its_size() -> None:
    """ArchGym reads DRAMSys' "Total Time" without its unit, which changes from ns to ps with the size."""
    short, long = _run([0]), _run([0, 64], [0, 10**9])
    assert short.time_ns[0] == 30.0
    assert long.time_ns[0] == pytest.approx(1.25 * 10**9, rel=1e-6)


def test_a_design_does_not_depend_on_its_batch() -> None:
    rng = np.random.default_rng(1)
    trace = Trace(rng.integers(0, 1 << 24, 400) & ~63, rng.random(400) < 0.3)
    count = 24
    columns = {
        "page_policy": rng.choice(["Open", "OpenAdaptive", "Closed", "ClosedAdaptive"], count),
        "scheduler": rng.choice(["Fifo", "FrFcfs", "FrFcfsGrp"], count),
        "arbiter": rng.choice(["Simple", "Fifo", "Reorder"], count),
        "request_buffer_size": rng.integers(1, 9, count),
        "max_active_transactions": rng.choice([1, 4, 64], count),
    }
    batch = simulate(DDR3, BankMachineControllers(**columns), trace, threads=2)
    assert np.all(batch.reads_served + batch.writes_served == 400)
    for i in range(count):
        alone = simulate(DDR3, BankMachineControllers(**{k: v[i : i + 1] for k, v in columns.items()}), trace)
        assert (alone.cycles[0], alone.energy_pj[0]) == (batch.cycles[i], batch.energy_pj[i])


def test_what_cannot_be_simulated_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown page_policy 'Opened'; did you mean 'Open'\?"):
        _run([0], page_policy="Opened")
    with pytest.raises(
        ConfigurationError, match="request_buffer_size must be a whole number from 1 to 65536"
    ):
        _run([0], request_buffer_size=0)
