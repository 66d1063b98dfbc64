"""Problems of several groups or fidelities, in a module of their own so that worker processes find them."""

from __future__ import annotations

import numpy as np

from cosearch import Constraint, DesignSpace, Fidelity, Integer, Metric, Objective, Ordinal, Problem

NETWORK = ("network.depth", "network.width", "precision.bits")
HARDWARE = ("hardware.rows", "hardware.columns")


class Pair(Problem):
    """A network whose accuracy no hardware changes, and hardware that fits a network or does not."""

    name = "network-and-hardware"
    space = DesignSpace.join(
        network=DesignSpace([Integer("depth", 1, 12, default=3), Integer("width", 1, 12, default=3)]),
        precision=DesignSpace([Ordinal("bits", (4, 8, 16), default=8)]),
        hardware=DesignSpace([Integer("rows", 1, 12, default=2), Integer("columns", 1, 12, default=2)]),
        forbidden=["network.depth * hardware.rows > 100"],
    )
    metrics = (Metric("accuracy", "%"), Metric("latency_ns", "ns"))
    objectives = (Objective("accuracy", "max"), Objective("latency_ns", "min"))
    constraints = (Constraint("latency_ns", "<=", 60),)

    def simulate(self, designs, *, fidelity, seed):
        depth, width, bits = (np.asarray(designs[name], dtype=float) for name in NETWORK)
        rows, columns = (np.asarray(designs[name], dtype=float) for name in HARDWARE)
        work = depth * width * bits
        return {
            "accuracy": 60 + depth + width + bits / 4,
            "latency_ns": work / (rows * columns) + (depth - rows) ** 2 + (width - columns) ** 2,
        }


class Rough(Problem):
    """A distance that rough evaluations see through noise of their own."""

    name = "rough"
    space = DesignSpace([Integer(f"x{i}", 0, 30) for i in range(4)])
    fidelities = (Fidelity("sketch", 0.04), Fidelity("draft", 0.2), Fidelity("exact", 1.0))
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss", "min"),)

    def simulate(self, designs, *, fidelity, seed):
        index = designs.index
        loss = ((index - np.array([7, 23, 11, 30])) ** 2).sum(axis=1).astype(float)
        noise = {"sketch": 60.0, "draft": 20.0, "exact": 0.0}[fidelity]
        wobble = np.sin(index @ np.array([12.9898, 78.233, 37.719, 4.581]))
        return {"loss": loss + noise * wobble}


class RoughFront(Rough):
    """Two distances."""

    name = "rough-front"
    metrics = (Metric("loss", "1"), Metric("other", "1"))
    objectives = (Objective("loss", "min"), Objective("other", "min"))

    def simulate(self, designs, *, fidelity, seed):
        other = ((designs.index - np.array([20, 2, 18, 5])) ** 2).sum(axis=1).astype(float)
        return {**super().simulate(designs, fidelity=fidelity, seed=seed), "other": other}
