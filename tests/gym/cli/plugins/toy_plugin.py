"""Somebody else's plugin: every kind of parameter, and a simulator that rejects, fails, hangs and crashes."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator

from cosearch import (
    Agent,
    Categorical,
    Constraint,
    DesignSpace,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Outcomes,
    Permutation,
    Problem,
    Real,
    hookimpl,
)
from cosearch.errors import WorkloadError
from cosearch.settings import InputFile, Settings, setting
from cosearch.validation import Validation


def positive(scale):
    if scale <= 0:
        raise ValueError(f"scale must be positive, not {scale:g}")
    return scale


def check_trace(trace):
    for number, line in enumerate(Path(trace).read_text().splitlines(), start=1):
        if not line.isdigit():
            raise WorkloadError(f"{trace}, line {number}: expected an address, found {line!r}")


class ToySettings(Settings):
    """What the toy cache runs."""

    workload: Literal["uniform", "zipf"] = setting("uniform", "which requests come,\nand how")
    trace: InputFile | None = setting(None, "path of the addresses")
    scale: Annotated[float, AfterValidator(positive)] = setting(1.0, "of the latency")
    delay_s: float = setting(0.0, "of each design", unit="s", ge=0, affects_results=False)
    hoard_mb: int = setting(0, "memory that it takes", unit="MB", ge=0, affects_results=False)
    nan_above_banks: int = 64
    crash_above_banks: int = 64


class ToyCache(Problem):
    """A cache with made-up formulas."""

    Settings = ToySettings
    name = "toy-cache"
    version = 3
    space = DesignSpace(
        [
            Categorical("policy", ["lru", "random", "none"], description="which line is replaced"),
            Ordinal("ways", [1, 2, 4, 8], when={"policy": ["lru", "random"]}),
            Integer("banks", 1, 64),
            Real("voltage_v", 0.5, 1.5),
            Permutation("order", ["m", "n", "k"]),
            Categorical("prefetch", ["auto", 1, False, None]),
        ],
        forbidden=["ways * banks > 256"],
    )
    metrics = (
        Metric("latency_ns", "ns", "mean time of a request"),
        Metric("gain", "dB", "something in a unit that its name does not have"),
        Metric("area_mm2", "mm^2"),
    )
    objectives = (Objective("latency_ns", "min"), Objective("gain", "max"))
    constraints = (Constraint("area_mm2", "<=", 60.0),)
    fidelities = ("analytical", "cycle")
    workloads = ("uniform", "zipf")

    def build(self):
        nan_above_banks = self.settings.nan_above_banks
        if os.environ.get("TOY_BUG"):
            nan_above_banks //= 0
        if self.settings.trace is not None:
            check_trace(self.settings.trace)
        self.scale, self.delay_s = self.settings.scale, self.settings.delay_s
        self.nan_above_banks, self.crash_above_banks = nan_above_banks, self.settings.crash_above_banks

    def simulate(self, designs, *, fidelity, seed):
        time.sleep(self.delay_s * len(designs))
        hoard = bytearray(self.settings.hoard_mb << 20)
        del hoard
        if "TOY_STARTED" in os.environ:
            Path(os.environ["TOY_STARTED"]).touch()
        banks = designs["banks"].astype(float)
        if (banks > self.crash_above_banks).any():
            if os.environ.get("TOY_CRASH") == "exit":
                os._exit(3)
            raise RuntimeError("the bank exploded\nand more lines follow")
        ways = np.where(designs.active("ways"), designs["ways"], 1)
        latency = self.scale * (100.0 / banks + ways)
        latency[banks > self.nan_above_banks] = np.nan
        metrics = {"latency_ns": latency, "gain": ways + designs["voltage_v"], "area_mm2": banks + ways}
        rejected = ["no power at all" if v < 0.51 else "" for v in designs["voltage_v"]]
        return Outcomes.of(metrics, errors=rejected)


class ToyWalk(Agent):
    """Random designs, in batches."""

    name = "toy-walk"
    hyperparameters = DesignSpace([Integer("stride", 1, 9, default=1, description="seeds apart")])
    batch_size = 5

    def ask(self, n):
        return self.space.sample(n, self.rng)

    def tell(self, results):
        pass


@dataclass
class Row:
    group: str
    metric: str
    cases: int
    median: float
    p95: float
    maximum: float
    share_within_bound: float
    bound: float
    passed: bool


@dataclass
class Table:
    rows: list[Row]
    passed: bool
    speed: dict[str, dict[str, float]]
    failures: list[str]

    def as_dict(self):
        return asdict(self)


def run_validation(cases: Path, progress) -> Table:
    if not (cases / "verdict").exists():
        raise ValueError(f"{cases}: no file verdict")
    passed = (cases / "verdict").read_text().strip() == "pass"
    row = Row("small", "latency_ns", 2, 0.01, 0.02, 0.03, 1.0 if passed else 0.5, 0.05, passed)
    failures = [] if passed else [f"case {i}: latency_ns 2, reference 1" for i in range(12)]
    progress(1, 1)
    return Table([row], passed, {"all": {"requests_per_second": 1234567.0}}, failures)


@hookimpl
def cosearch_problems():
    return [ToyCache]


@hookimpl
def cosearch_agents():
    return [ToyWalk]


@hookimpl
def cosearch_validations():
    return [Validation("toy-simulator", run_validation)]
