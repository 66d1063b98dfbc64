from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cosearch import Settings, Store, Task, setting
from cosearch.errors import AgentError, ArgumentError, StoreError, UnknownNameError
from cosearch.objectives import Metric, feasible, minimised
from cosearch.pareto import hypervolume
from cosearch.registry import registry
from cosearch.run.study import Study
from cosearch.settings import InputFile
from small_problems import Trouble, TwoSpheres, Uniform


def test_a_study_spends_its_budget_and_is_repeatable():
    first = Study.create(TwoSpheres(), "uniform", budget=100, seed=5).run()
    again = Study.create(TwoSpheres(), "uniform", budget=100, seed=5).run()
    other = Study.create(TwoSpheres(), "uniform", budget=100, seed=6).run()
    assert first.record.stopped_because == "the budget is spent"
    assert int(TwoSpheres.space.allowed(first.designs).sum()) == 100
    assert first.designs == again.designs
    assert first.designs != other.designs


def test_a_study_ends_when_the_space_is_exhausted():
    cardinality = TwoSpheres.space.cardinality()
    data = Study.create(TwoSpheres(), "uniform", budget=10**6, seed=0).run()
    assert data.record.stopped_because == "every design of the space has been evaluated"
    assert len(data.designs) == cardinality


def test_progress_tells_the_truth():
    reports = []
    references = ["left:min:reference=900", "right:min:reference=900"]
    problem = TwoSpheres(objectives=references, constraints=["sum<=0"])
    study = Study.create(problem, "uniform", budget=64, seed=1)
    data = study.run(lambda progress: reports.append(vars(progress).copy()))
    last = reports[-1]
    meets = feasible(problem.constraints, data.outcomes)
    values = minimised(problem.objectives, data.outcomes)[meets]
    assert last["evaluations"] == len(data.designs) == 64
    assert last["proposals"] == len(data.told)
    assert last["infeasible"] == int((~meets).sum())
    assert last["best"] == {"left": values[:, 0].min(), "right": values[:, 1].min()}
    assert [r["hypervolume"] for r in reports] == sorted(r["hypervolume"] for r in reports)
    assert last["hypervolume"] == pytest.approx(hypervolume(values, [900, 900]))


def test_failed_designs_are_part_of_a_study():
    data = Study.create(Trouble(), "uniform", budget=12, seed=2, timeout_s=1.0, workers=2).run()
    kinds = data.designs["kind"]
    expected = {"fine": "ok", "reject": "infeasible"}
    assert data.outcomes.status.tolist() == [expected.get(kind, "failed") for kind in kinds]
    assert len(set(kinds)) > 3


def test_a_budget_can_be_raised_and_never_lowered(tmp_path):
    path = tmp_path / "study.db"
    Study.create(TwoSpheres(), "uniform", budget=50, seed=1, store=path).run()
    with pytest.raises(ArgumentError, match="has a budget of 50; it can only be raised"):
        Study.resume(path, budget=20)
    data = Study.resume(path, budget=90).run()
    whole = Study.create(TwoSpheres(), "uniform", budget=90, seed=1).run()
    assert data.record.budget == 90
    assert data.designs == whole.designs


def test_wrong_settings_are_refused_before_anything_is_stored(tmp_path):
    path = tmp_path / "study.db"
    with pytest.raises(
        UnknownNameError, match="unknown hyperparameter of agent uniform 'pase'; did you mean 'pace'"
    ):
        Study.create(TwoSpheres(), "uniform", budget=5, agent_settings={"pase": 1}, store=path)
    with pytest.raises(ValueError, match="pace"):
        Study.create(TwoSpheres(), "uniform", budget=5, agent_settings={"pace": 3}, store=path)
    for wrong in ({"budget": 0}, {"budget": 5, "workers": 0}, {"budget": 5, "batch_size": 0}):
        with pytest.raises(ArgumentError, match="must be at least 1, not 0"):
            Study.create(TwoSpheres(), "uniform", store=path, **wrong)
    assert not path.exists()


def test_a_study_of_another_version_of_its_problem_is_not_resumed(tmp_path, monkeypatch):
    path = tmp_path / "study.db"
    Study.create(TwoSpheres(), "uniform", budget=5, store=path)
    monkeypatch.setattr(TwoSpheres, "version", 1)
    with pytest.raises(StoreError, match="another version of problem two-spheres"):
        Study.resume(path)


def test_a_study_goes_on_when_its_problem_has_got_a_metric(tmp_path, monkeypatch):
    path = tmp_path / "study.db"
    Study.create(TwoSpheres(), "uniform", budget=50, seed=1, store=path).run()
    simulate = TwoSpheres.simulate

    def with_product(self, designs, **how):
        metrics = simulate(self, designs, **how)
        return {"product": metrics["left"] * metrics["right"], **metrics}

    monkeypatch.setattr(TwoSpheres, "simulate", with_product)
    monkeypatch.setattr(TwoSpheres, "metrics", (Metric("product", "1", "of both"), *TwoSpheres.metrics))
    data = Study.resume(path, budget=90).run()
    monkeypatch.undo()
    whole = Study.create(TwoSpheres(), "uniform", budget=90, seed=1).run()
    assert data.designs == whole.designs
    for metric in whole.outcomes.metrics:
        np.testing.assert_array_equal(data.outcomes[metric], whole.outcomes[metric])


class Interrupting(Uniform):
    """Is interrupted at its third ask."""

    asks = 0

    def ask(self, n):
        self.asks += 1
        if self.asks == 3:
            raise KeyboardInterrupt
        return super().ask(n)


def test_an_interrupt_loses_nothing(tmp_path):
    path = tmp_path / "study.db"
    study = Study.create(TwoSpheres(), "uniform", budget=100, seed=4, store=path)
    study.agent = Interrupting(Task.of(TwoSpheres()), seed=4)
    with pytest.raises(KeyboardInterrupt):
        study.run()
    record = Store.open(path).study()
    assert (record.status, record.stopped_because) == ("interrupted", "KeyboardInterrupt")
    assert record.evaluations == 16
    whole = Study.create(TwoSpheres(), "uniform", budget=100, seed=4).run()
    assert Study.resume(path).run().designs == whole.designs


class FromFileSettings(Settings):
    """A file."""

    path: InputFile = setting(..., "path of a file")


class FromFile(TwoSpheres):
    """Depends on a file."""

    name = "from-file"
    Settings = FromFileSettings


def test_a_study_whose_workload_has_changed_is_not_resumed(tmp_path):
    registry().problems.setdefault("from-file", FromFile)
    workload, path = tmp_path / "trace", tmp_path / "study.db"
    workload.write_text("1")
    Study.create(FromFile(path=str(workload)), "uniform", budget=5, store=path)
    Study.resume(path)
    workload.write_text("2")
    with pytest.raises(StoreError, match="the workload's file has changed"):
        Study.resume(path)


COMMAND = [sys.executable, "-m", "cosearch"]


def search(agent: str, path: Path, *, budget: int) -> list[str]:
    return [
        *COMMAND, "search", "dram-controller", "--agent", agent, "--budget", str(budget), "--seed", "7",
        "--set", "workload=random:requests=2000", "--store", str(path), "--quiet",
    ]  # fmt: skip


def told(path: Path) -> int:
    """How many tells a store holds."""
    if not path.exists():
        return 0
    try:
        with Store.open(path) as store:
            return len(store.told(store.study()))
    except StoreError:  # killed before there was a study
        return 0


@pytest.mark.parametrize(
    ("agent", "budget", "settings"),
    [
        ("random", 400, []),
        ("sobol", 400, []),
        ("nsga2", 400, ["--agent-set", "population=20"]),
        ("qlognehvi", 36, ["--agent-set", "initial=10"]),
    ],
)
def test_killed_again_and_again_a_study_ends_as_if_it_never_had_been(
    agent, budget, settings, kills, tmp_path
):
    """Half of the kills come at any moment, the other half soon after new designs were told."""
    whole, killed = tmp_path / "whole.db", tmp_path / "killed.db"
    began = time.monotonic()
    subprocess.run([*search(agent, whole, budget=budget), *settings], check=True, capture_output=True)
    seconds = time.monotonic() - began
    rng = np.random.default_rng(11)
    before = 0
    for kill in range(kills):
        resume = [*COMMAND, "resume", str(killed), "--quiet"]
        command = resume if before else [*search(agent, killed, budget=budget), *settings]
        if not before:
            for file in tmp_path.glob("killed.db*"):
                file.unlink()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while kill % 2 and process.poll() is None and told(killed) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.05 if kill % 2 else 0.5) * seconds)
        process.kill()
        _, errors = process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0), errors.decode()
        now = told(killed)
        assert now >= before
        before = now
    subprocess.run([*COMMAND, "resume", str(killed), "--quiet"], check=True, capture_output=True)
    with Store.open(whole) as first, Store.open(killed) as second:
        expected, data = first.read(first.study()), second.read(second.study())
    assert data.designs == expected.designs
    assert data.told.tolist() == expected.told.tolist()
    for metric in expected.outcomes.metrics:
        np.testing.assert_array_equal(data.outcomes[metric], expected.outcomes[metric])


class Slow(TwoSpheres):
    """Is slow and says when it has begun."""

    name = "slow"

    def simulate(self, designs, *, fidelity, seed):
        time.sleep(0.1 * len(designs))
        return super().simulate(designs, fidelity=fidelity, seed=seed)


def test_what_was_evaluated_but_not_told_is_shown_and_kept(tmp_path):
    registry().problems.setdefault("slow", Slow)
    path = tmp_path / "study.db"
    study = Study.create(
        Slow(), "uniform", budget=80, seed=2, store=path, batch_size=40, agent_settings={"pace": 8}
    )
    evaluations = []

    def stop_in_the_second_batch(progress):
        evaluations.append(progress.evaluations)
        if progress.evaluations > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(stop_in_the_second_batch)
    with Store.open(path) as store:
        record = store.study()
        data = store.read(record)
        told = len(store.told(record))
    assert record.evaluations == len(data.designs) == evaluations[-1] >= told
    assert record.seconds > 0.5
    whole = Study.create(TwoSpheres(), "uniform", budget=80, seed=2).run()
    assert data.designs == whole.designs[: len(data.designs)]


def test_a_refused_resume_changes_nothing(tmp_path):
    registry().problems.setdefault("from-file", FromFile)
    workload, path = tmp_path / "trace", tmp_path / "study.db"
    workload.write_text("1")
    Study.create(FromFile(path=str(workload)), "uniform", budget=5, store=path)
    workload.unlink()
    with pytest.raises(ArgumentError, match="cannot read"):
        Study.resume(path, budget=50)
    assert Store.open(path).study().budget == 5


def test_a_study_runs_once():
    study = Study.create(TwoSpheres(), "uniform", budget=10)
    study.run()
    with pytest.raises(AgentError, match="has run already; go on with Study.resume"):
        study.run()


def test_a_cut_batch_is_asked_again_once_however_often_the_study_is_resumed(tmp_path):
    path = tmp_path / "study.db"
    Study.create(TwoSpheres(), "uniform", budget=13, seed=8, store=path).run()
    study = Study.resume(path, budget=60)
    study.agent = Interrupting(Task.of(TwoSpheres()), seed=8)
    study.agent.asks = 1  # the third ask is the second after the one that is replayed
    study.agent.batch_size = study.record.batch_size
    with pytest.raises(KeyboardInterrupt):
        study.run()
    whole = Study.create(TwoSpheres(), "uniform", budget=60, seed=8).run()
    data = Study.resume(path).run()
    assert data.designs == whole.designs
    assert data.told.tolist() == whole.told.tolist()


class OnlyForbidden(Uniform):
    """Asks for forbidden designs alone."""

    def ask(self, n):
        return self.space.designs(
            [{"x": 20, "y": int(y), "shape": "round"} for y in self.rng.integers(16, 21, n)]
        )


def test_an_agent_that_asks_for_forbidden_designs_alone_is_stopped():
    study = Study.create(TwoSpheres(), "uniform", budget=5, seed=1)
    study.agent = OnlyForbidden(Task.of(TwoSpheres()))
    data = study.run()
    assert data.record.stopped_because == "the agent asked for no new design in 1000 proposals"
    assert data.record.evaluations == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"fidelity": "typo"}, {"timeout_s": 0.0}, {"seed": -1}, {"name": ""}, {"name": " \t"},
        {"budget": True}, {"budget": 5.0}, {"workers": np.int64(0)},
    ],
)  # fmt: skip
def test_a_study_that_could_never_run_is_not_stored(wrong, tmp_path):
    with pytest.raises((ArgumentError, UnknownNameError)):
        Study.create(TwoSpheres(), "uniform", **{"budget": 5, "store": tmp_path / "study.db", **wrong})
    assert not (tmp_path / "study.db").exists()


@pytest.mark.parametrize("blank", ["", "  ", Path()])
def test_a_store_needs_a_path(blank, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="expected the path of a store"):
        Study.create(TwoSpheres(), "uniform", budget=5, store=blank)
    assert not list(tmp_path.iterdir())


class Scale(Settings):
    """A whole number."""

    scale: int = setting(1, "what numbers are multiplied by")


class Scaled(TwoSpheres):
    """A problem with a whole number for an argument."""

    name = "scaled-spheres"
    Settings = Scale


def test_a_study_is_resumed_with_the_arguments_of_its_problem(tmp_path):
    registry().problems.setdefault("scaled-spheres", Scaled)
    path = tmp_path / "study.db"
    problem = Scaled(scale=3, objectives=["sum:max"])
    data = Study.create(problem, "uniform", budget=10, store=path).run()
    resumed = Study.resume(path, budget=20)
    assert resumed.problem.settings.scale == 3
    assert [str(o) for o in resumed.problem.objectives] == ["sum:max"]
    assert resumed.run().designs[:10] == data.designs


def test_whole_numbers_of_numpy_are_kept_as_pythons(tmp_path):
    problem = Scaled(scale=np.int64(3))
    settings = {"budget": np.int64(5), "seed": np.uint8(2), "agent_settings": {"pace": np.int32(4)}}
    study = Study.create(problem, "uniform", store=tmp_path / "s.db", **settings)
    assert len(study.run().designs) == 5
    with Store.open(tmp_path / "s.db") as store:
        record = store.study()
    assert (record.budget, record.seed, record.problem_arguments) == (5, 2, {"scale": 3})
    assert record.agent_settings == {"pace": 4}
