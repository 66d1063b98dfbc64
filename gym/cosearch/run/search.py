"""One run of a study, from taking up what is stored to the last tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from cosearch.agent import Agent
from cosearch.comparison.fronts import known_front
from cosearch.objectives import feasible
from cosearch.problem import Problem
from cosearch.progress import LiveProgress, Progress
from cosearch.run.admission import Admission
from cosearch.run.backends import make_backend
from cosearch.run.ledger import Ledger
from cosearch.run.live import Live
from cosearch.run.options import RunOptions
from cosearch.run.resumption import take_up
from cosearch.run.scheduler import Listener, Scheduler
from cosearch.run.shared import shared_results
from cosearch.run.target import Targets
from cosearch.run.trial import Proposals, Results
from cosearch.store import Store, StudyRecord
from cosearch.store.writer import StudyWriter

REPORT_SECONDS = 1.0


class Search:
    """One run of a study: what the scheduler needs, and what is to know of its results.

    Args:
        problem: what is searched.
        agent: the search algorithm.
        options: how it runs.
        store: where the study is.
        record: the study.
        writer: of the study.
        known: results from elsewhere, which cost nothing.
        enqueued: designs that the agent did not ask for.
        progress: called after each tell, and about once a second within a slow batch.
        callback: called after each tell with the results.
    """

    def __init__(
        self,
        problem: Problem,
        agent: Agent,
        options: RunOptions,
        store: Store,
        record: StudyRecord,
        writer: StudyWriter,
        *,
        known: Sequence[Results],
        enqueued: Sequence[Proposals],
        progress: Callable[[Progress], None] | None,
        callback: Callable[[Results], None],
    ) -> None:
        self.problem, self.options, self.record = problem, options, record
        self.progress, self.callback = progress, callback
        self.stop_reason = ""  # set from outside, e.g. by a callback
        self.targets = Targets(options.targets, problem.metric_names, problem.objectives)
        self.live = LiveProgress(problem, options.budget, known_front(record))
        self.began = time.monotonic() - record.seconds
        self.run_began = time.monotonic()
        self.reported_at = 0.0
        self.proposals = 0
        self.reason = ""
        self.backend = make_backend(problem, options.backend_options, options.backend)
        ledger = Ledger(problem.space, problem.metric_names)
        shared = shared_results(store, record, problem) if options.reuse else None
        in_order = options.workers == 1 or options.deterministic or agent.generational
        self.scheduler = Scheduler(
            problem,
            agent,
            self.backend,
            Admission(problem, agent.task, ledger, options.budget, options.evaluation_seed, shared),
            writer,
            Listener(
                self._recorded, self._told, self._stop, lambda: self.seconds, lambda: self.others.note()
            ),
            batch_size=record.batch_size,
            in_order=in_order,
        )
        self.others = Live(store, record, writer, self.scheduler, lambda: self.seconds)
        stored = take_up(self.scheduler, store, record, writer)
        if stored is not None:
            self._note(stored.results)
            self.began = min(self.began, self.run_began - stored.seconds)  # a kill leaves no total
            self.proposals = stored.told
        for results in known:
            self.scheduler.know(results)
        for proposals in enqueued:
            self.scheduler.enqueue(proposals)

    def run(self) -> str:
        """Search to the end; why it ended."""
        return self.scheduler.run()

    def close(self) -> None:
        """End the workers."""
        self.backend.close()

    @property
    def seconds(self) -> float:
        """How long the study has run, pauses left out."""
        return time.monotonic() - self.began

    def _stop(self) -> str:
        self.others.listen()
        limit_s = self.options.time_limit_s
        if self.stop_reason:
            return self.stop_reason
        if limit_s is not None and time.monotonic() - self.run_began >= limit_s:
            return f"the time limit of {limit_s:g} s is reached"
        return self.reason

    def _recorded(self, results: Results) -> None:
        self._note(results)
        if self.seconds - self.reported_at > REPORT_SECONDS:  # a slow batch shows how it goes
            self._report()

    def _note(self, results: Results) -> None:
        """Take in new results at the study's own fidelity."""
        own = results.fidelity == self.record.fidelity
        outcomes = results.outcomes if own.all() else results.outcomes.take(own)
        self.live.add(outcomes)
        if not self.targets:
            return
        if self.targets.met_by(outcomes, feasible(self.problem.constraints, outcomes)):
            self.reason = f"the target is reached: {', '.join(self.options.targets)}"
        volume = self.targets.hypervolume
        if volume is not None and self.live.report(0, self.seconds).hypervolume >= volume:
            self.reason = f"the target hypervolume of {volume:g} is reached"

    def _told(self, results: Results) -> None:
        self.proposals += len(results)
        self._report()
        self.callback(results)

    def _report(self) -> None:
        self.reported_at = self.seconds
        if self.progress is not None:
            self.progress(self.live.report(self.proposals, self.seconds))
