"""Task graphs: what a system on a chip runs, read from JSON or YAML, and several run together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cosearch_simulators.core.names import hint
from cosearch_simulators.documents import Document, parse, read
from cosearch_simulators.errors import WorkloadError

Name = Annotated[str, Field(min_length=1)]


class Task(Document):
    """One task: its work, and in pieces of how many bytes it moves its data.

    Attributes:
        name: unlike every other.
        work_ops: operations; a task of none takes no time.
        burst_size: bytes.
        dummy: it only marks a place, such as the source of all data: takes no time, no energy.
    """

    name: Name
    work_ops: float = Field(ge=0, le=1e18)
    burst_size: float = Field(default=1024, gt=0)
    dummy: bool = False


class Edge(Document):
    """What a task hands to another."""

    source: Name = Field(alias="from")
    target: Name = Field(alias="to")
    bytes: float = Field(ge=0, le=1e11)


class Budget(Document):
    """What the system should keep to: seconds by workload, square metres (of each kind of silicon), watts."""

    latency: dict[str, Annotated[float, Field(gt=0)]] = Field(min_length=1)
    area: float = Field(gt=0)
    power: float = Field(gt=0)


class TaskGraphFile(Document):
    """A task graph as a file holds it; units are seconds, watts and square metres, as FARSI's.

    Attributes:
        workload: its name.
        tasks: in the order in which tasks that become ready at once are served.
        edges: the data between them.
        budget: what the system should keep to.
        last_task: by workload the task whose end is the end of the workload.
        source_memory_bytes: not used; what the source hands out is in the edges.
    """

    workload: Name
    tasks: list[Task] = Field(min_length=1)
    edges: list[Edge]
    budget: Budget
    last_task: dict[str, Name] = Field(min_length=1)
    source_memory_bytes: dict[str, float] = Field(default={})

    @model_validator(mode="after")
    def _fits_together(self) -> TaskGraphFile:
        names = [task.name for task in self.tasks]
        known = set(names)
        if len(known) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"the task {twice!r} is given twice")
        pairs = set()
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in known:
                    raise ValueError(
                        f"the edge from {edge.source!r} to {edge.target!r}: there is no task "
                        f"{end!r}{hint(end, names)}"
                    )
            if (edge.source, edge.target) in pairs:
                raise ValueError(f"the edge from {edge.source!r} to {edge.target!r} is given twice; add them")
            pairs.add((edge.source, edge.target))
        for workload, task in self.last_task.items():
            if task not in known:
                raise ValueError(
                    f"the last task of {workload!r}: there is no task {task!r}{hint(task, names)}"
                )
            if workload not in self.budget.latency:
                raise ValueError(f"budget.latency has no entry for the workload {workload!r}")
        if cycle := _cycle(names, self.edges):
            raise ValueError(f"the tasks wait for each other in a circle: {' -> '.join(cycle)}")
        return self


def _cycle(names: Sequence[str], edges: Sequence[Edge]) -> list[str]:
    """The names along one circle of edges; empty if there is none."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    for edge in edges:
        parents[edge.target].append(edge.source)
    left = set(names)
    while free := {name for name in left if not any(parent in left for parent in parents[name])}:
        left -= free
    if not left:
        return []
    name, path = min(left), []
    while name not in path:
        path.append(name)
        name = next(parent for parent in parents[name] if parent in left)
    return [name, *reversed(path[path.index(name) :])]


@dataclass(frozen=True, eq=False)
class TaskGraph:
    """A task graph as arrays: T tasks, E edges, W workloads.

    Attributes:
        name: of the workload, or of all that run together, joined by "+".
        tasks: names, (T,).
        work_ops: float64 (T,).
        burst_bytes: float64 (T,).
        dummy: bool (T,); takes no time and no energy.
        edge_source, edge_target: int64 (E,), positions of tasks.
        edge_bytes: float64 (E,).
        workloads: names, (W,).
        last_task: int64 (W,), the task whose end is the end of the workload.
        latency_budget_s: float64 (W,).
        area_budget_m2: of the DRAM, and of all other silicon.
        power_budget_w: of the peak.
    """

    name: str
    tasks: tuple[str, ...]
    work_ops: NDArray[np.float64]
    burst_bytes: NDArray[np.float64]
    dummy: NDArray[np.bool_]
    edge_source: NDArray[np.int64]
    edge_target: NDArray[np.int64]
    edge_bytes: NDArray[np.float64]
    workloads: tuple[str, ...]
    last_task: NDArray[np.int64]
    latency_budget_s: NDArray[np.float64]
    area_budget_m2: float
    power_budget_w: float

    @classmethod
    def of(cls, file: TaskGraphFile) -> TaskGraph:
        """The graph of a file that was checked."""
        names = tuple(task.name for task in file.tasks)
        place = {name: position for position, name in enumerate(names)}
        return cls(
            file.workload,
            names,
            np.array([task.work_ops for task in file.tasks]),
            np.array([task.burst_size for task in file.tasks]),
            np.array([task.dummy or task.work_ops == 0 for task in file.tasks]),
            np.array([place[edge.source] for edge in file.edges], np.int64),
            np.array([place[edge.target] for edge in file.edges], np.int64),
            np.array([edge.bytes for edge in file.edges], np.float64),
            tuple(file.last_task),
            np.array([place[task] for task in file.last_task.values()], np.int64),
            np.array([file.budget.latency[workload] for workload in file.last_task]),
            file.budget.area,
            file.budget.power,
        )

    @classmethod
    def read(cls, path: Path) -> TaskGraph:
        """The task graph of a file, JSON or YAML.

        Raises:
            ConfigurationError: it cannot be read, or is no task graph; names the place and what is wrong.
        """
        return cls.of(read(TaskGraphFile, path))

    @classmethod
    def parse(cls, data: object, where: str = "") -> TaskGraph:
        """The task graph in these JSON values; `ConfigurationError` if there is none."""
        return cls.of(parse(TaskGraphFile, data, where))

    @classmethod
    def together(cls, graphs: Sequence[TaskGraph]) -> TaskGraph:
        """Graphs that run at the same time on one system; tasks are then named `workload/task`.

        The budgets of area and power are the largest of the graphs', each latency stays its own.

        Raises:
            WorkloadError: there is no graph, or one workload stands twice.
        """
        if not graphs:
            raise WorkloadError("no task graph was given")
        if len(graphs) == 1:
            return graphs[0]
        workloads = [name for graph in graphs for name in graph.workloads]
        if len(set(workloads)) < len(workloads):
            twice = next(name for name in workloads if workloads.count(name) > 1)
            raise WorkloadError(f"the workload {twice!r} stands twice among those that run together")
        first = np.cumsum([0] + [len(graph.tasks) for graph in graphs])
        shifted = list(zip(graphs, first[:-1], strict=True))
        return cls(
            "+".join(graph.name for graph in graphs),
            tuple(f"{graph.name}/{task}" for graph in graphs for task in graph.tasks),
            np.concatenate([graph.work_ops for graph in graphs]),
            np.concatenate([graph.burst_bytes for graph in graphs]),
            np.concatenate([graph.dummy for graph in graphs]),
            np.concatenate([graph.edge_source + by for graph, by in shifted]),
            np.concatenate([graph.edge_target + by for graph, by in shifted]),
            np.concatenate([graph.edge_bytes for graph in graphs]),
            tuple(workloads),
            np.concatenate([graph.last_task + by for graph, by in shifted]),
            np.concatenate([graph.latency_budget_s for graph in graphs]),
            max(graph.area_budget_m2 for graph in graphs),
            max(graph.power_budget_w for graph in graphs),
        )

    @cached_property
    def writes(self) -> NDArray[np.bool_]:
        """Which tasks hand something on, so that a memory must hold it: bool (T,)."""
        found = np.zeros(len(self.tasks), bool)
        found[self.edge_source] = True
        return found

    @cached_property
    def roots(self) -> NDArray[np.bool_]:
        """Which tasks wait for none: bool (T,)."""
        found = np.ones(len(self.tasks), bool)
        found[self.edge_target] = False
        return found
