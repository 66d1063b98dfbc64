"""The problem `hls`: pragmas of kernels, most of whose points a tool could not synthesise."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.hls.hls import NOT_VALID, Hls


def table(folder: Path, points: list[dict[str, Any]] | None = None, **changes: Any) -> Path:
    """Two loops: flattening the outer one leaves the inner one nothing to say; wide copies fail."""
    points = points or [
        {"__PIPE__L0": pipe, "__PARA__L0": outer, "__PIPE__L1": inner_pipe, "__PARA__L1": inner}
        for pipe, outer, inner_pipe, inner in product(
            ("off", "", "flatten"), (1, 2, 4, 8, 16), ("off", ""), (1, 2, 8)
        )
        if pipe != "flatten" or (inner_pipe, inner) == ("off", 1)
    ]
    copies = np.array([point["__PARA__L0"] * point["__PARA__L1"] for point in points])
    columns = {
        "tool": ["t1"] * len(points),
        "kernel": ["k"] * len(points),
        "point": [json.dumps(point) for point in points],
        "valid": copies < 16,
        "cycles": 1000.0 / copies,
        **{
            f"util_{name}": copies / share
            for name, share in (("bram", 64), ("dsp", 32), ("lut", 40), ("ff", 90))
        },
    } | changes
    path = folder / "hls.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_it_keeps_the_contract_of_a_problem(tmp_path: Path) -> None:
    check_problem(Hls(file=str(table(tmp_path)), kernel="k"), designs=12)


def test_what_a_flattened_loop_holds_is_inactive(tmp_path: Path) -> None:
    problem = Hls(file=str(table(tmp_path)), kernel="k")
    allowed = ("coarse", "off")
    assert {p.name: dict(p.when) for p in problem.space} == {
        "PIPE_L0": {},
        "PARA_L0": {},
        "PIPE_L1": {"PIPE_L0": allowed},
        "PARA_L1": {"PIPE_L0": allowed},
    }
    assert problem.space.cardinality() == 2 * 5 * 2 * 3 + 5


def test_every_measured_point_has_its_own_numbers(tmp_path: Path) -> None:
    problem = Hls(file=str(table(tmp_path)), kernel="k")
    designs = problem.space.enumerate()
    found = problem.evaluate(designs)
    copies = np.asarray(designs["PARA_L0"]) * np.where(designs.active("PARA_L1"), designs["PARA_L1"], 1)
    assert (found.ok == (copies < 16)).all()
    np.testing.assert_allclose(found["cycles"][found.ok], 1000.0 / copies[found.ok])
    np.testing.assert_allclose(found["utilisation"][found.ok], copies[found.ok] / 32)
    assert (found["distance_to_measured"][found.ok] == 0).all()
    assert set(found.reason[~found.ok]) == {NOT_VALID}


def test_a_point_that_was_not_measured_is_the_nearest_or_infeasible(tmp_path: Path) -> None:
    points = [{"__PARA__L0": factor, "__PIPE__L0": "off"} for factor in (1, 2, 64)]
    points += [{"__PARA__L0": 2, "__PIPE__L0": ""}]
    path = table(
        tmp_path,
        [point | {"__PARA__L1": 1} for point in points],
        cycles=[8.0, 4.0, 2.0, 1.0],
    )
    nearest = Hls(file=str(path), kernel="k")
    design = {"PIPE_L0": "coarse", "PARA_L0": 1, "PARA_L1": 1}
    found = nearest.evaluate([design])
    assert found["cycles"][0] == 1.0
    assert found["distance_to_measured"][0] == pytest.approx(1 / 6)  # one of the six doublings up to 64
    strict = Hls(file=str(path), kernel="k", missing="infeasible")
    assert strict.evaluate([design]).status.tolist() == ["infeasible"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kernel": ["other"] * 65}, "unknown kernel of hls.parquet 'k'"),
        ({"point": ["not json"] * 65}, "row 1: point is 'not json'; expected a JSON object"),
        ({"valid": ["maybe"] * 65}, "row 1: valid is 'maybe'; expected true or false"),
        ({"cycles": [float("nan")] * 65}, "row 1: cycles is nan"),
        ({"util_dsp": [37.5] * 65}, "expected shares of the device, not percent"),
        (
            {"point": ['{"__PARA__L0": 1}', '{"__PARA__L0": "wide"}'] * 33},
            "expected all words or all factors",
        ),
    ],
)
def test_a_broken_table_is_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    rows = 65
    path = table(tmp_path, **{name: values[:rows] for name, values in changes.items()})
    with pytest.raises(CosearchError, match=said):
        Hls(file=str(path), kernel="k")


def test_words_for_valid_are_understood_and_no_cycles_are_no_point(tmp_path: Path) -> None:
    words = ["true", "false", "1"] * 22
    problem = Hls(file=str(table(tmp_path, valid=words[:65], cycles=[0.0] + [5.0] * 64)), kernel="k")
    assert problem.is_valid[:6].tolist() == [False, False, True, True, False, True]


def test_the_reference_kernels_are_their_own_points(reference: Path) -> None:
    path = reference / "hls" / "hlsyn.parquet"
    for kernel, points in (("gemm-ncubed", 749), ("nw", 1347), ("2mm", 861)):
        problem = Hls(file=str(path), kernel=kernel)
        found = problem.evaluate(problem.measured)
        assert len(found) == points
        assert (found.ok == problem.is_valid).all()
        assert (found["distance_to_measured"][found.ok] == 0).all()
