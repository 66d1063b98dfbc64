"""Jinja2 with autoescape: every text enters a page here, escaped, on one line and without control characters.

Names, reasons and values come from plugins and files. What a template prints goes through `plain` and the
escape, whatever it is; `exact` alone keeps line breaks, for what a button copies. The page's data is embedded
by `embedded_json`, and what Plotly reads as markup is escaped by `points.escape`.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cosearch.report.words import plain


def render(template: str, **values: Any) -> str:
    """A template of `templates/` with these values."""
    return environment().get_template(template).render(values)


@functools.cache
def environment() -> Environment:
    """The templates, and how they print."""
    made = Environment(
        loader=PackageLoader("cosearch.report"),
        autoescape=True,
        finalize=_one_line,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"exact": exact, "breakable": breakable, "prose": prose}
    return made


def exact(text: str) -> Markup:
    """A text with its line breaks, for an attribute that a script reads."""
    return Markup(escape(text))


def breakable(name: str) -> Markup:
    """A name that may be broken behind its underscores; not for attributes."""
    return Markup(str(escape(plain(name))).replace("_", "_<wbr>"))


def prose(text: Any) -> Markup:
    """Text of a docstring: what stands between backticks is code."""
    return Markup(re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", str(escape(plain(text)))))


def embedded_json(data: Any) -> Markup:
    """Strict JSON that no text in it can end early: `<` and `&` are written as escapes."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _one_line(value: Any) -> Any:
    return value if isinstance(value, Markup) else plain(value)
