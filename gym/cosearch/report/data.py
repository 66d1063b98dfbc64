"""The report as JSON values, for machines: what the page and the terminal show, in full precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.provenance import commands
from cosearch.report.comparison import Comparison, compare
from cosearch.report.importance import Importance
from cosearch.report.second_judge import second_judges
from cosearch.report.study_result import StudyResult
from cosearch.store import StudyData


def report_data(studies: Sequence[StudyData]) -> list[dict[str, Any]]:
    """The report as JSON values, one entry for each group of studies that can be compared."""
    return [_comparison_data(comparison) for comparison in compare(studies)]


def _comparison_data(comparison: Comparison) -> dict[str, Any]:
    record, objectives = comparison.first.record, comparison.first.objectives
    signs = np.array([1 if objective.direction == "min" else -1 for objective in objectives])
    reference = _numbers(signs * comparison.reference)
    rows = comparison.front_rows
    return {
        "problem": record.problem,
        "problem_version": record.problem_version,
        "problem_arguments": record.problem_arguments,
        "fidelity": record.fidelity,
        "objectives": record.objectives,
        "constraints": record.constraints,
        "metrics": record.metrics,
        "distinct_designs": len(comparison.designs),
        "at_other_fidelities": dict(comparison.elsewhere),
        "reference_point": {o.metric: value for o, value in zip(objectives, reference, strict=True)},
        "hypervolume": _number(comparison.hypervolume),
        "studies": [_study_data(result, comparison.hypervolume) for result in comparison.results],
        "pareto": [
            {
                "design": design,
                "metrics": comparison.outcomes.row(row),
                "study": comparison.results[comparison.source[row]].data.record.name,
            }
            for row, design in zip(rows.tolist(), comparison.designs[rows].to_dicts(), strict=True)
        ],
        "importance": {
            importance.metric: _importance_data(importance)
            for importance in comparison.importances
            if importance is not None
        },
    }  # fmt: skip


def _study_data(result: StudyResult, whole: float) -> dict[str, Any]:
    record = result.data.record
    improved = np.flatnonzero(np.diff(result.shares, prepend=0.0) > 0)
    return {
        "name": record.name,
        "agent": record.agent,
        "agent_settings": record.agent_settings,
        "seed": record.seed,
        "budget": record.budget,
        "status": record.status,
        "stopped_because": record.stopped_because,
        "seconds": record.seconds,
        "counts": result.counts,
        "reasons": [
            dict(zip(("kind", "reason", "designs"), entry, strict=True)) for entry in result.reasons()
        ],
        "hypervolume": _number(result.share * whole if result.share else 0.0),
        "hypervolume_curve": [
            [int(result.checkpoints[i]), _number(float(result.shares[i]) * whole)] for i in improved
        ],
        "second_judges": [asdict(one) for one in second_judges(result.data)],
        "command": commands(record),
        "versions": record.versions,
        "host": record.host,
        "created_at": record.created_at,
    }


def _importance_data(importance: Importance) -> dict[str, Any]:
    columns = (importance.total.tolist(), importance.low.tolist(), importance.high.tolist())
    return {
        "designs": importance.designs,
        "designs_with_a_value": importance.known,
        "explained_variance": importance.explained,
        "log_scale": importance.log,
        "few_designs": importance.few,
        "parameters": {
            name: {"total": total, "low": low, "high": high}
            for name, total, low, high in zip(importance.parameters, *columns, strict=True)
        },
    }


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
