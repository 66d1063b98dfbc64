"""Studies for the tests of reports: a made-up accelerator with every kind of parameter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.space import (
    Categorical,
    Designs,
    DesignSpace,
    Integer,
    Ordinal,
    Permutation,
    Real,
)
from cosearch.store import StudyData, StudyRecord

METRICS = [
    {"name": "latency_ns", "unit": "ns", "description": "of one inference"},
    {"name": "energy_pj", "unit": "pJ", "description": "of one inference"},
    {"name": "area_mm2", "unit": "mm2", "description": "of the chip"},
    {"name": "top1", "unit": "1", "description": "accuracy"},
]
ALL_OBJECTIVES = ("latency_ns:min", "energy_pj:min", "area_mm2:min", "top1:max")
SPACE = DesignSpace(
    [
        Ordinal("rows", [4, 8, 16, 32, 64]),
        Ordinal("columns", [4, 8, 16, 32, 64]),
        Categorical("dataflow", ["weight_stationary", "output_stationary", "row_stationary"]),
        Integer("buffer_kb", 16, 4096, log=True),
        Real("voltage_v", 0.6, 1.1),
        Permutation("loop_order", ["K", "C", "P"]),
        Categorical("compression", [False, True]),
        Integer("index_bits", 2, 8, when={"compression": True}),
        Ordinal("bits", [4, 8, 16]),
        Integer("dram_channels", 1, 8),
        Categorical("row_policy", ["open", "closed", "adaptive"]),
        Real("refresh_ms", 1, 64, log=True),
        Integer("queue_entries", 8, 64, step=8),
    ],
    name="test-chip",
)


def simulate(designs: Designs) -> Outcomes:
    """Smooth trade-offs between the four metrics; some designs are rejected, some fail."""
    lanes = (designs["rows"] * designs["columns"]).astype(float)
    bits, volts, buffer_kb = (
        designs["bits"].astype(float),
        designs["voltage_v"],
        designs["buffer_kb"].astype(float),
    )
    reuse = np.select(
        [designs["dataflow"] == "row_stationary", designs["dataflow"] == "output_stationary"], [1.6, 1.3], 1
    )
    order = np.where(designs["loop_order"][:, 0] == "K", 1.0, 1.25)
    packed = np.where(designs["compression"], 0.6 + 0.05 * designs["index_bits"], 1.0)
    memory = 4e5 * packed * bits / 8 / designs["dram_channels"] / np.sqrt(buffer_kb / 16) / reuse
    latency = (1e8 / lanes / (volts - 0.3) + memory) * order
    # leakage grows with the array and the time, so that a small, slow array can use less energy
    energy = 3e6 * volts**2 * bits * order + 30 * lanes**1.5 * bits * volts**2 + 20 * memory
    area = 0.4 + 4e-4 * lanes * bits + 1.5e-3 * buffer_kb + 0.3 * designs["dram_channels"]
    top1 = (
        0.76
        - 0.09 * (bits == 4)
        - 0.01 * (bits == 8)
        - 0.02 * designs["compression"]
        + 1e-5 * designs["refresh_ms"]
    )
    errors = np.where(lanes * bits > 40_000, "the array does not fit the reticle", "")
    latency[(designs["queue_entries"] == 64) & (designs["dram_channels"] == 8)] = np.nan
    return Outcomes.of(
        {"latency_ns": latency, "energy_pj": energy, "area_mm2": area, "top1": top1}, errors=errors.tolist()
    )


def make_study(
    n: int,
    objectives: Sequence[str] = ALL_OBJECTIVES[:2],
    *,
    agent: str = "random",
    seed: int = 0,
    name: str | None = None,
    constraints: Sequence[str] = ("area_mm2<=12",),
    space: DesignSpace = SPACE,
    designs: Designs | None = None,
    outcomes: Outcomes | None = None,
    metrics: Sequence[dict[str, str]] = METRICS,
    fidelity_of: np.ndarray | None = None,
    seed_of: np.ndarray | None = None,
    **changes: Any,
) -> StudyData:
    """A finished study of n distinct random designs, or of the designs and outcomes given.

    The agent `evolution` draws its second half around the best designs of its first.
    """
    rng = np.random.default_rng([seed, len(agent)])
    if designs is None:
        designs = space.sample(n, rng)
        if agent == "evolution" and n > 1:
            designs = _refined(designs, objectives, rng)
        designs = designs[
            list(dict(zip(reversed(designs.keys()), reversed(range(n)), strict=True)).values())[::-1]
        ]
    outcomes = simulate(designs) if outcomes is None else outcomes
    record = {
        "id": seed + 1,
        "workload_digest": "",
        "name": name or f"accelerator-{agent}-{seed}",
        "problem": "test-chip",
        "problem_version": 0,
        "problem_arguments": {"workload": "resnet18", "batch": 4},
        "fidelity": "analytical",
        "objectives": list(objectives),
        "constraints": list(constraints),
        "metrics": list(metrics),
        "space": space.to_dict(),
        "space_hash": space.hash(),
        "agent": agent,
        "agent_settings": {"population": 32} if agent == "evolution" else {},
        "seed": seed,
        "budget": n,
        "agent_budget": n,
        "batch_size": 16,
        "workers": 1,
        "timeout_s": None,
        "memory_mb": None,
        "created_at": "2026-01-02T03:04:05+00:00",
        "versions": {"python": "3.11.2", "cosearch": "0.1.0", "numpy": "2.1.0"},
        "host": {"system": "Linux", "machine": "x86_64", "cores": 2},
        "command": f"cosearch search accelerator --agent {agent} --budget {n} --seed {seed}",
        "status": "finished",
        "stopped_because": "the budget is spent",
        "evaluations": len(designs),
        "seconds": 12.5,
    } | changes
    return StudyData(
        record=StudyRecord(**record),
        space=space,
        designs=designs,
        outcomes=outcomes,
        fidelity=np.full(len(designs), record["fidelity"]) if fidelity_of is None else fidelity_of,
        seed=np.zeros(len(designs), dtype=np.int64) if seed_of is None else seed_of,
        seconds=np.linspace(0, 12.5, len(designs)),
        told=np.arange(len(designs)),
        objectives=tuple(Objective.parse(text) for text in objectives),
        constraints=tuple(Constraint.parse(text) for text in constraints),
    )


def _refined(designs: Designs, objectives: Sequence[str], rng: np.random.Generator) -> Designs:
    space, half = designs.space, len(designs) // 2
    outcomes = simulate(designs[:half])
    score = np.zeros(half)
    for text in objectives:
        objective = Objective.parse(text)
        values = outcomes[objective.metric] * (1 if objective.direction == "min" else -1)
        score += np.argsort(np.argsort(values))
    parents = space.to_unit(designs[:half])[np.argsort(score)[: max(half // 10, 1)]]
    children = parents[rng.integers(0, len(parents), len(designs) - half)]
    moved = rng.random(children.shape) < 0.25
    children = np.where(moved, rng.random(children.shape), children)
    return Designs.concat([designs[:half], space.from_unit(children)])  # a few of them twice
