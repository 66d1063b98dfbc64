"""Grids of studies: what is run, what is not run again, and what is said of agents afterwards."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import small_problems
from cosearch import Agent, Study, make_problem
from cosearch.cli import run
from cosearch.comparison import fronts
from cosearch.comparison.finding import find_front, keep_front
from cosearch.comparison.grid import (
    COMPLETE,
    FAILED,
    RAN,
    RESUMED,
    Subject,
    cells_of,
    lottery_cells,
    run_grid,
)
from cosearch.errors import ArgumentError, CosearchError
from cosearch.report import report_data, write_report
from cosearch.report.agents import agents_compared
from cosearch.report.agents_text import comparison_tables, lottery_tables
from cosearch.report.lottery import lotteries
from cosearch.store import Store

SUBJECT = Subject("two-spheres")


@pytest.fixture
def with_front(tmp_path, monkeypatch):
    """The small problem has a known front, as a plugin would keep it."""
    path = tmp_path / "two-spheres.json"
    keep_front(find_front(make_problem("two-spheres")), path)
    monkeypatch.setattr(fronts, "front_file", lambda cls: path if cls.name == "two-spheres" else None)


def read(store):
    with Store.open(store) as opened:
        return [opened.read(record) for record in opened.studies()]


def test_a_grid_runs_every_agent_on_every_problem_with_every_seed(tmp_path):
    store = str(tmp_path / "s.db")
    cells = cells_of(
        [SUBJECT, Subject.parse("two-spheres", objectives=("sum:max",))], ["random", "sobol"], [0, 1], 9
    )
    assert {one.how for one in run_grid(cells, store)} == {RAN}
    studies = read(store)
    found = {(s.record.agent, s.record.seed, tuple(s.record.objectives)) for s in studies}
    assert len(found) == len(studies) == 8
    assert all(s.record.evaluations == 9 for s in studies)


def test_what_is_complete_is_not_run_again_and_a_larger_budget_extends_it(tmp_path):
    store = str(tmp_path / "s.db")
    run_grid(cells_of([SUBJECT], ["random"], [0], 9), store)
    before = read(store)[0]
    done = run_grid(cells_of([SUBJECT], ["random"], [0, 1], 9), store)
    assert [one.how for one in done] == [COMPLETE, RAN]
    done = run_grid(cells_of([SUBJECT], ["random"], [0], 20), store)
    assert [(one.how, one.evaluations) for one in done] == [(RESUMED, 20)]
    extended = read(store)[0]
    assert list(extended.designs)[:9] == list(before.designs)


def test_what_is_interrupted_goes_on_to_the_same_end(tmp_path):
    store, whole = str(tmp_path / "s.db"), str(tmp_path / "whole.db")
    (cell,) = cells_of([SUBJECT], ["nsga2"], [3], 120)
    run_grid([cell], whole)
    study = Study.create("two-spheres", "nsga2", budget=120, seed=3, store=store, name=cell.name)

    def interrupt(study, results):
        if len(study.data.designs) >= 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(callbacks=[interrupt])
    assert [one.how for one in run_grid([cell], store)] == [RESUMED]
    assert list(read(store)[0].designs) == list(read(whole)[0].designs)


def test_two_processes_run_a_grid(tmp_path):
    store = str(tmp_path / "s.db")
    cells = cells_of([SUBJECT], ["random", "sobol"], [0, 1], 12)
    done = run_grid(cells, store, workers=2, plugins=[small_problems.__name__])
    assert [(one.cell, one.how, one.evaluations) for one in done] == [(cell, RAN, 12) for cell in cells]
    assert {s.record.name for s in read(store)} == {cell.name for cell in cells}


ENDLESS = """
import sys
sys.path[:] = {path!r}
from cosearch.comparison.grid import Subject, cells_of, run_grid
if __name__ == "__main__":
    cells = cells_of([Subject("microprocessor")], ["nsga2", "random"], [0], 1_000_000)
    run_grid(cells, {store!r}, workers=2)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_processes_end_with_the_one_that_began_them(tmp_path):
    store = str(tmp_path / "s.db")
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS.format(path=sys.path, store=store))
    main = subprocess.Popen([sys.executable, str(script)])
    began = Path(f"/proc/{main.pid}/task/{main.pid}/children")
    deadline = time.monotonic() + 60
    children: list[str] = []
    while len(children) < 3 and time.monotonic() < deadline:  # a resource tracker and two workers
        assert main.poll() is None
        time.sleep(0.2)
        children = began.read_text().split()
    main.kill()
    main.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_a_cell_that_fails_costs_no_other(tmp_path, monkeypatch):
    def ask(self, n):
        raise RuntimeError("no idea")

    monkeypatch.setattr(small_problems.Uniform, "ask", ask)
    done = run_grid(cells_of([SUBJECT], ["uniform", "random"], [0], 5), str(tmp_path / "s.db"))
    assert [(one.how, one.reason) for one in done] == [(FAILED, "RuntimeError: no idea"), (RAN, "")]


@pytest.mark.parametrize(
    ("subject", "agents", "word"),
    [
        ("two-sphere", ["random"], "did you mean 'two-spheres'"),
        ("two-spheres:colour=red", ["random"], "'colour'"),
        ("two-spheres:colour", ["random"], "expected NAME=VALUE"),
        ("two-spheres", ["randm"], "did you mean 'random'"),
        ("two-spheres", ["random", "random"], "given twice"),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_runs(subject, agents, word):
    with pytest.raises(CosearchError, match=word):
        cells_of([Subject.parse(subject)], agents, [0], 5)


def test_a_problem_with_arguments_is_read_from_text():
    subject = Subject.parse("dram-controller:workload=zipf:requests=1000;channels=2", arguments={"ranks": 1})
    assert subject.arguments == {"workload": "zipf:requests=1000", "channels": 2, "ranks": 1}
    assert str(subject) == "dram-controller:ranks=1;workload=zipf:requests=1000;channels=2"


class Oracle(Agent):
    """Asks for the front, one design after the other, from a place that its seed says."""

    name = "oracle"
    generational = True

    def ask(self, n):
        k = np.arange(self.seed, self.seed + n) % 11 - 5
        return self.space.designs([{"x": int(x), "y": 0, "shape": "round"} for x in k])

    def tell(self, results):
        self.seed += len(results.designs)


def test_agents_are_measured_by_the_problems_front(tmp_path, with_front):
    store = str(tmp_path / "s.db")
    for seed in range(3):
        Study.create("two-spheres", Oracle, budget=11, seed=seed, store=store).run()
        Study.create("two-spheres", "random", budget=11, seed=seed, store=store).run()
    compared = agents_compared(read(store))
    assert compared.agents == ["oracle", "random"]
    assert compared.budget == 11
    assert compared.curves["oracle"].value[-1] == pytest.approx(1.0)
    assert compared.curves["random"].value[-1] < 0.9
    assert compared.improvements["oracle", "random"].value == 1.0
    assert compared.profiles["oracle"].value[-1] == 1.0
    assert (np.diff(compared.curves["random"].value) >= 0).all()
    assert 0 < compared.seconds["random"][0] < 0.1
    titles = [table.title for table in comparison_tables(compared)]
    assert len(titles) == 5
    write_report(read(store), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    for words in ("Agents compared", "Performance profile", "Probability of improvement", *titles):
        assert words in page


def test_without_a_known_front_agents_are_not_compared(tmp_path):
    store = str(tmp_path / "s.db")
    for agent in ("random", "sobol"):
        Study.create("two-spheres", agent, budget=11, store=store).run()
    assert agents_compared(read(store)) is None


def test_a_study_of_the_whole_space_is_a_front_too(tmp_path):
    store = str(tmp_path / "s.db")
    for agent, budget in (("random", 50), ("sobol", 50), ("random", 4000)):
        Study.create("two-spheres", agent, budget=budget, store=store).run()
    compared = agents_compared(read(store))
    assert compared.problems[0].front.exact
    assert compared.budget == 50
    assert [len(scores) for scores in compared.scores("random", 50)] == [1]


def test_what_cannot_be_compared_is_left_out_with_a_word(tmp_path, with_front):
    store = str(tmp_path / "s.db")
    other = make_problem("two-spheres", objectives=["left:min"])
    keep_front(find_front(other), tmp_path / "two-spheres.json")
    unknown = make_problem("two-spheres", objectives=["right:min"])
    for agent in ("random", "sobol", "nsga2"):
        Study.create("two-spheres", agent, budget=11, store=store).run()
    for problem in (other, unknown):
        for agent in ("random", "sobol"):
            Study.create(problem, agent, budget=11, store=store).run()
    compared = agents_compared(read(store))
    assert compared.agents == ["random", "sobol"]
    assert compared.left_out == [
        "two-spheres: no front of it is known (`cosearch front` finds one)",
        "agent nsga2 has no study of two-spheres",
    ]


def test_a_lottery_tells_the_spread_over_hyperparameters_from_that_over_seeds(tmp_path, with_front):
    store = str(tmp_path / "s.db")
    cells = lottery_cells([SUBJECT], "uniform", 4, range(3), 30, 0)
    assert cells[0].settings == {}
    assert len({cell.name for cell in cells}) == 12
    run_grid(cells, store)
    (found,) = lotteries(read(store))
    assert len(found.settings) == 4
    assert found.settings[0] == {}
    last = np.array([scores[:, -1] for scores in found.scores])
    assert last.shape == (4, 3)
    within = np.sqrt(last.var(axis=1, ddof=1).mean())
    assert found.spread_over_seeds(30) == pytest.approx(within)
    between = last.mean(axis=1).var(ddof=1) - within**2 / 3
    assert found.spread_over_settings(30) == pytest.approx(np.sqrt(max(between, 0)))
    (table,) = lottery_tables([found])
    assert table.rows[0][:3] == ["two-spheres", "uniform", "4"]


def test_tuned_agents_that_are_equal_tie(tmp_path, with_front):
    store = str(tmp_path / "s.db")
    for agent in ("uniform", "nsga2"):
        run_grid(lottery_cells([SUBJECT], agent, 3, range(2), 25, 0), store)
    _, ties = lottery_tables(lotteries(read(store)))
    assert ties.heads[-1] == "tie"
    assert {row[1] for row in ties.rows} == {"20", "25"}
    write_report(read(store), tmp_path / "r.html")
    assert "Best found over hyperparameters" in (tmp_path / "r.html").read_text()


def test_an_agent_without_hyperparameters_has_no_lottery():
    with pytest.raises(ArgumentError, match="random has no hyperparameters"):
        lottery_cells([SUBJECT], "random", 3, range(2), 5, 0)


def test_the_commands_say_it_and_go_on(tmp_path, with_front, capsys):
    store = str(tmp_path / "s.db")
    words = [
        "compare",
        "two-spheres",
        "--agents",
        "random,nsga2",
        "--seeds",
        "2",
        "--store",
        store,
        "--quiet",
    ]
    assert run([*words, "--budget", "20"]) == 0
    out = capsys.readouterr().out
    assert "interquartile mean" in out
    assert "4 studies run in" in out
    assert run([*words, "--budget", "20"]) == 0
    assert "0 studies run in" in capsys.readouterr().out
    assert run(["report", store]) == 0
    assert "Agents compared" in capsys.readouterr().out
    assert run(["lottery", "two-spheres", "--agent", "random", "--budget", "5", "--store", store]) == 2
    assert "nothing to draw" in capsys.readouterr().err
    assert run(["search", "two-spheres", "--agent", "random", "--budget", "20", "--json"]) == 0
    assert '"normalised_hypervolume": 0.' in capsys.readouterr().out
    assert report_data(read(store))


def test_the_front_command_keeps_a_front(tmp_path, capsys):
    words = ["front", "two-spheres", "--output", str(tmp_path / "f.json")]
    assert run(words) == 0
    assert "wrote the exact front of 11 points" in capsys.readouterr().out
    assert run(["front", "two-spheres", "--output", str(tmp_path)]) == 2
    assert run(["front", "two-spheres", "--output", str(tmp_path / "none" / "f.json")]) == 2
    assert capsys.readouterr().err.count("cannot write") == 2
    assert run([*words, "--constraint", "left<=-1"]) == 2
    assert "feasible" in capsys.readouterr().err


def test_a_grid_runs_a_plugin_within_limits(tmp_path):
    """`trouble` has designs that hang and that end their process: the study goes on to its end."""
    store = str(tmp_path / "store.db")
    options = (
        "--agents",
        "uniform",
        "--seeds",
        "1",
        "--budget",
        "6",
        "--isolated",
        "--timeout",
        "0.5",
        "--quiet",
    )
    assert run(["compare", "trouble", *options, "--store", store]) == 0
    with Store.open(store) as opened:
        record = opened.study(None)
        reasons = set(opened.read(record).outcomes.reason.tolist())
    assert (record.evaluations, record.timeout_s, record.options["isolated"]) == (6, 0.5, True)
    assert "took longer than 0.5 s" in reasons
