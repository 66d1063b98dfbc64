"""A network on array designs by SCALE-Sim's rules: each layer's product is folded on the array.

The shared buffer is cut into three equal ones, of inputs, weights and outputs, and so are the memory's
words a cycle: SCALE-Sim has a buffer and a bandwidth for each. Energy is that of its counts: words between
buffers and array, words between memory and buffers, and multiply-accumulates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.scalesim.systolic import (
    Products,
    SystolicArray,
    SystolicResults,
    simulate_systolic,
)
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    in_groups,
    result_of_layers,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads import LoopNest, Network

CODES = {"output-stationary": "os", "weight-stationary": "ws", "input-stationary": "is"}
DATAFLOWS = tuple(CODES)
HELD: dict[str, tuple[object, str]] = {
    "register_words": (16, "its units keep one operand; registers cost area alone"),
    "buffer_words_per_cycle": (128, "its buffers feed the array in every cycle"),
}
"""Parameters that the rules do not know: the value that they have, and why."""


def admits(network: Network) -> str:
    """Why the rules cannot express a network: they can any whose counts fit into 64 bits."""
    return ""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    array: SystolicArray | None = None,
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`, all designs and layers at once.

    Args:
        designs: n of them, with a dataflow of `DATAFLOWS`.
        network: what runs.
        chip: what they have in common.
        array: buffers and bandwidths of all designs, in place of equal parts of theirs.
        threads: not used: the closed form needs one.
    """
    return in_groups(
        designs, DATAFLOWS, np.zeros(len(designs)), lambda _, mine: _evaluate(mine, network, chip, array)
    )


def _evaluate(designs: ArrayDesigns, network: Network, chip: Chip, array: SystolicArray | None) -> Result:
    nests = [nest for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nests))
    times = np.array([nests.count(kind) for kind in kinds], np.float64)
    try:
        found = simulate_systolic(Products.of(kinds), array or arrays_of(designs))
    except SimulatorError as error:
        return Result.refused(UNITS, [str(error)] * len(designs))
    return costed(designs, network, chip, kinds, times, found, [""] * len(designs))


def costed(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    kinds: Sequence[LoopNest],
    times: NDArray[np.float64],
    found: SystolicResults,
    reasons: Sequence[str],
) -> Result:
    """The metrics of `UNITS` from the cycles and words of each design's layers.

    Args:
        designs: n of them.
        network: what runs.
        chip: what they have in common.
        kinds: the k different layers.
        times: (k,) how often each runs.
        found: (n, k) of each.
        reasons: (n,) why a design has no result; empty where it has.
    """
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]
    cycles = ((found.total_cycles + found.prefetch_cycles) * times).sum(axis=1)
    outputs = np.array([kind.tensor_sizes["Outputs"] for kind in kinds])
    bits = np.asarray(designs.bits)[:, None]
    sum_words = chip.accumulation_bits / bits
    buffer, memory = (
        np.array([[one.read_pj(one.levels[level])] for one in architectures]) for level in (1, 2)
    )
    written = found.sram_outputs_writes * sum_words
    # Partial sums leave at their own width, the last of each output at that of activations.
    leaving = (found.dram_outputs_writes - outputs) * sum_words + outputs
    moved = found.dram_inputs_reads + found.dram_weights_reads + leaving
    layer_pj = (
        np.array([kind.macs for kind in kinds]) * np.array([[one.mac_pj] for one in architectures])
        + (found.sram_inputs_reads + found.sram_weights_reads + written + moved) * buffer
        + moved * memory
    )
    return result_of_layers(
        designs,
        network,
        chip,
        architectures,
        cycles=cycles,
        energy_pj=(layer_pj * times).sum(axis=1),
        reasons=reasons,
    )


def arrays_of(designs: ArrayDesigns) -> SystolicArray:
    """The arrays, a row a design, beside the layers."""
    word_bytes = np.asarray(designs.bits) / 8
    buffer = (np.asarray(designs.buffer_kib) * 1024 / word_bytes).astype(np.int64) // 3
    rate = np.asarray(designs.memory_gb_per_s) / word_bytes / np.asarray(designs.clock_ghz) / 3
    words = np.maximum(buffer, 2)[:, None]
    words_a_cycle = np.maximum(np.floor(rate), 1).astype(np.int64)[:, None]
    return SystolicArray(
        np.asarray(designs.array_rows)[:, None],
        np.asarray(designs.array_columns)[:, None],
        np.array([CODES[flow] for flow in np.asarray(designs.dataflow).tolist()])[:, None],
        *(words,) * 3,
        *(words_a_cycle,) * 3,
    )
