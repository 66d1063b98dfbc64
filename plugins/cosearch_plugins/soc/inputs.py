"""What a system runs and what it is built of: the built-in graphs and blocks, or the files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from cosearch.errors import ArgumentError, CosearchError, unknown_name
from cosearch.settings import NamesFiles, absolute

if TYPE_CHECKING:
    from cosearch_simulators.soc.graph import TaskGraph
    from cosearch_simulators.soc.library import BlockLibrary, MemoryTable

GRAPH, LIBRARY, MEMORY = "task_graph_", "library_", "cacti_table.json"


def _files(folder: str) -> Sequence[str]:
    names = (f"{GRAPH}*.json", f"{LIBRARY}*.json", MEMORY)
    return sorted(str(path) for name in names for path in Path(folder).glob(name))


SocFolder = Annotated[str, AfterValidator(absolute), NamesFiles(_files)]
"""A folder of `task_graph_NAME.json`, `library_NAME.json` and `cacti_table.json`, as FARSI's data are."""


def read_inputs(workload: str, folder: str | None) -> tuple[TaskGraph, BlockLibrary, MemoryTable]:
    """The task graph, the blocks and the memory table of workloads, several of which are joined by `+`.

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
            return graph, builtin.builtin_library(graph), builtin.builtin_memory_table()
        here = Path(folder)
        known = sorted(path.stem.removeprefix(GRAPH) for path in here.glob(f"{GRAPH}*.json"))
        if not known:
            raise ArgumentError(f"{folder} has no file {GRAPH}NAME.json")
        for name in names:
            if name not in known:
                raise unknown_name(f"workload of {folder}", name, known)
        graph = TaskGraph.together([TaskGraph.read(here / f"{GRAPH}{name}.json") for name in names])
        libraries = [BlockLibrary.read(here / f"{LIBRARY}{name}.json") for name in names]
        return graph, BlockLibrary.together(libraries), MemoryTable.read(here / MEMORY)
    except CosearchError:
        raise
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None
