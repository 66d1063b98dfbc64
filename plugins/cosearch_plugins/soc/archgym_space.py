"""The space of ArchGym's FARSIGym: three slots of each kind of block, connections, and where each task goes.

S. Krishnan et al.: "ArchGym: an open-source gymnasium for machine learning assisted architecture design",
ISCA 2023; names as in its repository. There most designs mean nothing (a task on a block that cannot run it,
a memory on a bus that is not there); here they are infeasible, with the reason, and empty slots have no
connections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space.parameters import Parameter
from cosearch_plugins.soc.space import identifier

if TYPE_CHECKING:
    from cosearch_simulators.soc.designs import SocDesigns
    from cosearch_simulators.soc.graph import TaskGraph
    from cosearch_simulators.soc.library import BlockLibrary

SLOTS = 3
EMPTY = "none"


class ArchGymSpace:
    """The space for a task graph and a library, and the systems that its designs stand for.

    Attributes:
        space: the design space.
        names: by task its name in the space.
    """

    def __init__(self, graph: TaskGraph, library: BlockLibrary) -> None:
        self._graph, self._library = graph, library
        self._codes = {name: code for code, name in enumerate(library.names)} | {EMPTY: -1}
        self.names = {task: identifier(task) for task in graph.tasks}
        parameters: list[Parameter] = []
        groups: dict[str, list[str]] = {"allocation": [], "connections": [], "mapping": []}

        def add(group: str, parameter: Parameter) -> None:
            parameters.append(parameter)
            groups[group].append(parameter.name)

        first: dict[str, tuple[str, ...]] = {}
        for kind, prefix, what in (
            ("pe", "pe", "processing element"),
            ("mem", "mem", "memory"),
            ("ic", "bus", "bus"),
        ):
            blocks = library.of_type(kind)
            if not blocks:
                raise ArgumentError(f"the block library has no {what}")
            if kind == "pe":  # a processor runs every task, so that the default design runs
                blocks = (*library.of_type("pe", "gpp"), *library.of_type("pe", "ip"))
            first[prefix] = blocks
            for slot in range(SLOTS):
                values = blocks if slot == 0 else (EMPTY, *blocks)
                add("allocation", Categorical(f"{prefix}_allocation_{slot}", values))
        slots = range(SLOTS)
        for slot in slots:
            there = None if slot == 0 else {f"pe_allocation_{slot}": first["pe"]}
            add("connections", Ordinal(f"pe_to_bus_connection_{slot}", slots, default=0, when=there))
        for slot in range(1, SLOTS):
            there = {f"bus_allocation_{slot}": first["bus"]}
            others = (-1, *(other for other in slots if other != slot))
            add("connections", Ordinal(f"bus_to_bus_connection_{slot}", others, default=0, when=there))
        for slot in slots:
            there = None if slot == 0 else {f"mem_allocation_{slot}": first["mem"]}
            add("connections", Ordinal(f"bus_to_mem_connection_{slot}", slots, default=0, when=there))
        for task, writes in zip(graph.tasks, graph.writes, strict=True):
            add("mapping", Ordinal(f"task_to_pe_mapping_{self.names[task]}", slots, default=0))
            if writes:
                add("mapping", Ordinal(f"task_to_mem_mapping_{self.names[task]}", slots, default=0))
        self.space = DesignSpace(parameters, name=f"soc {graph.name} as ArchGym's", groups=groups)

    def systems(self, designs: Designs, fidelity: str = "") -> tuple[SocDesigns, list[str]]:
        """The systems of n designs; what cannot be is told of by the simulator, so no reasons here."""
        from cosearch_simulators.soc.designs import NONE, SocDesigns

        n = len(designs)

        def blocks(prefix: str) -> Any:
            columns = [np.asarray(designs[f"{prefix}_allocation_{slot}"], object) for slot in range(SLOTS)]
            return np.stack([[self._codes[name] for name in column] for column in columns], axis=1)

        def numbers(prefix: str) -> Any:
            found = np.zeros((n, SLOTS), np.int64)
            for slot in range(SLOTS):
                if f"{prefix}_{slot}" in self.space:
                    found[:, slot] = np.asarray(designs[f"{prefix}_{slot}"], np.int64)
            return found

        buses = blocks("bus")
        links = np.zeros((n, SLOTS, SLOTS), bool)
        to = numbers("bus_to_bus_connection")
        for slot in range(1, SLOTS):
            rows = np.flatnonzero((buses[:, slot] != NONE) & (to[:, slot] >= 0))
            links[rows, slot, to[rows, slot]] = True
        tasks = self._graph.tasks
        element = np.stack(
            [np.asarray(designs[f"task_to_pe_mapping_{self.names[task]}"], np.int64) for task in tasks],
            axis=1,
        )
        memory = np.full((n, len(tasks)), NONE, np.int64)
        for place, task in enumerate(tasks):
            if self._graph.writes[place]:
                memory[:, place] = np.asarray(designs[f"task_to_mem_mapping_{self.names[task]}"], np.int64)
        systems = SocDesigns(
            blocks("pe"),
            blocks("mem"),
            buses,
            numbers("pe_to_bus_connection"),
            numbers("bus_to_mem_connection"),
            links,
            element,
            memory,
        )
        return systems, [""] * n
