"""A network on an accelerator of ZigZag's description: each layer with the best mapping that is found.

Which loops the array unrolls is searched too: one loop along each of its dimensions, as much of it as array,
layer and memories allow. ZigZag reads it from a mapping file. Inputs are the memory operand I1, weights I2
and outputs O.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, permutations

import numpy as np

from cosearch_simulators.accelerator.engines.zigzag.hardware import Hardware
from cosearch_simulators.accelerator.engines.zigzag.layer import Layer, Unrolling, layer_of
from cosearch_simulators.accelerator.engines.zigzag.mapper import Objective, find_mapping
from cosearch_simulators.accelerator.engines.zigzag.mapping import MappingError, Model, UnevenCost
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads import LoopNest, Network, Precision

LINKS = {"Inputs": "I1", "Weights": "I2", "Outputs": "O"}
UNROLLED = "KCPQGN"
"""Loops that may be unrolled, those first that usually fill an array."""

MOST_UNROLLINGS = 12
EVALUATIONS = {"fast": 200, "thorough": 4_000}
"""Mappings that the local search looks at for each unrolling, by effort."""

METRICS = ("latency_ns", "energy_pj", "edp_pj_s", "power_mw", "utilisation", "cycles")


def evaluate_hardware(
    hardware: Hardware,
    network: Network,
    *,
    clock_ghz: float = 1.0,
    bits: int | None = None,
    mapped_for: Objective = "edp",
    effort: str = "fast",
    threads: int | None = None,
) -> Result:
    """The metrics of `METRICS`, of one design.

    Args:
        hardware: the accelerator.
        network: what runs; its vector operators cost nothing.
        clock_ghz: turns cycles into time.
        bits: of weights and activations; None: those of each operator.
        mapped_for: what each layer's mapping is the best for.
        effort: of `EVALUATIONS`.
        threads: layers mapped at once; None: as many as cores.
    """
    from concurrent.futures import ThreadPoolExecutor

    wanted = {held for held in LINKS.values() if not hardware.hierarchy(held)}
    if wanted:
        return Result.refused(METRICS, [f"{hardware.name}: no memory holds the operand {min(wanted)}"])
    layers = [
        (one.name, nest, one.precision if bits is None else Precision.uniform(bits))
        for one in network.matrix_operators
        if (nest := one.loop_nest()) is not None
    ]
    kinds = list(dict.fromkeys((nest, precision) for _, nest, precision in layers))

    def cost(kind: tuple[LoopNest, Precision]) -> UnevenCost | str:
        return _best(hardware, *kind, mapped_for, EVALUATIONS[effort])

    workers = min(threads_of(threads), max(len(kinds), 1))
    if workers == 1:
        found = [cost(kind) for kind in kinds]
    else:
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(cost, kinds))
    cycles = energy = 0.0
    for name, nest, precision in layers:
        best = found[kinds.index((nest, precision))]
        if isinstance(best, str):
            return Result.refused(METRICS, [f"{name}: {best}"])
        cycles, energy = cycles + float(best.latency_cycles), energy + best.energy_pj
    latency_ns = cycles / clock_ghz
    units = float(np.prod(list(hardware.array.values())))
    columns = {
        "latency_ns": [latency_ns],
        "energy_pj": [energy],
        "edp_pj_s": [energy * latency_ns * 1e-9],
        "power_mw": [energy / latency_ns],
        "utilisation": [network.macs / (units * cycles)],
        "cycles": [cycles],
    }
    return Result.of(columns, [""])


def sum_bits(hardware: Hardware, precision: Precision) -> int:
    """Of partial sums: those of the operator, at most what the innermost memory of outputs holds."""
    inner = hardware.memories[hardware.hierarchy(LINKS["Outputs"])[0]]
    return max(min(precision.accumulation_bits, inner.size_bits), 1)


def _best(
    hardware: Hardware, nest: LoopNest, precision: Precision, mapped_for: Objective, evaluations: int
) -> UnevenCost | str:
    sums = sum_bits(hardware, precision)
    bits = {"Inputs": precision.input_bits, "Weights": precision.weight_bits, "Outputs": sums}
    layer = layer_of(nest, bits, min(precision.output_bits, sums), "layer")
    best: UnevenCost | None = None
    score, reason = np.inf, "no loop can be unrolled"
    for along in islice(_unrollings(hardware, layer), MOST_UNROLLINGS):
        try:
            unrolling = Unrolling(along, LINKS).limited(layer, hardware)
            unrolling = Unrolling(
                {
                    d: kept
                    for d, loops in unrolling.along.items()
                    if (kept := tuple(x for x in loops if x[1] > 1))
                },
                LINKS,
            )
            found = find_mapping(Model(hardware, layer, unrolling), mapped_for, evaluations=evaluations).cost
        except (MappingError, ConfigurationError) as error:
            reason = str(error)
            continue
        cycles, energy = float(found.latency_cycles), found.energy_pj
        mine = {"latency": cycles, "energy": energy, "edp": cycles * energy}[mapped_for]
        if mine < score:
            best, score = found, mine
    return best or reason


def _unrollings(hardware: Hardware, layer: Layer) -> Iterator[dict[str, tuple[tuple[str, int], ...]]]:
    """One loop along each dimension of the array, those that fill it first."""
    dimensions = [name for name, size in hardware.array.items() if size > 1]
    loops = [loop for loop in UNROLLED if layer.loops[loop] > 1]
    choices: list[tuple[float, int, dict[str, tuple[tuple[str, int], ...]]]] = []
    for chosen in permutations(loops, min(len(dimensions), len(loops))):
        for places in permutations(range(len(dimensions)), len(chosen)):
            if list(places) == sorted(places):
                along: dict[str, tuple[tuple[str, int], ...]] = {
                    dimensions[place]: ((loop, min(layer.loops[loop], hardware.array[dimensions[place]])),)
                    for place, loop in zip(places, chosen, strict=True)
                }
                filled = np.prod([factor for own in along.values() for _, factor in own])
                choices.append((-float(filled), len(choices), along))
    yield from (along for _, _, along in sorted(choices, key=lambda choice: choice[:2]))
    if not choices:
        yield {}
