"""Ramulator's controller against reference measurements of Ramulator 2.1.

Each case states its own organisation, timings and rules, so any folder of this format runs, whatever its
presets are called. Compared are totals of cycles, row hits, misses and conflicts, and average read
latency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.dram.common.device import STANDARDS, Device, build_device
from cosearch_simulators.dram.common.measuring import number_of, speed_medians, timed
from cosearch_simulators.dram.common.result import DramResult
from cosearch_simulators.dram.common.rules import EvaluatedRule
from cosearch_simulators.dram.common.standard_tables.standard import Organization
from cosearch_simulators.dram.common.traces.formats import read_trace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.dram.engines.ramulator.controllers import Controllers
from cosearch_simulators.dram.engines.ramulator.evaluation import evaluate
from cosearch_simulators.errors import SimulatorError, shown

BOUNDS = {"DDR3": 0.0, "DDR4": 0.0, "DDR5": 0.005}
"""Largest relative error allowed, by standard."""

METRICS = {
    "cycles": "cycles",
    "row_hits": "row_hits",
    "row_misses": "row_misses",
    "row_conflicts": "row_conflicts",
    "average_read_latency_cycles": "avg_read_latency",
}
"""Our metric to the name of the reference's."""

_BOUND_METRICS = ("cycles", "average_read_latency_cycles")
"""Where the bound is not 0, only these two are held to it."""

_SCHEDULERS = {"FRFCFS": "frfcfs", "FRFCFSRowHit": "frfcfs_row_hit"}
_REFRESHES = {"AllBank": "all_bank", "NoRefresh": "none"}


@dataclass(frozen=True)
class ValidationRow:
    """Relative errors of one metric over the cases of one standard.

    Attributes:
        standard: such as "DDR4".
        metric: our name.
        cases: how many.
        median: median relative error.
        p95: 95th percentile.
        maximum: the largest.
        share_within_bound: share of the cases whose error is not above the bound.
        bound: what is allowed.
        passed: whether every case is within it; always true where the metric is only reported.
    """

    standard: str
    metric: str
    cases: int
    median: float
    p95: float
    maximum: float
    share_within_bound: float
    bound: float
    passed: bool


@dataclass(frozen=True)
class ValidationTable:
    """The outcome of a validation.

    Attributes:
        rows: a row for each standard and metric.
        passed: whether every row passed.
        speed: for each trace and for "all" the medians of our and the reference's requests per second of host
            time and of their ratio.
        failures: the cases out of bounds, as "case: metric ours, reference".
    """

    rows: list[ValidationRow]
    passed: bool
    speed: dict[str, dict[str, float]]
    failures: list[str]

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists, for JSON."""
        return asdict(self)


def validate(
    folder: Path, cases: Sequence[Mapping[str, Any]], progress: Callable[[int, int], None]
) -> ValidationTable:
    """Run every case, one after another.

    Raises:
        SimulatorError: a file or a case cannot be read; the message names the case and the field.
    """
    traces: dict[str, Trace] = {}
    errors: dict[tuple[str, str], list[float]] = {}
    speeds: dict[str, list[tuple[float, float]]] = {}
    failures = []
    for number, case in enumerate(cases):
        where = f"{folder / 'cases.json'}: case {case.get('id', number)}"
        try:
            device, controllers = device_of(case), controllers_of(case)
            reference = {ours: number_of(case["result"], theirs) for ours, theirs in METRICS.items()}
            name, host_s = str(case["trace"]), number_of(case, "host_seconds", positive=True)
        except KeyError as error:
            raise SimulatorError(f"{where}: field {error} is missing or has an unknown value") from error
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            raise SimulatorError(f"{where}: {error}") from error
        try:
            if name not in traces:
                traces[name] = read_trace(folder / "traces" / f"{name}.npz")
            run = partial(evaluate, device, controllers, traces[name], drain=False)
            result, seconds = timed(partial(run, threads=1, wrap_addresses=True))
        except SimulatorError as error:
            raise SimulatorError(f"{where}: {error}") from error
        speeds.setdefault(name, []).append((len(traces[name]) / seconds, len(traces[name]) / host_s))
        for metric, expected in reference.items():
            actual = measured(result, metric)
            relative = abs(actual - expected) / expected if expected else float(actual != expected)
            errors.setdefault((case["standard"], metric), []).append(relative)
            if relative > BOUNDS[case["standard"]] and _binds(case["standard"], metric):
                failures.append(f"{case.get('id', number)}: {metric} {actual:g}, reference {expected:g}")
        progress(number + 1, len(cases))
    rows = [_row(standard, metric, values) for (standard, metric), values in sorted(errors.items())]
    return ValidationTable(rows, all(row.passed for row in rows), speed_medians(speeds), failures)


def measured(result: DramResult, metric: str) -> float:
    """A metric of a single design as the reference states it: the latency divided in single precision."""
    if metric != "average_read_latency_cycles":
        return float(getattr(result, metric)[0])
    served = int(result.reads_served[0])
    total = round(result.average_read_latency_cycles[0] * served)
    return round(float(np.float32(total) / np.float32(served)), 6) if served else 0.0


def device_of(case: Mapping[str, Any]) -> Device:
    """The device that a case describes, from its own timings and rules."""
    _check_numbers(case)
    standard = STANDARDS[case["standard"]]
    o = case["organization"]
    chip = Organization(o["density"], o["dq"], o.get("bankgroup", 1), o["bank"], o["row"], o["column"])
    rules = [
        EvaluatedRule(
            r["level"],
            tuple(r["preceding"]),
            tuple(r["following"]),
            r["cycles"],
            r["window"],
            r["sibling"],
        )
        for r in case["rules"]
    ]
    device = build_device(
        standard, case["organization_preset"], case["timing_preset"], chip, o["rank"], case["timings"], rules
    )
    for name, ours in (
        ("channel_width", device.channel_width_bits),
        ("prefetch", device.prefetch),
        ("read_latency_cycles", device.read_latency_cycles),
    ):
        theirs = o[name] if name in o else case[name]
        if theirs != ours:
            raise ValueError(f"{name} is {theirs}, {standard.name} has {ours}")
    return device


MOST = {"count": 1 << 30, "banks": 1 << 14, "cycles": 1 << 31, "window": 64}
"""Far beyond any memory's; more would fill the memory of this machine or run for ever."""


def _check_numbers(case: Mapping[str, Any]) -> None:
    """Raise `ValueError` for a number that no memory has."""
    o = case["organization"]
    numbers = [(f"organization.{name}", value, 0, MOST["count"]) for name, value in o.items()]
    numbers += [(f"timings.{name}", value, 0, MOST["cycles"]) for name, value in case["timings"].items()]
    for place, rule in enumerate(case["rules"]):
        numbers.append((f"rules.{place}.cycles", rule["cycles"], -MOST["cycles"], MOST["cycles"]))
        numbers.append((f"rules.{place}.window", rule["window"], 0, MOST["window"]))
    for where, value, least, most in numbers:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{where} must be a whole number from {least} to {most}, got {shown(value)}")
    banks = o["rank"] * o.get("bankgroup", 1) * o["bank"]
    if banks > MOST["banks"]:
        raise ValueError(f"organization has {banks} banks, expected {MOST['banks']} at most")


def controllers_of(case: Mapping[str, Any]) -> Controllers:
    """The one controller that a case describes."""
    c = case["controller"]
    policy, _, cap = c["row_policy"].partition(":")
    return Controllers(
        scheduler=_SCHEDULERS[c["scheduler"]],
        row_policy={"Open": "open", "ClosedCAP": "closed_cap"}[policy],
        row_cap=int(cap or 1),
        refresh=_REFRESHES[c["refresh"]],
        address_mapping=c["address_mapping"],
        read_queue=c["read_queue"],
        write_queue=c["write_queue"],
        write_low_watermark=c["write_low_watermark"],
        write_high_watermark=c["write_high_watermark"],
    )


def _binds(standard: str, metric: str) -> bool:
    return BOUNDS[standard] == 0.0 or metric in _BOUND_METRICS


def _row(standard: str, metric: str, errors: list[float]) -> ValidationRow:
    values, bound = np.array(errors), BOUNDS[standard]
    share = float(np.mean(values <= bound))
    return ValidationRow(
        standard=standard,
        metric=metric,
        cases=values.size,
        median=float(np.median(values)),
        p95=float(np.percentile(values, 95)),
        maximum=float(values.max()),
        share_within_bound=share,
        bound=bound,
        passed=share == 1.0 or not _binds(standard, metric),
    )
