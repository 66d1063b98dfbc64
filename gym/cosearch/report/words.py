"""What a report says in words: labels, and the sentences at the top of each section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import FAILED, INFEASIBLE
from cosearch.quantities import count, duration, percent
from cosearch.report.comparison import Comparison
from cosearch.report.importance import Importance
from cosearch.report.study_result import Reason, StudyResult

# Below this share of explained variance an importance is shown with a warning.
TRUSTED_EXPLANATION = 0.5


def parameter_value(value: Any) -> str:
    """The value of a parameter or an argument as text; of an object only the names that it has."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple | list):
        return " ".join(parameter_value(item) for item in value)
    if isinstance(value, dict):
        return f"{{{', '.join(value)}}}"
    return str(value)


def short(text: str, length: int = 28) -> str:
    """The text, with its middle left out if it is long."""
    keep = (length - 1) // 2
    return text if len(text) <= length else f"{text[:keep]}…{text[-keep:]}"


def plain(text: Any) -> str:
    """The text on one line, without control characters and with what is not printable escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def summary(comparison: Comparison) -> str:
    """What the studies found, in a few plain sentences."""
    results = comparison.results
    n = sum(result.counts["evaluations"] for result in results)
    elsewhere = _elsewhere(comparison)
    if n == 0:
        return " ".join(["No design has been evaluated yet.", *elsewhere])
    if not comparison.feasible.any():
        return (
            f"No feasible design in {count(n, 'evaluation')}. "
            f"Most frequent reason: {reason_line(comparison.reasons(1)[0])}."
        )
    sentences = [_found(comparison, n), _best(comparison)]
    if len(comparison.labels) > 1:
        sentences.append(_ranking(comparison))
    unfinished = [result for result in results if result.data.record.status != "finished"]
    if unfinished:
        verb = "is" if len(unfinished) == 1 else "are"
        sentences.append(f"{count(len(unfinished), 'study', 'studies')} {verb} not finished.")
    return " ".join(sentences + elsewhere)


def _elsewhere(comparison: Comparison) -> list[str]:
    """What was evaluated at other fidelities."""
    costs = {f["name"]: f["cost"] for f in comparison.first.record.fidelities}
    return [
        f"{count(n, 'more evaluation')} at fidelity {name}"
        + (f", at {costs[name]:g} of an evaluation's cost each." if name in costs else ".")
        for name, n in comparison.elsewhere.items()
    ]


def goal_facts(objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> list[tuple[str, str]]:
    """The objectives and the constraints, as (name, text)."""
    signs = {"<=": "≤", ">=": "≥"}
    bounds = ", ".join(f"{c.metric} {signs[c.operator]} {c.bound:g}" for c in constraints)
    return [
        ("Objectives", ", ".join(f"{o.direction} {o.metric}" for o in objectives)),
        ("Constraints", bounds or "none"),
    ]


def reference_text(comparison: Comparison) -> str:
    """The reference point of every hypervolume of a comparison."""
    corner = zip(comparison.first.objectives, comparison.reference.tolist(), strict=True)
    return ", ".join(
        f"{shown_name(comparison, o.metric)} {comparison.scale(o.metric).quantity(signed(o, value))}"
        for o, value in corner
    )


def shown_name(comparison: Comparison, metric: str) -> str:
    """A metric's name where its value follows: without the unit at its end if another one is shown."""
    return comparison.scale(metric).name(metric)


def signed(objective: Objective, value: float) -> float:
    """A minimised value as the objective has it."""
    return value if objective.direction == "min" else -value


def best_text(comparison: Comparison, result: StudyResult) -> str:
    """The best value of the single objective that a study found, with its unit; a dash if it found none."""
    if not result.feasible.any():
        return "–"
    objective = comparison.first.objectives[0]
    best = signed(objective, float(np.nanmin(result.minimised)))
    return comparison.scale(objective.metric).quantity(best)


def more_text(more: int) -> str:
    """That more designs have the objectives' values of one that is shown; empty where none has."""
    return f"and {more:,} more with the same values" if more else ""


def reason_line(entry: Reason) -> str:
    """Why so many designs are not feasible."""
    kind, reason, designs = entry
    verb = {INFEASIBLE: " rejected", FAILED: " failed"}.get(kind, "")
    return f"{count(designs, 'design')}{verb}: {reason or 'no reason given'}"


def _found(comparison: Comparison, evaluations: int) -> str:
    results, agents = comparison.results, comparison.labels
    front = count(len(comparison.front_rows), "Pareto design")
    verb = f"found {front} in" if len(comparison.first.objectives) > 1 else "made"
    made = f"{verb} {count(evaluations, 'evaluation')}"
    if len(results) == 1:
        feasible = f"{results[0].counts['feasible']:,} feasible"
        return f"{agents[0]} {made} ({feasible}) in {duration(results[0].data.record.seconds)}."
    by = count(len(agents), "agent") if len(agents) > 1 else agents[0]
    return f"{len(results)} studies of {by} {made}."


def _best(comparison: Comparison) -> str:
    parts = []
    for k, objective in enumerate(comparison.first.objectives):
        best = comparison.minimised[comparison.front_rows, k].min()
        finders = [r.label for r in comparison.results if (r.minimised[:, k] == best).any()]
        extreme = "lowest" if objective.direction == "min" else "highest"
        by = f" by {' and '.join(dict.fromkeys(finders))}" if len(comparison.labels) > 1 else ""
        value = comparison.scale(objective.metric).quantity(signed(objective, float(best)))
        parts.append(f"{extreme} {shown_name(comparison, objective.metric)} {value}{by}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _ranking(comparison: Comparison) -> str:
    medians = {
        label: float(np.median([r.share for r in comparison.results if r.label == label]))
        for label in comparison.labels
    }
    order = sorted(medians, key=lambda label: -medians[label])
    several = "median " if len(comparison.results) > len(medians) else ""
    if len(comparison.first.objectives) == 1:
        return f"{order[0]} has the best {several}result, {order[-1]} the worst."
    return (
        f"{order[0]} has the largest {several}hypervolume ({percent(medians[order[0]])} of the "
        f"combined front's), {order[-1]} the smallest ({percent(medians[order[-1]])})."
    )


def importance_caution(importance: Importance) -> str:
    """Why an importance should be read with care; empty if there is no reason."""
    if importance.explained < TRUSTED_EXPLANATION:
        return (
            f"Not to be relied on: the trees explain {percent(max(importance.explained, 0.0))} of the "
            "variance of designs that they did not see."
        )
    if importance.few:
        return (
            f"Only {count(importance.designs, 'design')} for {len(importance.parameters)} parameters; "
            "with fewer than ten for each, take this as a hint."
        )
    return ""


def basis(importance: Importance) -> str:
    """The designs that an importance rests on."""
    sample = f"a random {importance.designs:,} of " if importance.designs < importance.known else ""
    return f"{sample}{count(importance.known, 'design')}"


def reproduction(result: StudyResult) -> Sequence[tuple[str, str]]:
    """How a study came about, as (name, text)."""
    record = result.data.record
    reason = f": {record.stopped_because}" if record.stopped_because else ""
    return [
        ("status", f"{record.status}{reason}"),
        ("created", record.created_at),
        ("seed", str(record.seed)),
        ("workers", f"{record.workers}, batches of {record.batch_size}"),
        ("host", ", ".join(f"{name} {value}" for name, value in record.host.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
    ]
