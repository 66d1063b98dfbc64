"""A study: one agent on one problem with one seed, recorded, and resumable after anything."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.agent import Agent
from cosearch.errors import AgentError, ArgumentError, StoreError, shown
from cosearch.problem import Problem
from cosearch.progress import Progress
from cosearch.provenance import command, host, versions
from cosearch.registry import make_problem
from cosearch.run.backends import check_backend_fits
from cosearch.run.findings import Findings, Found
from cosearch.run.options import MOST_SEED, RunOptions, whole
from cosearch.run.recorded import IMPORTED, built_agent, problem_of, same_problem
from cosearch.run.search import Search
from cosearch.run.target import Targets
from cosearch.run.trial import Proposals, Results
from cosearch.run.warm_start import Source, known_results
from cosearch.space import DesignsLike
from cosearch.store import Store, StudyData, StudyRecord
from cosearch.task import Task

__all__ = ["Found", "Progress", "Study"]

Callback = Callable[["Study", Results], None]


class Study(Findings):
    """One agent on one problem with one seed; make it with `create` or `resume`, then `run` it.

    Example:
        ```python
        study = Study.create(make_problem("dram-controller"), "nsga2", budget=500, seed=0, store="study.db")
        study.enqueue(study.problem.space.default())
        study.run(progress=True)
        study.pareto_front().designs
        study.plot_front().show()
        ```
    """

    def __init__(
        self, problem: Problem, agent: Agent, store: Store, record: StudyRecord, options: RunOptions
    ) -> None:
        self.problem, self.agent, self.store, self.record = problem, agent, store, record
        self.options = options
        self._enqueued: list[Proposals] = []
        self._known: list[Results] = []
        self._search: Search | None = None
        self._ran = False
        self._stop_reason = ""

    @classmethod
    def create(
        cls,
        problem: Problem | str,
        agent: str | type[Agent] | Agent,
        options: RunOptions | None = None,
        *,
        seed: int = 0,
        agent_settings: Mapping[str, Any] | None = None,
        store: Store | str | Path | None = None,
        name: str | None = None,
        **changes: Any,
    ) -> Study:
        """Begin a study.

        Args:
            problem: what to search, built or by its name.
            agent: the name of a registered agent, a class, or an agent that is built already.
            options: how it runs; each can be given by name too: `budget=500, workers=2`.
            seed: of the agent.
            agent_settings: its hyperparameters; the others have their defaults.
            store: a store, or the path or URL of one; default in memory.
            name: default made of problem, agent and seed, with a number if that is taken.
            **changes: of the options; a budget is needed.

        Raises:
            CosearchError: for an unknown agent, a wrong setting, or a store that cannot be written.
        """
        options = RunOptions.of(options, changes)
        seed = whole("seed", seed, least=0, most=MOST_SEED)
        if isinstance(problem, str):
            problem = make_problem(problem)
        if not isinstance(problem, Problem):
            raise ArgumentError(f"{shown(problem)} is no problem; expected a Problem or a name")
        if store is not None and not isinstance(store, Store | str | Path):
            raise ArgumentError(f"store={shown(store)}: expected a Store, a path or a URL")
        if name is not None and not name.strip():
            raise ArgumentError(f"the name of a study must not be blank, as {name!r} is")
        if options.evaluation_seed and not problem.seeded:
            raise ArgumentError(
                f"problem {problem.name} draws no random numbers: leave out the evaluation seed "
                "(a problem that does says `seeded = True`)"
            )
        task = Task.of(problem, options.fidelity)
        Targets(options.targets, problem.metric_names, problem.objectives)
        check_backend_fits(problem, options.backend_options, options.backend)
        settings = {
            k: v.item() if isinstance(v, np.generic) else v for k, v in (agent_settings or {}).items()
        }
        instance = built_agent(agent, task, seed, options.budget, settings)
        if options.batch_size is not None:
            instance.batch_size = options.batch_size
        try:
            arguments = json.loads(json.dumps(problem.arguments, allow_nan=False))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"problem {problem.name}: its arguments must be JSON values to be stored: {problem.arguments}"
            ) from None
        if not isinstance(store, Store):
            store = Store.in_memory() if store is None else Store.open(store, create=True)
        record = StudyRecord(
            id=0,
            name=name or _free_name(store, f"{problem.name}-{instance.name}-{seed}"),
            problem=problem.name,
            problem_version=problem.version,
            problem_arguments=arguments,
            workload_digest=problem.workload_digest,
            fidelity=task.fidelity,
            fidelities=[
                {"name": f.name, "cost": f.cost, "description": f.description} for f in task.fidelities
            ],
            objectives=[str(o) for o in problem.objectives],
            constraints=[str(c) for c in problem.constraints],
            metrics=[{"name": m.name, "unit": m.unit, "description": m.description} for m in problem.metrics],
            space=problem.space.to_dict(),
            space_hash=problem.space.hash(),
            agent=instance.name,
            agent_settings=settings,
            seed=seed,
            budget=options.budget,
            agent_budget=options.budget,
            batch_size=instance.batch_size,
            workers=options.workers,
            timeout_s=options.timeout_s,
            memory_mb=options.memory_mb,
            options=options.to_json(),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(problem.name, instance.name),
            host=host(),
            command="",
        )
        record = replace(record, command=command(record, store.location))
        return cls(problem, instance, store, store.create_study(record), options)

    @classmethod
    def resume(
        cls,
        store: Store | str | Path,
        name: str | None = None,
        *,
        problem: Problem | None = None,
        agent: str | type[Agent] | Agent | None = None,
        **changes: Any,
    ) -> Study:
        """Take up a study where it stopped, however it stopped.

        Args:
            store: a store, or the path or URL of one.
            name: the study; may be left out if there is only one.
            problem: the problem, where it is not an installed one.
            agent: the agent, where it is not an installed one.
            **changes: of the options: a larger budget, other workers, a time limit for each design, ...

        Raises:
            CosearchError: if there is no such study, or its problem or agent is not installed.
        """
        if not isinstance(store, Store):
            store = Store.open(store)
        record = store.study(name)
        if record.agent == IMPORTED:
            raise ArgumentError(
                f"study {record.name!r} was imported and has nothing to go on with; `cosearch search` of "
                f"{record.problem} on this store starts from it"
            )
        changes = {k: v for k, v in changes.items() if v is not None}
        if changes.get("budget", record.budget) < record.budget:
            raise ArgumentError(
                f"study {record.name!r} has a budget of {record.budget}; it can only be raised"
            )
        for fixed in ("fidelity", "evaluation_seed", "batch_size"):
            if fixed in changes:
                raise ArgumentError(f"the {fixed} of a study cannot be changed; start a new study")
        problem = same_problem(record, problem) if problem is not None else problem_of(record)
        # stops are of one run: a resumed study would stop at once
        kept = {**record.options, "time_limit_s": None, "targets": (), "budget": record.budget}
        if "backend" in changes:  # the cluster that the study ran on may be gone
            kept["ray_address"] = None
        try:
            options = RunOptions(**{**kept, **changes})
        except (ArgumentError, TypeError) as error:
            raise ArgumentError(f"study {record.name!r}: {error}") from None
        record = replace(
            record,
            budget=options.budget,
            workers=options.workers,
            timeout_s=options.timeout_s,
            memory_mb=options.memory_mb,
            options=options.to_json(),
            workload_digest=problem.workload_digest,  # of a study of format 1 it was one of another kind
        )
        Targets(options.targets, problem.metric_names, problem.objectives)
        instance = built_agent(
            agent if agent is not None else record.agent,
            Task.of(problem, record.fidelity),
            record.seed,
            record.agent_budget,
            record.agent_settings,
        )
        instance.batch_size = record.batch_size
        return cls(problem, instance, store, record, options)

    # ------------------------------------------------------------------ what the user adds

    def enqueue(self, designs: DesignsLike, *, fidelity: str | None = None) -> None:
        """Have designs evaluated before the agent's own; it is informed of what comes of them.

        Raises:
            DesignError: for what is no design of the space.
            UnknownNameError: for a fidelity that the problem lacks.
        """
        Task.of(self.problem, fidelity)
        proposals = Proposals(self.problem.space.designs(designs), fidelity)
        if self._search is not None:
            self._search.scheduler.enqueue(proposals)
        else:
            self._enqueued.append(proposals)

    def warm_start(self, source: Source) -> int:
        """Begin with what is known already, which costs no budget; how many evaluations that are.

        Args:
            source: another `Study` or `StudyData` of the same space and metrics, the path of a store that
                holds one study, or a table: columns by name, one for each parameter and metric, e.g. a dict
                of lists or a pandas DataFrame.

        Raises:
            ArgumentError: for columns that are missing, or a study of another space.
            DesignError: for what is no design of the space.
        """
        results = known_results(self.problem, self.record.fidelity, source)
        self._known.append(results)
        return len(results)

    def stop(self, reason: str = "a callback stopped the study") -> None:
        """End the study at the next tell; for callbacks."""
        self._stop_reason = reason
        if self._search is not None:
            self._search.stop_reason = reason

    # ------------------------------------------------------------------ running

    def run(
        self,
        progress: Callable[[Progress], None] | bool | None = None,
        *,
        callbacks: Iterable[Callback] = (),
    ) -> StudyData:
        """Search until the budget is spent, a stop is reached, or the agent has nothing new to ask.

        Args:
            progress: called after each tell, and about once a second within a slow batch; true shows a bar
                in a terminal or a notebook.
            callbacks: each is called after each tell with the study and the results; it may call `stop`.

        Returns:
            What the study found, earlier parts of a resumed study included.

        Raises:
            StudyLockedError: if another process is running this study.
            StoreError: if the store cannot take an evaluation; what it already has stays.
            ProblemError: if the problem breaks its contract on each of the first designs.
        """
        if self._ran:
            raise AgentError(f"study {self.record.name!r} has run already; go on with Study.resume")
        to_call = tuple(callbacks)

        def told(results: Results) -> None:
            for callback in to_call:
                callback(self, results)

        with contextlib.ExitStack() as stack:
            if isinstance(progress, bool):
                from cosearch.progress_display import shown_progress

                shown = shown_progress(self.record.name, self.problem, hidden=not progress)
                progress = stack.enter_context(shown)
            writer = stack.enter_context(self.store.writer(self.record))
            self._ran = True
            stack.callback(self.agent.close)
            search = self._search = Search(
                *(self.problem, self.agent, self.options, self.store, self.record, writer),
                known=self._known,
                enqueued=self._enqueued,
                progress=progress,
                callback=told,
            )
            search.stop_reason = self._stop_reason
            stack.callback(search.close)
            writer.set_record(self.record)
            writer.set_status("running")
            try:
                reason = search.run()
            except BaseException as error:
                with contextlib.suppress(StoreError):
                    writer.set_seconds(search.seconds)
                    writer.set_record(self._timed(search))
                    writer.set_status("interrupted", f"{type(error).__name__}: {error}".strip(": "))
                raise
            finally:
                self._search = None
            writer.set_seconds(search.seconds)
            writer.set_record(self._timed(search))
            writer.set_status("finished", reason)
        return self.data

    def _timed(self, search: Search) -> StudyRecord:
        """The record, with the time that the agent took in this run, and what was reused in it."""
        scheduler, before = search.scheduler, self.record
        self.record = replace(
            before,
            agent_seconds=before.agent_seconds + scheduler.agent_seconds,
            agent_proposals=before.agent_proposals + scheduler.agent_proposals,
            reused=before.reused + scheduler.reused,
        )
        return self.record


def _free_name(store: Store, name: str) -> str:
    taken = {study.name for study in store.studies()}
    candidates = (name if i == 1 else f"{name}-{i}" for i in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)
