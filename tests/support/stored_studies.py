"""Studies that are written straight into a store, without a problem or an agent."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Categorical, DesignSpace, Integer, Outcomes
from cosearch.outcomes import FAILED_CODE, INFEASIBLE_CODE
from cosearch.store import Store, StoredEvaluations, StudyRecord

SPACE = DesignSpace([Integer("x", 0, 999), Integer("y", 0, 9999), Categorical("shape", ["round", "square"])])
METRICS = ("latency_ns", "energy_pj")


def record(name: str = "study", **changes: Any) -> StudyRecord:
    """A study as somebody may describe it."""
    values: dict[str, Any] = {
        "id": 0,
        "name": name,
        "problem": "two-numbers",
        "problem_version": 1,
        "problem_arguments": {"workload": "small"},
        "fidelities": [{"name": "rough", "cost": 0.1, "description": ""}, {"name": "exact", "cost": 1.0}],
        "fidelity": "exact",
        "objectives": ["latency_ns:min", "energy_pj:min"],
        "constraints": ["energy_pj<=9"],
        "metrics": [{"name": name, "unit": "1", "description": ""} for name in METRICS],
        "space": SPACE.to_dict(),
        "space_hash": SPACE.hash(),
        "agent": "random",
        "seed": 3,
        "budget": 100,
        "agent_budget": 100,
        "options": {"deterministic": True},
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    return StudyRecord(**{**values, **changes})


def designs(first: int, n: int) -> Any:
    """Designs that differ from those of all other numbers."""
    at = np.arange(first, first + n)
    return SPACE.from_index(np.stack([at % 1000, at // 1000, at % 2], axis=1))


def outcomes(first: int, n: int, *, bad: bool = False) -> Outcomes:
    """Outcomes that follow from the numbers; with `bad`, every fifth is infeasible."""
    at = np.arange(first, first + n)
    metrics = {"latency_ns": at * 0.5, "energy_pj": 1.0 / (at + 1)}
    if not bad:
        return Outcomes(metrics, np.zeros(n, dtype=np.int8))
    codes = np.where(at % 5 == 0, INFEASIBLE_CODE, np.where(at % 7 == 0, FAILED_CODE, 0)).astype(np.int8)
    reason = [f"reason {i % 3} \u00fc" if code else "" for i, code in enumerate(codes)]
    return Outcomes({k: np.where(codes == 0, v, np.nan) for k, v in metrics.items()}, codes, reason)


def append(writer: Any, n: int, **options: Any) -> np.ndarray:
    """Append n evaluations that follow on those that the study has."""
    first = writer.stored
    return writer.append(np.arange(first, first + n), designs(first, n), outcomes(first, n), **options)


def assert_counts_up(stored: StoredEvaluations, at_least: int = 0) -> None:
    """Everything is there once, in order, and as it was."""
    n = len(stored)
    assert n >= at_least
    assert stored.row.tolist() == list(range(n))
    assert stored.designs == designs(0, n)
    np.testing.assert_array_equal(stored.outcomes["latency_ns"], outcomes(0, n)["latency_ns"])
    np.testing.assert_array_equal(stored.number, np.arange(n))


def written(path: Any, n: int = 30, name: str = "study", batch: int = 8) -> Store:
    """A store with a finished study of n evaluations, all told."""
    store = Store.open(path, create=True)
    with store.writer(store.create_study(record(name))) as writer:
        while writer.stored < n:
            rows = append(writer, min(batch, n - writer.stored), seconds=writer.stored / 10)
            writer.tell(rows, {"generation": writer.stored})
        writer.set_status("finished", "the budget is spent")
    return store
