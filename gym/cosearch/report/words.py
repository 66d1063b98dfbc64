"""What a report says in words: numbers, labels, and the sentences at the top of each section."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosearch.outcomes import FAILED, INFEASIBLE
from cosearch.report.comparison import Comparison, Reason, StudyResult
from cosearch.report.importance import Importance

# Below this share of explained variance an importance is shown with a warning.
TRUSTED_EXPLANATION = 0.5


def number(value: float, digits: int = 5) -> str:
    """A number to `digits` significant digits, without an exponent where that is short; a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if -4 <= magnitude < (9 if digits >= 5 else 5):
        text = f"{value:,.{max(digits - 1 - magnitude, 0)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def quantity(value: float, unit: str, digits: int = 5) -> str:
    """A number with its unit."""
    text = number(value, digits)
    return f"{text} {unit}" if unit else text


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


def count(n: int, one: str, many: str = "") -> str:
    """`3 designs`, `1 design`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def short(text: str, length: int = 28) -> str:
    """The text, with its middle left out if it is long."""
    keep = (length - 1) // 2
    return text if len(text) <= length else f"{text[:keep]}…{text[-keep:]}"


def plain(text: Any) -> str:
    """The text on one line, without control characters and with what is not printable escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def percent(share: float) -> str:
    """A share in percent, so that only the whole is 100 %."""
    if not math.isfinite(share):
        return "–"
    if share >= 1:
        return "100 %"
    return f"{min(100 * share, 99.9):.1f} %" if share >= 0.9 else f"{100 * share:.0f} %"


def summary(comparison: Comparison) -> str:
    """What the studies found, in a few plain sentences."""
    results = comparison.results
    n = sum(result.counts["evaluations"] for result in results)
    if n == 0:
        return "No design has been evaluated yet."
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
    return " ".join(sentences)


def reference_text(comparison: Comparison) -> str:
    """The reference point of every hypervolume of a comparison."""
    corner = zip(comparison.first.objectives, comparison.reference.tolist(), strict=True)
    return ", ".join(
        f"{o.metric} {quantity(value if o.direction == 'min' else -value, comparison.unit(o.metric), 3)}"
        for o, value in corner
    )


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
        extreme, sign = ("lowest", 1) if objective.direction == "min" else ("highest", -1)
        by = f" by {' and '.join(dict.fromkeys(finders))}" if len(comparison.labels) > 1 else ""
        value = quantity(float(sign * best), comparison.unit(objective.metric))
        parts.append(f"{extreme} {objective.metric} {value}{by}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _ranking(comparison: Comparison) -> str:
    medians = {
        label: float(np.median([r.final_hypervolume for r in comparison.results if r.label == label]))
        for label in comparison.labels
    }
    order = sorted(medians, key=lambda label: -medians[label])
    whole = comparison.hypervolume or 1.0
    several = "median " if len(comparison.results) > len(medians) else ""
    if len(comparison.first.objectives) == 1:
        return f"{order[0]} has the best {several}result, {order[-1]} the worst."
    return (
        f"{order[0]} has the largest {several}hypervolume ({percent(medians[order[0]] / whole)} of the "
        f"combined front's), {order[-1]} the smallest ({percent(medians[order[-1]] / whole)})."
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
            "with fewer than ten a parameter, take this as a hint."
        )
    return ""


def duration(seconds: float) -> str:
    """A time span as people say it."""
    if seconds < 60:
        return f"{number(seconds, 3)} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


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
