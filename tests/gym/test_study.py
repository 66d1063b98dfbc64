from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cosearch import Store
from cosearch.errors import ArgumentError, StoreError, UnknownNameError
from cosearch.objectives import feasible, minimised
from cosearch.pareto import hypervolume
from cosearch.study import Study
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
    problem = TwoSpheres(constraints=["sum<=0"])
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
    first = minimised(problem.objectives, data.outcomes.take(slice(0, 8)))[meets[:8]]
    reference = first.max(axis=0) + 0.1 * np.ptp(first, axis=0)
    assert last["hypervolume"] == pytest.approx(hypervolume(values, reference))


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
    study.agent = Interrupting(TwoSpheres.space, TwoSpheres.objectives, seed=4)
    with pytest.raises(KeyboardInterrupt):
        study.run()
    record = Store.open(path).study()
    assert (record.status, record.stopped_because) == ("interrupted", "KeyboardInterrupt")
    assert record.evaluations == 16
    whole = Study.create(TwoSpheres(), "uniform", budget=100, seed=4).run()
    assert Study.resume(path).run().designs == whole.designs


COMMAND = [sys.executable, "-m", "cosearch"]


def search(agent: str, path, *, budget: int) -> list[str]:
    return [
        *COMMAND, "search", "dram-controller", "--agent", agent, "--budget", str(budget), "--seed", "7",
        "--set", "workload=random:requests=2000", "--store", str(path), "--quiet",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "budget"), [("random", 400), ("sobol", 400), ("nsga2", 400), ("qlognehvi", 40)]
)
def test_killed_ten_times_a_study_ends_as_if_it_never_had_been(agent, budget, tmp_path):
    whole = tmp_path / "whole.db"
    began = time.monotonic()
    subprocess.run(search(agent, whole, budget=budget), check=True, capture_output=True)
    seconds = time.monotonic() - began
    rng = np.random.default_rng(11)
    killed = tmp_path / "killed.db"
    told_before = 0
    kills = 0
    while kills < 10:
        command = (
            search(agent, killed, budget=budget)
            if kills == 0
            else [*COMMAND, "resume", str(killed), "--quiet"]
        )
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while kills == 0 and not killed.exists() and process.poll() is None:
            time.sleep(0.01)  # before that there is no study to resume
        time.sleep(rng.uniform(0.2, 0.9) * seconds / (1 if kills == 0 else 2))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.returncode in (-signal.SIGKILL, 0), process.stderr.read().decode()
        kills += 1
        with Store.open(killed) as store:
            if store.studies():
                told = len(store.told_ids(store.study()))
                assert told >= told_before
                told_before = told
            else:
                killed.unlink()
                kills = 0
    subprocess.run([*COMMAND, "resume", str(killed), "--quiet"], check=True, capture_output=True)
    with Store.open(whole) as first, Store.open(killed) as second:
        expected, data = first.read(first.study()), second.read(second.study())
    assert data.designs == expected.designs
    assert data.told.tolist() == expected.told.tolist()
    for metric in expected.outcomes.metrics:
        np.testing.assert_array_equal(data.outcomes[metric], expected.outcomes[metric])
