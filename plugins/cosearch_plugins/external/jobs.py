"""Many jobs of a tool: equal ones run once, in several processes, which are kept for the next batch."""

from __future__ import annotations

import atexit
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cosearch_plugins.external.tool_process import ToolError, ToolProcess
from cosearch_plugins.external.tools import PythonTool

TIMEOUT_S = 900.0
REMEMBERED = 20_000
"""Answers: layers come again in other designs."""

_idle: dict[tuple[str, float, float | None], list[ToolProcess]] = {}
_answers: OrderedDict[str, Any] = OrderedDict()
_lock = threading.Lock()


def run_jobs(
    tool: PythonTool,
    jobs: Sequence[Mapping[str, Any]],
    *,
    workers: int = 1,
    timeout_s: float = TIMEOUT_S,
    memory_gib: float | None = None,
) -> list[Any | ToolError]:
    """The answer to each job, or the `ToolError` that says why there is none, in order.

    Args:
        tool: which; what it answers may depend on the job alone.
        jobs: JSON values.
        workers: processes at a time.
        timeout_s: for each job.
        memory_gib: of each process; None for no limit.

    Raises:
        UnavailableError: the tool is not there; with how to get it.
    """
    tool.require()
    keys = [f"{tool.name} {tool.interpreter} " + json.dumps(job, sort_keys=True) for job in jobs]
    new = {key: job for key, job in zip(keys, jobs, strict=True) if key not in _answers}
    found: dict[str, Any] = {}

    def one(key: str) -> None:
        process = _taken(tool, timeout_s, memory_gib)
        try:
            found[key] = process.run(new[key])
        except ToolError as error:
            found[key] = error
        finally:
            _given_back(process)

    if workers <= 1 or len(new) <= 1:
        for key in new:
            one(key)
    else:
        with ThreadPoolExecutor(min(workers, len(new))) as pool:
            list(pool.map(one, new))
    answers = [found[key] if key in found else _answers[key] for key in keys]
    with _lock:
        _answers.update({key: answer for key, answer in found.items() if not isinstance(answer, ToolError)})
        while len(_answers) > REMEMBERED:
            _answers.popitem(last=False)
    return answers


def close_all() -> None:
    """End every process that waits for jobs; the next job starts one."""
    with _lock:
        waiting = [process for processes in _idle.values() for process in processes]
        _idle.clear()
    for process in waiting:
        if process.owner == os.getpid():  # a fork has its parent's
            process.close()


def _taken(tool: PythonTool, timeout_s: float, memory_gib: float | None) -> ToolProcess:
    with _lock:
        waiting = _idle.get((tool.name + tool.interpreter, timeout_s, memory_gib), [])
        while waiting:
            process = waiting.pop()
            if process.owner == os.getpid():
                return process
    return ToolProcess(tool, timeout_s, memory_gib)


def _given_back(process: ToolProcess) -> None:
    key = (process.tool.name + process.tool.interpreter, process.timeout_s, process.memory_gib)
    with _lock:
        _idle.setdefault(key, []).append(process)


atexit.register(close_all)
