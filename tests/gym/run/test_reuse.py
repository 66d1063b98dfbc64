"""Studies of one store share evaluations when the user says so; agents and problems may be passed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Agent, DesignSpace, Integer, Metric, Objective, Problem, Store, Study, make_problem
from cosearch.errors import CosearchError
from small_problems import TwoSpheres

RUNS: list[int] = []


class Counted(Problem):
    """Counts what is simulated."""

    name = "counted"
    space = DesignSpace([Integer("x", 0, 99), Integer("y", 0, 9)])
    metrics = (Metric("loss", "1"), Metric("noise", "1"))
    objectives = (Objective("loss", "min"),)
    fidelities = ("rough", "fine")
    seeded = True

    def simulate(self, designs, *, fidelity, seed):
        RUNS.append(len(designs))
        scale = 2 if fidelity == "rough" else 1
        return {"loss": scale * designs["x"] + seed, "noise": designs["y"]}


class Walker(Agent):
    """Asks for x = 0, 1, 2, ... and y = its seed."""

    name = "walker"
    at = 0

    def ask(self, n):
        self.at += 1
        return self.space.designs([{"x": self.at - 1, "y": self.seed % 10}])

    def tell(self, results):
        pass


def runs():
    done = sum(RUNS)
    RUNS.clear()
    return done


def search(store, budget, seed=0, **options):
    return Study.create(Counted(), Walker, budget=budget, seed=seed, store=store, **options).run()


def test_what_another_study_evaluated_is_free_and_counted(tmp_path):
    store = Store.open(tmp_path / "s.db", create=True)
    runs()
    first = search(store, 20)
    assert runs() == 20
    again = search(store, 30, seed=10, reuse=True)  # asks the same designs, and goes on
    assert runs() == 30
    assert again.record.evaluations == 30
    assert again.record.reused == 20
    assert len(again.designs) == 50
    np.testing.assert_array_equal(again.outcomes["loss"][:20], first.outcomes["loss"])
    plain = search(store, 20, seed=20)
    assert runs() == 20
    assert plain.record.reused == 0


def test_other_fidelities_seeds_and_arguments_are_not_shared(tmp_path):
    store = Store.open(tmp_path / "s.db", create=True)
    search(store, 10)
    runs()
    for options in ({"fidelity": "rough"}, {"evaluation_seed": 3}):
        assert search(store, 10, seed=10, reuse=True, **options).record.reused == 0
    assert runs() == 20
    held = Counted().hold({"y": 0})
    assert Study.create(held, Walker, budget=10, store=store, reuse=True).run().record.reused == 0


def test_objectives_may_differ(tmp_path):
    store = Store.open(tmp_path / "s.db", create=True)
    search(store, 10)
    other = Counted(objectives=["noise:max"], constraints=["loss<=5"])
    assert Study.create(other, Walker, budget=5, store=store, reuse=True).run().record.reused == 10


@pytest.mark.parametrize("agent", ["nsga2", "random"])
def test_a_study_that_reuses_is_resumed_to_the_same_end(agent, tmp_path):
    found = []
    for interrupted in (False, True):
        store = tmp_path / f"{interrupted}.db"
        Study.create(TwoSpheres(), "sobol", budget=600, store=store).run()
        study = Study.create(TwoSpheres(), agent, budget=150, store=store, name="it", reuse=True)
        if interrupted:

            def stop(study, results):
                if len(study.data.designs) > 60:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                study.run(callbacks=[stop])
            study = Study.resume(store, "it")
        found.append(study.run())
    assert found[0].record.evaluations == found[1].record.evaluations == 150
    assert found[0].record.reused == found[1].record.reused > 0
    assert list(found[0].designs) == list(found[1].designs)


def test_the_command_says_how_many_were_free(tmp_path, capsys):
    from cosearch.cli import run

    words = [
        "search",
        "two-spheres",
        "--agent",
        "random",
        "--budget",
        "20",
        "--store",
        str(tmp_path / "s.db"),
    ]
    assert run(words) == 0
    assert run([*words, "--reuse"]) == 0
    assert "20 more designs free, from other studies of the store" in capsys.readouterr().out


def test_a_class_an_instance_and_a_problem_of_ones_own_are_resumed_by_whoever_passes_them(tmp_path):
    store = tmp_path / "s.db"
    Study.create(Counted(), Walker, budget=5, store=store, name="class").run()
    with pytest.raises(CosearchError, match="unknown problem 'counted'"):
        Study.resume(store, "class")
    with pytest.raises(CosearchError, match="unknown agent 'walker'"):
        Study.resume(store, "class", problem=Counted())
    resumed = Study.resume(store, "class", problem=Counted(), agent=Walker, budget=9).run()
    assert [design["x"] for design in resumed.designs] == list(range(9))
    problem = make_problem("two-spheres")
    from cosearch.task import Task

    def built():
        return registered("nsga2")(Task.of(problem), seed=3, budget=40, population=8)

    whole = Study.create(problem, built(), budget=80, seed=3, store=store, name="whole").run()
    Study.create(problem, built(), budget=40, seed=3, store=store, name="instance").run()
    part = Study.resume(store, "instance", agent=built(), budget=80).run()
    assert list(part.designs) == list(whole.designs)


def registered(name):
    from cosearch.registry import agent_class

    return agent_class(name)
