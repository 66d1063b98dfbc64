"""Predictors against networks that they have not learned, and what they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality import Table, fit, kendall, load, names, split
from cosearch_simulators.networks.quality.embedded import DATA, PREDICTED, embedded_table
from cosearch_simulators.networks.quality.families import MnasNet, OnceForAll
from cosearch_simulators.networks.quality.learners import LEARNERS
from cosearch_simulators.networks.quality.validation import validate


def sampled(family, n: int, **held) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    columns = {name: rng.choice(np.array(values), n) for name, values in family.values.items()}
    return columns | {name: np.full(n, value) for name, value in held.items()}


@pytest.mark.parametrize(("n", "ties"), [(2, False), (50, False), (1500, True)])
def test_kendalls_tau_is_scipys(n, ties):
    from scipy.stats import kendalltau

    rng = np.random.default_rng(n)
    first = rng.integers(0, 20, n) if ties else rng.normal(size=n)
    second = first + rng.normal(size=n).round(1 if ties else 9)
    assert kendall(first, second) == pytest.approx(kendalltau(first, second)[0], abs=1e-12)
    assert kendall(first, np.ones(n)) == 0


def test_once_for_all_reaches_its_bar_on_networks_that_were_not_learned(reference):
    """Kendall's tau of 0.95 and 0.11 points on a fifth of DyNAS-T's; no network is on both sides."""
    table = Table.read(reference / "nas" / "ofa_mbv3_accuracy_dynast.parquet")
    assert (table.rows, len(table)) == (1926, 1753)
    learned, held = split(table, 0.8, seed=1)
    assert not {c.tobytes() for c in learned.codes} & {c.tobytes() for c in held.codes}
    found = fit(learned, "imagenet_top1", kind="gaussian-process", check=False).judge(held, "imagenet_top1")
    assert found.kendall >= 0.95
    assert found.rmse <= 0.11


@pytest.mark.parametrize("kind", LEARNERS)
def test_every_kind_learns_and_is_the_same_again_and_in_every_batch(kind):
    table, rest = split(embedded_table("ofa-mbv3-accuracy"), 0.1, seed=0)
    predictor = fit(table, "imagenet_top1", kind=kind, check=False)
    seen = predictor.evaluate(rest.columns()).status == 0
    columns = rest.take(np.flatnonzero(seen)[:70]).columns()
    together = predictor.evaluate(columns)
    again = fit(table, "imagenet_top1", kind=kind, check=False).evaluate(columns)
    one = predictor.evaluate({name: column[66:67] for name, column in columns.items()})
    np.testing.assert_array_equal(together["top1"], again["top1"])
    assert one["top1"][0] == together["top1"][66]
    assert one.standard_error["top1"][0] == together.standard_error["top1"][66]
    assert (together.status == 0).all()
    assert predictor.judge(rest.take(seen), "imagenet_top1").kendall > 0.6


@pytest.mark.parametrize("name", PREDICTED)
def test_what_ships_is_as_good_as_it_says(name):
    """Each says its error on held-out networks; here it must fit those of its table at least as well."""
    table = embedded_table(PREDICTED[name].table)
    metric = {"ofa-mbv3": "top1", "mnasnet": "top1", "ofa-mbv3-latency": "latency_titan_rtx_64_ms"}[name]
    predictor = load(name, metrics=[metric])
    column = {"ofa-mbv3": "imagenet_top1", "mnasnet": "val_top1"}.get(name, "lat_titan_rtx_64")
    judged = predictor.targets[0].judged
    assert judged.kendall > 0.9
    assert f"{judged.kendall:.3f}" in predictor.source
    found = predictor.judge(table, column)
    assert found.kendall >= judged.kendall - 0.005
    assert found.rmse <= judged.rmse
    assert 0.8 < judged.coverage <= 1


def test_a_prediction_is_refused_outside_of_what_was_learned():
    quality = load("ofa-mbv3")
    columns = sampled(OnceForAll(), 3, resolution=224)
    columns["resolution"] = np.array([224, 160, 224])
    columns["kernel_1_1"] = np.array([3, 3, 9])
    found = quality.evaluate(columns)
    assert found.status.tolist() == [0, 1, 1]
    assert "resolution 160 is outside of what ofa-mbv3 has learned: 224" in found.reason[1]
    assert found.reason[2] == "kernel_1_1 must be one of 3, 5, 7, got 9"
    assert 70 < found["top1"][0] < 78
    assert np.isnan(found["top1"][1:]).all()


def test_a_larger_network_is_predicted_to_be_better():
    family = OnceForAll()
    least, most = ({name: [values[i]] for name, values in family.values.items()} for i in (0, -1))
    least["resolution"] = [224]
    quality = load("ofa-mbv3")
    assert quality.evaluate(most)["top1"][0] > quality.evaluate(least)["top1"][0] + 4


def test_all_sources_say_what_they_are_and_all_data_is_small():
    for name in names():
        quality = load(name)
        assert quality.source.startswith(("table", "predictor", "training", "scores"))
        assert quality.metrics
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 4_000_000


def test_ten_thousand_networks_are_predicted_in_seconds():
    import time

    quality, columns = load("mnasnet"), sampled(MnasNet(), 10_000)
    quality.evaluate({name: column[:10] for name, column in columns.items()})
    begin = time.process_time()
    quality.evaluate(columns)
    assert time.process_time() - begin < 4


def test_broken_tables_are_refused_in_a_line(tmp_path: Path):
    path = tmp_path / "table.csv"

    def refusal(text: str, column: str = "top1", **more) -> str:
        path.write_text(text)
        with pytest.raises(SimulatorError) as caught:
            fit(str(path), column, **more)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    head = "arch,mean_acc\n"
    rows = [f"{i % 3}{i // 3 % 3}{i // 9 % 3}00000,{80 + i / 10}" for i in range(27)]
    assert "unknown column 'top1'" in refusal(head + "\n".join(rows))
    assert "at least 20 are needed" in refusal(head + "\n".join(rows[:9]), "mean_acc")
    assert "eight digits" in refusal(head + "\n".join([*rows, "0123,80"]), "mean_acc")
    assert "in %" in refusal(head + "\n".join([*rows, "22222222,180"]), "mean_acc")
    assert "known family" in refusal("a,b\n1,2\n", "b")
    assert "unknown column 'c'" in refusal("a,b\n1,2\n", "b", inputs=["c"])
    assert "row 1: a is nan" in refusal("a,b\n1,2\n,3\n", "b", inputs=["a"])
    assert "unknown kind of predictor 'tree'" in refusal(head + "\n".join(rows), "mean_acc", kind="tree")
    with pytest.raises(SimulatorError, match="unknown source of quality 'mnas'"):
        load("mnas")
    path.write_text(head + "\n".join(rows))
    with pytest.raises(SimulatorError, match="networks of nasbench-macro, ofa-mbv3 needs"):
        load("ofa-mbv3", table=path)


def test_a_table_of_ones_own_space_is_learned_and_judged_from_the_command_line(tmp_path: Path):
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(300):
        width, depth, kind = rng.integers(1, 65), rng.integers(1, 9), rng.choice(["plain", "residual"])
        accuracy = 60 + 4 * np.log(width * depth) + 2 * (kind == "residual") + rng.normal(0, 0.05)
        lines.append(f"{width},{depth},{kind},{accuracy:.3f}")
    head = "width,depth,kind,top1\n"
    (tmp_path / "learn.csv").write_text(head + "\n".join(lines[:200]))
    (tmp_path / "judge.csv").write_text(head + "\n".join(lines[150:]))
    command = [sys.executable, "-m", "cosearch_simulators.networks.quality"]
    files = [str(tmp_path / "learn.csv"), str(tmp_path / "judge.csv"), "top1"]
    options = ["--inputs", "width,depth,kind", "--kind", "gaussian-process", "--json"]
    done = subprocess.run([*command, *files, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kendall"] > 0.95
    assert found["cases"] <= 100  # those that were learned are not judged
    done = subprocess.run([*command, *files[:2], "top5"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_validation_judges_a_second_file_where_there_is_one(tmp_path: Path):
    table = embedded_table("nasbench-macro")
    learned, held = split(table, 0.1, seed=0)
    for part, name in ((learned, "mine.csv"), (held.take(np.arange(300)), "mine.held_out.csv")):
        rows = [
            f"{''.join(map(str, code))},{value:.4f}"
            for code, value in zip(part.codes, part.targets["mean_acc"], strict=True)
        ]
        (tmp_path / name).write_text("arch,mean_acc\n" + "\n".join(rows))
    found = validate(tmp_path)
    assert [(row.group, row.metric, row.cases) for row in found.rows] == [("nasbench-macro", "top1", 300)]
    assert found.rows[0].kendall > 0.7
    with pytest.raises(SimulatorError, match="has no Parquet or CSV table"):
        validate(tmp_path / "..")
