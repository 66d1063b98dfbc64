"""A grid of studies: problems by agents by seeds, run in parallel into one store, stopped and resumed.

A cell of the grid is a study with a name of its own. What is complete is not run again, what was interrupted
goes on, and a larger budget extends what is there.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from cosearch.arguments import parse_assignments
from cosearch.errors import ArgumentError, CosearchError
from cosearch.problem import Problem
from cosearch.registry import agent_class, make_problem, registry
from cosearch.task import Task

RAN, RESUMED, COMPLETE, FAILED = "ran", "resumed", "complete", "failed"


@dataclass(frozen=True)
class Subject:
    """A problem with its arguments, as text names it: `dram-controller:workload=stream;channels=2`.

    Attributes:
        name: of the problem.
        arguments: of its settings.
        objectives: texts; empty for the problem's own.
        constraints: texts; None for the problem's own.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, text: str, **more: Any) -> Subject:
        """Read `NAME` or `NAME:ARGUMENT=VALUE;ARGUMENT=VALUE`.

        Args:
            text: the problem.
            **more: the other attributes; `arguments` are those that all problems share.

        Raises:
            ArgumentError: for a part that is no ARGUMENT=VALUE.
        """
        name, _, rest = text.partition(":")
        own = parse_assignments([part for part in rest.split(";") if part], f"problem {text}:")
        return cls(name, {**more.pop("arguments", {}), **own}, **more)

    def build(self) -> Problem:
        """The problem.

        Raises:
            CosearchError: in one line, also where the problem's own code raises.
        """
        try:
            return make_problem(
                self.name,
                objectives=self.objectives or None,
                constraints=self.constraints,
                **self.arguments,
            )
        except CosearchError:
            raise
        except (ValueError, OSError) as error:  # a simulator refuses its configuration
            raise ArgumentError(f"problem {self.name}: {error}") from error

    def __str__(self) -> str:
        shown = ";".join(f"{name}={value}" for name, value in self.arguments.items())
        goal = ",".join([*self.objectives, *(self.constraints or ())])
        return self.name + (f":{shown}" if shown else "") + (f" [{goal}]" if goal else "")


@dataclass(frozen=True)
class Cell:
    """One study of a grid.

    Attributes:
        name: of the study.
        subject: the problem.
        agent: by its name.
        settings: its hyperparameters that are not the defaults.
        seed: of the agent.
        budget: in evaluations.
        where: options of the study that say where its designs run: isolated, timeout_s, memory_mb.
    """

    name: str
    subject: Subject
    agent: str
    seed: int
    budget: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """What became of a cell.

    Attributes:
        cell: which.
        how: ran, resumed, complete (it was so before) or failed.
        evaluations: how many the study has.
        reason: why it failed.
    """

    cell: Cell
    how: str
    evaluations: int = 0
    reason: str = ""


def cells_of(
    subjects: Sequence[Subject], agents: Sequence[str], seeds: Sequence[int], budget: int
) -> list[Cell]:
    """The cells of a comparison, seed by seed, so that an early stop leaves all agents with equally many.

    Raises:
        CosearchError: for a problem or an agent that there is not, or an argument that is wrong.
    """
    for agent in agents:
        agent_class(agent)
    for subject in subjects:
        subject.build()
    twice = [str(s) for i, s in enumerate(subjects) if s in subjects[:i]]
    twice += [a for i, a in enumerate(agents) if a in agents[:i]]
    if twice:
        raise ArgumentError(f"{twice[0]} is given twice")
    return [
        Cell(f"{subject} {agent} {seed}", subject, agent, seed, budget)
        for seed in seeds
        for subject in subjects
        for agent in agents
    ]


def lottery_cells(
    subjects: Sequence[Subject], agent: str, configurations: int, seeds: Sequence[int], budget: int, seed: int
) -> list[Cell]:
    """The cells of a lottery: the agent's defaults and random other hyperparameters, each with every seed.

    Args:
        subjects: the problems.
        agent: by its name.
        configurations: how many settings, the defaults among them.
        seeds: of the agent.
        budget: of each study.
        seed: of the drawing of hyperparameters.

    Raises:
        CosearchError: for an agent that has no hyperparameters.
    """
    cls = agent_class(agent)
    for subject in subjects:
        subject.build()
    if cls.hyperparameters is None:
        raise ArgumentError(f"agent {agent} has no hyperparameters: there is nothing to draw")
    default = cls.hyperparameters.default()
    drawn = [d for d in cls.hyperparameters.sample(4 * configurations, seed).to_dicts() if d != default]
    distinct = list({repr(d): d for d in drawn}.values())[: configurations - 1]
    settings: list[dict[str, Any]] = [{}, *distinct]
    return [
        Cell(f"{subject} {agent} {one}" + (f" h{k}" if k else ""), subject, agent, one, budget, chosen)
        for one in seeds
        for subject in subjects
        for k, chosen in enumerate(settings)
    ]


def run_grid(
    cells: Sequence[Cell],
    store: str,
    *,
    workers: int = 1,
    plugins: Sequence[str] = (),
    done: Callable[[Done], None] = lambda _: None,
) -> list[Done]:
    """Run all cells that are not complete; what became of each, in the order of the cells.

    Args:
        cells: what to run.
        store: the path or URL of the store, which is made if need be.
        workers: studies that run at once, each in a process of its own.
        plugins: modules whose problems and agents are not installed as plugins.
        done: called with each cell as it is done.

    Raises:
        StoreError: if the store cannot be opened.
        KeyboardInterrupt: on Ctrl-C; every study that ran is kept and can go on.
    """
    from cosearch.store import Store

    with Store.open(store, create=True) as opened:
        complete = {r.name: r for r in opened.studies() if r.status == "finished"}
    found: dict[str, Done] = {}

    def note(one: Done) -> None:
        found[one.cell.name] = one
        done(one)

    left = []
    for cell in cells:
        record = complete.get(cell.name)
        if record is not None and record.budget >= cell.budget:
            note(Done(cell, COMPLETE, record.evaluations))
        else:
            left.append(cell)
    for one in _results(left, store, min(workers, len(left)), plugins):
        note(one)
    return [found[cell.name] for cell in cells]


def _results(cells: Sequence[Cell], store: str, workers: int, plugins: Sequence[str]) -> Iterator[Done]:
    if workers <= 1:
        _register(plugins)
        for cell in cells:
            yield run_cell(cell, store)
        return
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_begin_worker, initargs=(plugins,)
    )
    waiting: dict[Future[Done], Cell] = {}
    try:
        queue = iter(cells)
        for cell in queue:
            waiting[pool.submit(run_cell, cell, store)] = cell
            if len(waiting) < workers:
                continue
            yield from _finished(waiting)
        while waiting:
            yield from _finished(waiting)
    except BaseException:
        for child in multiprocessing.active_children():
            if child.pid is not None:
                with contextlib.suppress(OSError):
                    os.kill(child.pid, signal.SIGTERM)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _finished(waiting: dict[Future[Done], Cell]) -> Iterator[Done]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        cell = waiting.pop(future)
        try:
            yield future.result()
        except BrokenProcessPool:
            raise ArgumentError(
                f"a process that ran studies ended without a word, perhaps in {cell.name!r}; run the command "
                "again to go on, with --workers 1 to see what it is"
            ) from None


def run_cell(cell: Cell, store: str) -> Done:
    """Run one study, or go on with it; what goes wrong in it is its reason, not an error of the grid."""
    from cosearch.run.study import Study
    from cosearch.store import Store

    global _running
    try:
        _running = True
        problem = cell.subject.build()
        Task.of(problem)
        with Store.open(store, create=True) as opened:
            known = cell.name in {record.name for record in opened.studies()}
            if known:
                budget = max(cell.budget, opened.study(cell.name).budget)
                study = Study.resume(opened, cell.name, budget=budget, **cell.where)
            else:
                study = Study.create(
                    problem,
                    cell.agent,
                    budget=cell.budget,
                    seed=cell.seed,
                    agent_settings=cell.settings,
                    store=opened,
                    name=cell.name,
                    **cell.where,
                )
            data = study.run()
            return Done(cell, RESUMED if known else RAN, data.record.evaluations)
    except Exception as error:  # whatever an agent or a simulator raises costs this cell alone
        text = str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
        return Done(cell, FAILED, reason=text)
    finally:
        _running = False


# ---------------------------------------------------------------------- in a worker

_running = False


def _begin_worker(plugins: Sequence[str]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    _register(plugins)


def _end_with_parent() -> None:
    """Nobody waits for what is run here once the process that asked for it was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    """End the study that runs as Ctrl-C does, once; a worker that waits just ends."""
    for each in (signal.SIGTERM, signal.SIGINT):
        # not SIG_IGN: of a signal that has arrived by now Python would print that it was ignored
        signal.signal(each, lambda *_: None)
    if not _running:
        os._exit(0)
    raise KeyboardInterrupt


def _register(plugins: Sequence[str]) -> None:
    known = {plugin.name for plugin in registry().plugins}
    for name in plugins:
        if name not in known:
            registry().register(importlib.import_module(name), name)
