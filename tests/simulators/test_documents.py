"""What users write as YAML or JSON: merge keys are read, what hides something is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.documents import load
from cosearch_simulators.errors import ConfigurationError

MERGED = """
base: &base {capacity: 8, width: 4}
levels:
  - {<<: *base, capacity: 16}
  - <<: [*base, {width: 2, banks: 1}]
"""


def test_merge_keys_and_what_overrides_them(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text(MERGED)
    assert load(path)["levels"] == [
        {"capacity": 16, "width": 4},
        {"capacity": 8, "width": 4, "banks": 1},
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is given twice \\(line 3\\)"),
        ('{"x": {"a": 1, "a": 2}}', "'a' is given twice \\(line 1\\)"),
        ("[" * 3000, "is nested too deeply"),
        ("a: 2024-02-30", "day is out of range"),
        ("a: [1", "is no YAML"),
    ],
)
def test_what_hides_something_is_refused_in_one_line(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"file.yaml.*{line}") as refused:
        load(path)
    assert "\n" not in str(refused.value)


def test_a_name_that_json_has_twice() -> None:
    assert parse_json('{"a": {"b": 1}}') == {"a": {"b": 1}}
    with pytest.raises(ValueError, match="'b' is given twice"):
        parse_json('{"a": {"b": 1, "b": 2}}')
