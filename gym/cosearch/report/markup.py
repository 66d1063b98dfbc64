"""The pieces of HTML that a report is made of; every text is escaped here."""

from __future__ import annotations

from html import escape
from typing import Any

from cosearch.report.words import plain


def text(value: Any) -> str:
    """Text for HTML, also within an attribute."""
    return escape(plain(value))


def heading(title: str, level: int, key: str = "", kind: str = "title") -> str:
    """A heading of level 2 to 4."""
    name = f' id="{key}"' if key else ""
    return f'<h{level} class="{kind}"{name}>{text(title)}</h{level}>'


def copy_button(label: str, copied: str) -> str:
    """A button that copies a text."""
    return f'<button type="button" data-copy="{escape(copied)}" title="{text(copied)}">{text(label)}</button>'
