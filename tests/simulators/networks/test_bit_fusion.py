"""The multipliers of bricks against Bit Fusion's own simulator, as APQ ran it: nothing here is fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.costs import Accelerators, Precisions
from cosearch_simulators.networks.costs.bound import bound
from cosearch_simulators.networks.costs.jobs import jobs
from cosearch_simulators.networks.networks import LayerTable, collect


@pytest.fixture(scope="module")
def compared(reference):
    """Latency and energy of convolutions with one group, ours and the tool's, and their bits.

    The machine is the tool's `bf_e_conf.ini`: 16 rows, 32 columns, 112 KiB, 192 bits from memory in a cycle
    at 500 MHz. The tool fetches and stores 32-bit sums of every output: 64 bits, where results would have 8.
    """
    pandas = pytest.importorskip("pandas")
    table = pandas.read_parquet(reference / "nas" / "apq_bitfusion_lut.parquet")
    table = table[table.groups == 1]
    names = ("in_ch", "out_ch", "input_size", "kernel", "stride", "pad_flag", "w_bits", "a_bits")
    c, k, size, kernel, stride, padding, w, a = (table[name].to_numpy().astype(int) for name in names)
    n = len(table)
    builder = BatchBuilder(n)
    builder.convolution("layer", builder.input(c, size), k, kernel, stride, padding=padding, bias=False)
    machine = Accelerators(
        array_rows=[16] * n,
        array_columns=32,
        multiplier="fusion-8",
        register_bytes=16,
        buffer_kib=112,
        buffer_banks=48,
        buffer_bytes_per_cycle=16 * 8 + 32 * 8 + 32 * 4,
        memory_gb_per_s=12.0,
        dataflow="nvdla-like",
        clock_ghz=0.5,
    )
    work = jobs(collect(builder, LayerTable(), 1), machine, Precisions.of(n, 1, w, a), 45.0)
    bits = work.bits.copy()
    bits[:, 2] = 64
    ours = bound(replace(work, bits=bits), ["nvdla-like"] * n)[work.pair]
    return ours[:, 0] / 0.5e6, table.latency_ms.to_numpy(), ours[:, 1] / 1e9, table.energy_mj.to_numpy(), w, a


def spearman(x, y):
    return np.corrcoef(*(np.argsort(np.argsort(column)) for column in (x, y)))[0, 1]


def test_latencies_rank_alike_and_are_of_one_size(compared):
    ours, theirs, _, _, _, _ = compared
    assert len(ours) > 1500
    assert spearman(ours, theirs) > 0.95
    assert 0.9 < np.median(ours / theirs) < 1.05


def test_a_layer_that_the_memory_holds_up_takes_exactly_as_long(compared):
    ours, theirs, _, _, w, a = compared
    narrow = (w == 4) & (a == 4)
    np.testing.assert_allclose(np.median(ours[narrow] / theirs[narrow]), 1.0, atol=0.01)


def test_six_bits_take_the_bricks_of_eight(compared):
    ours, theirs, _, _, w, a = compared
    for column in (ours, theirs):
        totals = {pair: column[(w == pair[0]) & (a == pair[1])].sum() for pair in ((6, 6), (8, 8))}
        assert 0.9 < totals[6, 6] / totals[8, 8] <= 1.0


def test_energies_rank_alike_and_are_of_one_size(compared):
    _, _, ours, theirs, _, _ = compared
    assert spearman(ours, theirs) > 0.9
    assert 0.9 < np.median(ours / theirs) < 1.2
