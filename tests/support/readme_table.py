"""Puts a generated table into a README, between the markers `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def write_table(readme: Path, name: str, lines: Iterable[str]) -> None:
    """Replace what stands between the markers of this name.

    Raises:
        ValueError: if the page lacks one of them.
    """
    page = readme.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    after_begin = page.index(begin) + len(begin)
    before_end = page.index(end, after_begin)
    readme.write_text("\n".join([page[:after_begin], *lines, page[before_end:]]))
