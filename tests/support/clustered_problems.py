"""Problems that tell where and when they ran, for the tests of the backend of a cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch import Designs, DesignSpace, Integer, Metric, Objective, Problem, Resources, hookimpl


class Traced(Problem):
    """A loss; the time when a design began and ended, the process that ran it, and its threads."""

    name = "traced"
    space = DesignSpace([Integer("x", 0, 9999)])
    metrics = (
        Metric("loss", "1"),
        Metric("began_s", "s"),
        Metric("ended_s", "s"),
        Metric("pid", "1"),
        Metric("threads", "1"),
    )
    objectives = (Objective("loss"),)
    seconds = 0.0

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        n, began = len(designs), time.time()
        time.sleep(self.seconds * n)
        return {
            "loss": (designs["x"] - 500.0) ** 2,
            "began_s": np.full(n, began),
            "ended_s": np.full(n, time.time()),
            "pid": np.full(n, float(os.getpid())),
            "threads": np.full(n, float(os.environ.get("OMP_NUM_THREADS", 0))),
        }


class Licensed(Traced):
    """Needs a licence, of which the tests' cluster has one, and two CPUs."""

    name = "licensed"
    resources = Resources(cpus=2, memory_mb=10, custom={"licence": 1})
    seconds = 0.05


class Large(Traced):
    """Carries 20 MB, and notes in a file each time that it is packed and unpacked."""

    name = "large"
    seconds = 0.01

    def __init__(self, notes: str) -> None:
        super().__init__()
        self.notes = notes
        self.trace = np.random.default_rng(0).random(2_500_000)

    def _note(self, what: str) -> None:
        with open(self.notes, "a") as file:
            file.write(f"{what} {os.getpid()}\n")

    def __getstate__(self) -> dict[str, Any]:
        self._note("packed")
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self._note("unpacked")

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        found = dict(super().simulate(designs, fidelity=fidelity, seed=seed))
        self.trace[0] = 0.5  # a simulator may use its arrays as it likes
        found["loss"] = np.full(len(designs), self.trace[1:].sum())
        return found


class Fatal(Traced):
    """Kills the process that evaluates x = 7."""

    name = "fatal"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        if (designs["x"] == 7).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().simulate(designs, fidelity=fidelity, seed=seed)


class Absent(Traced):
    """Can be packed, and unpacked nowhere else."""

    name = "absent"

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()


def _refuse() -> None:
    raise ModuleNotFoundError("No module named 'vendor_simulator'")


@hookimpl
def cosearch_problems() -> list[type[Problem]]:
    return [Traced, Licensed, Fatal]
