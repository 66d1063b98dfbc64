"""The scheduler keeps trials going: it asks the agent, has designs evaluated, records results, and tells.

A result is recorded before the agent hears of it. In order (one worker, `deterministic`, or an agent that
needs whole generations), one batch is under way at a time and is told whole, as it was asked for; otherwise
as many trials are kept going as the backend has room for, and each is told as soon as it is done.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch.agent import Agent, as_proposals
from cosearch.errors import AgentError, ProblemError, SpaceError
from cosearch.outcomes import CONTRACT, Outcomes
from cosearch.problem import Problem
from cosearch.run.admission import Admission
from cosearch.run.backend import Backend
from cosearch.run.batch import Batch, Rows
from cosearch.run.dispatch import Dispatch
from cosearch.run.ledger import DONE
from cosearch.run.trial import Proposals, Results
from cosearch.run.under_way import as_state
from cosearch.space import Designs

# After so many first designs that all break the contract of `simulate`, the problem is at fault.
FIRST_DESIGNS = 8
# A silent backend is left this often, to see whether the time is up.
POLL_SECONDS = 0.5
# What is under way is noted on the disk at most this often, and not where it is more than so many designs:
# they are cheap then, and the agent asks them again.
FLUSH_SECONDS = 0.1
MOST_NOTED = 1000

_NONE = np.empty(0, dtype=np.int64)


class Recorder(Protocol):
    """Where evaluations go before anybody hears of them: a study's writer."""

    def append(
        self,
        numbers: Rows,
        designs: Designs,
        outcomes: Outcomes,
        charged: bool,
        fidelity: NDArray[np.str_],
        seed: NDArray[np.int64],
        seconds: float,
    ) -> Rows:
        """Record n evaluations durably; their rows."""
        ...

    def tell(self, rows: Rows, state: Any) -> None:
        """Note, a little later, that the agent was told of these rows, and the search's state after it."""
        ...

    def flush(self) -> None:
        """Put everything noted on the disk."""
        ...


@dataclass(frozen=True)
class Listener:
    """Who is to know of a search as it goes.

    Attributes:
        recorded: called with new results once they are recorded.
        told: called with results after the agent took them.
        stop: why the search is to end now, or "".
        clock: seconds since the study began.
        waits: called before the search waits for results.
    """

    recorded: Callable[[Results], None]
    told: Callable[[Results], None]
    stop: Callable[[], str]
    clock: Callable[[], float]
    waits: Callable[[], None] = lambda: None


class Scheduler:
    """One search, from the first ask to the last tell.

    Args:
        problem: what is evaluated.
        agent: the search algorithm.
        backend: where trials run.
        admission: the budget and what is known.
        recorder: where results go first.
        listener: who is to know.
        batch_size: designs asked for at once, where one batch is under way at a time.
        in_order: whether one batch is under way at a time.

    Attributes:
        next_number: of the next trial that the agent asks for.
        next_enqueued: of the next that it does not; below 0.
        untold: evaluations of an earlier run that the agent has not heard of and will ask for again.
        agent_seconds: processor time of this process while the agent was asked and told.
        agent_proposals: what it asked for in that time.
        reused: evaluations that other studies had made.
    """

    def __init__(
        self,
        problem: Problem,
        agent: Agent,
        backend: Backend,
        admission: Admission,
        recorder: Recorder,
        listener: Listener,
        *,
        batch_size: int,
        in_order: bool,
    ) -> None:
        self.problem, self.agent = problem, agent
        self.admission, self.ledger = admission, admission.ledger
        self.recorder, self.listener = recorder, listener
        self.batch_size, self.in_order = batch_size, in_order
        self.dispatch = Dispatch(backend, whole=in_order)
        self.next_number, self.next_enqueued = 0, -1
        self.untold: set[int] = set()
        self.state: dict[str, Any] = {}
        if not in_order:
            self.state["streamed"] = True  # the history cannot be asked again
        self._batches: list[Batch] = []
        self._enough = ""  # why nothing more is to be asked
        self._dry = False  # the agent had nothing to ask since it was last told
        self._idle = 0
        self._ran = self._breaches = 0
        # An agent that keeps asking for what it knows would never spend its budget.
        self._patience = max(1000, 10 * admission.budget)
        self._cardinality = _cardinality(problem)
        self._flushed_at = 0.0
        self.agent_seconds, self.agent_proposals = 0.0, 0
        self.reused = 0

    def run(self) -> str:
        """Search to the end; why it ended."""
        self.state["agent"] = dict(self.agent.state())
        while True:
            if reason := self.listener.stop():
                self.dispatch.cancel()
                return reason
            self._tell()
            while self._wants_more():
                self._ask()
            if self.dispatch.hand_over() and not self.in_order:
                self._note_under_way()
            told = self._tell()  # what was known already
            if not self.dispatch.idle:
                self.listener.waits()
                self._collect()
            elif (self._enough or not told) and not self._outstanding():
                return self._enough or "the agent has nothing left to ask"

    def enqueue(self, proposals: Proposals) -> None:
        """Evaluate designs that the agent did not ask for; it is informed of what comes of them."""
        n = len(proposals)
        batch = self.admission.admit(proposals, self.next_enqueued - n + 1)
        self.next_enqueued -= n
        if len(batch):
            self._begin(batch)

    def knows(self, proposals: Proposals) -> bool:
        """Whether all of these are evaluated."""
        fidelity, seed = (
            proposals.fidelities(self.agent.task.fidelity),
            proposals.seeds(self.admission.evaluation_seed),
        )
        rows = self.ledger.register(proposals.designs, self.admission.codes(fidelity, len(proposals)), seed)
        return bool((self.ledger.state(rows) == DONE).all())

    def know(self, results: Results) -> None:
        """Record results from elsewhere, which cost nothing, and inform the agent of those that are new."""
        n = len(results)
        rows = self._rows(results)
        new = np.flatnonzero(self.admission.new(rows))
        results = results.take(new)
        results = replace(results, number=np.arange(self.next_enqueued - n + 1, self.next_enqueued + 1)[new])
        self.next_enqueued -= n
        if len(results) == 0:
            return
        stored = self._append(results, charged=False)
        self.ledger.finish(rows[new], results.outcomes, 0.0, stored)
        self.listener.recorded(results)
        self.agent.inform(results)
        self.recorder.tell(stored, self.state)
        self.listener.told(results)

    # ------------------------------------------------------------------ taking up what is stored

    def learn(self, results: Results, charged: NDArray[np.bool_], stored: Rows) -> None:
        """Take evaluations that the store has in these rows."""
        rows = self._rows(results)
        codes = self.admission.codes(results.fidelity, len(results))
        cost = float(self.admission.costs[codes][charged].sum())
        self.ledger.finish(rows, results.outcomes, cost, stored)
        self.next_number = max(0, int(results.number.max()) + 1)
        self.next_enqueued = min(0, int(results.number.min())) - 1

    def tell_stored(self, results: Results, stored: Rows) -> None:
        """Tell the agent of evaluations that were stored and never told."""
        self.agent.tell(results)
        self.state |= {"agent": dict(self.agent.state())}
        self.recorder.tell(stored, self.state)

    def run_again(self, proposals: Proposals) -> None:
        """Begin trials that were under way when an earlier run ended."""
        batch = self.admission.admit(proposals, self.next_number)
        self.next_number += len(batch)
        if len(batch):
            self._begin(batch)

    def _rows(self, results: Results) -> Rows:
        codes = self.admission.codes(results.fidelity, len(results))
        return self.ledger.register(results.designs, codes, results.seed)

    # ------------------------------------------------------------------ asking

    def _wants_more(self) -> bool:
        if self._dry or self._enough:
            return False
        if self.in_order:
            if self._outstanding():
                return False
        elif self.dispatch.room == 0:
            return False
        self._enough = self._why_enough()
        return not self._enough

    def _why_enough(self) -> str:
        if self._idle >= self._patience:
            return f"the agent asked for no new design in {self._idle} proposals"
        if self.untold:
            return ""
        if self.ledger.evaluated >= self._cardinality <= self.ledger.spent + self.reused:
            return "every design of the space has been evaluated"
        return "" if self.admission.left else "the budget is spent"

    def _ask(self) -> None:
        n = self.batch_size
        if not self.in_order:
            n = max(1, min(self.dispatch.room, math.ceil(self.admission.left)))
            self.agent.pending = self._pending()
        with self._timed():
            asked = as_proposals(self.agent.ask(n))
        self.agent_proposals += len(asked)
        space = self.agent.space
        if asked.designs.space is not space and asked.designs.space != space:
            raise AgentError(f"agent {self.agent.name} asks designs of another space")
        if len(asked) == 0:
            self._dry = True
            return
        batch = self.admission.admit(asked, self.next_number)
        if batch.cut and not self.in_order:
            self._enough = "the budget is spent"
        if len(batch) == 0:
            self._enough = "the budget is spent"
            if self.in_order:
                self.state["cut"] = 0
            return
        self.next_number += len(batch)
        self._begin(batch)

    def _begin(self, batch: Batch) -> None:
        """Reject what is forbidden, and queue what is new."""
        self._batches.append(batch)
        fresh = self.admission.new(batch.rows)
        if not fresh.any():
            self._idle += len(batch)
            return
        fresh = self._reuse(batch, fresh)
        designs = batch.proposals.designs
        allowed = designs.space.allowed(designs)
        if allowed.all():
            positions = np.flatnonzero(fresh)
        else:
            forbidden, positions = np.flatnonzero(fresh & ~allowed), np.flatnonzero(fresh & allowed)
            if len(forbidden):
                outcomes = self.problem.rejected(designs[forbidden])
                self._record([(batch, forbidden, outcomes)], charged=False)
        if len(positions):
            self._idle = 0
            self.ledger.begin(batch.rows[positions])
            self.admission.under_way += float(batch.cost[positions].sum())
            self.dispatch.queue(batch, positions)
        else:
            self._idle += len(batch)

    def _reuse(self, batch: Batch, fresh: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Answer what other studies have evaluated; which are fresh still."""
        if (shared := self.admission.shared) is None:
            return fresh
        designs, fidelity, seed = batch.proposals.designs, batch.fidelity, batch.seed
        known = fresh & shared.known(designs, fidelity, seed) & designs.space.allowed(designs)
        rows = np.flatnonzero(known)
        if len(rows):
            self._idle = 0
            outcomes = shared.outcomes(designs[rows], fidelity[rows], seed[rows])
            self._record([(batch, rows, outcomes.with_metrics(self.problem.metric_names))], charged=False)
            self.reused += len(rows)
        return fresh & ~known

    def _pending(self) -> Proposals:
        """What the agent was not told of yet, as it proposed it."""
        own = [batch for batch in self._batches if not batch.told.all()]
        if not own:
            return Proposals(self.agent.space.designs([]))
        left = [~batch.told for batch in own]
        return Proposals(
            Designs.concat([b.proposals.designs[rows] for b, rows in zip(own, left, strict=True)]),
            np.concatenate([b.fidelity[rows] for b, rows in zip(own, left, strict=True)]),
            np.concatenate([b.seed[rows] for b, rows in zip(own, left, strict=True)]),
        )

    # ------------------------------------------------------------------ results

    def _collect(self) -> None:
        """Wait for results, and record them."""
        found = self.dispatch.collect(POLL_SECONDS)
        if not found:
            self._flush()  # there is time
            return
        for batch, positions, outcomes in found:
            self.admission.under_way -= float(batch.cost[positions].sum())
            if self._breaches == self._ran < FIRST_DESIGNS:
                broken = [str(reason).startswith(CONTRACT) for reason in outcomes.reason[:FIRST_DESIGNS]]
                self._ran, self._breaches = self._ran + len(broken), self._breaches + sum(broken)
        self._record(found, charged=True)
        if self._breaches == self._ran >= FIRST_DESIGNS:
            raise ProblemError(
                f"problem {self.problem.name}: {found[0][2].reason[0]} (so for each of the first "
                f"{self._ran} designs; `cosearch check` explains the contract)"
            )

    def _record(self, found: list[tuple[Batch, Rows, Outcomes]], *, charged: bool) -> None:
        results = Results.concat([batch.results(positions, outcomes) for batch, positions, outcomes in found])
        stored = self._append(results, charged=charged)
        for batch, positions, outcomes in found:
            cost = float(batch.cost[positions].sum()) if charged else 0.0
            self.ledger.finish(batch.rows[positions], outcomes, cost, stored[: len(positions)])
            stored = stored[len(positions) :]
        self.listener.recorded(results)

    def _append(self, results: Results, *, charged: bool) -> Rows:
        return self.recorder.append(
            results.number,
            results.designs,
            results.outcomes,
            charged,
            results.fidelity,
            results.seed,
            self.listener.clock(),
        )

    def _tell(self) -> bool:
        """Tell what is done and untold; whether there was anything."""
        told = False
        for batch in list(self._batches):
            done = self.ledger.state(batch.rows) == DONE
            if self.in_order and not done.all():
                continue
            positions = np.flatnonzero(done & ~batch.told)
            if len(positions):
                batch.told[positions] = True
                self._tell_of(batch, positions)
                told = True
            if batch.told.all():
                self._batches.remove(batch)
                self.dispatch.forget(batch)
        self._dry &= not told
        return told

    def _outstanding(self) -> bool:
        """Whether something is waited for; a repeat that a callback enqueues keeps nobody waiting."""
        return any(b.first >= 0 or (self.ledger.state(b.rows) != DONE).any() for b in self._batches)

    def _tell_of(self, batch: Batch, positions: Rows) -> None:
        results = batch.results(positions, self.ledger.outcomes(batch.rows[positions]))
        with self._timed():
            if batch.first < 0:
                self.agent.inform(results)
            else:
                self.agent.tell(results)
        if batch.cut and self.in_order:
            # the state stays that of before this batch, which a resume with a larger budget asks again
            self.state["cut"] = len(batch)
            self._enough = "the budget is spent"
        else:
            self.state = {**self.state, "agent": dict(self.agent.state())}
        stored = self.ledger.stored(batch.rows[positions])
        self.recorder.tell(stored, self.state)
        if self.untold:
            self.untold.difference_update(stored.tolist())
        self.listener.told(results)

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.process_time()
        try:
            yield
        finally:
            self.agent_seconds += time.process_time() - began

    def _note_under_way(self) -> None:
        """Have it on the disk what is under way, so that a resumed study runs it again."""
        pending = self._pending()
        self.state["under_way"] = as_state(pending) if len(pending) <= MOST_NOTED else None
        self.recorder.tell(_NONE, self.state)
        if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        self.recorder.flush()
        self._flushed_at = time.monotonic()


def _cardinality(problem: Problem) -> float:
    """How many evaluations there are, if that can be said."""
    if len(problem.fidelity_names) > 1 or problem.seeded:
        return math.inf
    try:
        return problem.space.cardinality()
    except SpaceError:  # too many to count
        return math.inf
