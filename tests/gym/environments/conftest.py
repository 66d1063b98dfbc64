"""A small problem that has every kind of parameter, a condition and rules."""

from __future__ import annotations

from typing import Any

import pytest

from cosearch import (
    Categorical,
    Designs,
    DesignSpace,
    Forbidden,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Permutation,
    Problem,
    Real,
    hookimpl,
)
from cosearch.registry import registry


class Oven(Problem):
    """Bake a cake: quickly, and well."""

    name = "test-oven"
    space = DesignSpace(
        [
            Categorical("fan", ["off", "on"]),
            Ordinal("speed", [1, 2, 4, 8], when={"fan": ["on"]}),
            Real("heat", 0.5, 1.5),
            Integer("minutes", 1, 1000, log=True),
            Permutation("layers", ["nut", "cream", "fruit", "sponge"]),
        ],
        forbidden=[Forbidden("speed > 2 and heat > 1.0", "too hot for the fan")],
        groups={"air": ["fan", "speed"], "cook": ["heat", "minutes"]},
    )
    metrics = (Metric("time", "min"), Metric("taste", "1"))
    objectives = (Objective("time"), Objective("taste", "max"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> dict[str, Any]:
        minutes, heat = designs["minutes"], designs["heat"]
        windy = designs["speed"] * designs.active("speed")
        cream_first = designs["layers"][:, 0] == "cream"
        return {
            "time": minutes / heat + 1.0,
            "taste": 1.0 / (1 + abs(minutes - 40)) + 0.1 * windy + cream_first,
        }


class Plugin:
    @staticmethod
    @hookimpl
    def cosearch_problems() -> list[type[Problem]]:
        return [Oven]


@pytest.fixture(scope="session", autouse=True)
def oven_plugin() -> None:
    if Oven.name not in registry().problems:
        registry().register(Plugin(), "test-oven")


@pytest.fixture
def oven() -> Problem:
    return Oven()
