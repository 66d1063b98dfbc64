"""The frame of every page: head, figures, scripts and a policy that lets nothing else run; no network needed.

Names, reasons and values come from plugins and files, so every text is escaped where it enters the page: by
`html.escape` in HTML, by `embedded_json` in the data, by `points.escape` in what Plotly reads as markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from itertools import groupby
from typing import Any

import cosearch
from cosearch.pictures import PALETTE, Picture
from cosearch.report.figure import Figure
from cosearch.report.markup import heading, text
from cosearch.report.points import Columns

DEFAULT_HEIGHT = 400


class Drawings:
    """The figures of a page in order, as `page.js` draws them."""

    def __init__(self) -> None:
        self.figures: list[dict[str, Any]] = []
        self.columns = Columns()

    def show(self, figure: Picture, level: int) -> str:
        """Take the figure in; its place in the page, with a heading of this level."""
        key = f"figure-{len(self.figures)}"
        controls = figure.controls if isinstance(figure, Figure) else {}
        self.figures.append(
            {"id": key, "traces": figure.traces, "layout": figure.layout, "controls": controls}
        )
        caution = f'<p class="caution">{text(figure.caution)}</p>' if figure.caution else ""
        width = f"min-width:{int(figure.min_width)}px;" if figure.min_width else ""
        kind = "plot parallel" if "axes" in controls else "plot"
        name = heading(figure.title, level, f"{key}-title", "title" if figure.wide else "subtitle")
        caption = text(figure.caption)
        height = figure.layout.get("height")
        height = height if isinstance(height, int | float) else DEFAULT_HEIGHT
        return (
            f'<figure aria-labelledby="{key}-title">{name}'
            f'<figcaption class="caption">{caption}</figcaption>{caution}'
            f'<div class="controls" id="{key}-controls"></div>'
            f'<div class="plot-frame" tabindex="0" role="img" aria-label="{text(figure.title)}. {caption}">'
            f'<div class="{kind}" id="{key}" style="{width}height:{height}px"></div>'
            "</div></figure>"
        )

    def show_all(self, figures: Sequence[Picture], level: int) -> str:
        """Those that are not wide stand beside each other."""
        parts = []
        for wide, run in groupby(figures, key=lambda figure: figure.wide):
            shown = "".join(self.show(figure, level) for figure in run)
            parts.append(shown if wide else f'<div class="grid">{shown}</div>')
        return "".join(parts)

    @property
    def data(self) -> dict[str, Any]:
        """What `page.js` reads."""
        return {"figures": self.figures, "columns": self.columns.arrays, "palette": PALETTE}


def document(kind: str, title: str, header: str, main: str, drawings: Drawings) -> str:
    """The page as HTML.

    Args:
        kind: what the page is, e.g. "report".
        title: as text.
        header: HTML of the heading and what stands above the sections.
        main: HTML of the sections.
        drawings: the figures that they show.
    """
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), _resource("parallel.js"), _resource("page.js")]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{text(title)} · cosearch {kind}</title>",
            f"<style>\n{_resource('page.css')}</style>",
            "</head>",
            "<body>",
            f'<header><p class="eyebrow">cosearch {kind}</p>{header}</header>',
            f"<main>{main}</main>",
            "<noscript><p>The plots need JavaScript; the tables do not.</p></noscript>",
            f"<footer>Written by cosearch {cosearch.__version__}. This page needs no network.</footer>",
            f'<script type="application/json" id="report">{embedded_json(drawings.data)}</script>',
            *(f"<script>{script}</script>" for script in scripts),
            "</body>",
            "</html>",
            "",
        ]
    )


def embedded_json(data: Any) -> str:
    """Strict JSON that no text in it can end early: `<` and `&` are written as escapes."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: Sequence[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
