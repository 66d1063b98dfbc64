"""Convolutions of Bit Fusion's own simulator, as APQ ran it, on the bound of a machine like the tool's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.costs import Accelerators, Precisions
from cosearch_simulators.networks.costs.bound import bound
from cosearch_simulators.networks.costs.jobs import jobs
from cosearch_simulators.networks.networks import LayerTable, collect

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "nas" / "apq_bitfusion_lut.parquet"


def compared(*, grouped=False, dataflow="nvdla-like"):
    """Latency in ms, ours and the tool's, energy in mJ, likewise, and the bits of weights and inputs.

    The machine is the tool's `bf_e_conf.ini`: 16 rows, 32 columns, 112 KiB, 192 bits from memory in a cycle
    at 500 MHz. The tool fetches and stores 32-bit sums of every output: 64 bits, where results would have 8.
    """
    import pandas

    table = pandas.read_parquet(REFERENCE)
    table = table[(table.groups > 1) == grouped]
    names = ("in_ch", "out_ch", "input_size", "kernel", "stride", "pad_flag", "groups", "w_bits", "a_bits")
    c, k, size, kernel, stride, padding, groups, w, a = (table[name].to_numpy().astype(int) for name in names)
    n = len(table)
    builder = BatchBuilder(n)
    x = builder.input(c, size)
    builder.convolution("layer", x, k, kernel, stride, padding=padding, groups=groups, bias=False)
    machine = Accelerators(
        array_rows=[16] * n,
        array_columns=32,
        multiplier="fusion-8",
        register_bytes=16,
        buffer_kib=112,
        buffer_banks=48,
        buffer_bytes_per_cycle=16 * 8 + 32 * 8 + 32 * 4,
        memory_gb_per_s=12.0,
        dataflow=dataflow,
        clock_ghz=0.5,
    )
    work = jobs(collect(builder, LayerTable(), 1), machine, Precisions.of(n, 1, w, a), 45.0)
    bits = work.bits.copy()
    bits[:, 2] = 64
    ours = bound(replace(work, bits=bits), [dataflow] * n)[work.pair]
    latency, energy = table.latency_ms.to_numpy(), table.energy_mj.to_numpy()
    return ours[:, 0] / 0.5e6, latency, ours[:, 1] / 1e9, energy, w, a
