"""Small problems with known answers, and agents that do one thing, for the tests of the core."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import (
    Agent,
    Categorical,
    Designs,
    DesignSpace,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Outcomes,
    Problem,
    Results,
    hookimpl,
)


class TwoSpheres(Problem):
    """Squared distances from two points of a grid; the front is the line between them."""

    name = "two-spheres"
    space = DesignSpace(
        [Integer("x", -20, 20), Integer("y", -20, 20), Categorical("shape", ["round", "square"])],
        forbidden=["x + y > 35"],
    )
    metrics = (Metric("left", "m2", "from (-5, 0)"), Metric("right", "m2", "from (5, 0)"), Metric("sum", "m"))
    objectives = (Objective("left", "min"), Objective("right", "min"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        x, y = designs["x"], designs["y"]
        worse = np.where(designs["shape"] == "square", 2, 1)
        return {
            "left": worse * ((x + 5) ** 2 + y**2),
            "right": worse * ((x - 5) ** 2 + y**2),
            "sum": (x + y).astype(float),
        }


class Trouble(Problem):
    """A simulator that misbehaves as the design tells it to."""

    name = "trouble"
    isolated = True
    space = DesignSpace(
        [
            Categorical("kind", ["fine", "nan", "raise", "exit", "hang", "memory", "reject"]),
            Integer("x", 0, 99),
        ]
    )
    metrics = (Metric("value", "1"),)
    objectives = (Objective("value", "min"),)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any] | Outcomes:
        values = designs["x"].astype(float)
        errors = []
        for i, kind in enumerate(designs["kind"]):
            if kind == "raise":
                raise RuntimeError("the pipe burst")
            if kind == "exit":
                os._exit(7)
            if kind == "hang":
                time.sleep(3600)
            if kind == "memory":
                values[i] = np.ones(10**9).sum()
            if kind == "nan":
                values[i] = np.nan
            errors.append("no such pipe" if kind == "reject" else "")
        return Outcomes.of({"value": values}, errors=errors)


class Uniform(Agent):
    """Uniform random designs, repeats and all."""

    name = "uniform"
    hyperparameters = DesignSpace([Ordinal("pace", [1, 2, 4, 8], default=8)])
    batch_size = 8

    def ask(self, n: int) -> Designs:
        return self.space.sample(min(n, self.settings["pace"]), self.rng)

    def tell(self, results: Results) -> None:
        assert len(results.designs) == len(results.outcomes)


class Stubborn(Agent):
    """Asks for the default design for ever."""

    name = "stubborn"

    def ask(self, n: int) -> Designs:
        return self.space.designs([self.space.default()])

    def tell(self, results: Results) -> None:
        pass


@hookimpl
def cosearch_problems() -> list[type[Problem]]:
    return [TwoSpheres, Trouble]


@hookimpl
def cosearch_agents() -> list[type[Agent]]:
    return [Uniform, Stubborn]
