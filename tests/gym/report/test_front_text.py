"""A front as text: the whole design is said, and a cut keeps what matters."""

from __future__ import annotations

import numpy as np

from cosearch.quantities import Scale
from cosearch.report.front_text import front_text


def front_of(n):
    x = np.linspace(0, 1, n)
    points = np.column_stack([1 + x, 10 - 9 * np.sqrt(x), 5 + np.sin(9 * x)])
    metrics = {name: points[:, k].tolist() for k, name in enumerate(("latency_ns", "energy_pj", "area_mm2"))}
    scales = {name: Scale.of("1", column) for name, column in metrics.items()}
    designs = [{"rows": 16, "depth": k, "mode": "fast"} | ({"ways": 2} if k % 2 else {}) for k in range(n)]
    return points, metrics, scales, designs, ["rows", "depth", "mode", "ways"]


def test_what_all_designs_share_stands_once_and_the_rest_is_a_column():
    text = front_text(*front_of(5), 10)
    assert text.common == "rows=16, mode=fast"
    assert list(text.heads) == ["latency_ns", "energy_pj", "area_mm2", "depth", "ways"]
    assert [row[3:] for row in text.rows] == [("0", "–"), ("1", "2"), ("2", "–"), ("3", "2"), ("4", "–")]
    assert text.found == "5 designs"


def test_one_design_is_said_whole():
    text = front_text(*front_of(1), 10)
    assert text.common == "rows=16, depth=0, mode=fast"  # what it has not is left out
    assert len(text.rows) == 1


def test_a_cut_keeps_the_best_of_every_objective_and_an_even_spread():
    points, metrics, scales, designs, names = front_of(400)
    text = front_text(points, metrics, scales, designs, names, 10)
    assert "10 of them shown" in text.found
    depth = [int(row[list(text.heads).index("depth")]) for row in text.rows]
    assert len(depth) == 10
    assert depth == sorted(depth)
    assert set(points.argmin(axis=0).tolist()) <= set(depth)
    assert max(np.diff(depth)) < 120  # from one end it would have been 10 of 400


def test_designs_with_equal_objectives_are_counted():
    points = np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]])
    metrics = {"a": [1.0, 1.0, 2.0], "b": [2.0, 2.0, 1.0]}
    scales = {name: Scale.of("1", column) for name, column in metrics.items()}
    text = front_text(points, metrics, scales, [{"x": 0}, {"x": 1}, {"x": 2}], ["x"], 10)
    assert text.found == "3 designs, 2 with different values"
    assert [row[-1] for row in text.rows] == ["+1", ""]
