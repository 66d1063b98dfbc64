"""The problem `table`: any file of designs and numbers, and what is said about a broken one."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import cosearch  # noqa: F401
from cosearch.errors import CosearchError
from cosearch.pareto import pareto_mask
from cosearch.testing import check_problem
from cosearch_plugins.tables.table import MISSING, Table

ROWS = """rows,dataflow,unroll,order,latency_ms,energy_uj,note
4,ws,2,0-1-2,8.0,1.0,
4,ws,4,0-1-2,6.0,2.0,
4,os,,2-1-0,7.0,1.5,
8,ws,2,0-1-2,5.0,2.5,
8,ws,4,0-2-1,4.0,4.0,routing failed
8,os,,2-1-0,4.5,3.0,
"""


def write(folder: Path, text: str = ROWS, name: str = "designs.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def table_of(path: Path, **settings: str) -> Table:
    return Table(**({"file": str(path), "metrics": "latency_ms:min,energy_uj:min"} | settings))


def test_parameters_follow_from_the_columns(tmp_path: Path) -> None:
    problem = table_of(write(tmp_path), reason="note")
    kinds = {parameter.name: parameter.kind for parameter in problem.space}
    assert kinds == {
        "rows": "ordinal",
        "dataflow": "categorical",
        "unroll": "ordinal",
        "order": "permutation",
    }
    assert problem.space.parameter("unroll").when == {"dataflow": ("ws",)}
    assert [metric.unit for metric in problem.metrics] == ["ms", "uJ"]
    assert problem.about == "6 designs of designs.csv, 83% of them valid"
    check_problem(problem, designs=12)


def test_every_row_is_found_and_what_is_no_row_or_no_valid_one_says_so(tmp_path: Path) -> None:
    problem = table_of(write(tmp_path), reason="note")
    found = problem.evaluate(problem.rows())
    assert found.status.tolist() == ["ok"] * 4 + ["failed", "ok"]
    assert found["latency_ms"][:4].tolist() == [8.0, 6.0, 7.0, 5.0]
    assert found.reason[4] == "routing failed"
    absent = {"rows": 4, "dataflow": "os", "order": ("0", "1", "2")}
    outcome = problem.evaluate([absent])
    assert (outcome.status[0], outcome.reason[0]) == ("infeasible", MISSING)


def test_parquet_gives_the_same_problem_as_csv(tmp_path: Path) -> None:
    path = write(tmp_path)
    pyarrow.parquet.write_table(
        pyarrow.table(
            {
                "rows": [4, 4, 4, 8, 8, 8],
                "dataflow": ["ws", "ws", "os", "ws", "ws", "os"],
                "unroll": [2, 4, None, 2, 4, None],
                "order": [list("012"), list("012"), list("210"), list("012"), list("021"), list("210")],
                "latency_ms": [8.0, 6.0, 7.0, 5.0, 4.0, 4.5],
                "energy_uj": [1.0, 2.0, 1.5, 2.5, 4.0, 3.0],
                "note": [None, None, None, None, "routing failed", None],
            }
        ),
        tmp_path / "designs.parquet",
    )
    csv, parquet = (table_of(file, reason="note") for file in (path, tmp_path / "designs.parquet"))
    assert list(csv.space) == list(parquet.space)
    designs = csv.space.enumerate()
    assert csv.evaluate(designs).status.tolist() == parquet.evaluate(designs).status.tolist()


def test_a_large_table_is_looked_up_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    taken = rng.choice(64**4, 50_000, replace=False)
    columns = {f"p{axis}": taken // 64**axis % 64 for axis in range(4)}
    values = rng.random(len(taken))
    pyarrow.parquet.write_table(pyarrow.table(columns | {"loss": values}), tmp_path / "big.parquet")
    problem = Table(file=str(tmp_path / "big.parquet"), metrics="loss[1]:min")
    designs = problem.space.sample(100_000, 1)
    found = problem.evaluate(designs)
    truth = dict(zip(taken.tolist(), values.tolist(), strict=True))
    codes = sum(np.asarray(designs[f"p{axis}"]).astype(int) * 64**axis for axis in range(4))
    expected = np.array([truth.get(code, np.nan) for code in np.asarray(codes).tolist()])
    np.testing.assert_array_equal(found["loss"], expected)
    assert 0 < found.ok.sum() < len(designs)


def test_duplicates_are_refused_or_joined(tmp_path: Path) -> None:
    path = write(tmp_path, "x,loss\n1,2.0\n2,3.0\n1,4.0\n")
    with pytest.raises(CosearchError, match=r"rows 1 and 3 are the same design \(1 such rows\)"):
        Table(file=str(path), metrics="loss[1]:min")
    for how, loss in (("mean", 3.0), ("first", 2.0)):
        problem = Table(file=str(path), metrics="loss[1]:min", duplicates=how)
        assert problem.evaluate([{"x": 1}, {"x": 2}])["loss"].tolist() == [loss, 3.0]


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("x,loss\n1,2\n", {"metrics": "loss"}, r"the metric 'loss' has no unit; write loss\[ms\]"),
        ("x,loss\n1,2\n", {"metrics": "loss[1]"}, r"no metric has a direction; write loss\[1\]:min"),
        (
            "x,loss\n1,2\n",
            {"metrics": "los[1]:min"},
            "unknown column of designs.csv 'los'; did you mean 'loss'",
        ),
        ("x,loss\n1,2\n", {"metrics": "loss[1]:down"}, "expected COLUMN"),
        ("x,loss\n1,2\n", {"metrics": ""}, "name at least one column"),
        ("x,loss\n1,\n2,3\n", {"metrics": "loss[1]:min"}, "row 1: loss is empty"),
        ("x,loss\n1,nan\n2,3\n", {"metrics": "loss[1]:min"}, "row 1: loss is (nan|empty)"),
        ("x,loss\n1,inf\n2,3\n", {"metrics": "loss[1]:min"}, "row 1: loss is inf"),
        ("x,loss\n1,fast\n", {"metrics": "loss[1]:min"}, "holds no numbers but 'fast'"),
        (
            "x,y,loss\n1,,2\n2,3,4\n1,5,6\n",
            {"metrics": "loss[1]:min"},
            "row 1: the parameter 'y' is empty, and no",
        ),
        ("x,x,loss\n1,1,2\n", {"metrics": "loss[1]:min"}, "the column 'x' is given twice"),
        ("loss\n2\n", {"metrics": "loss[1]:min"}, "no column is left to be a parameter"),
        ("x,loss\n", {"metrics": "loss[1]:min"}, "found 0"),
        ("x,ok,loss\n1,maybe,2\n", {"metrics": "loss[1]:min", "valid": "ok"}, "row 1: ok is 'maybe'"),
        ("x,loss\n1,2,3\n", {"metrics": "loss[1]:min"}, "is no CSV file"),
        ("a b,a-b,loss\n1,2,3\n", {"metrics": "loss[1]:min"}, "two columns would both be called 'a_b'"),
    ],
)
def test_a_broken_table_is_one_line(tmp_path: Path, text: str, settings: dict[str, str], said: str) -> None:
    with pytest.raises(CosearchError, match=said) as refused:
        table_of(write(tmp_path, text), **settings)
    assert "\n" not in str(refused.value)


def test_a_file_of_another_kind_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(CosearchError, match="is no Parquet file"):
        table_of(write(tmp_path, "x,loss\n1,2\n", "designs.parquet"))
    with pytest.raises(CosearchError, match="cannot read"):
        table_of(tmp_path / "absent.csv")


def test_an_environment_serves_it(tmp_path: Path) -> None:
    path = write(tmp_path)
    env = gymnasium.make(
        "cosearch/Table-v0", file=str(path), metrics="latency_ms:min,energy_uj:min", reason="note"
    )
    env.reset(seed=0)
    assert "design" in env.step(env.action_space.sample())[4]
    env.close()


def test_the_exact_optima_of_nasbench201_are_those_of_its_authors(reference: Path) -> None:
    problem = Table(
        file=str(reference / "nas" / "nasbench201.parquet"),
        parameters="op_e10,op_e20,op_e21,op_e30,op_e31,op_e32",
        metrics="c10_test_ep200[%]:max,lat_1080ti_1[ms]:min",
    )
    found = problem.evaluate(problem.rows())
    assert len(found) == problem.space.cardinality() == 15_625
    assert found["c10_test_ep200"].max() == pytest.approx(94.37, abs=0.005)
    front = pareto_mask(np.stack([-found["c10_test_ep200"], found["lat_1080ti_1"]], axis=1))
    assert 5 < front.sum() < 200
