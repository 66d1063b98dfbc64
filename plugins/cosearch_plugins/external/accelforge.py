"""A network on array designs by AccelForge itself, each layer a matrix product that its own mapper maps.

The levels, sizes, rates and energies are those of our engine `timeloop`; the area is ours. AccelForge is
given the dataflows that keep one operand in the registers, by which operands pass along the array; a
convolution is the product of its windows, so that the overlap of windows is not reused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch_plugins.external.jobs import run_jobs
from cosearch_plugins.external.tool_process import ToolError
from cosearch_plugins.external.tools import ACCELFORGE
from cosearch_plugins.external.verdicts import judged, reasons_of
from cosearch_simulators.accelerator.engines.scalesim.systolic import Products
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    result_of_layers,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import Network

STAYING = {
    "weight-stationary": ("weight", "input", "output"),
    "output-stationary": ("output", "input", "weight"),
    "input-stationary": ("input", "weight", "output"),
}
"""By dataflow: what the registers keep, what goes along the columns, and what along the rows."""

ARCHITECTURE = """arch:
  nodes:
  - !Memory
    name: DRAM
    size: inf
    leak_power: 0
    area: 0
    tensors: {{keep: ~Intermediates, may_keep: All}}
    actions:
    - {{name: read, energy: {memory_j}, throughput: {memory_bits_per_s}}}
    - {{name: write, energy: {memory_j}, throughput: {memory_bits_per_s}}}
  - !Memory
    name: Buffer
    size: {buffer_bits}
    total_latency: max(a.n_calls / a.throughput for a in actions)
    leak_power: 0
    area: 0
    tensors: {{keep: All}}
    actions:
    - {{name: read, energy: {buffer_j}, throughput: {buffer_bits_per_s}}}
    - {{name: write, energy: {buffer_j}, throughput: {buffer_bits_per_s}}}
  - !Container
    name: Array
    spatial:
    - {{name: columns, fanout: {columns}, reuse: {along_columns}}}
    - {{name: rows, fanout: {rows}, reuse: {along_rows}}}
  - !Memory
    name: Registers
    size: {register_bits}
    leak_power: 0
    area: 0
    tensors: {{keep: {stays}}}
    actions:
    - {{name: read, energy: {register_j}, throughput: inf}}
    - {{name: write, energy: {register_j}, throughput: inf}}
  - !Compute
    name: MAC
    leak_power: 0
    area: 0
    actions:
    - {{name: compute, energy: {mac_j}, throughput: {clock_hz}}}
"""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    mapped_for: str = "edp",
    effort: str = "fast",
    threads: int = 1,
    **limits: Any,
) -> Result:
    """The metrics of every engine, by the tool; a design that it fails on has its reason.

    Its mapper looks at every mapping that may be the best, so `effort` means nothing to it.
    """
    return judged(
        designs,
        (),
        np.asarray(designs.dataflow),
        lambda flow, mine, failures: _of_dataflow(
            mine, network, chip, flow, mapped_for, threads, limits, failures
        ),
    )


def job_of(
    architecture: Architecture, flow: str, product: Mapping[str, int], mapped_for: str
) -> dict[str, Any]:
    """A product on an accelerator in AccelForge's shapes: energies in J of a bit, rates in bits a second."""
    registers, buffer, memory = architecture.levels
    bits, hertz = architecture.mac.word_bits, architecture.clock_ghz * 1e9
    stays, along_columns, along_rows = STAYING[flow]
    numbers = {
        "memory_j": architecture.read_pj(memory) * 1e-12 / bits,
        "memory_bits_per_s": (memory.read_bandwidth_words or 0) * bits * hertz,
        "buffer_j": architecture.read_pj(buffer) * 1e-12 / bits,
        "buffer_bits_per_s": (buffer.read_bandwidth_words or 0) * bits * hertz,
        "buffer_bits": (buffer.capacity_words or 0) * bits,
        "register_j": architecture.read_pj(registers) * 1e-12 / bits,
        "register_bits": (registers.capacity_words or 0) * bits,
        "mac_j": architecture.mac_pj * 1e-12,
        "clock_hz": hertz,
        "columns": buffer.array[0],
        "rows": buffer.array[1],
    }
    access = {"I": ["m", "k"], "W": ["k", "n"], "O": ["m", "n"]}
    einsum = {
        "name": "layer",
        "tensor_accesses": [
            {"name": name, "projection": loops} | ({"output": True} if name == "O" else {})
            for name, loops in access.items()
        ],
        "renames": {"input": "I", "weight": "W", "output": "O"},
    }
    return {
        "architecture": ARCHITECTURE.format(
            stays=stays, along_columns=along_columns, along_rows=along_rows, **numbers
        ),
        "workload": {
            "workload": {
                "iteration_space_shape": {loop: f"0 <= {loop} < {size}" for loop, size in product.items()},
                "bits_per_value": {"All": bits},
                "einsums": [einsum],
            }
        },
        "mapped_for": mapped_for,
    }


def _of_dataflow(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    flow: str,
    mapped_for: str,
    threads: int,
    limits: Mapping[str, Any],
    failures: set[str],
) -> Result:
    if flow not in STAYING:
        return Result.refused(UNITS, [f"AccelForge is not given dataflow {flow}"] * len(designs))
    nests = [nest for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nests))
    times = np.array([nests.count(kind) for kind in kinds], np.float64)
    products = Products.of(kinds)
    sizes = {name: np.asarray(getattr(products, name)) for name in ("m", "n", "k")}
    times = times * np.asarray(products.groups)
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]
    jobs = [
        job_of(one, flow, {name: int(size[at]) for name, size in sizes.items()}, mapped_for)
        for one in architectures
        for at in range(len(kinds))
    ]
    answers = run_jobs(ACCELFORGE, jobs, workers=threads, **limits)
    reasons = reasons_of(answers, len(kinds))
    failures.update(set(reasons) - {""})

    def column(name: str) -> Any:
        values = [np.nan if isinstance(one, ToolError) else one[name] for one in answers]
        return np.array(values).reshape(len(designs), len(kinds))

    cycles = column("latency_s") * np.asarray(designs.clock_ghz)[:, None] * 1e9
    return result_of_layers(
        designs,
        network,
        chip,
        architectures,
        cycles=(cycles * times).sum(axis=1),
        energy_pj=(column("energy_j") * 1e12 * times).sum(axis=1),
        reasons=reasons,
    )
