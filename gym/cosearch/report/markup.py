"""The pieces of HTML that a report is made of; every text is escaped here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from cosearch.report.words import plain


def text(value: Any) -> str:
    """Text for HTML, also within an attribute."""
    return escape(plain(value))


def name_text(name: str) -> str:
    """A name for HTML that may be broken behind its underscores; not for attributes."""
    return text(name).replace("_", "_<wbr>")


def prose(value: Any) -> str:
    """Text of a docstring: what stands between backticks is code."""
    return re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", text(value))


def heading(title: str, level: int, key: str = "", kind: str = "title") -> str:
    """A heading of level 2 to 4."""
    name = f' id="{key}"' if key else ""
    return f'<h{level} class="{kind}"{name}>{text(title)}</h{level}>'


def copy_button(label: str, copied: str) -> str:
    """A button that copies a text."""
    return f'<button type="button" data-copy="{escape(copied)}" title="{text(copied)}">{text(label)}</button>'


def facts(values: Mapping[str, str]) -> str:
    """A row of boxes, each a name and its text."""
    items = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in values.items()
    )
    return f'<dl class="facts">{items}</dl>'
