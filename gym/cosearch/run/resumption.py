"""Brings agent, ledger and scheduler to where the store says that they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.run.scheduler import Scheduler
from cosearch.run.trial import Proposals, Results
from cosearch.run.under_way import from_state
from cosearch.store import Store, StudyRecord

if TYPE_CHECKING:
    from cosearch.store.writer import StudyWriter


@dataclass(frozen=True)
class Stored:
    """What was known when a study was taken up.

    Attributes:
        results: all evaluations, told or not, in the order in which they were stored.
        told: how many tells there were, repeats included.
        seconds: when the last was stored, from the study's beginning.
    """

    results: Results
    told: int
    seconds: float


def take_up(scheduler: Scheduler, store: Store, record: StudyRecord, writer: StudyWriter) -> Stored | None:
    """Bring a new scheduler and its agent to where the store says that they were; None for a new study.

    In order, what was evaluated and not told is asked again by the agent and answered from the ledger. Where
    the workers decided the order, it is told now, and what was under way is run again.
    """
    problem, agent, admission = scheduler.problem, scheduler.agent, scheduler.admission
    stored = store.evaluations(record)
    state: dict[str, Any] = store.agent_state(record) or {}
    under_way = from_state(problem.space, state.pop("under_way", None))
    if len(stored) == 0 and len(under_way) == 0:
        return None
    if state.get("streamed"):
        scheduler.state["streamed"] = True
    # A problem may have got metrics since: those of what was evaluated before are not known.
    outcomes = stored.outcomes.with_metrics(problem.metric_names)
    designs = problem.space.from_index(stored.designs.index)
    results = Results(designs, outcomes, stored.fidelity, stored.seed, stored.number)
    if len(results):
        scheduler.learn(results, stored.charged, stored.row)
    told = store.told(record)
    if state.get("cut") and admission.left > 0:
        # The budget was raised: the batch that it had cut short is asked again, whole.
        told = told[: -state["cut"]]
        state = {name: value for name, value in state.items() if name != "cut"}
        writer.forget_tells(len(told), state)
    # the first tell of what the agent did not ask for informed it; any other was its own
    first = np.zeros(len(told), dtype=bool)
    first[np.unique(told, return_index=True)[1]] = True
    foreign = first & (stored.number[told] < 0)
    if foreign.any():
        agent.inform(results.take(told[foreign]))
    agent.replays = scheduler.in_order and not state.get("streamed")
    untold = np.setdiff1d(np.arange(len(results)), told)
    agent_state = state.get("agent", {})
    history = results.take(told[~foreign])
    if scheduler.in_order:
        agent.restore(agent_state, history, Proposals(problem.space.designs([])))
        if agent.replays:
            scheduler.untold = set(untold[stored.charged[untold]].tolist())
            again = stored.number[untold][stored.number[untold] >= 0]
            if len(again):  # what is asked again is the trial that it was
                scheduler.next_number = int(again.min())
        elif len(untold):
            scheduler.tell_stored(results.take(untold), untold)
    else:
        known = set(results.designs.keys())
        left = [i for i, key in enumerate(under_way.designs.keys()) if key not in known]
        under_way = under_way.take(np.array(left, dtype=np.int64))
        agent.restore(agent_state, history, under_way)
        if len(untold):
            scheduler.tell_stored(results.take(untold), untold)
        if len(under_way):
            scheduler.run_again(under_way)
    seconds = float(stored.seconds.max()) if len(results) else 0.0
    return Stored(results, len(told), seconds)
