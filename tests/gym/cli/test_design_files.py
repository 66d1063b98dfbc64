"""Designs from files: orders of items in cells of a table, held, inactive or left out; names given twice."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from cosearch.cli.design_files import designs_from_file, designs_from_json
from cosearch.errors import DesignError
from cosearch.space import Categorical, DesignSpace, Integer, Permutation

SPACE = DesignSpace(
    [
        Categorical("kind", ["fixed", "free"]),
        Permutation("order", ["a", "b", "c"], when={"kind": ["free"]}),
        Integer("n", 1, 4),
    ]
)
HELD = DesignSpace([Permutation("order", ["a", "b", "c"]), Integer("n", 1, 4)]).hold(
    {"order": ["c", "b", "a"]}
)


def table(path: Path, columns: dict[str, list[str]]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    else:
        path.write_text("\n".join(map(",".join, [columns, *zip(*columns.values(), strict=True)])) + "\n")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_order_is_read_where_it_is_active_and_ignored_where_not(suffix: str, tmp_path: Path) -> None:
    cells = {"kind": ["free", "fixed"], "order": ["[3]", ""], "n": ["1", "2"]}
    numbers = DesignSpace(
        [
            Categorical("kind", ["fixed", "free"]),
            Permutation("order", [3], when={"kind": ["free"]}),
            Integer("n", 1, 4),
        ]
    )
    found = designs_from_file(numbers, table(tmp_path / f"designs{suffix}", cells))
    assert found.to_dicts() == [{"kind": "free", "order": (3,), "n": 1}, {"kind": "fixed", "n": 2}]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_order_that_is_left_out_where_it_is_active_is_refused(suffix: str, tmp_path: Path) -> None:
    path = table(tmp_path / f"designs{suffix}", {"kind": ["free"], "order": [""], "n": ["1"]})
    with pytest.raises(DesignError, match="'order'.*expected \\('a', 'b', 'c'\\) in some order"):
        designs_from_file(SPACE, path)


@pytest.mark.parametrize("spaces", ["", " "])
def test_a_held_order_is_read_however_it_is_spaced(spaces: str, tmp_path: Path) -> None:
    path = tmp_path / "designs.csv"
    path.write_text(f'order,n\n"[""c"",{spaces}""b"",{spaces}""a""]",2\n')
    assert designs_from_file(HELD, path).to_dicts() == [{"order": ("c", "b", "a"), "n": 2}]


def test_a_parameter_that_json_gives_twice() -> None:
    with pytest.raises(DesignError, match="'n' is given twice"):
        designs_from_json(HELD, '{"order": ["c", "b", "a"], "n": 1, "n": 2}')
