"""What a study found, in short: its counts, its hypervolume and its Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.cli.output import print_line, print_table, print_wrapped
from cosearch.export.table import pareto_rows
from cosearch.objectives import Constraint, Objective, feasible, minimised
from cosearch.outcomes import STATUSES
from cosearch.pareto import hypervolume, reference_point
from cosearch.quantities import Scale, count, duration, number

if TYPE_CHECKING:
    from cosearch.store import StudyData

SHOWN_DESIGNS = 10
SHOWN_REASONS = 3
CONSTRAINT = "constraint"


def summarise(data: StudyData, others: Sequence[StudyData] = ()) -> dict[str, Any]:
    """The summary as JSON values; the front is ordered by the first objective, the best first.

    Args:
        data: the study.
        others: studies that it can be compared with: its hypervolume has the reference point of all of them.
    """
    from cosearch.report.study_result import reasons_of  # not above: SQLAlchemy takes long to import

    elsewhere, positions = data.elsewhere, np.flatnonzero(data.at_study_fidelity)
    data, others = data.own(), [other.own() for other in others]
    meets = feasible(data.constraints, data.outcomes)
    values = minimised(data.objectives, data.outcomes)
    front = np.flatnonzero(pareto_rows(data))
    front = front[np.argsort(values[front, 0], kind="stable")]
    known = [minimised(o.objectives, o.outcomes)[pareto_rows(o)] for o in others]
    reference = reference_point(data.objectives, [values[front], *known])
    signs = [1 if objective.direction == "min" else -1 for objective in data.objectives]
    return {
        "study": asdict(data.record),
        "counts": {
            **{status: int((data.outcomes.codes == code).sum()) for code, status in enumerate(STATUSES)},
            "violate_constraints": int((data.outcomes.ok & ~meets).sum()),
            "proposals": len(data.told),
            "at_other_fidelities": elsewhere,
        },
        "reasons": [
            dict(zip(("kind", "reason", "designs"), entry, strict=True)) for entry in reasons_of(data, None)
        ],
        "hypervolume": hypervolume(values[front], reference),
        "reference_point": {
            objective.metric: sign * value
            for objective, sign, value in zip(data.objectives, signs, reference, strict=True)
        },
        **_normalised(data, values[front]),
        "compared_with": [other.record.name for other in others],
        "pareto": [
            {"position": int(positions[i]), "design": design, "metrics": data.outcomes.row(i)}
            for i, design in zip(front.tolist(), data.designs[front].to_dicts(), strict=True)
        ],
    }


def _normalised(data: StudyData, front: NDArray[np.float64]) -> dict[str, Any]:
    """The hypervolume as a share of the known front's, where the problem has one."""
    from cosearch.comparison.fronts import known_front

    known = known_front(data.record)
    if known is None:
        return {}
    return {
        "normalised_hypervolume": known.share(front),
        "known_front": {"exact": known.exact, "obtained": known.obtained},
    }


def show_summary(summary: Mapping[str, Any]) -> None:
    """Print the summary for a person."""
    from cosearch.report.front_text import front_text
    from cosearch.report.words import reason_line

    study, counts, front = summary["study"], summary["counts"], summary["pareto"]
    objectives = [Objective.parse(text) for text in study["objectives"]]
    signed = [(1 if o.direction == "min" else -1, o) for o in objectives]
    metrics = [o.metric for o in objectives]
    bounded = [Constraint.parse(text).metric for text in study["constraints"]]
    metrics += [metric for metric in dict.fromkeys(bounded) if metric not in metrics]
    units = {metric["name"]: metric["unit"] for metric in study["metrics"]}
    scales = {
        metric: Scale.of(units[metric], [row["metrics"][metric] for row in front]) for metric in metrics
    }
    if front:
        text = front_text(
            [[sign * row["metrics"][o.metric] for sign, o in signed] for row in front],
            {metric: [row["metrics"][metric] for row in front] for metric in metrics},
            scales,
            [row["design"] for row in front],
            [parameter["name"] for parameter in study["space"]["parameters"]],
            SHOWN_DESIGNS,
        )
        kind = "Pareto front of" if len(signed) > 1 else "Best designs for"
        print_table(
            f"{kind} {', '.join(study['objectives'])}: {text.found}",
            text.heads,
            text.rows,
            right=text.numeric,
        )
        if text.common:
            print_wrapped(f"all of them: {text.common}")
    else:
        print_line("no feasible design was found", style="yellow")
        for entry in _reasons(summary):
            print_line(reason_line((entry["kind"], entry["reason"], entry["designs"])))
    print_line()
    infeasible = counts["infeasible"] + counts["violate_constraints"]
    recorded = sum(counts[status] for status in STATUSES) + sum(counts["at_other_fidelities"].values())
    known = recorded - study["evaluations"] - study["reused"]
    print_line(
        f"{count(study['evaluations'], 'design')} in {duration(study['seconds'])}"
        f"{f', and {known:,} that it started from' if known > 0 else ''}: "
        f"{counts['ok'] - counts['violate_constraints']:,} feasible, {infeasible:,} infeasible, "
        f"{counts['failed']:,} failed"
    )
    if study["options"].get("reuse"):
        print_line(f"{count(study['reused'], 'more design')} free, from other studies of the store")
    if front and counts["violate_constraints"]:
        for entry in _reasons(summary):
            if entry["kind"] == CONSTRAINT:
                print_line(reason_line((entry["kind"], entry["reason"], entry["designs"])))
    if front and len(objectives) > 1:
        _show_volume(summary, objectives, scales)
    for name, n in counts["at_other_fidelities"].items():
        print_line(f"{count(n, 'more evaluation')} at fidelity {name}")
    print_line(f"{study['status']}: {study['stopped_because']}")


def _reasons(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Why designs are not feasible: every constraint, and the most frequent of the others."""
    others = [entry for entry in summary["reasons"] if entry["kind"] != CONSTRAINT][:SHOWN_REASONS]
    return [entry for entry in summary["reasons"] if entry["kind"] == CONSTRAINT or entry in others]


def _show_volume(
    summary: Mapping[str, Any], objectives: Sequence[Objective], scales: Mapping[str, Scale]
) -> None:
    """The hypervolume, where it means the same in every study of the problem."""
    if "normalised_hypervolume" in summary:
        kind = "exact front's" if summary["known_front"]["exact"] else "best known front's"
        print_line(f"hypervolume {summary['normalised_hypervolume']:.4f} of the {kind}")
    elif all(objective.reference is not None for objective in objectives):
        corner = ", ".join(
            f"{scales[metric].name(metric)} {scales[metric].quantity(value)}"
            for metric, value in summary["reference_point"].items()
        )
        print_line(f"hypervolume {number(summary['hypervolume'])} (reference point {corner})")
