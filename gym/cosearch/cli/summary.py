"""What a study found, in short: its counts, its hypervolume and its Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.cli.output import print_line, print_table, value_text
from cosearch.export import pareto_rows
from cosearch.objectives import Constraint, feasible, minimised
from cosearch.outcomes import STATUSES
from cosearch.pareto import hypervolume, reference_point
from cosearch.quantities import Scale, count, duration, number

if TYPE_CHECKING:
    from cosearch.store import StudyData

SHOWN_DESIGNS = 10
SHOWN_PARAMETERS = 8
SHOWN_REASONS = 3


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
            dict(zip(("kind", "reason", "designs"), entry, strict=True)) for entry in reasons_of(data)
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
    from cosearch.report.words import more_text, reason_line

    study, counts, front = summary["study"], summary["counts"], summary["pareto"]
    metrics = list(summary["reference_point"])
    bounded = [Constraint.parse(text).metric for text in study["constraints"]]
    metrics += [metric for metric in dict.fromkeys(bounded) if metric not in metrics]
    units = {metric["name"]: metric["unit"] for metric in study["metrics"]}
    scales = {
        metric: Scale.of(units[metric], [row["metrics"][metric] for row in front]) for metric in metrics
    }
    if front:
        objectives = list(summary["reference_point"])
        equal: dict[tuple[float, ...], list[dict[str, Any]]] = {}
        for row in front:
            equal.setdefault(tuple(row["metrics"][metric] for metric in objectives), []).append(row)
        parameters = _shown_parameters(study, [rows[0] for rows in equal.values()])
        cells = [
            [
                *(scale.text(row["metrics"][metric]) for metric, scale in scales.items()),
                *(value_text(row["design"].get(parameter, "")) for parameter in parameters),
                more_text(len(others)),
            ]
            for row, *others in list(equal.values())[:SHOWN_DESIGNS]
        ]
        found = count(len(front), "design")
        found += f", {len(equal):,} with different values" if len(equal) < len(front) else ""
        found += f", {SHOWN_DESIGNS} of them shown" if len(equal) > SHOWN_DESIGNS else ""
        heads = [scale.heading(metric) for metric, scale in scales.items()]
        title = f"Pareto front of {', '.join(study['objectives'])}: {found}"
        print_table(title, [*heads, *parameters, ""], cells, right=heads)
    else:
        print_line("no feasible design was found", style="yellow")
        for entry in summary["reasons"][:SHOWN_REASONS]:
            print_line(reason_line((entry["kind"], entry["reason"], entry["designs"])))
    print_line()
    infeasible = counts["infeasible"] + counts["violate_constraints"]
    corner = ", ".join(
        f"{scales[metric].name(metric)} {scales[metric].quantity(value)}"
        for metric, value in summary["reference_point"].items()
    )
    others = len(summary["compared_with"])
    common = f", common to {others + 1} studies of the store" if others else ""
    print_line(
        f"{count(study['evaluations'], 'design')} in {duration(study['seconds'])}: "
        f"{counts['ok'] - counts['violate_constraints']:,} feasible, {infeasible:,} infeasible, "
        f"{counts['failed']:,} failed; hypervolume {number(summary['hypervolume'])} "
        f"(reference point {corner}{common})"
    )
    for name, n in counts["at_other_fidelities"].items():
        print_line(f"{count(n, 'more evaluation')} at fidelity {name}")
    print_line(f"{study['status']}: {study['stopped_because']}")


def _shown_parameters(study: Mapping[str, Any], front: list[dict[str, Any]]) -> list[str]:
    """The parameters in which the front differs, in order, as many as a table holds."""
    names = [parameter["name"] for parameter in study["space"]["parameters"]]
    differ = [name for name in names if len({repr(row["design"].get(name)) for row in front}) > 1]
    return (differ or names)[:SHOWN_PARAMETERS]
