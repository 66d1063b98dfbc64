"""Every export loads back equal, carries its manifest, and other tools read it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace

import numpy as np
import pytest

from cosearch import Study
from cosearch.errors import ArgumentError, CosearchError
from cosearch.export.formats import FORMATS, EpisodesAsked, write_studies
from cosearch.export.loading import load_studies
from cosearch.export.table import study_table
from cosearch.objectives import feasible
from mutations import mutated
from report_studies import make_study
from timed_problems import Noisy, Rough

TABLES = ("parquet", "csv", "optuna")
HOSTILE = 'a "quoted", name\nof; two lines <b> é'


def assert_equal(one, other):
    assert one.record == other.record
    assert one.space == other.space
    assert np.array_equal(one.designs.index, other.designs.index)
    assert np.array_equal(one.outcomes.codes, other.outcomes.codes)
    assert one.outcomes.reason.tolist() == other.outcomes.reason.tolist()
    for mine, theirs in (
        (one.outcomes.metrics, other.outcomes.metrics),
        (one.outcomes.standard_error, other.outcomes.standard_error),
    ):
        assert mine.keys() == theirs.keys()
        for name, column in mine.items():
            np.testing.assert_array_equal(column, theirs[name])
    assert (one.outcomes.seconds is None) == (other.outcomes.seconds is None)
    if one.outcomes.seconds is not None:
        np.testing.assert_array_equal(one.outcomes.seconds, other.outcomes.seconds)
    for name in ("fidelity", "seed", "seconds", "told"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.objectives == other.objectives
    assert one.constraints == other.constraints


def studies():
    """Every kind of parameter, every status, repeats among the tells, a hostile name, unequal columns."""
    first = make_study(200, name=HOSTILE)
    first = replace(first, told=np.array([0, 1, 2, 1, 1, *range(3, 198)]))
    second = make_study(40, seed=1)
    outcomes = second.outcomes
    outcomes.seconds = np.where(np.arange(40) % 3 == 0, np.nan, np.arange(40) / 7)
    return [first, second]


@pytest.mark.parametrize("format_", TABLES)
def test_an_export_loads_back_equal(tmp_path, format_):
    pytest.importorskip("optuna")
    path = tmp_path / f"all.{FORMATS[format_].suffix}"
    exported = studies()
    assert {"ok", "infeasible", "failed"} == set(exported[0].outcomes.status.tolist())
    assert write_studies(exported, path, format_) == 240
    loaded = load_studies(path)
    for one, other in zip(loaded, exported, strict=True):
        assert_equal(one, other)


@pytest.mark.parametrize("format_", TABLES)
@pytest.mark.parametrize("problem", [Noisy, Rough])
def test_fidelities_seeds_and_standard_errors_come_back(tmp_path, format_, problem):
    pytest.importorskip("optuna")
    agent, budget = {Noisy: ("repeater", 5), Rough: ("screener", 5)}[problem]
    study = Study.create(problem(), agent, budget=budget, seed=1).run()
    path = tmp_path / f"t.{FORMATS[format_].suffix}"
    write_studies([study], path, format_)
    assert_equal(load_studies(path)[0], study)


def test_a_table_has_fidelities_seeds_and_standard_errors():
    noisy = Study.create(Noisy(), "repeater", budget=5).run()
    table = study_table([noisy]).to_pydict()
    assert table["evaluation_seed"] == list(range(5))
    assert table["loss_standard_error"] == [1.0] * 5
    rough = Study.create(Rough(), "screener", budget=5, seed=1).run()
    table = study_table([rough]).to_pydict()
    assert table["fidelity"] == rough.fidelity.tolist()
    assert set(table["fidelity"]) == {"sketch", "whole"}
    assert not any(
        on and fidelity == "sketch" for on, fidelity in zip(table["pareto"], table["fidelity"], strict=True)
    )


def test_what_is_no_export_or_a_newer_one_is_one_line(tmp_path):
    table, beside = tmp_path / "t.csv", tmp_path / "t.csv.manifest.json"
    write_studies([make_study(5)], table, "csv")
    found = json.loads(beside.read_text())
    assert found["studies"][0]["versions"]["python"]
    assert found["studies"][0]["seed"] == 0
    beside.write_text(json.dumps(found | {"cosearch_export": 99, "written_by": "7.0"}))
    with pytest.raises(ArgumentError, match=r"newer cosearch \(7\.0.*upgrade"):
        load_studies(table)
    beside.write_text("{}")
    with pytest.raises(ArgumentError, match="manifest is damaged"):
        load_studies(table)
    beside.unlink()
    with pytest.raises(ArgumentError, match="no manifest beside it"):
        load_studies(table)
    (tmp_path / "x.parquet").write_text("dear diary")
    (tmp_path / "x.journal").write_text("dear diary")
    for name, says in (
        ("x.parquet", "no Parquet"),
        ("x.journal", "no journal"),
        ("x.xls", "expected .parquet"),
    ):
        with pytest.raises(ArgumentError, match=says):
            load_studies(tmp_path / name)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.manifest.json", "journal"])
def test_a_damaged_export_is_one_line_or_is_read(tmp_path, suffix):
    pytest.importorskip("optuna")
    for format_ in TABLES:
        write_studies([make_study(20)], tmp_path / f"t.{FORMATS[format_].suffix}", format_)
    file = tmp_path / f"t.{suffix}"
    whole, rng, said = file.read_bytes(), random.Random(suffix), []
    for _ in range(60):
        file.write_bytes(mutated(whole, [whole], rng))
        try:
            load_studies(tmp_path / f"t.{suffix.partition('.')[0]}")
        except CosearchError as error:
            said.append(str(error))
    assert not [line for line in said if "\n" in line]
    assert len(said) > 20


# -------------------------------------------------------------------------------------------------- Optuna


def test_optuna_finds_the_same_front_under_the_same_constraints(tmp_path):
    optuna = pytest.importorskip("optuna")
    study = make_study(150, ["latency_ns:min", "top1:max"], constraints=["area_mm2<=4"])
    path = tmp_path / "s.journal"
    write_studies([study], path, "optuna")
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    loaded = optuna.load_study(study_name=study.record.name, storage=optuna.storages.JournalStorage(backend))
    assert [direction.name for direction in loaded.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert loaded.metric_names == ["latency_ns", "top1"]
    meets = feasible(study.constraints, study.outcomes)
    assert 0 < meets.sum() < study.outcomes.ok.sum()
    front = study_table([study]).to_pydict()["pareto"]
    expected = {i for i, on in enumerate(front) if on}
    assert {trial.number for trial in loaded.best_trials} == expected
    assert len(loaded.get_trials(states=[optuna.trial.TrialState.FAIL])) == (~study.outcomes.ok).sum()


def test_optuna_dashboard_shows_the_study(tmp_path):
    """Over HTTP, as its page asks for it."""
    pytest.importorskip("optuna_dashboard")
    study = make_study(40)
    write_studies([study], tmp_path / "s.journal", "optuna")
    command = "import sys; from optuna_dashboard._cli import main; sys.argv[0] = 'optuna-dashboard'; main()"
    words = ["s.journal", "--port", "0", "--host", "127.0.0.1", "--server", "wsgiref"]
    code = (
        "import optuna_dashboard._cli as cli, wsgiref.simple_server as simple\n"
        "made = cli.make_server\n"
        "def told(*a, **k):\n"
        "    server = made(*a, **k); print('port', server.server_port, flush=True); return server\n"
        f"cli.make_server = told\n{command}"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        port = int(server.stdout.readline().split()[1])
        address = f"http://127.0.0.1:{port}"

        def ask(path):
            for _ in range(50):
                try:
                    with urllib.request.urlopen(f"{address}{path}", timeout=20) as answer:
                        return answer.read()
                except ConnectionError:
                    time.sleep(0.1)
            raise AssertionError("it does not answer")

        (summary,) = json.loads(ask("/api/studies"))["study_summaries"]
        assert summary["study_name"] == study.record.name
        detail = json.loads(ask(f"/api/studies/{summary['study_id']}"))
        assert len(detail["trials"]) == 40
        complete = [trial for trial in detail["trials"] if trial["state"] == "Complete"]
        assert len(complete) == study.outcomes.ok.sum()
        shown = sorted(float(trial["values"][0]) for trial in complete)
        assert shown == sorted(study.outcomes["latency_ns"][study.outcomes.ok].tolist())
        assert detail["objective_names"] == ["latency_ns", "energy_pj"]
        assert b"<html" in ask("/dashboard").lower()
    finally:
        server.terminate()
        server.wait(10)


# -------------------------------------------------------------------------------------------------- Minari


@pytest.mark.parametrize(
    ("formulation", "problem", "arguments"),
    [
        ("oneshot", "dram-controller", {"workload": "random:requests=200"}),
        ("sequential", "dram-controller", {"workload": "random:requests=200"}),
        ("oneshot", "gpu-platform", {}),
    ],
)
def test_minari_episodes_are_those_of_the_environment(tmp_path, formulation, problem, arguments):
    """Minari's own reader gives back what `gymnasium.make` gives, step by step."""
    minari, gymnasium = pytest.importorskip("minari"), pytest.importorskip("gymnasium")
    from cosearch import make_problem
    from cosearch.space.convert.gymnasium import from_box, from_multi_discrete

    study = Study.create(make_problem(problem, **arguments), "random", budget=12, seed=3).run()
    path = tmp_path / "s.minari"
    assert write_studies([study], path, "minari", EpisodesAsked(formulation)) == 12
    assert_equal(load_studies(path)[0], study)
    dataset = minari.MinariDataset(path / "data")
    assert dataset.total_episodes == 12
    found = dataset.storage.metadata["cosearch"]["studies"][0]
    assert (found["seed"], found["agent"]) == (3, "random")
    env = dataset.recover_environment()
    assert isinstance(env, gymnasium.Env)
    metrics = dataset.storage.metadata["metrics"]
    for i, episode in enumerate(dataset.iterate_episodes()):
        observation, _ = env.reset()
        np.testing.assert_array_equal(episode.observations[0], observation)
        for k, action in enumerate(episode.actions):
            observation, reward, terminated, _, _ = env.step(action)
            np.testing.assert_allclose(episode.observations[k + 1], observation, rtol=1e-5)
            assert episode.rewards[k] == pytest.approx(reward, rel=1e-6)
            assert terminated == episode.terminations[k]
        assert terminated
        values = dict(zip(metrics, episode.infos["metrics"][-1].tolist(), strict=True))
        assert values == pytest.approx(study.outcomes.row(i), rel=0, abs=0, nan_ok=True)
        if formulation == "oneshot":
            space = study.space
            decode = from_box if env.action_space.dtype == np.float32 else from_multi_discrete
            assert decode(space, episode.actions[:1])[0].keys() == study.designs[i].keys()
    env.close()


def test_minari_refuses_what_is_no_episode(tmp_path):
    pytest.importorskip("minari")
    one = Study.create("dram-controller", "random", budget=2).run()
    for asked, says in (
        (EpisodesAsked("refine"), "oneshot or sequential"),
        (EpisodesAsked("onshot"), "did you mean 'oneshot'"),
        (EpisodesAsked(reward="weighted"), "did you mean"),
        (EpisodesAsked(reward="hypervolume_improvement"), "depends on the episodes before"),
    ):
        with pytest.raises(CosearchError, match=says):
            write_studies([one], tmp_path / "x.minari", "minari", asked)
    assert list(tmp_path.iterdir()) == []
