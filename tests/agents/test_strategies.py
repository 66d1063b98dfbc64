"""Joint, alternating, successive and hierarchical search, on a problem whose parts are known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cosearch import DesignSpace, Integer, Ordinal, Study, Task
from cosearch.agent import as_proposals
from cosearch.cli import run as run_command
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.registry import agent_class, registry
from cosearch.run.trial import Results
from cosearch.strategies import STAGED, strategy_class
from staged_problems import HARDWARE, NETWORK, Pair

STRATEGIES = sorted(STAGED)
SETTINGS = {"nsga2": {"population": 8}, "steady-nsga2": {"population": 8}, "random": {}, "tree-guided": {}}


def run(strategy, agent="steady-nsga2", budget=60, **options):
    settings = {**SETTINGS[agent], **options.pop("settings", {})}
    study = Study.create(
        Pair(),
        f"{strategy}:{agent}",
        budget=budget,
        agent_settings=settings,
        store=options.pop("store", None),
        **options,
    )
    return study, study.run()


def columns(designs, names):
    return np.column_stack([np.asarray(designs[name]) for name in names])


def distinct(designs, names):
    return len(np.unique(columns(designs, names), axis=0))


@pytest.mark.parametrize("agent", SETTINGS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_spends_the_budget_on_allowed_designs_only(strategy, agent):
    problem = Pair()
    _, data = run(strategy, agent)
    designs = problem.space.from_index(data.designs.index)
    assert len(designs) == 60
    assert len(set(designs.keys())) == 60
    assert problem.space.allowed(designs).all()


def test_joint_is_the_agent_itself():
    assert agent_class("joint:nsga2") is agent_class("nsga2")


def test_successive_holds_the_most_accurate_network_and_searches_hardware_for_it():
    _, data = run("successive")
    designs, accuracy = data.designs, np.asarray(data.outcomes["accuracy"])
    first, second = designs[:30], designs[30:]
    assert distinct(first, HARDWARE) == 1
    assert distinct(first, NETWORK) == 30
    best = columns(first, NETWORK)[accuracy[:30].argmax()]
    assert (columns(second, NETWORK) == best).all()
    assert distinct(second, HARDWARE) == 30


def test_successive_can_look_at_everything_and_take_another_share():
    settings = {"first_percent": 20, "first_sees": "everything"}
    _, data = run("successive", settings=settings)
    first = data.designs[:12]
    assert distinct(first, HARDWARE) == 1
    held = np.unique(columns(data.designs[12:], NETWORK), axis=0)
    latency = data.outcomes["latency_ns"]
    chosen = (columns(first, NETWORK) == held).all(axis=1)
    assert len(held) == 1
    # the constraint counts: what is held meets it, or nothing does
    assert latency[:12][chosen].min() <= 60 or latency[:12].min() > 60


def test_alternating_takes_turns_around_the_best_so_far():
    _, data = run("alternating", agent="random", budget=50, settings={"turn": 10})
    problem = Pair()
    for turn in range(5):
        part = data.designs[10 * turn : 10 * turn + 10]
        free, held = (NETWORK, HARDWARE) if turn % 2 == 0 else (HARDWARE, NETWORK)
        assert distinct(part, held) == 1, turn
        assert distinct(part, free) == 10, turn
        if turn:
            before = data.outcomes.take(slice(0, 10 * turn))
            missed = np.maximum(before["latency_ns"] - 60, 0)
            row = (columns(data.designs[: 10 * turn], held) == columns(part, held)[0]).all(axis=1)
            assert missed[row].min() == missed.min()
    assert problem.space.allowed(problem.space.from_index(data.designs.index)).all()


def test_hierarchical_gives_every_hardware_an_inner_search_of_the_same_budget():
    study, data = run("hierarchical", agent="random", budget=48, settings={"inner_designs": 8})
    hardware = [columns(data.designs[8 * k : 8 * k + 8], HARDWARE) for k in range(6)]
    assert all((part == part[0]).all() for part in hardware)
    assert len({tuple(part[0]) for part in hardware}) == 6
    assert "6 inner searches" in study.agent.account[0]


def test_when_all_hardware_was_searched_the_rest_of_the_budget_goes_to_the_best():
    settings = {"inner_designs": 4}
    study = Study.create(
        Pair().hold({"hardware.columns": 4}),
        "hierarchical:random",
        budget=80,
        agent_settings=settings,
    )
    data = study.run()
    assert len(data.designs) == 80
    assert distinct(data.designs, HARDWARE) == 12
    assert distinct(data.designs[48:], HARDWARE) < 12


def test_the_inner_agents_are_told_their_own_budgets_and_the_outer_one_the_best_of_each():
    told, budgets = [], []

    class Noting(agent_class("random")):
        name = "noting"

        def __init__(self, task, *, budget=None, **others):
            super().__init__(task, budget=budget, **others)
            budgets.append((budget, len(task.space.held)))

        def tell(self, results):
            if "network.depth" in self.space.held:
                told.extend(results.outcomes["latency_ns"].tolist())
            super().tell(results)

    problem = Pair()
    agent = strategy_class("hierarchical", Noting)(Task.of(problem), budget=40, inner_designs=10)
    best = []
    for _ in range(3):
        latencies, missed = [], []
        while len(latencies) < 10:
            designs = as_proposals(agent.ask(5)).designs
            outcomes = problem.evaluate(designs)
            latencies += outcomes["latency_ns"].tolist()
            agent.tell(Results.of(designs, outcomes))
        missed = np.maximum(np.array(latencies) - 60, 0)
        best.append(np.array(latencies)[missed == missed.min()])
    agent.ask(1)  # which ends the third
    assert {budget for budget, held in budgets if held == len(HARDWARE)} == {10}
    assert (4, len(NETWORK)) in budgets  # the outer one: so many inner searches
    assert len(told) == 3
    assert all(latency in candidates for latency, candidates in zip(told, best, strict=True))


@pytest.mark.parametrize("agent", SETTINGS)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("stopped_after", [7, 37])
def test_a_study_that_was_stopped_goes_on_as_if_it_had_not_been(strategy, agent, stopped_after, tmp_path):
    _, whole = run(strategy, agent, seed=5)
    store = tmp_path / "study.db"

    def stop(study, results):
        if len(study.data.designs) >= stopped_after:
            study.stop()

    settings = SETTINGS[agent]
    name = f"{strategy}:{agent}"
    Study.create(Pair(), name, budget=60, seed=5, agent_settings=settings, store=store).run(callbacks=[stop])
    data = Study.resume(store, problem=Pair()).run()
    assert data.designs.keys() == whole.designs.keys()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_with_several_workers_stages_do_not_mix_and_a_resumed_study_ends(strategy, tmp_path):
    store = tmp_path / "study.db"
    settings = {"turn": 10} if strategy == "alternating" else {}
    settings |= {"inner_designs": 10} if strategy == "hierarchical" else {}

    def stop(study, results):
        if len(study.data.designs) >= 25:
            study.stop()

    study = Study.create(
        Pair(),
        f"{strategy}:random",
        budget=40,
        store=store,
        agent_settings=settings,
        workers=2,
        backend="processes",
    )
    study.run(callbacks=[stop])
    data = Study.resume(store, problem=Pair()).run()
    assert len(data.designs) == 40
    length = 20 if strategy == "successive" else 10
    begin = stages = 0
    for end in range(1, 41):
        part = data.designs[begin:end]
        if 1 not in (distinct(part, NETWORK), distinct(part, HARDWARE)):
            begin, stages = end - 1, stages + 1
    assert stages + 1 <= 40 // length


def test_groups_can_be_given_and_held_parameters_are_left_alone():
    problem = Pair().hold({"hardware.columns": 4})
    study = Study.create(
        problem,
        "alternating:random",
        budget=24,
        agent_settings={"turn": 6, "groups": "network/precision,hardware.rows"},
    )
    data = study.run()
    assert (np.asarray(data.designs["hardware.columns"]) == 4).all()
    assert distinct(data.designs[:6], ("precision.bits", "hardware.rows")) == 1
    assert distinct(data.designs[6:12], ("network.depth", "network.width")) == 1


class Conditional(Pair):
    """The hardware has columns only for wide networks."""

    name = "network-with-its-own-hardware"
    space = DesignSpace.join(
        network=DesignSpace([Integer("depth", 1, 12, default=3), Integer("width", 1, 12, default=3)]),
        precision=DesignSpace([Ordinal("bits", (4, 8, 16), default=8)]),
        hardware=DesignSpace([Integer("rows", 1, 12, default=2), Integer("columns", 1, 12, default=2)]),
        when={"hardware.columns": {"network.width": list(range(5, 13))}},
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_active_only_by_a_sides_choices_goes_with_it(strategy, tmp_path):
    def stop(study, results):
        if len(study.data.designs) >= 27:
            study.stop()

    def created(store=None):
        return Study.create(Conditional(), f"{strategy}:steady-nsga2", budget=50, store=store, seed=1)

    whole = created().run()
    assert len(whole.designs) == 50
    first = [design for design in whole.designs[:6] if "hardware.columns" in design]
    assert {design["hardware.rows"] for design in whole.designs[:6]} == {2}
    assert first  # wide networks were among them, with columns
    created(tmp_path / "study.db").run(callbacks=[stop])
    resumed = Study.resume(tmp_path / "study.db", problem=Conditional()).run()
    assert resumed.designs.keys() == whole.designs.keys()


def test_hierarchical_refuses_what_is_inside_and_depends_on_the_outside():
    with pytest.raises(
        ArgumentError, match=r"hardware.columns is inside, and active only by choices outside"
    ):
        Study.create(
            Conditional(), "hierarchical:random", budget=9, agent_settings={"groups": "hardware/network"}
        )


def test_every_installed_agent_can_follow_every_strategy():
    for name in registry().agents:
        for strategy in STRATEGIES:
            made = agent_class(f"{strategy}:{name}")
            assert made.name == f"{strategy}:{name}"
            assert made.generational == agent_class(name).generational


def test_what_is_wrong_is_said_in_one_line():
    with pytest.raises(UnknownNameError, match="did you mean 'successive'"):
        agent_class("succesive:nsga2")
    with pytest.raises(UnknownNameError, match="did you mean 'nsga2'"):
        agent_class("successive:nsga22")
    with pytest.raises(ArgumentError, match="has a strategy already"):
        agent_class("successive:alternating:nsga2")
    with pytest.raises(UnknownNameError, match="did you mean 'hardware'"):
        run("successive", settings={"groups": "network/hardwar"})
    with pytest.raises(ArgumentError, match="expected A,B/C"):
        run("successive", settings={"groups": "network//hardware"})
    with pytest.raises(ArgumentError, match="expected text"):
        run("successive", settings={"groups": 3})
    with pytest.raises(ArgumentError, match="no two groups"):
        run("successive", settings={"groups": ",".join([*NETWORK, *HARDWARE])})
    with pytest.raises(UnknownNameError, match="hyperparameter of agent successive:random"):
        run("successive", agent="random", settings={"popluation": 3})


def test_the_command_line_takes_a_strategy(capsys):
    line = ["search", "nasbench201-device", "--budget", "30", "--agent", "random", "--json"]
    assert run_command([*line, "--strategy", "successive"]) == 0
    account = json.loads(capsys.readouterr().out)["account"]
    assert len(account) == 1
    assert account[0].startswith("successive:random: searched ")
    assert ", then " in account[0]
    assert run_command([*line, "--strategy", "sucessive"]) == 2
    assert capsys.readouterr().err == "error: unknown strategy 'sucessive'; did you mean 'successive'?\n"
