"""A network on array designs by MAESTRO's rules: each layer under its dataflow's directives.

The directives are those of the paper (Kwon et al., MICRO 2019, table 3): YR-P of Eyeriss, KC-P of NVDLA and
YX-P of ShiDianNao, with clusters as large as a side of the array. A matrix product is a convolution of one
pixel a row, as GAMMA writes it. Registers and buffer must hold what the dataflow requires, double-buffered.
Energy is that of its counts; the memory moves each tensor once.
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.accelerator.engines.maestro.directives import Dataflows, Directive, parse_directives
from cosearch_simulators.accelerator.engines.maestro.evaluation import Hardware, evaluate_dataflow
from cosearch_simulators.accelerator.engines.maestro.layer import Layer
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    in_groups,
    result_of_layers,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads import Network

WINDOW = "TemporalMap(Sz(R),Sz(R)) R; TemporalMap(Sz(S),Sz(S)) S;"
DIRECTIVES = {
    "row-stationary": f"""TemporalMap(1,1) C; {{K}} SpatialMap(1,1) Y'; TemporalMap(1,1) X'; {WINDOW}
        Cluster(Sz(R),P); SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(Sz(S),Sz(S)) S;""",
    "weight-stationary": f"""SpatialMap(1,1) K; TemporalMap({{rows}},{{rows}}) C; {WINDOW}
        TemporalMap(1,1) Y'; TemporalMap(1,1) X'; Cluster({{rows}},P); SpatialMap(1,1) C; {WINDOW}""",
    "output-stationary": f"""{{K}} SpatialMap(1,1) Y'; TemporalMap({{columns}},{{columns}}) X';
        TemporalMap(1,1) C; {WINDOW} Cluster({{columns}},P); SpatialMap(1,1) X';""",
}
"""By dataflow; `K` is the map of output channels, which a depthwise layer has not."""

DATAFLOWS = tuple(DIRECTIVES)
HELD: dict[str, tuple[object, str]] = {}
"""Parameters that the rules do not know: the value that they have, and why."""


def admits(network: Network) -> str:
    """Why the rules cannot express a network; empty if they can."""
    for operator in network.matrix_operators:
        try:
            _layer(operator.loop_nest())
        except SimulatorError as error:
            return f"{operator.name}: {error}"
    return ""


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    threads: int | None = None,
) -> Result:
    """The metrics of `UNITS`; the designs of one dataflow in one call for each layer.

    Args:
        designs: n of them, with a dataflow of `DATAFLOWS`.
        network: what runs.
        chip: what they have in common.
        threads: not used: the closed form needs one.
    """
    return in_groups(
        designs,
        DATAFLOWS,
        np.asarray(designs.dataflow),
        lambda flow, mine: _of_dataflow(mine, network, chip, flow),
    )


def _of_dataflow(designs: ArrayDesigns, network: Network, chip: Chip, flow: str) -> Result:
    layers = [(one.name, nest) for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = {nest: name for name, nest in reversed(layers)}
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]
    rows, columns = np.asarray(designs.array_rows), np.asarray(designs.array_columns)
    bits = np.asarray(designs.bits)
    rate = np.asarray(designs.memory_gb_per_s) / (bits / 8) / np.asarray(designs.clock_ghz)
    hardware = Hardware(
        rows * columns,
        np.maximum(np.asarray(designs.buffer_words_per_cycle), 1).astype(np.int64),
        np.maximum(rate, 1).astype(np.int64),
    )
    register, buffer, memory = (
        np.array([one.read_pj(one.levels[level]) for one in architectures]) for level in range(3)
    )
    mac = np.array([one.mac_pj for one in architectures])
    held = np.asarray(designs.register_words), np.asarray(designs.buffer_kib) * 8192 // bits
    cycles, energy = np.zeros(len(designs)), np.zeros(len(designs))
    reasons = [""] * len(designs)
    for nest, name in kinds.items():
        times = sum(other == nest for _, other in layers)
        try:
            layer = _layer(nest)
            flows = Dataflows.of(
                layer, [_directives(layer, flow, int(r), int(c)) for r, c in zip(rows, columns, strict=True)]
            )
            found = evaluate_dataflow(layer, flows, hardware)
        except SimulatorError as error:
            return Result.refused(UNITS, [f"{name}: {error}"] * len(designs))
        needed = found.l1_bytes.sum(axis=1), found.l2_bytes.sum(axis=1)  # a byte is a word here
        for row in range(len(designs)):
            if reasons[row]:
                continue
            if found.reason[row]:
                reasons[row] = f"{name}: {found.reason[row]}"
            for what, words, room in zip(("registers", "buffer"), needed, held, strict=True):
                if words[row] > room[row] and not reasons[row]:
                    reasons[row] = (
                        f"{name}: the dataflow needs {words[row]} words of {what}, double-buffered, "
                        f"there are {room[row]}"
                    )
        once = sum(layer.tensor_sizes)
        cycles += times * found.runtime_cycles
        energy += times * (
            found.macs * mac
            + (found.l1_reads + found.l1_writes).sum(axis=1) * register
            + (found.l2_reads + found.l2_writes).sum(axis=1) * buffer
            + once * memory
        )
    return result_of_layers(
        designs,
        network,
        chip,
        architectures,
        cycles=cycles,
        energy_pj=energy,
        reasons=reasons,
    )


def _layer(nest: object) -> Layer:
    found = Layer.of_nest(nest)  # type: ignore[arg-type]
    if found.kind != "GEMM":
        return found
    return Layer.of(
        "CONV", {"K": found.size("N"), "C": found.size("K"), "Y": found.size("M"), "X": 1, "R": 1, "S": 1}
    )


def _directives(layer: Layer, flow: str, rows: int, columns: int) -> tuple[Directive, ...]:
    if layer.kind == "DSCONV" and flow == "weight-stationary":
        raise SimulatorError(
            "weight-stationary spreads input and output channels, a depthwise layer has no output channels"
        )
    outputs = "TemporalMap(1,1) K;" if layer.kind == "CONV" else ""
    return parse_directives(DIRECTIVES[flow].format(K=outputs, rows=rows, columns=columns), layer)
