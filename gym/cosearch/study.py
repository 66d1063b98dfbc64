"""A study: one agent on one problem with one seed, recorded, and resumable after anything."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.agent import Agent
from cosearch.errors import AgentError, ArgumentError, SpaceError, StoreError, unknown_name
from cosearch.evaluator import Evaluator
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.progress import LiveProgress, Progress
from cosearch.provenance import command, host, versions
from cosearch.registry import agent_class, make_problem
from cosearch.space import Designs
from cosearch.store import Store, StudyData, StudyRecord, rescue

__all__ = ["Progress", "Study", "problem_of"]

REPORT_SECONDS = 1.0


class Study:
    """One agent on one problem with one seed; make it with `create` or `resume`, then `run` it."""

    def __init__(self, problem: Problem, agent: Agent, store: Store, record: StudyRecord) -> None:
        self.problem, self.agent, self.store, self.record = problem, agent, store, record
        self._ran = False

    @classmethod
    def create(
        cls,
        problem: Problem,
        agent: str,
        *,
        budget: int,
        seed: int = 0,
        agent_settings: Mapping[str, Any] | None = None,
        store: Store | str | Path | None = None,
        name: str | None = None,
        workers: int = 1,
        batch_size: int | None = None,
        fidelity: str | None = None,
        timeout_s: float | None = None,
        memory_mb: int | None = None,
    ) -> Study:
        """Begin a study.

        Args:
            problem: what to search.
            agent: the name of a registered agent.
            budget: distinct designs to evaluate.
            seed: of the agent.
            agent_settings: its hyperparameters; the others have their defaults.
            store: a store, or the path or URL of one; default in memory.
            name: default made of problem, agent and seed, with a number if that is taken.
            workers: processes that evaluate designs.
            batch_size: designs asked for at once; default the agent's.
            fidelity: default the problem's first.
            timeout_s: time limit a design.
            memory_mb: memory limit a design.

        Raises:
            CosearchError: for an unknown agent, a wrong setting, or a store that cannot be written.
        """
        budget, workers = _whole("budget", budget), _whole("workers", workers)
        seed = _whole("seed", seed, least=0)
        batch_size = None if batch_size is None else _whole("batch_size", batch_size)
        memory_mb = None if memory_mb is None else _whole("memory_mb", memory_mb)
        if name is not None and not name.strip():
            raise ArgumentError(f"the name of a study must not be blank, as {name!r} is")
        if fidelity is not None and fidelity not in problem.fidelities:
            raise unknown_name(f"fidelity of problem {problem.name}", fidelity, problem.fidelities)
        if timeout_s is not None and not timeout_s > 0:
            raise ArgumentError(f"timeout_s must be above 0, not {timeout_s}")
        settings = {
            k: v.item() if isinstance(v, np.generic) else v for k, v in (agent_settings or {}).items()
        }
        instance = agent_class(agent)(
            problem.space, problem.objectives, problem.constraints, seed=seed, budget=budget, **settings
        )
        if batch_size is not None:
            instance.batch_size = batch_size
        try:
            arguments = json.loads(json.dumps(dict(problem.arguments), allow_nan=False))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"problem {problem.name}: its arguments must be JSON values to be stored: {problem.arguments}"
            ) from None
        if not isinstance(store, Store):
            store = Store.in_memory() if store is None else Store.open(store, create=True)
        record = StudyRecord(
            id=0,
            name=name or _free_name(store, f"{problem.name}-{agent}-{seed}"),
            problem=problem.name,
            problem_version=problem.version,
            problem_arguments=arguments,
            workload_digest=problem.workload_digest,
            fidelity=fidelity or problem.default_fidelity or problem.fidelities[0],
            objectives=[str(o) for o in problem.objectives],
            constraints=[str(c) for c in problem.constraints],
            metrics=[{"name": m.name, "unit": m.unit, "description": m.description} for m in problem.metrics],
            space=problem.space.to_dict(),
            space_hash=problem.space.hash(),
            agent=agent,
            agent_settings=settings,
            seed=seed,
            budget=budget,
            agent_budget=budget,
            batch_size=instance.batch_size,
            workers=workers,
            timeout_s=timeout_s,
            memory_mb=memory_mb,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(problem.name, agent),
            host=host(),
            command="",
        )
        record = replace(record, command=command(record, store.location))
        return cls(problem, instance, store, store.create_study(record))

    @classmethod
    def resume(
        cls, store: Store | str | Path, name: str | None = None, *, budget: int | None = None
    ) -> Study:
        """Take up a study where it stopped, however it stopped.

        Args:
            store: a store, or the path or URL of one.
            name: the study; may be left out if there is only one.
            budget: a larger budget than the study had.

        Raises:
            CosearchError: if there is no such study, or its problem or agent is not installed.
        """
        if not isinstance(store, Store):
            store = Store.open(store)
        record = store.study(name)
        if budget is not None:
            if budget < record.budget:
                raise ArgumentError(
                    f"study {record.name!r} has a budget of {record.budget}; it can only be raised"
                )
            record = replace(record, budget=budget)
        problem = problem_of(record)
        agent = agent_class(record.agent)(
            problem.space,
            problem.objectives,
            problem.constraints,
            seed=record.seed,
            budget=record.agent_budget,
            **record.agent_settings,
        )
        agent.batch_size = record.batch_size
        return cls(problem, agent, store, record)

    def run(self, progress: Callable[[Progress], None] | None = None) -> StudyData:
        """Search until the budget is spent or the agent has nothing new to ask.

        Args:
            progress: called after each tell, and about once a second within a slow batch.

        Returns:
            What the study found, earlier parts of a resumed study included.

        Raises:
            StudyLockedError: if another process is running this study.
            StoreError: if the store cannot take an evaluation; what it already has stays.
        """
        if self._ran:
            raise AgentError(f"study {self.record.name!r} has run already; go on with Study.resume")
        with self.store.lock(self.record), contextlib.ExitStack() as stack:
            self._ran = True
            stack.callback(self.agent.close)
            self.store.set_budget(self.record, self.record.budget)
            search = _Search(self, progress)
            stack.callback(search.evaluator.close)
            self.store.set_status(self.record, "running")
            try:
                reason = search.run()
            except BaseException as error:
                with contextlib.suppress(StoreError):
                    self.store.set_seconds(self.record, search.seconds)
                    self.store.set_status(
                        self.record, "interrupted", f"{type(error).__name__}: {error}".strip(": ")
                    )
                raise
            self.store.set_status(self.record, "finished", reason)
        return self.store.read(self.store.study(self.record.name))


class _Search:
    """The loop of a study: ask, evaluate, tell, record."""

    def __init__(self, study: Study, progress: Callable[[Progress], None] | None) -> None:
        self.problem, self.agent, self.store, self.record = (
            study.problem,
            study.agent,
            study.store,
            study.record,
        )
        record = self.record
        self.evaluator = Evaluator(
            self.problem,
            budget=record.budget,
            record=self._record_evaluations,
            workers=record.workers,
            fidelity=record.fidelity,
            timeout_s=record.timeout_s,
            memory_mb=record.memory_mb,
        )
        self.ids: dict[bytes, int] = {}
        self.told: set[bytes] = set()
        self.position = 0
        self.live = LiveProgress(self.problem, record.budget)
        self.progress = progress
        self.reported_at = 0.0
        self.began = time.monotonic() - record.seconds
        self._take_up()

    def _take_up(self) -> None:
        """Bring evaluator and agent to where the store says that they were."""
        record = self.record
        path = rescue.rescue_path(self.store, record)
        rescue.restore(
            path, self.store, record, set(self.store.evaluations(record).keys) if path.exists() else set()
        )
        stored = self.store.evaluations(record)
        if not stored.keys:
            return
        # A problem may have got metrics since: those of what was evaluated before are not known.
        found = stored.outcomes.with_metrics(self.problem.metric_names)
        self.evaluator.seed_cache(stored.keys, found, stored.charged)
        self.live.add(found)
        self.began = min(self.began, time.monotonic() - float(stored.seconds.max()))  # a kill leaves no total
        self.ids = dict(zip(stored.keys, stored.ids.tolist(), strict=True))
        row_of_id = {int(id_): row for row, id_ in enumerate(stored.ids)}
        rows = np.array([row_of_id[id_] for id_ in self.store.told_ids(record)], dtype=np.int64)
        state = self.store.agent_state(record)
        if state.get("cut") and self.evaluator.remaining > 0:
            # The budget was raised: the batch that it had cut short is asked again, whole.
            rows = rows[: -state["cut"]]
            state = {"agent": state.get("agent", {})}
            self.store.forget_tells(record, len(rows), state)
        designs = self.problem.space.from_index(stored.designs[rows].index)
        outcomes = found.take(rows)
        self.agent.restore(state.get("agent", {}), designs, outcomes)
        self.position = len(rows)
        self.told = set(designs.keys())

    def run(self) -> str:
        """Search to the end; why it ended."""
        try:
            cardinality = self.problem.space.cardinality()
        except SpaceError:  # too many to count
            cardinality = math.inf
        # An agent that keeps asking for what it knows would never spend its budget.
        patience = max(1000, 10 * self.record.budget)
        idle = 0
        state: dict[str, Any] = {"agent": dict(self.agent.state())}
        while len(self.told) < self.evaluator.evaluated or self.evaluator.remaining > 0:
            if self.evaluator.spent >= cardinality and len(self.told) >= self.evaluator.evaluated:
                return "every design of the space has been evaluated"
            if idle >= patience:
                return f"the agent asked for no new design in {idle} proposals"
            asked = self.agent.ask(self.record.batch_size)
            if len(asked) == 0:
                return "the agent has nothing left to ask"
            admitted = self.evaluator.admit(asked)
            if admitted < len(
                asked
            ):  # the state stays that of before this batch, which a resume may ask again
                state["cut"] = admitted
            if admitted == 0:
                break
            asked = asked[:admitted]
            spent = self.evaluator.spent
            outcomes = self.evaluator.evaluate(asked)
            self.agent.tell(asked, outcomes)
            if "cut" not in state:
                state = {"agent": dict(self.agent.state())}
            ids = [self.ids[key] for key in asked.keys()]
            self.store.add_tells(self.record, self.position, ids, state, self.seconds)
            self.position += len(asked)
            self.told |= set(asked.keys())
            idle = 0 if self.evaluator.spent > spent else idle + len(asked)
            self._report()
        return "the budget is spent"

    @property
    def seconds(self) -> float:
        """How long the study has run, pauses left out."""
        return time.monotonic() - self.began

    def _report(self) -> None:
        self.reported_at = self.seconds
        if self.progress is not None:
            self.progress(self.live.report(self.position, self.seconds))

    def _record_evaluations(
        self, keys: list[bytes], designs: Designs, outcomes: Outcomes, charged: NDArray[np.bool_]
    ) -> None:
        try:
            ids = self.store.add_evaluations(self.record, keys, designs, outcomes, charged, self.seconds)
        except StoreError as error:
            path = rescue.rescue_path(self.store, self.record)
            if rescue.save(path, keys, designs, outcomes, charged, self.seconds):
                raise StoreError(
                    f"{error}; the last {len(keys)} evaluations wait in {path} for `resume`"
                ) from None
            raise
        self.ids |= dict(zip(keys, ids, strict=True))
        self.live.add(outcomes)
        if self.seconds - self.reported_at > REPORT_SECONDS:  # a slow batch shows how it goes
            self._report()


def problem_of(record: StudyRecord) -> Problem:
    """The problem of a recorded study, built again as it was.

    Raises:
        CosearchError: if it is not installed, or is not the same any more.
    """
    problem = make_problem(
        record.problem,
        objectives=record.objectives,
        constraints=record.constraints,
        **record.problem_arguments,
    ).hold(record.space.get("held", {}))
    if problem.version != record.problem_version or problem.space.hash() != record.space_hash:
        raise StoreError(
            f"study {record.name!r} was made with another version of problem {record.problem} "
            f"(v{record.problem_version}, here v{problem.version}, another space); start a new one"
        )
    if problem.workload_digest != record.workload_digest:
        raise StoreError(
            f"study {record.name!r}: the workload's file has changed since the study began; "
            "put the old one back, or start a new study"
        )
    return problem


def _whole(name: str, number: int, *, least: int = 1) -> int:
    """The number as Python's int; numpy's will do, true will not."""
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | np.integer):
        raise ArgumentError(f"{name} must be a whole number, not {number!r}")
    if number < least:
        raise ArgumentError(f"{name} must be at least {least}, not {number}")
    return int(number)


def _free_name(store: Store, name: str) -> str:
    taken = {study.name for study in store.studies()}
    candidates = (name if i == 1 else f"{name}-{i}" for i in range(1, len(taken) + 2))
    return next(candidate for candidate in candidates if candidate not in taken)
