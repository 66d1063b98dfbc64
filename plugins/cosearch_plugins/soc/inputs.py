"""What a system runs and what it is built of: the built-in graphs and blocks, or the files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from cosearch.errors import ArgumentError, CosearchError, unknown_name
from cosearch.settings import NamesFiles, absolute
from cosearch_plugins.soc.array import ARRAY, BLOCK, ArrayCosts

if TYPE_CHECKING:
    from cosearch_simulators.soc.graph import TaskGraph
    from cosearch_simulators.soc.library import BlockLibrary, MemoryTable

GRAPH, LIBRARY, MEMORY = "task_graph_", "library_", "cacti_table.json"


def _files(folder: str) -> Sequence[str]:
    names = (f"{GRAPH}*.json", f"{LIBRARY}*.json", MEMORY)
    return sorted(str(path) for name in names for path in Path(folder).glob(name))


SocFolder = Annotated[str, AfterValidator(absolute), NamesFiles(_files)]
"""A folder of `task_graph_NAME.json`, `library_NAME.json` and `cacti_table.json`, as FARSI's data are."""


def read_inputs(
    workload: str, folder: str | None, *, array: bool = False
) -> tuple[TaskGraph, BlockLibrary, MemoryTable, ArrayCosts | None]:
    """What workloads need, several of which are joined by `+`: graph, blocks, memory table, array costs.

    Args:
        workload: their names.
        folder: where they are; None for the built-in ones.
        array: whether an accelerator of this package is offered to the tasks that are operators of a network.

    Raises:
        CosearchError: a name is unknown, a file is missing or broken; one line.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.soc import builtin
    from cosearch_simulators.soc.graph import TaskGraph
    from cosearch_simulators.soc.library import BlockLibrary, MemoryTable

    names = [name.strip() for name in workload.split("+")]
    try:
        if folder is None:
            for name in names:
                if name not in builtin.WORKLOADS:
                    raise unknown_name("workload", name, builtin.WORKLOADS)
            graph = TaskGraph.together([builtin.builtin_graph(name) for name in names])
            library, table = builtin.builtin_library(graph), builtin.builtin_memory_table()
            if not array:
                return graph, library, table, None
            networks = {
                f"{name}/{task}" if len(names) > 1 else task: network
                for name in names
                for task, network in builtin.stage_networks(name).items()
            }
            if not networks:
                raise ArgumentError(
                    f"array: no task of {workload} is operators of a network; mobilenet_v2's are"
                )
            runs = [task.rpartition("/")[2] for task in networks]
            one = BlockLibrary.parse({ARRAY: BLOCK | {"mappable_tasks": runs}})
            costs = ArrayCosts(networks, builtin.TECHNOLOGY_NM)
            return graph, BlockLibrary.together([library, one]), table, costs
        if array:
            raise ArgumentError("array: the tasks of a folder's graph are no operators that it could run")
        here = Path(folder)
        known = sorted(path.stem.removeprefix(GRAPH) for path in here.glob(f"{GRAPH}*.json"))
        if not known:
            raise ArgumentError(f"{folder} has no file {GRAPH}NAME.json")
        for name in names:
            if name not in known:
                raise unknown_name(f"workload of {folder}", name, known)
        graph = TaskGraph.together([TaskGraph.read(here / f"{GRAPH}{name}.json") for name in names])
        libraries = [BlockLibrary.read(here / f"{LIBRARY}{name}.json") for name in names]
        return graph, BlockLibrary.together(libraries), MemoryTable.read(here / MEMORY), None
    except CosearchError:
        raise
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None
