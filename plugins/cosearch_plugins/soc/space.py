"""The design space of a system: where each task runs, and what there is of memories and buses.

A processor is there if a task runs on it, an accelerator if its task does. How many memories and buses there
are is a parameter, and the attributes of those that are not there are inactive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space.parameters import Parameter
from cosearch_plugins.soc.array import ARRAY, PARAMETERS, ArrayCosts

if TYPE_CHECKING:
    from cosearch_simulators.soc.designs import SocDesigns
    from cosearch_simulators.soc.graph import TaskGraph
    from cosearch_simulators.soc.library import BlockLibrary

ACCELERATOR = "accelerator"


class SocSpace:
    """The space for a task graph and a library, and the systems that its designs stand for.

    Args:
        graph: what runs.
        library: the blocks.
        processors, memories, buses: how many there may be at most.
        array: costs of the tasks that one accelerator array may run; None if there is none.

    Raises:
        ArgumentError: the library has no processor, memory or bus, or a task that nothing can run.

    Attributes:
        space: the design space.
        names: by task its name in the space.
    """

    def __init__(
        self,
        graph: TaskGraph,
        library: BlockLibrary,
        processors: int,
        memories: int,
        buses: int,
        array: ArrayCosts | None = None,
    ) -> None:
        self._graph, self._library = graph, library
        self._limits = processors, memories, buses
        self._array = array
        self.names = {task: identifier(task) for task in graph.tasks}
        self._tasks = [task for task, dummy in zip(graph.tasks, graph.dummy, strict=True) if not dummy]
        self._codes = {name: code for code, name in enumerate(library.names)}
        able = library.runs(graph.tasks).sum(axis=1)
        # One kind of processor: that which runs the most tasks.
        self._processors = tuple(
            sorted(library.of_type("pe", "gpp"), key=lambda name: -int(able[self._codes[name]]))
        )
        self._accelerators = {task: self._accelerators_of(task) for task in self._tasks}
        for what, found in (
            ("processor", self._processors),
            ("memory", library.of_type("mem")),
            ("bus", library.of_type("ic")),
        ):
            if not found:
                raise ArgumentError(f"the block library has no {what}")
        self._memories = self._by_attributes("mem", with_subtype=True)
        self._buses = self._by_attributes("ic", with_subtype=False)
        parameters: list[Parameter] = []
        groups: dict[str, list[str]] = {"mapping": [], "accelerators": [], "memories": [], "buses": []}

        def add(group: str, parameter: Parameter) -> None:
            parameters.append(parameter)
            groups[group].append(parameter.name)

        add("memories", Ordinal("memories", range(1, memories + 1), default=1))
        add("buses", Ordinal("buses", range(1, buses + 1), default=1))
        for index in range(1, memories + 1):
            when = _from("memories", index, memories)
            self._add_attributes(add, "memories", f"memory_{index}", self._memories, when)
        for index in range(1, buses + 1):
            when = _from("buses", index, buses)
            self._add_attributes(add, "buses", f"bus_{index}", self._buses, when)
        if buses > 2:
            add(
                "buses", Categorical("topology", ("chain", "star"), when={"buses": list(range(3, buses + 1))})
            )
        for task in self._tasks:
            self._add_task(add, task)
        if array is not None:
            groups[ARRAY] = []
            for parameter in PARAMETERS:
                add(ARRAY, parameter)
        self.space = DesignSpace(
            parameters, name=f"soc {graph.name}", groups={k: v for k, v in groups.items() if v}
        )

    def _accelerators_of(self, task: str) -> dict[tuple[float, float], int]:
        """Codes of a task's accelerators by unrolling and clock in MHz."""
        short = task.rpartition("/")[2]
        return {
            (block.loop_itr_cnt, block.clock_freq_hz / 1e6): self._codes[name]
            for name, block in self._library.blocks.items()
            if block.subtype == "ip" and name != ARRAY and short in block.mappable_tasks
        }

    def _by_attributes(self, kind: str, *, with_subtype: bool) -> dict[tuple[Any, ...], int]:
        found = {}
        for name, block in self._library.blocks.items():
            if block.type == kind:
                if not isinstance(block.bus_width_bytes, float):
                    raise ArgumentError(f"the block {name!r} has no bus_width_bytes")
                attributes = (block.bus_width_bytes, block.clock_freq_hz / 1e6)
                found[(block.subtype, *attributes) if with_subtype else attributes] = self._codes[name]
        return found

    def _add_attributes(
        self,
        add: Any,
        group: str,
        prefix: str,
        blocks: Mapping[tuple[Any, ...], int],
        when: dict[str, Any] | None,
    ) -> None:
        names = ("kind", "width_bytes", "clock_mhz")[-len(next(iter(blocks))) :]
        for place, name in enumerate(names):
            values = sorted({key[place] for key in blocks})
            kind = Categorical if name == "kind" else Ordinal
            add(group, kind(f"{prefix}_{name}", [_plain(value) for value in values], when=when))

    def _add_task(self, add: Any, task: str) -> None:
        processors, memories, _ = self._limits
        name = self.names[task]
        hosts: list[Any] = [f"processor_{index}" for index in range(1, processors + 1)]
        runs = self._library.runs([task])[:, 0]
        if not any(runs[self._codes[one]] for one in self._processors):
            hosts = []
        accelerators = self._accelerators[task]
        if accelerators:
            hosts.append(ACCELERATOR)
        if self._array is not None and task in self._array.tasks:
            hosts.append(ARRAY)
        if not hosts:
            raise ArgumentError(f"no block of the library can run the task {task!r}")
        add("mapping", Categorical(f"host_{name}", hosts, description="where it runs"))
        if accelerators:
            when = {f"host_{name}": ACCELERATOR}
            unrolls = sorted({key[0] for key in accelerators})
            clocks = sorted({key[1] for key in accelerators})
            add("accelerators", Ordinal(f"unroll_{name}", [_plain(one) for one in unrolls], when=when))
            add("accelerators", Ordinal(f"clock_mhz_{name}", [_plain(one) for one in clocks], when=when))
        if self._graph.writes[self._graph.tasks.index(task)]:
            for count in range(2, memories + 1):
                add(
                    "mapping",
                    Ordinal(
                        f"memory_of_{count}_{name}",
                        range(1, count + 1),
                        when={"memories": count},
                        description="which of the memories holds its outputs",
                    ),
                )

    def systems(self, designs: Designs, fidelity: str = "") -> tuple[SocDesigns, list[str]]:
        """The systems of n designs, and for each why its blocks do not exist, or ""."""
        from cosearch_simulators.soc.designs import NONE, SocDesigns

        processors, memories, buses = self._limits
        n, tasks = len(designs), len(self._graph.tasks)
        reasons = [""] * n
        elements = np.full((n, processors + tasks + 1), NONE, np.int64)
        array = np.zeros((n, tasks), bool)
        elements[:, 0] = self._codes[self._processors[0]]
        task_element = np.zeros((n, tasks), np.int64)
        task_memory = np.zeros((n, tasks), np.int64)
        count = np.asarray(designs["memories"], np.int64)
        for place, task in enumerate(self._graph.tasks):
            if self._graph.dummy[place]:
                continue
            name = self.names[task]
            host = np.asarray(designs[f"host_{name}"], object)
            own = host == ACCELERATOR
            array[:, place] = host == ARRAY
            other = own | array[:, place]
            number = np.array(
                [0 if no else int(one.rpartition("_")[2]) - 1 for one, no in zip(host, other, strict=True)]
            )
            task_element[:, place] = np.where(own, processors + place, number)
            task_element[array[:, place], place] = processors + tasks
            elements[np.flatnonzero(~other), number[~other]] = self._codes[self._processors[0]]
            if own.any():
                keys = zip(
                    np.asarray(designs[f"unroll_{name}"]).tolist(),
                    np.asarray(designs[f"clock_mhz_{name}"]).tolist(),
                    strict=True,
                )
                codes = np.array([self._accelerators[task].get(key, NONE) for key in keys])
                elements[own, processors + place] = codes[own]
                for row in np.flatnonzero(own & (codes == NONE)):
                    reasons[row] = f"the library has no accelerator of that unrolling and clock for {task}"
                    elements[row, processors + place] = next(iter(self._accelerators[task].values()))
            for several in range(2, memories + 1):
                if f"memory_of_{several}_{name}" in self.space:
                    chosen = np.asarray(designs[f"memory_of_{several}_{name}"], np.int64) - 1
                    task_memory[:, place] = np.where(count == several, chosen, task_memory[:, place])
        number_of_buses = np.asarray(designs["buses"], np.int64)
        blocks = self._blocks(designs, "memory", self._memories, memories, count, reasons)
        lines = self._blocks(designs, "bus", self._buses, buses, number_of_buses, reasons)
        memory_bus = np.arange(memories)[None, :] % number_of_buses[:, None]
        on = np.minimum(task_memory, memories - 1)
        element_bus = np.zeros_like(elements)
        element_bus[:, :processors] = np.arange(processors)[None, :] % number_of_buses[:, None]
        # An accelerator hangs on the bus of the memory that it writes to.
        element_bus[:, processors : processors + tasks] = np.take_along_axis(memory_bus, on, axis=1)
        systems = SocDesigns(
            elements,
            blocks,
            lines,
            element_bus,
            memory_bus,
            self._links(designs, number_of_buses),
            task_element,
            np.where(self._graph.writes, task_memory, NONE),
        )
        return (
            systems if self._array is None else self._with_array(systems, array, designs, fidelity)
        ), reasons

    def _with_array(
        self, systems: SocDesigns, array: NDArray[np.bool_], designs: Designs, fidelity: str
    ) -> SocDesigns:
        """The systems with the engine's numbers where the array runs a task."""
        assert self._array is not None
        costs = self._array.of(designs, fidelity)
        places = [self._graph.tasks.index(task) for task in self._array.tasks]
        rate, efficiency = np.full(array.shape, np.nan), np.full(array.shape, np.nan)
        work = self._graph.work_ops[places]
        rate[:, places] = work / costs[:, :, 0]
        efficiency[:, places] = work / costs[:, :, 1]
        used = array.any(axis=1)
        elements = systems.elements.copy()
        elements[used, -1] = self._codes[ARRAY]
        area = np.full(elements.shape, np.nan)
        area[used, -1] = costs[used, 0, 2]
        return replace(
            systems,
            elements=elements,
            task_rate=np.where(array, rate, np.nan),
            task_operations_a_joule=np.where(array, efficiency, np.nan),
            element_area_m2=area,
        )

    def _blocks(
        self,
        designs: Designs,
        prefix: str,
        known: Mapping[tuple[Any, ...], int],
        most: int,
        count: NDArray[np.int64],
        reasons: list[str],
    ) -> NDArray[np.int64]:
        names = ("kind", "width_bytes", "clock_mhz")[-len(next(iter(known))) :]
        codes = np.full((len(designs), most), -1, np.int64)
        for index in range(most):
            columns = [np.asarray(designs[f"{prefix}_{index + 1}_{name}"], object).tolist() for name in names]
            for row, key in enumerate(zip(*columns, strict=True)):
                if index >= count[row]:
                    continue
                code = known.get(key, -1)
                if code < 0:
                    reasons[row] = (
                        reasons[row] or f"the library has no {prefix} of that kind, width and clock"
                    )
                    code = next(iter(known.values()))
                codes[row, index] = code
        return codes

    def _links(self, designs: Designs, count: NDArray[np.int64]) -> NDArray[np.bool_]:
        buses = self._limits[2]
        links = np.zeros((len(designs), buses, buses), bool)
        star = np.zeros(len(designs), bool)
        if "topology" in self.space:
            star = (np.asarray(designs["topology"], object) == "star") & (count > 2)
        for index in range(1, buses):
            links[:, index - 1, index] |= ~star & (count > index)
            links[:, 0, index] |= star & (count > index)
        return links


def identifier(task: str) -> str:
    """A task's name as a part of a parameter's."""
    return re.sub(r"\W+", "_", task)


def _from(name: str, index: int, most: int) -> dict[str, Any] | None:
    """The condition that there are at least `index`; none for the first."""
    return None if index == 1 else {name: list(range(index, most + 1))}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
