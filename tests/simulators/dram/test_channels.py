"""Memories of several channels against one-channel memories and the model that visits every cycle."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosearch_simulators.dram import (
    BankMachineControllers,
    Controllers,
    DramResult,
    Trace,
    device,
    simulate,
)
from cosearch_simulators.dram.common.mapping import AddressBits
from cosearch_simulators.dram.engines.ramulator import evaluate
from cosearch_simulators.errors import ConfigurationError
from dram_per_cycle_model import run

DDR4 = ("DDR4", "DDR4_8Gb_x8", "DDR4_2400R")
LPDDR4 = ("LPDDR4", "LPDDR4_2Gb_x16", "LPDDR4_1600")


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 1),
    memory=st.sampled_from([DDR4, LPDDR4]),
    channels=st.sampled_from([2, 4]),
    timed=st.booleans(),
    share=st.sampled_from([0.5, 0.9]),
)
def test_each_channel_is_a_memory_of_its_own_until_the_common_end(
    seed: int, memory: tuple[str, str, str], channels: int, timed: bool, share: float
) -> None:
    one, many = device(*memory), device(*memory, channels=channels)
    rng = np.random.default_rng(seed)
    requests = 60
    channel_of = np.where(rng.random(requests) < share, 0, rng.integers(0, channels, requests))
    local = rng.integers(0, 2**16, 3)[rng.integers(0, 3, requests)] + rng.integers(0, 64, requests)
    cycle = np.cumsum(rng.integers(0, 40, requests)) if timed else None
    trace = Trace(
        (local * channels + channel_of) * one.transaction_bytes,  # RoBaRaCoCh: the channel in the lowest bits
        rng.random(requests) < 0.3,
        cycle,
    )
    design = Controllers(read_queue=8, write_queue=8, refresh=one.refresh_modes[-1], row_policy="closed_cap")
    together = evaluate(many, design, trace, drain=False)

    parts = []
    for k in range(channels):
        mine = channel_of == k
        times = None if cycle is None else cycle[mine]
        parts.append((local[mine] * one.transaction_bytes, trace.is_write[mine], times))
    ends = [run(one, design, Trace(*part))["cycles"] if part[0].size else -1 for part in parts]
    end = max(ends)
    assert together.cycles[0] == end
    expected = np.zeros(4)
    for part, own_end in zip(parts, ends, strict=True):
        address, is_write, times = part
        if own_end < end:  # one more request in the last cycle keeps the model going until then
            times = np.zeros(len(address), np.int64) if times is None else times
            address, is_write = np.append(address, 2**27), np.append(is_write, False)
            part = (address, is_write, np.append(times, end))
        alone = run(one, design, Trace(*part))
        assert alone["cycles"] == end
        expected += [alone[name] for name in ("activates", "precharges", "reads_served", "bank_refreshes")]
    names = ("activates", "precharges", "reads_served", "bank_refreshes")
    assert [getattr(together, name)[0] for name in names] == expected.tolist()


def test_four_channels_take_a_stream_in_a_quarter_of_the_time() -> None:
    stream = Trace(np.arange(40_000) * 64, np.zeros(40_000, bool))
    one = simulate(device(*DDR4), Controllers(refresh="none"), stream)
    four = simulate(device(*DDR4, channels=4), Controllers(refresh="none"), stream)
    assert four.time_ns[0] == pytest.approx(one.time_ns[0] / 4, rel=0.02)
    assert four.bandwidth_gb_per_s[0] == pytest.approx(4 * one.bandwidth_gb_per_s[0], rel=0.02)
    # Four channels for a quarter of the time: the same background, as long as all have rows open.
    assert four.background_energy_pj[0] == pytest.approx(one.background_energy_pj[0], rel=0.05)


def test_a_full_queue_of_one_channel_does_not_hold_back_another() -> None:
    # Channel 0 gets conflicts in one bank, then channel 1 a few requests: they do not wait for the former.
    memory = device(*DDR4, channels=2)
    row_bytes = memory.capacity_bytes // 2 // memory.topology.banks // memory.chip.rows
    conflicts = np.arange(200) * row_bytes * memory.topology.banks * 2
    late = np.arange(8) * 128 + 64
    trace = Trace(np.append(conflicts, late), np.zeros(208, bool))
    design = Controllers(refresh="none", read_queue=4)
    both = simulate(memory, design, trace)
    only = simulate(memory, design, Trace(conflicts, np.zeros(200, bool)))
    assert both.cycles[0] == only.cycles[0]


def test_a_device_may_bring_its_own_mapping() -> None:
    bits = AddressBits(bank=(13, 14, 15, 16), row=tuple(range(17, 33)), channel=(6,))
    trace = Trace(np.arange(2000) * 64, np.zeros(2000, bool))
    own = device(*DDR4, channels=2, address_bits=bits)
    named = device(*DDR4, channels=2, address_bits="RoBaRaCoCh")
    design = Controllers(address_mapping="device")
    assert simulate(own, design, trace).row_misses[0] > 0
    same = simulate(named, design, trace)
    assert same.cycles[0] == simulate(named, Controllers(), trace).cycles[0]
    with pytest.raises(ConfigurationError, match="has no address_bits, which address_mapping 'device'"):
        simulate(device(*DDR4), design, trace)


@pytest.mark.parametrize("memory", [LPDDR4, ("DDR5", "DDR5_8Gb_x16", "DDR5_3200AN")])
def test_refreshes_by_bank_come_in_every_interval(memory: tuple[str, str, str]) -> None:
    chip = device(*memory, ranks=2)
    mode = chip.refresh_modes[-1]
    interval = chip.timings["nREFIpb" if mode == "per_bank" else "nREFIsb"]
    cycle = np.arange(500) * 100
    trace = Trace(np.arange(500) * 64, np.zeros(500, bool), cycle)
    result = simulate(chip, Controllers(refresh=mode), trace)
    assert result.refreshes[0] == 0
    assert result.bank_refreshes[0] == pytest.approx(2 * (result.cycles[0] // interval), abs=2)
    assert result.refresh_energy_pj[0] > 0


def test_a_refresh_that_the_memory_has_not_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="DDR4 has no refresh 'per_bank', expected one of none, all"):
        simulate(device(*DDR4), Controllers(refresh="per_bank"), Trace([0], [False]))


@pytest.mark.parametrize(
    "designs",
    [
        Controllers(),
        Controllers(row_policy="closed_cap", row_cap=[1, 4]),
        BankMachineControllers(),
        BankMachineControllers(arbiter=["Fifo", "Simple"]),
    ],
)
def test_threads_that_designs_leave_run_channels(designs: Controllers | BankMachineControllers) -> None:
    memory = device(*DDR4, channels=4)
    rng = np.random.default_rng(3)
    trace = Trace(rng.integers(0, 1 << 20, 5000) * 64, rng.random(5000) < 0.3)
    one_thread, four_threads = (simulate(memory, designs, trace, threads=threads) for threads in (1, 4))
    for field in fields(DramResult):
        np.testing.assert_array_equal(getattr(one_thread, field.name), getattr(four_threads, field.name))


def test_the_engine_is_compiled_once_for_one_channel_and_several() -> None:
    script = (
        "import numpy as np\n"
        "from cosearch_simulators.dram import BankMachineControllers, Controllers, Trace, device, simulate\n"
        "from cosearch_simulators.dram.engines.dramsys.kernel import simulate_bank_machines\n"
        "from cosearch_simulators.dram.engines.ramulator.kernel import run_channel\n"
        "trace = Trace(np.arange(400) * 64, np.zeros(400, bool))\n"
        "machines = BankMachineControllers(address_mapping='RoBaRaCoCh')\n"
        "for channels in (1, 2):\n"
        f"    memory = device(*{DDR4!r}, channels=channels)\n"
        "    simulate(memory, Controllers(), trace)\n"
        "    simulate(memory, machines, trace)\n"
        "print(len(run_channel.signatures), len(simulate_bank_machines.signatures))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]
