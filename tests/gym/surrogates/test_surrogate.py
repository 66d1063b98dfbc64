"""A surrogate from a store to a search: its examination, its file, its fidelity, and what it refuses."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from cosearch import Study, make_problem
from cosearch.errors import OutsideWarning, SurrogateError
from cosearch.report.comparison import group_key
from cosearch.run.options import RunOptions
from cosearch.store import Store
from cosearch.surrogates.examination import scores, speed, validity_scores
from cosearch.surrogates.file import load, save
from cosearch.surrogates.outside import Seen
from cosearch.surrogates.recorded import Recorded
from cosearch.surrogates.training import Start, train


@pytest.fixture(scope="module")
def recorded(store) -> Recorded:
    with Store.open(store) as opened:
        return Recorded.of([opened.read(record) for record in opened.studies()])


def test_training_from_the_command_line(cli, store, tmp_path):
    found = cli("surrogate", "train", store, "--model", "gbdt", "--output", tmp_path / "s.npz", "--json").json
    assert found["units"] == {"time_ns": "ns", "power_mw": "mW"}
    assert {study["agent"] for study in found["studies"]} == {"random", "nsga2"}
    examination = found["examination"]
    for metric in ("time_ns", "power_mw"):
        assert examination["metrics"][metric]["spearman"] > 0.97
        assert set(examination["agents"]) == {"random", "nsga2"}
    assert examination["validity"]["brier"] < 0.5 * examination["validity"]["brier_of_share"]
    table = cli("surrogate", "show", tmp_path / "s.npz").out
    for word in ("time_ns [ns]", "Spearman", "RMSE/mean", "nsga2", "valid or not"):
        assert word in table


def test_scores_are_the_textbooks():
    true, predicted = np.array([1.0, 2.0, 4.0, 5.0]), np.array([1.0, 3.0, 3.0, 5.0])
    found = scores(true, predicted)
    assert found["rmse"] == pytest.approx(np.sqrt(0.5))
    assert found["rmse_of_range"] == pytest.approx(np.sqrt(0.5) / 4)
    assert found["rmse_of_mean"] == pytest.approx(np.sqrt(0.5) / 3)
    assert found["median_relative_error"] == pytest.approx((0 + 0.25) / 2)
    assert found["spearman"] == pytest.approx(4.5 / np.sqrt(5 * 4.5))  # ranks 1, 2.5, 2.5, 4
    assert scores(np.ones(3), np.ones(3))["spearman"] is None


def test_validity_scores_are_the_textbooks():
    found = validity_scores(np.array([0.8, 0.8, 0.8, 0.8, 0.1]), np.array([True, True, True, False, False]))
    assert found["brier"] == pytest.approx((3 * 0.04 + 0.64 + 0.01) / 5)
    assert found["log_loss"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.2) + np.log(0.9)) / 5)
    assert found["calibration_error"] == pytest.approx((4 * 0.05 + 0.1) / 5)


@pytest.mark.parametrize("model", ["gbdt", "gp", "forest"])
def test_intervals_hold_as_many_designs_as_they_say(recorded, model):
    some = recorded.take(np.random.default_rng(0).permutation(len(recorded))[:150])
    examined = train(some, model, held_out=0.4).examination
    for metric in examined["metrics"].values():
        assert metric["coverage"]["0.95"] > 0.8


def test_the_file_has_no_code_and_comes_back(trained, recorded, tmp_path):
    surrogate = load(trained)
    save(surrogate, tmp_path / "again.npz")
    again = load(tmp_path / "again.npz")
    assert again.origin == surrogate.origin
    assert np.array_equal(again.values(recorded.designs), surrogate.values(recorded.designs))
    with np.load(trained, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_files_that_are_no_surrogate_are_refused(tmp_path, trained, cli):
    whole = Path(trained).read_bytes()
    (tmp_path / "a.npz").write_bytes(b"no archive")
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.npz").write_bytes(pickle.dumps({"x": 1}))
    np.savez(tmp_path / "d.npz", x=np.arange(3))
    np.savez(tmp_path / "e.npz", description=np.array([print], dtype=object))
    for name in "abcde":
        cli("surrogate", "show", tmp_path / f"{name}.npz").assert_error(f"{name}.npz")
    cli("surrogate", "show", tmp_path / "none.npz").assert_error("none.npz", "No such file")
    flipped = bytearray(whole)
    for place in range(200, len(whole), max(1, len(whole) // 60)):
        flipped[place] ^= 0x10
    (tmp_path / "f.npz").write_bytes(flipped)
    cli("surrogate", "show", tmp_path / "f.npz").assert_error("f.npz")


def test_a_surrogate_of_another_space_is_refused(cli, trained):
    cli("search", "surrogate-other", "--budget", 5, "--surrogate", trained).assert_error(
        "surrogate-kernel", "surrogate-other", "another design space"
    )
    cli("evaluate", "two-spheres", "--default", "--surrogate", trained).assert_error("another design space")


def test_a_surrogate_with_other_units_is_refused(trained, tmp_path):
    surrogate = load(trained)
    metrics = (("time_ns", "us"), ("power_mw", "mW"))
    save(replace(surrogate, origin=replace(surrogate.origin, metrics=metrics)), tmp_path / "us.npz")
    with pytest.raises(SurrogateError, match="time_ns in us, problem surrogate-kernel in ns"):
        make_problem("surrogate-kernel", surrogate=tmp_path / "us.npz")


def test_metrics_without_units_are_refused(store):
    with Store.open(store) as opened:
        data = opened.read(opened.studies()[0])
    record = replace(data.record, metrics=[{"name": "time_ns"}, {"name": "power_mw", "unit": "mW"}])
    with pytest.raises(SurrogateError, match="does not say the unit of time_ns"):
        Recorded.of([replace(data, record=record)])


def test_studies_that_do_not_belong_together_are_refused(store):
    with Store.open(store) as opened:
        data = opened.read(opened.studies()[0])
    other = replace(data, record=replace(data.record, name="b", workload_digest="x"))
    with pytest.raises(SurrogateError, match="differ in the workload"):
        Recorded.of([data, other])


def test_it_is_a_fidelity_of_its_problem(trained, recorded):
    problem = make_problem("surrogate-kernel", surrogate=trained)
    assert problem.fidelity_names == ("surrogate", "model", "chip")
    assert problem.default_fidelity == "chip"
    known = recorded.take(recorded.valid)
    outcomes = problem.evaluate(problem.space.from_index(known.designs.index), fidelity="surrogate")
    ok = outcomes.ok
    assert ok.mean() > 0.95
    assert np.allclose(outcomes["time_ns"][ok], known.values[ok, 0], rtol=0.1)
    assert (outcomes.standard_error["time_ns"][ok] > 0).all()
    invalid = recorded.take(~recorded.valid)
    rejected = problem.evaluate(problem.space.from_index(invalid.designs.index), fidelity="surrogate")
    assert (rejected.status == "infeasible").mean() > 0.9
    assert "probability" in rejected.reason[~rejected.ok][0]
    # the numbers of its own fidelities stay what they are
    exact = problem.evaluate(problem.space.from_index(known.designs.index), fidelity="chip")
    assert np.array_equal(exact["time_ns"], known.values[:, 0])


@pytest.mark.parametrize("agent", ["nsga2", "hyperband"])
def test_agents_search_with_it(cli, trained, tmp_path, agent):
    found = cli(
        *("search", "surrogate-kernel", "--agent", agent, "--budget", 12, "--surrogate", trained),
        *("--store", tmp_path / "s.db", "--quiet", "--json"),
    )
    assert found.code == 0, found.err
    with Store.open(tmp_path / "s.db") as opened:
        data = opened.read(opened.study())
    if agent != "nsga2":
        assert "surrogate" in data.elsewhere
    resumed = cli("resume", tmp_path / "s.db", "--budget", 15, "--quiet", "--json")
    assert resumed.code == 0, resumed.err


def test_a_study_at_the_surrogate_alone(trained):
    problem = make_problem("surrogate-kernel", surrogate=trained)
    study = Study.create(problem, "nsga2", RunOptions(budget=60, fidelity="surrogate"))
    data = study.run()
    assert set(data.fidelity.tolist()) == {"surrogate"}


def test_an_environment_steps_with_it(trained):
    env = gymnasium.make(
        "cosearch/SurrogateKernel-v0", surrogate=trained, fidelity="surrogate", formulation="oneshot"
    )
    env.reset(seed=0)
    _, reward, terminated, _, info = env.step(env.action_space.sample())
    assert terminated
    assert np.isfinite(reward)
    assert info["status"] in ("ok", "infeasible")


def test_it_says_when_it_is_asked_outside_of_what_it_has_seen(recorded, tmp_path):
    tile = recorded.designs.index[:, recorded.designs.space.column_of["tile"]]
    surrogate = train(recorded.take(tile <= 3), "gbdt", held_out=0.0)
    save(surrogate, tmp_path / "small.npz")
    problem = make_problem("surrogate-kernel", surrogate=tmp_path / "small.npz")
    inside = {"tile": 4, "unroll": 3, "order": "ijk", "idle": 2}
    outside = {**inside, "tile": 32}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        near = problem.evaluate([inside], fidelity="surrogate")
    with pytest.warns(OutsideWarning, match="tile = 32 was never seen"):
        far = problem.evaluate([outside], fidelity="surrogate")
    assert far.standard_error["time_ns"][0] > 3 * near.standard_error["time_ns"][0]


def test_a_value_without_an_order_that_was_never_seen(recorded):
    order = recorded.designs.index[:, recorded.designs.space.column_of["order"]]
    seen = Seen.of(recorded.take(order != 1).designs, 0)
    found = seen.outside(recorded.designs)
    assert (found[order == 1] == "order = jki was never seen").all()
    assert (found[order != 1] == "").mean() > 0.9


def test_predictions_of_a_file_of_designs(cli, trained, tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("tile,unroll,order,idle\n4,2,ijk,0\n1,1,kij,3\n")
    rows = cli("surrogate", "predict", trained, "--designs", path, "--json").json["rows"]
    assert rows[0]["metrics"]["time_ns"] == pytest.approx((20 + 80) * 1.4 + 3, rel=0.15)
    assert rows[1]["valid"] > 0.8
    path.write_text("tile,unroll,order,idle,time_ns,status\n4,2,ijk,0,17,ok\n")  # as `export` writes them
    assert cli("surrogate", "predict", trained, "--designs", path, "--json").json["rows"][0] == rows[0]
    path.write_text("tile,unroll,order\n3,2,ijk\n")
    cli("surrogate", "predict", trained, "--designs", path).assert_error("tile")


def test_one_that_starts_from_a_rough_fidelity_needs_fewer_designs(recorded):
    problem = make_problem("surrogate-kernel")
    start = Start("model", lambda d: problem.evaluate(problem.space.from_index(d.index), fidelity="model"))
    few, rest = recorded.take(np.arange(40)), recorded.take(np.arange(40, len(recorded)))
    rest = rest.take(rest.valid)
    rough = problem.evaluate(problem.space.from_index(rest.designs.index), fidelity="model")
    base = np.stack([rough["time_ns"], rough["power_mw"]], axis=1)
    with_start = train(few, "gbdt", start=start, held_out=0.0).values(rest.designs, base)[:, 0]
    without = train(few, "gbdt", held_out=0.0).values(rest.designs)[:, 0]
    errors = [np.sqrt(np.mean((one - rest.values[:, 0]) ** 2)) for one in (with_start, without)]
    assert errors[0] < 0.6 * errors[1]


def test_starting_from_a_rough_fidelity_from_the_command_line(cli, store, tmp_path):
    path = tmp_path / "s.npz"
    trained = cli(
        "surrogate", "train", store, "--base", "model", "--model", "gbdt", "--output", path, "--json"
    )
    assert trained.json["base"] == "model"
    problem = make_problem("surrogate-kernel", surrogate=path)
    assert problem.fidelity_names == ("model", "surrogate", "chip")
    costs = [one.cost for one in problem.fidelity_list]
    assert costs == sorted(costs)
    assert problem.evaluate([problem.space.default()], fidelity="surrogate").ok.all()
    cli("surrogate", "train", store, "--base", "modle").assert_error("modle", "did you mean 'model'")
    cli("surrogate", "train", store, "--base", "chip").assert_error("no rougher")


def test_diversity_compares_agents(cli, store, tmp_path):
    figure = tmp_path / "d.html"
    found = cli(
        *("surrogate", "train", store, "--model", "gbdt", "--diversity", "--figure", figure, "--json")
    ).json["diversity"]
    assert [row["source"] for row in found["sources"]] == ["nsga2", "random", "all agents"]
    assert len({row["designs"] for row in found["sources"]}) == 1
    assert "all agents" in figure.read_text(encoding="utf-8")


def test_a_small_table_is_far_over_a_hundred_thousand_predictions_a_second(trained):
    surrogate = load(trained)
    assert surrogate.table is not None
    assert speed(surrogate) < 1e-5


def test_what_a_user_may_get_wrong(cli, store, tmp_path):
    cli("surrogate", "train", store, "--model", "gdbt").assert_error("unknown model 'gdbt'", "gbdt")
    cli("surrogate", "train", store, "--fidelity", "chips").assert_error("did you mean 'chip'")
    cli("surrogate", "train", store, "--fidelity", "model").assert_error("0 valid designs")
    cli("surrogate", "train", store, "--figure", tmp_path / "f.html").assert_error("--diversity")
    cli("surrogate", "train", store, "nope").assert_error("unknown study 'nope'")
    cli("surrogate", "train", tmp_path / "none.db").assert_error("none.db")
    cli("surrogate", "train", store, "--output", tmp_path / "no" / "s.npz").assert_error("no folder")
    (tmp_path / "taken.npz").write_bytes(b"")
    cli("surrogate", "train", store, "--output", tmp_path / "taken.npz").assert_error("--force")


def test_a_study_with_a_surrogate_is_compared_with_those_without(cli, trained, tmp_path):
    """At the problem's own fidelity the numbers are the same ones."""
    path = tmp_path / "s.db"
    for more in ((), ("--surrogate", trained)):
        assert cli("search", "surrogate-kernel", "--budget", 5, "--store", path, "--quiet", *more).code == 0
    with Store.open(path) as opened:
        keys = {group_key(record) for record in opened.studies()}
    assert len(keys) == 1
