"""The bank machines against reference measurements of DRAMSys 4 with DRAMPower.

Each case names a memspec and an address mapping of the folder, a trace, its clock and the ten parameters.
Total time and energy are compared, and whether the designs of a system under a trace come in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.measuring import number_of, speed_medians, timed
from cosearch_simulators.dram.common.memspecs.memspec import read_memspec
from cosearch_simulators.dram.common.traces.formats import read_trace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.dramsys.controllers import PARAMETERS, BankMachineControllers
from cosearch_simulators.dram.engines.dramsys.evaluation import evaluate
from cosearch_simulators.errors import SimulatorError

METRICS = {"time_ns": "total_time_ns", "energy_pj": "energy_pj"}
"""Our metric to the name of the reference's."""

BOUNDS = {"time_ns": (0.02, 0.08), "energy_pj": (0.03, 0.08)}
"""Largest median and 95th percentile of the relative error."""

LEAST_SPEARMAN = 0.97
LEAST_DESIGNS = 3
"""How many designs a system and a trace need, so that their order says something."""


@dataclass(frozen=True)
class MemspecRow:
    """Relative errors of one metric over the cases of one system.

    Attributes:
        system: such as "DDR4-2400".
        metric: our name.
        cases: how many.
        median: median relative error.
        median_bound: what is allowed.
        p95: 95th percentile.
        bound: what is allowed of it.
        share_within_bound: share of the cases whose error is not above that.
        maximum: the largest.
        spearman: the least rank correlation of the designs under one trace; 1 where no trace has enough.
        spearman_bound: what is asked of it.
        passed: whether all are within their bounds.
    """

    system: str
    metric: str
    cases: int
    median: float
    median_bound: float
    p95: float
    bound: float
    share_within_bound: float
    maximum: float
    spearman: float
    spearman_bound: float
    passed: bool


@dataclass(frozen=True)
class MemspecTable:
    """The outcome; the fields are those of `ramulator.ValidationTable`."""

    rows: list[MemspecRow]
    passed: bool
    speed: dict[str, dict[str, float]]
    failures: list[str]

    marker = "dram-dramsys"

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists, for JSON."""
        return asdict(self)


def validate(
    folder: Path, cases: Sequence[Mapping[str, Any]], progress: Callable[[int, int], None]
) -> MemspecTable:
    """Run every case, one after another.

    Raises:
        SimulatorError: a file or a case cannot be read; the message names the case and the field.
    """
    devices: dict[tuple[str, str], Device] = {}
    traces: dict[str, Trace] = {}
    measured: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
    speeds: dict[str, list[tuple[float, float]]] = {}
    failures = []
    for number, case in enumerate(cases):
        where = f"{folder / 'cases.json'}: case {case.get('id', number)}"
        try:
            files = str(case["memspec"]), str(case["address_mapping"])
            system, name = str(case["system"]), str(case["trace"])
            trace_tck_ps = round(1_000_000 / number_of(case, "trace_clock_mhz", positive=True))
            controllers = memspec_controllers([case["controller"]])
            reference = {
                # None: the reference has no power model of this memory
                ours: None
                if case["result"][theirs] is None
                else number_of(case["result"], theirs, positive=True)
                for ours, theirs in METRICS.items()
            }
            host_s = number_of(case, "sim_seconds", positive=True)
        except KeyError as error:
            raise SimulatorError(f"{where}: field {error} is missing or has an unknown value") from error
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            raise SimulatorError(f"{where}: {error}") from error
        try:
            if files not in devices:
                devices[files] = read_memspec(folder / "memspecs" / files[0], folder / "mappings" / files[1])
            if name not in traces:
                traces[name] = read_trace(folder / "traces" / f"{name}.npz")
            run = partial(evaluate, devices[files], controllers, traces[name], trace_tck_ps=trace_tck_ps)
            result, seconds = timed(partial(run, threads=1, wrap_addresses=True))
        except SimulatorError as error:
            raise SimulatorError(f"{where}: {error}") from error
        speeds.setdefault(name, []).append((len(traces[name]) / seconds, len(traces[name]) / host_s))
        for metric, expected in reference.items():
            if expected is None:
                continue
            actual = float(getattr(result, metric)[0])
            measured.setdefault((system, metric), []).append((name, actual, expected))
            if not abs(actual - expected) <= BOUNDS[metric][1] * expected:
                failures.append(f"{case.get('id', number)}: {metric} {actual:g}, reference {expected:g}")
        progress(number + 1, len(cases))
    rows = [_row(system, metric, values) for (system, metric), values in sorted(measured.items())]
    return MemspecTable(rows, all(row.passed for row in rows), speed_medians(speeds), failures)


def memspec_controllers(settings: Sequence[Mapping[str, Any]]) -> BankMachineControllers:
    """Controllers from settings by DRAMSys' names, as an `mcconfig` file has them, PowerDownPolicy or not.

    Raises:
        KeyError: one of the ten parameters is missing.
    """
    return BankMachineControllers(
        power_down_policy=[setting.get("PowerDownPolicy", "NoPowerDown") for setting in settings],
        **{ours: [setting[theirs] for setting in settings] for ours, theirs in PARAMETERS.items()},
    )


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank; 1 if neither column varies."""
    ours, theirs = _ranks(np.asarray(first, np.float64)), _ranks(np.asarray(second, np.float64))
    varies = bool(np.ptp(ours)), bool(np.ptp(theirs))
    return float(np.corrcoef(ours, theirs)[0, 1]) if all(varies) else float(not any(varies))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    # Ten significant digits: what differs only by rounding is equal.
    rounded = np.array([float(f"{value:.9e}") for value in values])
    _, inverse, counts = np.unique(rounded, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks


def _row(system: str, metric: str, values: list[tuple[str, float, float]]) -> MemspecRow:
    errors = np.array([abs(actual - expected) / expected for _, actual, expected in values])
    by_trace: dict[str, list[tuple[float, float]]] = {}
    for trace, actual, expected in values:
        by_trace.setdefault(trace, []).append((actual, expected))
    correlation = min(
        (spearman(*zip(*pairs, strict=True)) for pairs in by_trace.values() if len(pairs) >= LEAST_DESIGNS),
        default=1.0,
    )
    median, p95 = float(np.median(errors)), float(np.percentile(errors, 95))
    median_bound, bound = BOUNDS[metric]
    return MemspecRow(
        system=system,
        metric=metric,
        cases=len(values),
        median=median,
        median_bound=median_bound,
        p95=p95,
        bound=bound,
        share_within_bound=float(np.mean(errors <= bound)),
        maximum=float(errors.max()),
        spearman=correlation,
        spearman_bound=LEAST_SPEARMAN,
        passed=median <= median_bound and p95 <= bound and correlation >= LEAST_SPEARMAN,
    )
