"""Systems on a chip as columns: which blocks, how they are connected, and what runs where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.soc.graph import TaskGraph
from cosearch_simulators.soc.library import BlockLibrary

NONE = -1
"""The code of a block that is not there, and the memory of a task that writes nothing."""


@dataclass(frozen=True, eq=False)
class SocDesigns:
    """n systems of at most P processing elements, M memories and I buses, for a graph of T tasks.

    Attributes:
        elements: int64 (n, P), codes of blocks in the library, -1 where there is none.
        memories: int64 (n, M).
        buses: int64 (n, I).
        element_bus: int64 (n, P), the bus that an element hangs on.
        memory_bus: int64 (n, M).
        bus_links: bool (n, I, I), which buses are connected; taken both ways.
        task_element: int64 (n, T), where a task runs.
        task_memory: int64 (n, T), what holds a task's outputs; -1 of tasks that hand nothing on.
        task_order: int64 (n, T), tasks in the order in which those that become ready at once are served; None
            is the graph's own order.
        task_rate: float64 (n, T), operations a second of a task on its element, where another model knows
            them better than the block does; NaN is the block's, None the block's of all.
        task_operations_a_joule: float64 (n, T), likewise.
        element_area_m2: float64 (n, P), likewise; an element without a task is not built.
    """

    elements: NDArray[np.int64]
    memories: NDArray[np.int64]
    buses: NDArray[np.int64]
    element_bus: NDArray[np.int64]
    memory_bus: NDArray[np.int64]
    bus_links: NDArray[np.bool_]
    task_element: NDArray[np.int64]
    task_memory: NDArray[np.int64]
    task_order: NDArray[np.int64] | None = None
    task_rate: NDArray[np.float64] | None = None
    task_operations_a_joule: NDArray[np.float64] | None = None
    element_area_m2: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        n = len(self.elements)
        widths = {
            "elements": self.elements.shape[1],
            "element_bus": self.elements.shape[1],
            "memories": self.memories.shape[1],
            "memory_bus": self.memories.shape[1],
            "buses": self.buses.shape[1],
            "task_element": self.task_element.shape[1],
            "task_memory": self.task_element.shape[1],
        }
        for name, width in widths.items():
            if getattr(self, name).shape != (n, width):
                raise ConfigurationError(
                    f"soc column {name} is {getattr(self, name).shape}, expected {(n, width)}"
                )
        wanted = (n, widths["buses"], widths["buses"])
        if self.bus_links.shape != wanted:
            raise ConfigurationError(f"soc column bus_links is {self.bus_links.shape}, expected {wanted}")
        for name in ("task_order", "task_rate", "task_operations_a_joule", "element_area_m2"):
            given = getattr(self, name)
            expected = (self.elements if name == "element_area_m2" else self.task_element).shape
            if given is not None and given.shape != expected:
                raise ConfigurationError(f"soc column {name} is {given.shape}, expected {expected}")

    def __len__(self) -> int:
        return len(self.elements)

    def take(self, rows: ArrayLike) -> Self:
        """These rows, in this order."""
        which = np.asarray(rows)
        columns: dict[str, Any] = {
            name: None if column is None else column[which] for name, column in vars(self).items()
        }
        return type(self)(**columns)

    def problems(self, graph: TaskGraph, library: BlockLibrary) -> list[str]:
        """For each design what is wrong with it, or an empty string.

        Whether a memory can be reached is found by the engine, which looks for the paths.
        """
        lines = [""] * len(self)

        def say(wrong: NDArray[np.bool_], line: Any) -> None:
            rows, places = wrong.nonzero()
            for row, place in zip(rows, places, strict=True):
                lines[row] = lines[row] or line(int(row), int(place))

        kinds = np.array([block.type for block in library.blocks.values()] + [""])
        for name, kind in (("elements", "pe"), ("memories", "mem"), ("buses", "ic")):
            column = getattr(self, name)
            outside = (column < NONE) | (column >= len(library.names))
            other = (column != NONE) & (kinds[np.where(outside, NONE, column)] != kind)
            say(outside | other, lambda row, place, n=name: f"{n} {place} is no block of that kind")
        for name, ends, count in (
            ("element_bus", self.elements, self.buses),
            ("memory_bus", self.memories, self.buses),
        ):
            bad = (ends != NONE) & ~_there(getattr(self, name), count)
            say(bad, lambda row, place, n=name: f"{n} {place} names a bus that is not there")
        needs = np.broadcast_to(graph.writes, self.task_memory.shape)
        say(
            ~_there(self.task_element, self.elements),
            lambda row, place: f"task {graph.tasks[place]} runs on an element that is not there",
        )
        say(
            needs & ~_there(self.task_memory, self.memories),
            lambda row, place: f"task {graph.tasks[place]} writes to a memory that is not there",
        )
        runs = library.runs(graph.tasks)
        element = np.take_along_axis(self.elements, np.clip(self.task_element, 0, None), 1)
        cannot = ~runs[np.clip(element, 0, None), np.arange(len(graph.tasks))] & ~graph.dummy
        say(
            cannot,
            lambda row, place: (
                f"task {graph.tasks[place]} cannot run on {library.names[element[row, place]]}"
            ),
        )
        if self.task_order is not None:
            order = np.sort(self.task_order, axis=1)
            bad = (order != np.arange(len(graph.tasks))).any(axis=1, keepdims=True)
            say(bad, lambda row, place: "task_order is no order of the tasks")
        return lines


def unmappable(graph: TaskGraph, library: BlockLibrary) -> Sequence[str]:
    """Tasks that no processing element of the library can run."""
    of_elements = np.array([block.type == "pe" for block in library.blocks.values()])
    able = library.runs(graph.tasks)[of_elements].any(axis=0) | graph.dummy
    return [task for task, can in zip(graph.tasks, able, strict=True) if not can]


def _there(places: NDArray[np.int64], blocks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of these places (n, k) hold a block in (n, m)."""
    inside = (places >= 0) & (places < blocks.shape[1])
    return inside & (np.take_along_axis(blocks, np.where(inside, places, 0), 1) != NONE)
