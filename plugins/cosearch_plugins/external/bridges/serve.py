"""Serves one tool to cosearch: a job a line on standard input, an answer a line where standard output was.

Started by path under the tool's own interpreter, so it imports the standard library only; what the tool
prints goes to standard error, which is a log file.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

MOST_LOGGED_BYTES = 256 << 20
WATCHED_S = 1.0


def main(tool: str, memory_bytes: int) -> None:
    """Answer jobs until standard input ends or the process that asks is gone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_LOGGED_BYTES, MOST_LOGGED_BYTES))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    parent, scratch = os.getppid(), os.getcwd()
    threading.Thread(target=_end_with, args=(parent, scratch), daemon=True).start()
    run = _bridge(tool).run
    for line in sys.stdin:
        request = json.loads(line)
        answers.write(json.dumps({"id": request["id"], **_answer(run, request["job"])}) + "\n")
        answers.flush()
    shutil.rmtree(scratch, ignore_errors=True)  # who asked was killed: otherwise it ends this group first


def _answer(run: Any, job: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"result": run(job)}
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # a tool may raise anything, and some call exit()
        text = " ".join(str(error).split())
        return {"error": f"{type(error).__name__}: {text}"[:2000] if text else type(error).__name__}


def _bridge(tool: str) -> Any:
    """The module beside this one, without its folder on the path: names there are those of tools."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry).resolve() != here]
    spec = importlib.util.spec_from_file_location(f"{tool}_bridge", here / f"{tool}_bridge.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _end_with(parent: int, scratch: str) -> None:
    while os.getppid() == parent:
        time.sleep(WATCHED_S)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
