"""The problem `ramulator`: Ramulator 2.1 itself, by its Python package, on a trace of addresses.

The parameters are those of `dram-controller` with controller=queued, which follows Ramulator's rules. A run
ends when the last request is accepted, as Ramulator's does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace
from cosearch_plugins.dram.controller_spaces import ADDRESS_MAPPINGS, QUEUED
from cosearch_plugins.external.jobs import run_jobs
from cosearch_plugins.external.tool_process import ToolError
from cosearch_plugins.external.tools import RAMULATOR
from cosearch_plugins.shared_settings import Threads

SCHEDULERS = {"frfcfs": "FRFCFS", "frfcfs_row_hit": "FRFCFSRowHit"}
"""Ramulator 2.1 has no first-come-first-served one."""


class RamulatorSettings(Settings):
    """The memory and the trace."""

    trace: InputFile = setting(
        ..., "a trace of Ramulator's: a line for each request, `LD ADDRESS` or `ST ADDRESS`"
    )
    standard: str = setting("DDR4", "a class of `ramulator.dram`")
    organization: str = setting("DDR4_8Gb_x8", "its `org_preset`")
    timing: str = setting("DDR4_2400R", "its `timing_preset`")
    ranks: int = setting(1, "of the channel", ge=1, le=16)
    refresh: bool = setting(True, "whether all banks are refreshed; without it data are lost")
    external_timeout_s: float = setting(
        900.0, "for each design", unit="s", gt=0, le=86_400, affects_results=False
    )
    threads: Threads = None


class Ramulator(Problem):
    """A memory controller under a trace, cycle by cycle, by Ramulator 2.1 itself."""

    Settings = RamulatorSettings
    settings: RamulatorSettings
    name = "ramulator"
    space = DesignSpace(
        [
            Categorical("scheduler", tuple(SCHEDULERS)),
            *(p for p in QUEUED if p.name != "scheduler"),
            Categorical("address_mapping", ADDRESS_MAPPINGS),
        ],
        ["write_low_watermark >= write_high_watermark"],
        name="ramulator",
    )
    metrics = (
        Metric("time_ns", "ns", "until the last request is accepted"),
        Metric("latency_ns", "ns", "of a read, from acceptance to its data"),
        Metric("cycles", "cycles", "of the memory"),
        Metric("row_hit_share", "1", "requests that found their row open"),
        Metric("bandwidth_gb_per_s", "GB/s", "reads and writes"),
    )
    objectives = (Objective("time_ns", "min"), Objective("latency_ns", "min"))
    fidelities = (Fidelity("external", 1.0, "Ramulator itself"),)
    needs = {"": RAMULATOR}  # noqa: RUF012

    def build(self) -> None:
        """Say which trace."""
        self.about = f"{self.settings.trace} on {self.settings.organization} {self.settings.timing}"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """A run for each design."""
        from cosearch_simulators.threads import threads_of

        answers = run_jobs(
            RAMULATOR,
            [self.job(design) for design in designs.to_dicts()],
            workers=threads_of(self.settings.threads),
            timeout_s=self.settings.external_timeout_s,
        )
        n = len(designs)
        columns = {metric.name: np.full(n, np.nan) for metric in self.metrics}
        reasons = np.full(n, "", object)
        for row, answer in enumerate(answers):
            if isinstance(answer, ToolError):
                reasons[row] = str(answer)
                continue
            told = sum(answer[name] for name in ("row_hits", "row_misses", "row_conflicts"))
            tck_ns = answer["tck_ps"] / 1e3
            for name, value in {
                "time_ns": answer["cycles"] * tck_ns,
                "latency_ns": answer["avg_read_latency"] * tck_ns,
                "cycles": answer["cycles"],
                "row_hit_share": answer["row_hits"] / told if told else 0.0,
                "bandwidth_gb_per_s": answer["total_throughput_MBps"] / 1e3,
            }.items():
                columns[name][row] = value
        return Outcomes(columns, np.where(reasons == "", 0, 2).astype(np.int8), reasons)

    def job(self, design: dict[str, Any]) -> dict[str, Any]:
        """A design as the bridge takes it."""
        settings = self.settings
        capped = design["row_policy"] == "closed_cap"
        return {
            "trace": str(settings.trace),
            "standard": settings.standard,
            "dram": {
                "org_preset": settings.organization,
                "timing_preset": settings.timing,
                "rank": settings.ranks,
            },
            "controller": {
                "read_buffer_size": int(design["read_queue"]),
                "write_buffer_size": int(design["write_queue"]),
                "wr_low_watermark": float(design["write_low_watermark"]),
                "wr_high_watermark": float(design["write_high_watermark"]),
            },
            "scheduler": SCHEDULERS[design["scheduler"]],
            "row_policy": ["ClosedCAP", {"cap": int(design["row_cap"])}] if capped else ["Open", {}],
            "refresh_manager": "AllBank" if settings.refresh else "NoRefresh",
            "addr_mapper": design["address_mapping"],
        }
