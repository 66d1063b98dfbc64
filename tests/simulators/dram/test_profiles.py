"""One design up close: the parts are those of the whole run, and the curve is one."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.dram import (
    BankMachineControllers,
    Controllers,
    DramProfile,
    Trace,
    device,
    simulate,
)
from cosearch_simulators.dram.bank_machine_simulation import command_list
from cosearch_simulators.dram.generators import generate
from cosearch_simulators.dram.profiles import bandwidth_latency_curve, profile
from cosearch_simulators.errors import ConfigurationError

DDR4 = ("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("refresh", ["all_bank", "same_bank"])
def test_samples_banks_and_ranks_sum_to_the_run(channels: int, refresh: str) -> None:
    memory = device("DDR5", "DDR5_8Gb_x16", "DDR5_3200AN", ranks=2, channels=channels)
    trace = generate("zipf", requests=20_000, write_share=0.3)
    close = _check_sums(memory, Controllers(row_policy="closed_cap", refresh=refresh), trace)
    # Every answered read is in a sample; those on their way at the end are not in the run's average.
    answered = close.reads.sum() + close.result.reads_forwarded[0]
    assert answered >= close.result.reads_served[0]


BANK_MACHINES = [
    BankMachineControllers(refresh_policy="SameBank", page_policy="ClosedAdaptive"),
    BankMachineControllers(scheduler="FrFcfsGrp", response_queue="Reorder", scheduler_buffer="Shared"),
    BankMachineControllers(power_down_policy="Staggered", page_policy="OpenAdaptive"),
    BankMachineControllers(refresh_policy="NoRefresh", arbiter="Reorder", max_active_transactions=16),
]


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("design", BANK_MACHINES)
def test_samples_of_bank_machines_sum_to_the_run(channels: int, design: BankMachineControllers) -> None:
    memory = device("DDR5", "DDR5_8Gb_x16", "DDR5_3200AN", ranks=2, channels=channels)
    start = generate("zipf", requests=10_000, write_share=0.3)
    pause = np.where(np.arange(10_000) < 6_000, 0, 200_000)  # in which ranks sleep
    trace = Trace(start.address_byte, start.is_write, np.arange(10_000) * 3 + pause)
    close = _check_sums(memory, design, trace)
    if str(np.asarray(design.power_down_policy)[0]) == "Staggered":
        assert close.energy_by_command_pj["power_down"] > 0
        assert (close.reads + close.writes == 0).any()
    else:
        assert close.energy_by_command_pj["power_down"] == 0


def _check_sums(memory, design, trace) -> DramProfile:
    close = profile(memory, design, trace, samples=50)
    whole = simulate(memory, design, trace)
    for name in ("cycles", "row_hits", "energy_pj", "latency_ns", "bank_refreshes"):
        assert getattr(close.result, name)[0] == getattr(whole, name)[0]
    assert close.time_ns[-1] == whole.time_ns[0]
    assert len(close.time_ns) == 51
    assert close.reads.sum() == whole.reads_served[0]
    assert close.writes.sum() == whole.writes_served[0]
    for kind in ("row_hits", "row_misses", "row_conflicts"):
        assert getattr(close, kind).sum() == getattr(close, f"bank_{kind}").sum() == getattr(whole, kind)[0]
    assert close.bank_activates.sum() == whole.activates[0]
    assert close.bank_accesses.sum() == close.rank_accesses.sum() == (close.reads + close.writes).sum()
    assert len(close.bank_accesses) == memory.topology.banks * memory.channels
    for part in (list(close.energy_by_command_pj.values()), close.energy_by_rank_pj, close.energy_by_bank_pj):
        assert sum(part) == pytest.approx(whole.energy_pj[0], rel=1e-12)
        assert min(part) >= 0
    assert np.nanmin(close.latency_ns) > 0
    assert (close.data_bus_utilisation <= 1.0 + 1e-9 + 8 / np.diff(close.time_ns).min()).all()
    return close


@pytest.mark.parametrize("power_down", ["NoPowerDown", "Staggered"])
@pytest.mark.parametrize("refresh", ["AllBank", "PerBank"])
def test_samples_of_bank_machines_are_those_of_their_commands(refresh: str, power_down: str) -> None:
    memory = device("LPDDR4", "LPDDR4_8Gb_x16", "LPDDR4_3200")
    rng = np.random.default_rng(5)
    trace = Trace(
        rng.integers(0, 1 << 14, 3000) * 64, rng.random(3000) < 0.3, np.cumsum(rng.integers(0, 40, 3000))
    )
    design = BankMachineControllers(refresh_policy=refresh, power_down_policy=power_down)
    for samples in (7, 1_000_000):  # as many as cycles
        close = profile(memory, design, trace, samples=samples)
        commands = command_list(memory, design, trace)
        ends = np.round(close.time_ns[1:] * 1000 / memory.tck_ps)
        for names, counts in ((("RD", "RDA"), close.reads), (("WR", "WRA"), close.writes)):
            cycles = np.array([cycle for cycle, name, _ in commands if name in names])
            np.testing.assert_array_equal(
                np.bincount(np.searchsorted(ends, cycles), minlength=ends.size), counts
            )
        # In-order responses: a read is answered in the sample of its command.
        mean = np.nansum(close.latency_ns * close.reads) / close.reads.sum()
        assert mean == pytest.approx(close.result.latency_ns[0], rel=1e-12)


def test_more_samples_than_cycles_are_cut() -> None:
    close = profile(device(*DDR4), Controllers(), Trace([0, 64], [False, False]), samples=1000)
    assert len(close.reads) == close.result.cycles[0] == 1
    assert len(profile(device(*DDR4), Controllers(), Trace([0], [False])).reads) == 1  # accepted in cycle 0


def test_a_profile_is_of_one_design() -> None:
    trace = Trace([0], [False])
    with pytest.raises(ConfigurationError, match="expected one design, got 2"):
        profile(device(*DDR4), Controllers(read_queue=[1, 2]), trace)
    with pytest.raises(ConfigurationError, match="samples must be a whole number of 1 or more, got 0"):
        profile(device(*DDR4), Controllers(), trace, samples=0)
    with pytest.raises(ConfigurationError, match="points must be a whole number of 2 or more, got 1"):
        bandwidth_latency_curve(device(*DDR4), Controllers(), trace, points=1)


@pytest.mark.parametrize("design", [Controllers(), BankMachineControllers(arbiter="Reorder")])
@pytest.mark.parametrize("pattern", ["stream", "random"])
def test_bandwidth_follows_the_load_until_it_saturates(design, pattern: str) -> None:
    memory = device(*DDR4)
    trace = generate(pattern, requests=20_000, write_share=0.0)
    curve = bandwidth_latency_curve(memory, design, trace)
    assert len(curve.bandwidth_gb_per_s) == 12
    light = curve.offered_gb_per_s < 0.5 * curve.bandwidth_gb_per_s.max()
    np.testing.assert_allclose(curve.bandwidth_gb_per_s[light], curve.offered_gb_per_s[light], rtol=0.02)
    assert curve.bandwidth_gb_per_s.max() <= memory.peak_bandwidth_gb_per_s
    assert (np.diff(curve.bandwidth_gb_per_s) > -0.02 * curve.bandwidth_gb_per_s.max()).all()
    # Beyond saturation more load brings no more bandwidth, and queues are full.
    assert curve.bandwidth_gb_per_s[-1] < 0.9 * curve.offered_gb_per_s[-1]
    assert curve.latency_ns[-1] > 1.5 * curve.latency_ns[0]
