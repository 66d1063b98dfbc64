"""The page `examples/a_day.md`: every file of it is written and every command run, part by part."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console_page import run_page

PAGE = Path(__file__).parents[1] / "examples" / "a_day.md"


def parts() -> dict[str, str]:
    """The text of each part by its heading."""
    _, *found = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize("title", parts())
def test_a_part_of_the_day_runs(title: str, tmp_path: Path) -> None:
    assert run_page(parts()[title], tmp_path) >= 2
