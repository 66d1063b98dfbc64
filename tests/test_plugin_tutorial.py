"""The page `examples/plugin_tutorial.md`: every file of it is written and every command run."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from console_page import run_page
from cosearch.objectives import feasible
from cosearch.pareto import pareto_mask
from cosearch.store import Store

PAGE = Path(__file__).parents[1] / "examples" / "plugin_tutorial.md"


SIZES = (4, 8, 16, 32, 64, 128)
M, N, K = 512, 1024, 768


def exact_front() -> dict[float, float]:
    """The least latency in us for each number of multipliers, worse than no smaller array: by brute force."""
    best: dict[float, float] = {}
    for rows, columns in itertools.product(SIZES, SIZES):
        for down, across, stream in ((M, N, K), (K, N, M), (K, M, N)):
            cycles = (2 * rows + columns + stream - 2) * -(-down // rows) * -(-across // columns)
            pes = rows * columns
            if pes <= 4096:
                best[pes] = min(cycles / 1000, best.get(pes, math.inf))
    return {pes: us for pes, us in best.items() if all(u > us for p, u in best.items() if p < pes)}


def test_the_tutorial_ends_with_the_front_of_its_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COSEARCH_LOGS", str(tmp_path / "logs"))
    assert run_page(PAGE.read_text(), tmp_path) >= 18
    assert json.loads((tmp_path / "played.json").read_text())["envs"] == 4
    with Store.open(tmp_path / "array.db") as store:
        data = store.read(store.study(None))
    ok = feasible(data.constraints, data.outcomes)
    found = np.stack([data.outcomes["pes"][ok], data.outcomes["latency_us"][ok]], axis=1)
    front = dict(found[pareto_mask(found)].tolist())
    assert front == pytest.approx(exact_front())


def test_what_a_reader_writes_is_short() -> None:
    """The promise of the page: twenty lines or so are the reader's own."""
    block = PAGE.read_text().split("```python file=my-array/my_array/__init__.py\n")[1].split("```")[0]
    own = block.split("class MyArray(Problem):")[1].split("@hookimpl")[0]
    code = [line for line in own.splitlines() if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert len(code) <= 28
