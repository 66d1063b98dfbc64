"""What the page shows: a row for each study, a section for studies that can be compared, a single design."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader

from cosearch.comparison.fronts import known_front
from cosearch.dashboard.watching import Listing
from cosearch.errors import CosearchError, DesignError
from cosearch.outcomes import OK_CODE
from cosearch.pictures import PALETTE, Picture
from cosearch.quantities import Scale, number, percent
from cosearch.report.comparison import Comparison, compare
from cosearch.report.curves import hypervolume_figure
from cosearch.report.document import Drawings
from cosearch.report.front import front_figures
from cosearch.report.parallel import parallel_figure
from cosearch.report.points import Columns
from cosearch.report.rates import rate_figure
from cosearch.report.rendering import environment
from cosearch.report.tables import pareto_table, studies_table
from cosearch.report.words import goal_facts, parameter_value, reason_line, summary
from cosearch.space import DesignSpace, Integer, Real
from cosearch.store import StudyData

MOST_SHOWN = 200  # designs of the front that the page's table has
MOST_REASONS = 12
MOST_DOMINATED = 1500  # designs beside the front in a plot, which is drawn again and again
MOST_CHOICES = 2000  # values of a parameter that a form lists
STALE_S = 15.0


def render(template: str, **values: Any) -> str:
    """A template of this folder or of the report's, escaped as the report's are."""
    return _environment().get_template(template).render(values)


def _environment() -> Environment:
    base = environment()
    own = PackageLoader("cosearch.dashboard")
    assert base.loader is not None
    return base.overlay(loader=ChoiceLoader([own, base.loader]))


def studies_view(listing: Listing, location: str, *, writable: bool) -> dict[str, Any]:
    """The store and a row for each study, newest first."""
    now = time.time()
    rows = []
    for record in reversed(listing.records):
        at, doing = listing.doing.get(record.name, (0.0, {}))
        quiet = now - at if doing else 0.0
        rows.append(
            {
                "name": record.name,
                "problem": record.problem,
                "agent": record.agent,
                "seed": record.seed,
                "status": record.status,
                "because": record.stopped_because,
                "evaluations": record.evaluations,
                "budget": record.budget,
                "rate": number(listing.rates.get(record.name, 0.0), 3),
                "created": record.created_at,
                "workers": doing.get("workers", record.workers),
                "host": str(doing.get("host", "")),
                "pid": doing.get("pid"),
                "under_way": doing.get("under_way", 0),
                "waiting": doing.get("waiting", 0),
                "running": [_running(one, quiet) for one in doing.get("running", ())],
                "quiet": round(quiet) if quiet > STALE_S else 0,
            }
        )
    return {
        "store": location,
        "writable": writable,
        "error": listing.error,
        "damaged": listing.damaged,
        "studies": rows,
    }


def _running(one: dict[str, Any], quiet: float) -> dict[str, Any]:
    design = one.get("design")
    words = [f"{name}={parameter_value(value)}" for name, value in design.items()] if design else []
    return {
        "number": one.get("number"),
        "design": ", ".join(words),
        "fidelity": str(one.get("fidelity", "")),
        "seconds": number(float(one.get("seconds", 0.0)) + quiet, 3),
        "together": one.get("together", 1),
    }


def comparison_view(studies: Sequence[StudyData]) -> dict[str, Any]:
    """The sections of these studies: HTML of words and tables, and figures as `page.js` draws them."""
    sections = []
    columns: dict[str, Any] = {}
    for position, comparison in enumerate(compare(studies)):
        drawings = Drawings()
        figures = _figures(comparison, drawings.columns)
        places = drawings.rows(figures)
        key = f"s{position}"
        data = drawings.data
        prefix = f"{key}-"
        columns |= {prefix + name: values for name, values in data["columns"].items()}
        sections.append(
            {
                "key": key,
                "head": render("head.html.j2", **_head(comparison)),
                "places": [
                    {"id": prefix + place.id, "title": place.title, "caption": place.caption}
                    | {"kind": place.kind, "style": place.style, "wide": place.wide}
                    for row in places
                    for place in row
                ],
                "figures": [
                    one | {"id": prefix + one["id"], "traces": [_prefixed(t, prefix) for t in one["traces"]]}
                    for one in data["figures"]
                ],
                "tables": render("tables.html.j2", key=key, **_tables(comparison)),
                "studies": [result.data.record.name for result in comparison.results],
            }
        )
    return {"sections": sections, "columns": columns, "palette": PALETTE}


def _figures(comparison: Comparison, columns: Columns) -> list[Picture]:
    figures: list[Picture | None] = [
        *front_figures(comparison, columns, MOST_DOMINATED),
        hypervolume_figure(comparison),
        rate_figure(comparison),
        parallel_figure(comparison),
    ]
    return [figure for figure in figures if figure is not None]


def _prefixed(trace: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        key: {"$ref": prefix + value["$ref"]} if isinstance(value, dict) and "$ref" in value else value
        for key, value in trace.items()
    }


def _head(comparison: Comparison) -> dict[str, Any]:
    counts = [result.counts for result in comparison.results]
    totals = {name: sum(one[name] for one in counts) for name in counts[0]}
    facts = [
        *goal_facts(comparison.first.objectives, comparison.first.constraints),
        ("Evaluations", f"{totals['evaluations']:,}"),
        ("Feasible", f"{totals['feasible']:,}"),
        ("On the front", f"{len(comparison.front_rows):,}"),
        ("Rejected or failed", f"{totals['infeasible'] + totals['failed']:,}"),
    ]
    if len(comparison.first.objectives) > 1:
        known = known_front(comparison.first.record)
        if known is not None:
            share = known.share(comparison.minimised[comparison.front_rows])
            of = "the exact front's" if known.exact else "the best known"
            facts.append((f"Hypervolume, of {of}", percent(share)))
        else:
            facts.append(("Hypervolume", number(comparison.hypervolume)))
    return {"title": comparison.title, "lead": summary(comparison), "facts": facts}


def _tables(comparison: Comparison) -> dict[str, Any]:
    found = pareto_table(comparison)
    rows = []
    if found:
        found["heads"] = found["heads"][:-1]  # the page has a button of its own
        for cells, (row, _) in zip(found["rows"][:MOST_SHOWN], comparison.front_points, strict=False):
            study = comparison.results[comparison.source[row]].data.record.name
            rows.append((pick_key(comparison.designs.index[row]), study, cells[:-1]))
    return {
        "pareto": found,
        "rows": rows,
        "most": MOST_SHOWN,
        "reasons": [(reason_line(entry), entry[2]) for entry in comparison.reasons(MOST_REASONS)],
        "studies": studies_table(comparison),
    }


def pick_key(index: Any) -> str:
    """What the page calls a design: the positions of its values."""
    return ".".join(map(str, np.asarray(index).tolist()))


def design_view(data: StudyData, row: int | None, key: str | None, pictures: Any) -> dict[str, Any]:
    """One design of a study: what was chosen and measured, its command, its pictures.

    Args:
        data: the study.
        row: of the design among those at the study's own fidelity; or
        key: what `pick_key` calls it.
        pictures: called with the design, gives what was drawn, a list of lines why nothing was.

    Raises:
        DesignError: if the study has no such design.
    """
    own = data.own()
    at = _row_of(own, row, key)
    design, outcomes, record = own.designs[at], own.outcomes, own.record
    units = {metric["name"]: metric["unit"] for metric in record.metrics}
    measured = {}
    if outcomes.codes[at] == OK_CODE:
        for name, value in outcomes.row(at).items():
            unit = "" if units[name] == "1" else units[name]
            scale = Scale.of(unit, [value])
            measured[scale.name(name)] = scale.quantity(value, 5)
    drawings = Drawings()
    drawn = pictures(design)
    prefix = f"design-{at}-"
    places = [place for row_ in drawings.rows(drawn.pictures) for place in row_]
    data_of = drawings.data
    return {
        "title": f"{record.name}, evaluation {at + 1}",
        "html": render(
            "design.html.j2",
            measured=measured,
            chosen={name: parameter_value(value) for name, value in design.items()},
            trouble="" if measured else f"{outcomes.status[at]}: {outcomes.reason[at]}",
            missing=drawn.missing,
            command=_command(data, design),
            draws=bool(places),
        ),
        "places": [
            {"id": prefix + place.id, "title": place.title, "caption": place.caption, "kind": place.kind}
            | {"style": place.style, "wide": place.wide}
            for place in places
        ],
        "figures": [one | {"id": prefix + one["id"]} for one in data_of["figures"]],
        "design": {name: list(v) if isinstance(v, tuple) else v for name, v in design.items()},
    }


def _command(data: StudyData, design: Any) -> str:
    import json
    import shlex

    record = data.record
    words = ["cosearch", "evaluate", record.problem]
    for name, value in record.problem_arguments.items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join([*words, "--fidelity", record.fidelity, "--design", json.dumps(design)])


def _row_of(data: StudyData, row: int | None, key: str | None) -> int:
    if row is not None:
        if not 0 <= row < len(data.designs):
            raise DesignError(f"study {data.record.name!r} has no evaluation {row + 1}")
        return row
    try:
        index = np.array([int(part) for part in (key or "").split(".")], dtype=np.int64)
    except (ValueError, OverflowError):
        raise DesignError("the design's key is none") from None
    if len(index) != data.designs.index.shape[1]:
        raise DesignError("the design's key is of another space")
    rows = np.flatnonzero((data.designs.index == index).all(axis=1))
    if not len(rows):
        raise DesignError(f"study {data.record.name!r} has not evaluated this design")
    return int(rows[0])


def form_view(data: StudyData) -> dict[str, Any]:
    """What a design of the study's space is made of, for a form, with the default of each."""
    space = data.space
    return {
        "parameters": [_field(space, name) for name in space.names],
        "fidelities": [fidelity["name"] for fidelity in data.record.fidelities] or [data.record.fidelity],
        "fidelity": data.record.fidelity,
        "status": data.record.status,
        "left": max(data.record.budget - data.record.evaluations, 0),
    }


def _field(space: DesignSpace, name: str) -> dict[str, Any]:
    parameter = space[name]
    field: dict[str, Any] = {"name": name, "description": parameter.description, "when": bool(parameter.when)}
    default = parameter.default
    field["default"] = list(default) if isinstance(default, tuple) else default
    if parameter.size <= MOST_CHOICES and not parameter.holds_orders:
        values = parameter.values_at(np.arange(parameter.size))
        return field | {"choices": [list(v) if isinstance(v, tuple) else v for v in values]}
    if isinstance(parameter, Real | Integer):
        return field | {"low": parameter.low, "high": parameter.high, "whole": isinstance(parameter, Integer)}
    return field | {"text": parameter.expected()}


def reason_of(error: Exception) -> str:
    """An error as one line for the page."""
    return str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
