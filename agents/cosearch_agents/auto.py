"""The agent `auto`: picks the algorithm that suits the task and the budget, and hands over as it goes.

What is known when a search begins decides the plan: the number of designs, parameters, objectives and
fidelities, and the budget. What a first few evaluations took decides how long the algorithms that think
longest are worth it. Everything told goes to every algorithm that is still to come, so nothing is learnt
twice, and any of them may take over at once. `account` says in plain words what was done and why; a study
keeps it.

The limits below are where one algorithm's curve crosses another's on problems of many kinds: Gaussian
processes need the fewest evaluations but few enough inputs, trees go on learning and take any kind of
parameter, evolution needs no model once a front has hundreds of points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch import Agent, Designs, DesignSpace, Integer, Proposals, Results, Task
from cosearch.agent import as_proposals
from cosearch.errors import SpaceError
from cosearch.quantities import count
from cosearch_agents.archive import own_fidelity

# Designs before the first model, as a share of the budget, and their least and most.
FIRST_SHARE, FIRST_LEAST, FIRST_MOST = 0.4, 4, 12
# From so many evaluations on, children of the front take part: models alone stay where they are sure.
BRED_FROM = 100
# Up to so many evaluations, unit coordinates and objectives, Gaussian processes are worth their time.
GP_EVALUATIONS, GP_INPUTS, GP_OBJECTIVES = 300, 500, 8
# Where an evaluation takes longer than this, they are so for longer.
SLOW_S, GP_SLOW_EVALUATIONS = 10.0, 500
# Beyond so many evaluations the front is refined without a model.
EVOLVE_FROM = 5000
# Rough evaluations take part where exact ones are slow and a rough one costs at most this share.
CHEAP_FIDELITY = 0.1


@dataclass(frozen=True)
class Phase:
    """What is asked from some number of evaluations on.

    Attributes:
        first: the evaluation that it begins with.
        agents: names of those that take turns.
        why: in words.
    """

    first: int
    agents: tuple[str, ...]
    why: str

    @property
    def names(self) -> str:
        """Its agents in words."""
        *others, last = self.agents
        return f"{', '.join(others)} and {last}" if others else last


class AutoAgent(Agent):
    """Picks what suits the task and the budget, hands over as the search goes, and says why."""

    name = "auto"
    hyperparameters = DesignSpace(
        [
            Integer(
                "batch", 0, 256, default=0, description="designs asked for at once; 0: as the budget allows"
            )
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["batch"] or max(1, (self.budget or 0) // 100)
        self._slow: bool | None = None
        self._told: list[Results] = []
        self._count = 0
        self._members: dict[str, Agent] = {}
        self._seconds: list[float] = []
        self.plan = planned(self.task, self.budget, slow=False)

    @property
    def account(self) -> tuple[str, ...]:
        """What was done and why, a line for each phase that has begun."""
        return tuple(
            f"auto: from evaluation {phase.first + 1} {phase.names}: {phase.why}"
            for phase in self.plan
            if phase.first <= max(self._count - 1, 0)
        )

    def ask(self, n: int) -> Proposals | Designs:
        """What the algorithm asks whose turn it is."""
        asked = self._count + len(self.pending)
        phase = self._phase(asked)
        later = [other.first for other in self.plan if other.first > asked]
        n = min(n, later[0] - asked) if later else n
        for k in range(len(phase.agents)):
            # one of a batch each, where several take turns
            turn = (asked // max(1, min(n, self.batch_size)) + k) % len(phase.agents)
            member = self._member(phase.agents[turn])
            member.pending = self.pending
            found = as_proposals(member.ask(n))
            if len(found):
                return found
        rest = self._member("random")
        rest.pending = self.pending
        return rest.ask(n)

    def tell(self, results: Results) -> None:
        """Take results, and pass them on to all that are still to ask."""
        if not len(results):
            return
        self._told.append(results)
        self._count += int(own_fidelity(self.task, results).sum())
        if results.outcomes.seconds is not None:
            self._seconds += results.outcomes.seconds[np.isfinite(results.outcomes.seconds)].tolist()
        for member in self._members.values():
            member.inform(results)
        if self._slow is None and self._count >= first_designs(self.budget):
            slow = bool(self._seconds) and float(np.median(self._seconds)) > SLOW_S
            self._decide(slow)

    def state(self) -> Mapping[str, Any]:
        """Whether evaluations are slow, which no history tells, and the account."""
        return {"slow": self._slow, "account": list(self.account)}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history; no algorithm of the plan remembers anything else."""
        if state.get("slow") is not None:
            self._decide(bool(state["slow"]))
        self.tell(history)

    def close(self) -> None:
        """Close all."""
        for member in self._members.values():
            member.close()

    def _decide(self, slow: bool) -> None:
        self._slow = slow
        self.plan = planned(self.task, self.budget, slow=slow)

    def _phase(self, asked: int) -> Phase:
        return next(phase for phase in reversed(self.plan) if phase.first <= asked)

    def _member(self, name: str) -> Agent:
        """The algorithm, told all that is known; those whose last phase is over are forgotten."""
        if name not in self._members:
            agent_class, settings = algorithms(first_designs(self.budget))[name]
            member = agent_class(self.task, seed=self.seed, budget=self.budget, **settings)
            if self._told:
                self._told = [Results.concat(self._told)]
                member.inform(self._told[0])
            self._members[name] = member
        asked = self._count + len(self.pending)
        needed = {other for phase in self.plan for other in phase.agents if phase is self._phase(asked)}
        for other in [o for o in self._members if o not in needed and o not in (name, "random")]:
            self._members.pop(other).close()
        return self._members[name]


def first_designs(budget: int | None) -> int:
    """How many designs are asked before the first model."""
    return int(np.clip(FIRST_SHARE * (budget or 1000), FIRST_LEAST, FIRST_MOST))


def algorithms(first: int) -> dict[str, tuple[type[Agent], dict[str, Any]]]:
    """What takes part, with the settings that differ from its own."""
    from cosearch_agents.exhaustive import ExhaustiveAgent
    from cosearch_agents.mf_qlognehvi import MultiFidelityAgent
    from cosearch_agents.qlognehvi import QLogNEHVIAgent
    from cosearch_agents.random_search import RandomSearch
    from cosearch_agents.steady_evolution import SteadyNSGA2Agent
    from cosearch_agents.tree_guided import TreeGuidedAgent

    return {
        "exhaustive": (ExhaustiveAgent, {}),
        "random": (RandomSearch, {}),
        "qlognehvi": (QLogNEHVIAgent, {"initial": 2}),
        "mf-qlognehvi": (MultiFidelityAgent, {"initial": 3 * first}),  # rough designs first
        "tree-guided": (TreeGuidedAgent, {"initial": first}),
        "steady-nsga2": (SteadyNSGA2Agent, {"initial": 2}),
    }


def planned(task: Task, budget: int | None, *, slow: bool) -> tuple[Phase, ...]:
    """The phases of a search.

    Args:
        task: what is searched.
        budget: evaluations, if it is known.
        slow: whether one takes so long that thinking is cheap beside it.
    """
    space = task.space
    try:
        designs: float = space.cardinality()
    except SpaceError:  # too many to count
        designs = np.inf
    if budget is not None and designs <= budget:
        why = (
            f"the space has only {designs:,.0f} designs, which the budget of {budget:,} pays for: "
            "the front is exact"
        )
        return (Phase(0, ("exhaustive",), why),)
    first = first_designs(budget)
    inputs = sum(
        len(p.digit_sizes) if p.ordered else p.onehot_width
        for j, p in enumerate(space)
        if j not in space.fixed
    )
    objectives = len(task.objectives)
    size = f"{count(inputs, 'input')} and {count(objectives, 'objective')}"
    phases = [
        Phase(0, ("tree-guided",), f"the default and {count(first - 1, 'Sobol design')}, to learn from")
    ]
    until = first
    if inputs <= GP_INPUTS and objectives <= GP_OBJECTIVES:
        until = GP_SLOW_EVALUATIONS if slow else GP_EVALUATIONS
        why = (
            f"Gaussian processes need the fewest evaluations, and {size} are few enough for them; "
            "trees look where they do not"
        )
        why += f"; evaluations take more than {SLOW_S:g} s, so this goes on for longer" if slow else ""
        rough = [f.name for f in task.fidelities if task.cost(f.name) <= CHEAP_FIDELITY]
        if slow and rough:
            share = f"{100 * task.cost(rough[0]):.2g} %"
            why += f", with evaluations at fidelity {rough[0]}, which cost only {share} of an exact one"
        leader = "mf-qlognehvi" if slow and rough else "qlognehvi"
        phases.append(Phase(first, (leader, "tree-guided"), why))
        why = "children of the front are asked as well, because models stay where they are sure"
        phases.append(Phase(BRED_FROM, (leader, "tree-guided", "steady-nsga2"), why))
        why = f"beyond {until} evaluations Gaussian processes take long to fit; trees go on learning"
    else:
        why = f"{size} are too many for Gaussian processes; trees take them"
        phases.append(Phase(first, ("tree-guided",), why))
        why = "children of the front are asked as well, because trees stay where they are sure"
        until = BRED_FROM
    phases.append(Phase(until, ("tree-guided", "steady-nsga2"), why))
    why = "the front is known well enough to be refined without a model"
    phases.append(Phase(EVOLVE_FROM, ("steady-nsga2",), why))
    return tuple(phase for phase in phases if budget is None or phase.first < budget)
