"""The problem `microprocessor`: an out-of-order core, by a first-order model or by a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.microprocessor.boom_table import BoomTable

SPACE = DesignSpace(
    [
        Ordinal("width", (1, 2, 3, 4, 6, 8), default=4, description="instructions in a cycle at most"),
        Categorical("predictor", ("bimodal", "two-level", "combining"), default="two-level"),
        Ordinal("instruction_kib", (8, 16, 32, 64), default=32),
        Ordinal("instruction_ways", (1, 2, 4), default=2),
        Ordinal("rob_entries", (16, 32, 64, 96, 128, 192, 256, 384), default=128),
        Ordinal("queue_entries", (8, 16, 24, 32, 48, 64, 96, 128), default=32, description="issue window"),
        Ordinal("load_store_entries", (8, 16, 32, 48, 64, 96, 128), default=48),
        Ordinal("data_kib", (8, 16, 32, 64), default=32),
        Ordinal("data_ways", (1, 2, 4, 8), default=4),
        Ordinal("l2_kib", (128, 256, 512, 1024, 2048, 4096), default=512),
    ],
    forbidden=["queue_entries > rob_entries"],
    name="microprocessor",
    groups={
        "front_end": ["width", "predictor", "instruction_kib", "instruction_ways"],
        "window": ["rob_entries", "queue_entries", "load_store_entries"],
        "caches": ["data_kib", "data_ways", "l2_kib"],
    },
)

METRICS = (
    Metric("time_ns", "ns", "of one instruction on average, at 1 GHz whatever the core"),
    Metric("energy_pj", "pJ", "of one instruction on average; no leakage, nothing off the chip"),
    Metric("area_mm2", "mm2", "caches, predictor, queues, registers and adders at 45 nm"),
    Metric("ipc", "1", "instructions a cycle"),
    Metric("power_mw", "mW", "energy over time"),
    Metric("base_cpi", "cycles", "of an instruction, without any miss"),
    Metric("branch_cpi", "cycles", "lost at mispredicted branches, for each instruction"),
    Metric("instruction_cache_cpi", "cycles", "lost at misses of the instruction cache"),
    Metric("memory_cpi", "cycles", "lost at data misses that go to memory"),
)
TABLE_METRICS = (
    Metric("ipc", "1", "instructions a cycle; dummy data"),
    Metric("power_w", "W", "dummy data"),
    Metric("area_um2", "um2", "dummy data"),
    Metric("vlsi_s", "s", "time of the design flow; dummy data"),
)


class MicroprocessorSettings(Settings):
    """What the core runs, or the table that says what it does."""

    program: Literal["gzip", "vortex", "vpr"] = setting(
        "gzip", "whose instruction-level parallelism: typical, large, little; not used with a table"
    )
    table: InputFile | None = setting(
        None, "the ICCAD 2022 contest's table of RISC-V BOOM cores; its authors call it a dummy dataset"
    )


class Microprocessor(Problem):
    """An out-of-order core: width, window, caches and branch predictor, by a first-order model.

    With `table=...` the cores are BOOM's of the ICCAD 2022 contest, whose numbers are dummy data by its
    authors' own word: a search problem whose whole space is known, not the truth about processors.
    """

    Settings = MicroprocessorSettings
    settings: MicroprocessorSettings
    name = "microprocessor"
    space = SPACE
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(Objective(name, "min") for name in ("time_ns", "energy_pj", "area_mm2"))
    fidelities = ("analytical",)
    workloads = ("gzip", "vortex", "vpr")

    def build(self) -> None:
        """Read the table, if there is one."""
        self._table = None
        if self.settings.table is None:
            self.about = f"parallelism of {self.settings.program}, cache misses of SPEC CPU2000 on average"
            return
        path = Path(self.settings.table)
        self._table = BoomTable(path, tuple(metric.name for metric in TABLE_METRICS))
        self.space, self.metrics = self._table.space, TABLE_METRICS
        self.objectives = (
            Objective("ipc", "max"),
            Objective("power_w", "min"),
            Objective("area_um2", "min"),
        )
        self.fidelities = ("table",)
        self.about = f"{len(self._table):,} BOOM cores of {path.name}: dummy data"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call."""
        if self._table is not None:
            row = self._table.find(designs)
            values = self._table.values[row]
            missing = ["the table has no such core" if one < 0 else "" for one in row.tolist()]
            return Outcomes.of({m.name: values[:, i] for i, m in enumerate(TABLE_METRICS)}, errors=missing)
        from cosearch_simulators.microprocessor.core import Cores, evaluate
        from cosearch_simulators.microprocessor.programs import PROGRAMS

        cores = Cores(**{p.name: np.asarray(designs[p.name]) for p in SPACE})
        result = evaluate(cores, PROGRAMS[self.settings.program])
        return Outcomes.of({m.name: result[m.name] for m in METRICS}, errors=result.reason.tolist())
