"""The NPU timeline: known answers by hand, and what every schedule must obey."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.engines.npu import DATAFLOWS, SCHEDULES, Npus, events, simulate, timeline
from cosearch_simulators.accelerator.engines.npu.events import CORE, END, LOAD, OPERATOR, START, STORE, UNIT
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.workloads import MatrixMultiply, Network, Precision, network


def run(operators, edges=(), *, cores=1, buffers=2, room=np.inf, dma=1.0, dram=1.0, pinned=False):
    """The kernel on operators of (tiles, shared, weights, inputs, matrix_ns, vector_ns, outputs)."""
    table = np.array(operators, np.float64)
    producers = [[a for a, b in edges if b == operator] for operator in range(len(table))]
    first = np.cumsum([0, *map(len, producers)])
    flat = np.array([p for group in producers for p in group], np.int64)
    log = np.zeros((int(5 * table[:, 0].sum()), events.LOG_COLUMNS))
    latency, busy, moved, rows = events.run(table, first, flat, cores, buffers, room, dma, dram, pinned, log)
    return latency, busy, moved, log[:rows]


def test_one_tile_is_loaded_computed_and_stored_in_turn():
    latency, busy, moved, log = run([(1, 0, 10, 20, 7, 3, 5)])
    assert latency == pytest.approx(10 + 20 + 7 + 3 + 5)
    assert busy[0].tolist() == pytest.approx([30, 7, 3, 5])
    assert moved == 35
    assert log[:, UNIT].tolist() == [0, 0, 1, 2, 3]


def test_two_buffers_hide_the_transfers_behind_the_array():
    # 4 of load and 1 of store for each 10 of computing: only the first load and the last store show.
    assert run([(8, 0, 0, 4, 10, 0, 1)])[0] == pytest.approx(4 + 8 * 10 + 1)


def test_two_buffers_hide_the_array_behind_the_transfers():
    # Each tile's 4 + 6 bytes take longer than its computing: the memory never rests but for the last tile.
    latency = run([(8, 0, 0, 4, 2, 0, 6)], buffers=4)[0]
    assert 8 * 10 <= latency <= 8 * 10 + 2 + 2


def test_one_buffer_hides_nothing():
    assert run([(8, 0, 0, 4, 10, 2, 1)], buffers=1)[0] == pytest.approx(8 * 17)


def test_shared_bytes_are_loaded_once_by_each_core():
    assert run([(8, 100, 0, 1, 1, 0, 1)])[2] == 100 + 8 + 8
    assert run([(8, 100, 0, 1, 1, 0, 1)], cores=2)[2] == 200 + 8 + 8


def test_two_cores_share_the_memory():
    # Alone each would load 10 bytes in 10 ns; together in 20.
    assert run([(2, 0, 0, 10, 5, 0, 0)], cores=2)[0] == pytest.approx(25)
    assert run([(2, 0, 0, 10, 5, 0, 0)], cores=2, dram=2.0)[0] == pytest.approx(15)


def test_weights_are_loaded_before_the_producer_is_done_and_inputs_after():
    latency, _, _, log = run([(1, 0, 0, 1, 50, 0, 1), (1, 0, 20, 5, 10, 0, 1)], [(0, 1)])
    loads = log[(log[:, OPERATOR] == 1) & (log[:, UNIT] == LOAD)]
    assert loads[:, START].tolist() == pytest.approx([1, 52])
    assert latency == pytest.approx(52 + 5 + 10 + 1)


def test_weights_are_loaded_ahead_only_where_the_buffer_has_room_for_them():
    two = [(1, 100, 0, 1, 50, 0, 1)] * 2
    # With room the second's 101 bytes follow the first's; without, they wait for its store at 152.
    assert run(two, room=204, dram=2.0)[0] == pytest.approx(101 + 101 + 50 + 1)
    assert run(two, room=203, dram=2.0)[0] == pytest.approx(152 + 101 + 50 + 1)


def test_independent_operators_run_side_by_side_when_pinned():
    both = [(4, 0, 0, 1, 10, 0, 1), (4, 0, 0, 1, 10, 0, 1)]
    _, _, _, log = run(both, cores=2, pinned=True, dram=4.0)
    assert all(len(set(log[log[:, OPERATOR] == o, CORE])) == 1 for o in (0, 1))
    assert len(set(log[:, CORE])) == 2


amount = st.integers(0, 20).map(float)
graphs = st.lists(
    st.tuples(st.integers(1, 6).map(float), amount, amount, amount, amount, amount, amount),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(
    operators=graphs,
    chosen=st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8),
    cores=st.integers(1, 4),
    buffers=st.integers(1, 3),
    dram=st.sampled_from([0.5, 1.0, 3.0]),
    pinned=st.booleans(),
)
def test_every_schedule_obeys_the_machine(operators, chosen, cores, buffers, dram, pinned):
    edges = [(a, b) for a, b in chosen if a < b < len(operators)]
    latency, busy, moved, log = run(operators, edges, cores=cores, buffers=buffers, dram=dram, pinned=pinned)
    table = np.array(operators)
    # Between what no schedule beats and everything in a row.
    computing = (table[:, 0] * (table[:, 4] + table[:, 5])).sum()
    matrix, vector = (table[:, 0] * table[:, 4]).sum(), (table[:, 0] * table[:, 5]).sum()
    assert latency <= computing + moved / min(1.0, dram) + 1e-6
    assert latency >= max(matrix / cores, vector / cores, moved / min(dram, 2.0 * cores)) - 1e-6
    if cores == buffers == 1:
        assert latency == pytest.approx(computing + moved / min(1.0, dram))
    # All work is done, by units that do one thing at a time.
    assert busy[:, 1].sum() == pytest.approx(matrix)
    for core in range(cores):
        for unit in range(4):
            pieces = log[(log[:, CORE] == core) & (log[:, UNIT] == unit)]
            assert np.all(pieces[1:, START] >= pieces[:-1, END] - 1e-9)
    # No more bytes cross than the memory can give, in any span between two events.
    transfers = log[np.isin(log[:, UNIT], [LOAD, STORE])]
    times = np.unique(log[:, [START, END]])
    for begin, end in pairwise(times):
        inside = transfers[(transfers[:, START] >= begin) & (transfers[:, END] <= end)]
        assert inside[:, events.AMOUNT].sum() <= dram * (end - begin) + 1e-6
    # Nobody reads what is not yet stored.
    for producer, consumer in edges:
        stored = log[(log[:, OPERATOR] == producer), END]
        later = log[(log[:, OPERATOR] == consumer) & (log[:, UNIT] > LOAD), START]
        if stored.size and later.size:
            assert later.min() >= stored.max() - 1e-9


def test_a_networks_latency_lies_between_roofline_and_serial_sum():
    net = network("resnet18").fold_batch_norms()
    columns = {
        "cores": [1, 2, 4, 1, 2, 4],
        "dataflow": [*DATAFLOWS, *DATAFLOWS],
        "schedule": [*SCHEDULES] * 3,
    }
    result = simulate(Npus(**columns), net)
    assert np.all(result.roofline_ns < result.latency_ns)
    assert np.all(result.latency_ns < result.serial_ns)
    assert np.all((result.utilisation > 0) & (result.utilisation <= 1))


def test_a_batch_gives_what_each_design_gives_alone():
    net = network("mobilenet_v2").fold_batch_norms()
    cores, lanes = [1, 2, 8], [8, 64, 16]
    batch = simulate(Npus(cores=cores, vector_lanes=lanes), net, threads=2)
    for i in range(3):
        alone = simulate(Npus(cores=cores[i], vector_lanes=lanes[i]), net)
        assert (alone.latency_ns[0], alone.energy_pj[0]) == (batch.latency_ns[i], batch.energy_pj[i])


@pytest.mark.parametrize(
    "name", ["resnet18", "bert_base"]
)  # the second has embeddings, which only move bytes
def test_the_timeline_is_the_latency_and_its_power_integrates_to_the_energy(name):
    net = network(name).fold_batch_norms()
    npu = Npus(cores=2, array_rows=16)
    result, line = simulate(npu, net), timeline(npu, net)
    assert line.latency_ns == pytest.approx(result.latency_ns[0])
    edges, power = line.power_trace(50)
    assert (power.sum(axis=0) * np.diff(edges)).sum() == pytest.approx(result.energy_pj[0], rel=1e-9)
    assert power.min() >= -1e-9


def test_a_fully_connected_layer_is_what_one_works_out_by_hand():
    # One output-stationary 4 x 4 array, 4 x 4 outputs, depth 8: 8 + 4 + 4 - 2 cycles, twice that at 0.5 GHz.
    layer = MatrixMultiply(name="fc", m=4, n=4, k=8, precision=Precision.uniform(8))
    npu = Npus(
        cores=1,
        array_rows=4,
        array_columns=4,
        dataflow="output_stationary",
        clock_ghz=0.5,
        dma_gb_per_s=1.0,
        dram_gb_per_s=1.0,
        buffers=1,
    )
    result = simulate(npu, Network("one", (layer,), (("input", "fc"),)))
    assert result.serial_ns[0] == result.latency_ns[0] == pytest.approx(32 + 32 + 2 * 14 + 16)
    assert result.dram_bytes[0] == 32 + 32 + 16


def test_a_buffer_that_is_too_small_is_named_and_spoils_nothing():
    net = network("resnet18").fold_batch_norms()
    with pytest.raises(SimulatorError, match="does not fit: .*bytes more than the 1,024"):
        simulate(Npus(buffer_kib=1), net)
    result = simulate(Npus(buffer_kib=[1, 512]), net, on_error="mark")
    assert "does not fit" in result.error[0]
    assert np.isnan(result.latency_ns[0])
    assert result.error[1] == ""
    assert result.latency_ns[1] > 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cores": 0}, "cores must be a whole number from 1 to 1024, got 0"),
        ({"cores": np.nan}, "cores must be a whole number from 1 to 1024, got nan"),
        ({"cores": np.inf}, "cores must be a whole number from 1 to 1024, got inf"),
        ({"cores": "two"}, "NPU column cores must hold numbers, got .'two'"),
        ({"cores": None}, "NPU column cores must hold numbers, got .None"),
        ({"clock_ghz": -1.0}, "clock_ghz must be from 1e-09 to 1e[+]12, got -1.0"),
        ({"clock_ghz": 5e-324}, "clock_ghz must be from 1e-09 to 1e[+]12, got 5e-324"),
        ({"dram_gb_per_s": np.nan}, "dram_gb_per_s must be from 1e-09 to 1e[+]12, got nan"),
        ({"dataflow": "weight"}, "unknown dataflow 'weight'; did you mean 'weight_stationary'"),
    ],
)
def test_what_is_out_of_bounds_is_named(columns, message):
    with pytest.raises(ConfigurationError, match=message):
        simulate(Npus(**columns), network("resnet18"))


def test_threads_have_to_be_at_least_one():
    with pytest.raises(ConfigurationError, match="threads must be at least 1, got 0"):
        simulate(Npus(), network("squeezenet1_1"), threads=0)
