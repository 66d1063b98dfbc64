"""Problems that take time, draw random numbers or can be evaluated roughly, and agents that use it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import (
    Agent,
    Designs,
    DesignSpace,
    Fidelity,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Outcomes,
    Problem,
    Proposals,
    Results,
    hookimpl,
)


class Unhurried(Problem):
    """Takes as many milliseconds for a design as the design says."""

    name = "unhurried"
    space = DesignSpace([Integer("milliseconds", 0, 40), Integer("x", 0, 999)])
    metrics = (Metric("loss", "1"), Metric("pid", "1", "of the process that ran it"))
    objectives = (Objective("loss"),)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        import os

        time.sleep(float(designs["milliseconds"].sum()) / 1000)
        return {"loss": (designs["x"] - 500.0) ** 2, "pid": np.full(len(designs), float(os.getpid()))}


class Brief(Problem):
    """Two losses that take 2 ms for each design."""

    name = "brief"
    space = DesignSpace([Integer("x", 0, 99), Integer("y", 0, 99), Ordinal("z", [1, 2, 4, 8])])
    metrics = (Metric("left", "1"), Metric("right", "1"))
    objectives = (Objective("left"), Objective("right"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        time.sleep(0.002 * len(designs))
        x, y, z = designs["x"] - 50.0, designs["y"] - 30.0, designs["z"]
        return {"left": x**2 + y**2 + z, "right": (x - 20) ** 2 + (y + 10) ** 2 + 8 / z}


class Rough(Problem):
    """A loss that a rough fidelity sees with an error, for a tenth of the cost."""

    name = "rough"
    space = DesignSpace([Integer("x", 0, 99), Ordinal("y", [1, 2, 4, 8])])
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss"),)
    fidelities = (Fidelity("sketch", 0.1, "rounded to tens"), Fidelity("whole"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        loss = (designs["x"] - 40.0) ** 2 + designs["y"]
        return {"loss": np.round(loss, -1) if fidelity == "sketch" else loss}


class Noisy(Problem):
    """A loss with noise that the evaluation's seed draws, and its standard error."""

    name = "noisy"
    seeded = True
    space = DesignSpace([Integer("x", 0, 99)])
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss"),)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        noise = np.array([np.random.default_rng([seed, int(x)]).normal() for x in designs["x"]])
        error = np.full(len(designs), 1.0)
        return Outcomes.of({"loss": designs["x"] + noise}, standard_error={"loss": error})


class Screener(Agent):
    """Asks eight designs roughly, then the best of them at the task's own fidelity."""

    name = "screener"
    generational = True
    batch_size = 8

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.best: Designs | None = None

    def ask(self, n: int) -> Proposals:
        if self.best is not None:
            return Proposals(self.best)
        return Proposals(self.space.sample(n, self.rng), self.task.fidelities[0].name)

    def tell(self, results: Results) -> None:
        rough = results.fidelity[0] != self.task.fidelity
        best = int(np.nanargmin(results.outcomes["loss"]))
        self.best = results.designs[best : best + 1] if rough else None


class Repeater(Agent):
    """Asks the same design with other seeds."""

    name = "repeater"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = 0

    def ask(self, n: int) -> Proposals:
        seeds = np.arange(self.asked, self.asked + n)
        self.asked += n
        return Proposals(self.space.designs([{"x": 7}] * n), seed=seeds)

    def tell(self, results: Results) -> None:
        assert (results.seed >= 0).all()

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        self.asked = len(history) + len(pending)


class Watcher(Agent):
    """Random designs; keeps what it was told, and how much was under way when it was asked."""

    name = "watcher"
    batch_size = 8

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.results: list[Results] = []
        self.informed: list[Results] = []
        self.pending_at_ask: list[int] = []
        self.sizes_asked: list[int] = []

    def ask(self, n: int) -> Designs:
        self.pending_at_ask.append(len(self.pending))
        self.sizes_asked.append(n)
        return self.space.sample(n, self.rng)

    def tell(self, results: Results) -> None:
        self.results.append(results)

    def inform(self, results: Results) -> None:
        self.informed.append(results)


@hookimpl
def cosearch_problems() -> list[type[Problem]]:
    return [Unhurried, Brief, Rough, Noisy]


@hookimpl
def cosearch_agents() -> list[type[Agent]]:
    return [Screener, Repeater, Watcher]
