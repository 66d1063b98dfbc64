"""A search in stages: in each an agent of the same class searches one side, with the other sides held.

A stage begins when all of the one before is told, so that which results belong to which stage follows from
their order alone. That is all that a resumed study needs: stages that are over are read, not searched again.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.agent import Agent, as_proposals
from cosearch.errors import ArgumentError, shown
from cosearch.run.trial import Proposals, Results
from cosearch.space import Design, Designs, DesignTable
from cosearch.strategies.choosing import best_of
from cosearch.strategies.sides import Side, sides_of, with_dependents
from cosearch.task import Task

# A stage whose agent goes on asking for what is known already ends after so many results for each design.
MOST_TOLD = 10


@dataclass(frozen=True)
class Plan:
    """What a stage is to do.

    Attributes:
        side: what it searches.
        design: at whose values the rest is held.
        length: new designs after which it ends; None for as long as there is budget.
        task: with what the stage's agent is to look at; its space is set by the stage.
    """

    side: Side
    design: Design
    length: int | None
    task: Task


class Stage:
    """A plan being carried out.

    Attributes:
        agent: that searches; built when it is first needed.
        space: the whole space with all held but the side and what is active only by its choices.
    """

    def __init__(self, plan: Plan, number: int) -> None:
        self.plan, self.number = plan, number
        free = with_dependents(plan.task.space, plan.side.names)
        held = {name: value for name, value in plan.design.items() if name not in free}
        self.space = plan.task.space.hold(held)
        self.agent: Agent | None = None
        self.asked = self.told = self.new = 0

    @property
    def waiting(self) -> bool:
        """Whether something that was asked is not told."""
        return self.told < self.asked

    @property
    def left(self) -> int:
        """How many more are to be asked, if all are new."""
        length = self.plan.length
        if length is None:
            return sys.maxsize
        return 0 if self.told >= MOST_TOLD * length else length - self.new - self.asked + self.told

    def fitting(self, designs: Designs) -> NDArray[np.int64]:
        """The rows of designs that are in the stage's space."""
        index = designs.index
        at = list(self.space.held_positions)
        values = np.array([self.space.held_positions[column] for column in at], dtype=np.int64)
        return np.flatnonzero((index[:, at] == values).all(axis=1))

    def results(self, results: Results) -> Results:
        """Those of the stage's space, as designs of it."""
        kept = results.take(self.fitting(results.designs))
        own = self.space.from_index(kept.designs.index)
        return Results(own, kept.outcomes, kept.fidelity, kept.seed, kept.number)

    def proposals(self, proposals: Proposals) -> Proposals:
        """Those of the stage's space, as designs of it."""
        kept = proposals.take(self.fitting(proposals.designs))
        return Proposals(self.space.from_index(kept.designs.index), kept.fidelity, kept.seed)


class StagedAgent(Agent):
    """A strategy: which side is searched next, with what held and for how long.

    Attributes:
        inner: the class of the agents that search.
        sides: what is searched in turn.
    """

    inner: ClassVar[type[Agent]]

    def __init__(self, task: Task, *, seed: int = 0, budget: int | None = None, **settings: Any) -> None:
        super().__init__(task, seed=seed, budget=budget, **settings)
        inner = self.inner.hyperparameters
        self.inner_settings = {
            k: v for k, v in self.settings.items() if inner is not None and k in inner.names
        }
        self.sides = sides_of(self.space, self.settings["groups"], self.name)
        self.known: list[Results] = []
        self._tables: dict[str, DesignTable] = {}
        self._ends: list[int] = []
        self._told = 0
        self._barren = 0  # stages in a row without a new design
        self._stage: Stage | None = None
        self.batch_size = self.first_batch_size()

    @classmethod
    def _complete(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with the defaults of those that are not given; `groups` is text."""
        groups = settings.get("groups", "")
        if not isinstance(groups, str):
            raise ArgumentError(f"agent {cls.name}: groups={shown(groups)}; expected text such as A,B/C")
        rest = {name: value for name, value in settings.items() if name != "groups"}
        return {**super()._complete(rest), "groups": groups}

    # ------------------------------------------------------------------ what each strategy says

    @abstractmethod
    def planned(self, number: int) -> Plan | None:
        """What stage `number` is to do, from what is known; None if there is none."""

    @abstractmethod
    def side_of(self, number: int) -> Side:
        """What stage `number` searches."""

    @abstractmethod
    def length_of(self, number: int) -> int | None:
        """New designs of stage `number`; None for as long as there is budget."""

    def task_of(self, number: int) -> Task:
        """What the agent of stage `number` looks at."""
        return self.task

    def ended(self, stage: Stage, results: Results) -> None:
        """Take what is known of the space of a stage that is over."""

    # ------------------------------------------------------------------ ask and tell

    def ask(self, n: int) -> Proposals | Designs:
        """What the stage's agent asks; none while the results that end a stage are still to come."""
        while self._barren <= 2 * len(self.sides):
            stage = self._stage
            if stage is None:
                plan = self.planned(len(self._ends))
                if plan is None:
                    break
                stage = self._stage = Stage(plan, len(self._ends))
            if stage.left > 0:
                agent = self._agent(stage)
                agent.pending = stage.proposals(self.pending)
                # whole batches, which a resumed study can ask again; beyond that only what is left
                asked = as_proposals(agent.ask(min(n, max(stage.left, self.batch_size))))
                if len(asked):
                    stage.asked += len(asked)
                    return Proposals(self.space.from_index(asked.designs.index), asked.fidelity, asked.seed)
            if stage.waiting:
                break
            self._end(stage)
        return self.space.designs([])

    def tell(self, results: Results) -> None:
        """Take results, and pass them on to the stage's agent."""
        if not len(results):
            return
        new = self._remember(results)
        self._told += len(results)
        if (stage := self._stage) is None:
            return
        stage.told += len(results)
        stage.asked = max(stage.asked, stage.told)
        stage.new += new
        own = stage.results(results)
        if len(own):
            self._agent(stage).tell(own)

    def inform(self, results: Results) -> None:
        """Take what others found, and pass on what is in the stage's space."""
        if not len(results):
            return
        self._remember(results)
        if self._stage is not None and self._stage.agent is not None:
            own = self._stage.results(results)
            if len(own):
                self._stage.agent.inform(own)

    def state(self) -> Mapping[str, Any]:
        """After how many results each stage ended, and the agent's own state."""
        agent = self._stage.agent if self._stage is not None else None
        return {"ends": list(self._ends), "inner": dict(agent.state()) if agent is not None else {}}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Read the stages that are over, and bring the agent of the one under way to where it was."""
        self.pending = pending
        begin = 0
        for end in [end for end in state.get("ends", []) if end <= len(history)]:
            chunk = history.take(slice(begin, end))
            stage = self._taken_up(chunk.designs)
            if stage is not None:
                stage.told = stage.asked = len(chunk)
                stage.new = self._remember(chunk)
            self._told = end
            self._end(stage)
            begin = end
        chunk = history.take(slice(begin, len(history)))
        self._stage = stage = self._taken_up(Designs.concat([chunk.designs, pending.designs]))
        if stage is not None:
            agent = self._agent(stage)
            agent.replays = self.replays
            own, under_way = stage.results(chunk), stage.proposals(pending)
            agent.restore(state.get("inner", {}), own, under_way)
            stage.new = self._remember(chunk)
            stage.told, stage.asked = len(chunk), len(chunk) + len(under_way)
        self._told = len(history)

    def close(self) -> None:
        """Close the stage's agent."""
        if self._stage is not None and self._stage.agent is not None:
            self._stage.agent.close()

    def first_batch_size(self) -> int:
        """The agent's own, but at most a stage."""
        length = self.length_of(0)
        agent = self.inner(self.task, seed=self.seed, budget=length or self.budget, **self.inner_settings)
        size = agent.batch_size
        agent.close()
        return max(1, min(size, length or size))

    def best(self, task: Task) -> Design | None:
        """The best design that is known, as a task has it; None while there is none."""
        if not self.known:
            return None
        self.known = [Results.concat(self.known)]
        row = best_of(task, self.known[0])
        return None if row is None else self.known[0].designs[row]

    # ------------------------------------------------------------------ inside

    def _taken_up(self, designs: Designs) -> Stage | None:
        """The stage of an earlier run that asked these designs."""
        if not len(designs):
            return None
        number = len(self._ends)
        return Stage(
            Plan(self.side_of(number), designs[0], self.length_of(number), self.task_of(number)), number
        )

    def _agent(self, stage: Stage) -> Agent:
        """The stage's agent, told all that is known of its space."""
        if stage.agent is None:
            seed = int(np.random.SeedSequence([self.seed, stage.number]).generate_state(1)[0]) >> 1
            left = None if self.budget is None else max(1, self.budget - self._told)
            stage.agent = self.inner(
                stage.plan.task.on(stage.space),
                seed=seed,
                budget=stage.plan.length or left,
                **self.inner_settings,
            )
            if self.known:
                self.known = [Results.concat(self.known)]
                own = stage.results(self.known[0])
                if len(own):
                    stage.agent.inform(own)
        stage.agent.batch_size = self.batch_size
        return stage.agent

    def _end(self, stage: Stage | None) -> None:
        self._ends.append(self._told)
        self._stage = None
        if stage is None:
            self._barren += 1
            return
        self._barren = 0 if stage.new else self._barren + 1
        if stage.agent is not None:
            stage.agent.close()
        self.known = [Results.concat(self.known)] if self.known else []
        if self.known:
            self.ended(stage, stage.results(self.known[0]))

    def _remember(self, results: Results) -> int:
        """Keep results; how many evaluations of them are new."""
        self.known.append(results)
        new = 0
        for fidelity in np.unique(results.fidelity).tolist():
            table = self._tables.setdefault(fidelity, DesignTable(self.space))
            new += int(table.add(results.designs[np.flatnonzero(results.fidelity == fidelity)])[1].sum())
        return new
