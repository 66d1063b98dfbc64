"""A network on array designs by `timeloop-mapper`: YAML in, `timeloop-mapper.stats.txt` out.

The accelerator is that of our engine `timeloop`, with its energies of each access; the dataflow says which
loops the array may be filled with and along which axis. Timeloop's factors are divisors of a layer's sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch.command_simulator import At, CommandSimulator, Limits, Program, RegexReport, YamlFile
from cosearch_plugins.external.verdicts import judged
from cosearch_simulators.accelerator.mapper.dataflow import FLEXIBLE, refusal
from cosearch_simulators.accelerator.mapping.templates import Template, template
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.accelerator.system.designs import (
    UNITS,
    ArrayDesigns,
    Chip,
    result_of_layers,
)
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import LOOPS, LoopNest, Network

PROGRAM = Program(
    "timeloop-mapper",
    get="https://github.com/NVlabs/timeloop",
    variable="COSEARCH_TIMELOOP_MAPPER",
    setting="external_program",
)
GOALS = {"latency": "delay", "energy": "energy", "edp": "edp"}
VALID_MAPPINGS = {"fast": 500, "thorough": 3000}
"""Mappings that Timeloop looks at since the last better one, by effort."""

DATAFLOWS = (
    "row-stationary",
    "weight-stationary",
    "output-stationary",
    "input-stationary",
    "nvdla-like",
    FLEXIBLE,
)
SIMULATOR = CommandSimulator(
    PROGRAM,
    arguments=("architecture.yaml", "problem.yaml", "mapper.yaml"),
    files={
        name: YamlFile(lambda names, part=part: names["design"][part])  # type: ignore[misc]
        for name, part in (
            ("architecture.yaml", "architecture"),
            ("problem.yaml", "problem"),
            ("mapper.yaml", "mapper"),
        )
    },
    reports=(
        RegexReport(
            "timeloop-mapper.stats.txt",
            {
                "cycles": r"^Cycles: (\d+)",
                "energy_pj": At(r"^\s*Energy \(total\)\s*: (?P<value>\S+) (?P<unit>\S+)", which="sum"),
            },
        ),
    ),
    rejects=r"^.*(no valid mappings? found.*)$",
)


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    mapped_for: str = "edp",
    effort: str = "fast",
    threads: int = 1,
    timeout_s: float = 900.0,
    program: str | None = None,
) -> Result:
    """The metrics of every engine, by the tool; a design that it fails on has its reason."""
    return judged(
        designs,
        () if chip.template else DATAFLOWS,
        np.asarray(designs.dataflow),
        lambda flow, mine, failures: _of_dataflow(
            mine, network, chip, flow, (mapped_for, effort, threads, timeout_s, program), failures
        ),
    )


def files_of(
    architecture: Architecture, nest: LoopNest, flow: Template | None, mapped_for: str, effort: str
) -> dict[str, Any]:
    """A layer on its accelerator in the shapes of Timeloop's files."""
    across, down = architecture.levels[1].array
    return {
        "architecture": {
            "arch": {
                "arithmetic": {
                    "instances": across * down,
                    "meshX": across,
                    "word_bits": architecture.mac.word_bits,
                    "energy-per-op": architecture.mac_pj,
                },
                "storage": [_storage(architecture, level, across * down) for level in range(3)],
            }
        },
        "problem": {"problem": _problem(nest)},
        "mapper": {
            "mapper": {
                "optimization-metrics": [GOALS[mapped_for]],
                "live-status": False,
                "num-threads": 1,
                "timeout": 100_000,
                "victory-condition": VALID_MAPPINGS[effort],
                "max-permutations-per-if-visit": 16,
                "algorithm": "random-pruned",
            },
            **({} if flow is None else {"mapspace_constraints": [_spatial(architecture, flow)]}),
        },
    }


def _storage(architecture: Architecture, number: int, units: int) -> dict[str, Any]:
    level = architecture.levels[number]
    found: dict[str, Any] = {
        "name": level.name,
        "instances": units if number == 0 else 1,
        "word_bits": level.word_bits,
        "block_size": 1,
        "vector-access-energy": architecture.read_pj(level),
    }
    if number == 0:
        found["meshX"] = architecture.levels[1].array[0]
    if level.capacity_words is None:
        found["technology"] = "DRAM"
    else:
        found["entries"] = level.capacity_words
    if level.read_bandwidth_words is not None:
        found["read_bandwidth"] = level.read_bandwidth_words
    if level.write_bandwidth_words is not None:
        found["write_bandwidth"] = level.write_bandwidth_words
    return found


def _problem(nest: LoopNest) -> dict[str, Any]:
    rows = [["R", "Hdilation"], ["P", "Hstride"]]
    columns = [["S", "Wdilation"], ["Q", "Wstride"]]
    steps = {
        "Hstride": nest.stride[0],
        "Wstride": nest.stride[1],
        "Hdilation": nest.dilation[0],
        "Wdilation": nest.dilation[1],
    }
    return {
        "shape": {
            "name": "CNN_Layer",
            "dimensions": list(LOOPS),
            "coefficients": [{"name": name, "default": 1} for name in steps],
            "data_spaces": [
                {"name": "Weights", "projection": [[["G"]], [["C"]], [["K"]], [["R"]], [["S"]]]},
                {"name": "Inputs", "projection": [[["G"]], [["N"]], [["C"]], rows, columns]},
                {
                    "name": "Outputs",
                    "projection": [[["G"]], [["N"]], [["K"]], [["P"]], [["Q"]]],
                    "read_write": True,
                },
            ],
        },
        **{loop: int(size) for loop, size in zip(LOOPS, nest.sizes, strict=True)},
        **steps,
    }


def _spatial(architecture: Architecture, flow: Template) -> dict[str, Any]:
    """Which loops fill the array: the others stay at 1; those along X come first."""
    across, down = flow.spatial
    spread = [*across, *(loop for loop in down if loop not in across)]
    rest = [loop for loop in LOOPS if loop not in spread]
    return {
        "target": architecture.levels[1].name,
        "type": "spatial",
        "factors": " ".join(f"{loop}=1" for loop in rest),
        "permutation": "".join([*spread, *rest]),
        "split": len(across),
    }


def _of_dataflow(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    flow: str,
    asked: tuple[str, str, int, float, str | None],
    failures: set[str],
) -> Result:
    mapped_for, effort, threads, timeout_s, program = asked
    if reason := refusal(network, chip.template or flow):
        return Result.refused(UNITS, [reason] * len(designs))
    dataflow = chip.template or (None if flow == FLEXIBLE else template(flow))
    nests = [nest for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nests))
    times = np.array([nests.count(kind) for kind in kinds], np.float64)
    architectures = [designs.architecture(row, chip) for row in range(len(designs))]
    jobs: list[Mapping[str, Any]] = [
        files_of(one, nest, dataflow, mapped_for, effort) for one in architectures for nest in kinds
    ]
    told = SIMULATOR.run(
        jobs,
        {"cycles": "1", "energy_pj": "pJ"},
        owner="accelerator",
        path=program,
        limits=Limits(timeout_s=timeout_s),
        at_once=threads,
    )
    shape = (len(designs), len(kinds))
    why = [
        next((str(reason) for reason in told.reason[start : start + len(kinds)] if reason), "")
        for start in range(0, len(jobs), len(kinds))
    ]
    failures.update(
        str(reason) for reason, status in zip(told.reason, told.status, strict=True) if status == "failed"
    )
    cycles, energy = (told[name].reshape(shape) for name in ("cycles", "energy_pj"))
    return result_of_layers(
        designs,
        network,
        chip,
        architectures,
        cycles=(cycles * times).sum(axis=1),
        energy_pj=(energy * times).sum(axis=1),
        reasons=why,
    )
