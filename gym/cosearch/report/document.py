"""The frame of every page: figures, scripts, and a policy that lets nothing else run; no network needed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby
from typing import Any

from markupsafe import Markup

import cosearch
from cosearch.pictures import PALETTE, Picture
from cosearch.report.figure import Figure
from cosearch.report.points import Columns
from cosearch.report.rendering import embedded_json, render

DEFAULT_HEIGHT = 400


@dataclass(frozen=True)
class Place:
    """Where a figure stands in the page: an element of this id, with its words and its size."""

    id: str
    title: str
    caption: str
    caution: str
    kind: str
    style: str
    wide: bool


class Drawings:
    """The figures of a page in order, as `page.js` draws them."""

    def __init__(self) -> None:
        self.figures: list[dict[str, Any]] = []
        self.columns = Columns()

    def place(self, figure: Picture) -> Place:
        """Take a figure in; its place in the page."""
        key = f"figure-{len(self.figures)}"
        controls = figure.controls if isinstance(figure, Figure) else {}
        self.figures.append(
            {"id": key, "traces": figure.traces, "layout": figure.layout, "controls": controls}
        )
        height = figure.layout.get("height")
        height = height if isinstance(height, int | float) else DEFAULT_HEIGHT
        width = f"min-width:{int(figure.min_width)}px;" if figure.min_width else ""
        kind = "plot parallel" if "axes" in controls else "plot"
        words = figure.title, figure.caption, figure.caution
        return Place(key, *words, kind, f"{width}height:{height}px", figure.wide)

    def rows(self, figures: Sequence[Picture]) -> list[list[Place]]:
        """The places of figures: each that is wide in a row of its own, others beside each other."""
        rows = []
        for wide, run in groupby(map(self.place, figures), key=lambda place: place.wide):
            places = list(run)
            rows += [[place] for place in places] if wide else [places]
        return rows

    @property
    def data(self) -> dict[str, Any]:
        """What `page.js` reads."""
        return {"figures": self.figures, "columns": self.columns.arrays, "palette": PALETTE}


def document(template: str, title: str, drawings: Drawings, **values: Any) -> str:
    """The page as HTML.

    Args:
        template: which extends `page.html.j2`.
        title: in the browser's tab.
        drawings: all figures of the page.
        values: what the template shows.
    """
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), _resource("parallel.js"), _resource("page.js")]
    return render(
        template,
        title=title,
        policy=_policy(scripts),
        style=Markup(_resource("page.css")),
        data=embedded_json(drawings.data),
        scripts=[Markup(script) for script in scripts],
        version=cosearch.__version__,
        **values,
    )


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
