"""A tool's process: jobs go in as JSON lines and answers come out, within a time and a memory limit.

It runs in a private scratch folder and a process group of its own, which is killed as a whole. What the tool
prints goes to a log there, whose tail explains a failure.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosearch_plugins.external.tools import PythonTool

BRIDGES = Path(__file__).with_name("bridges")
TAIL_CHARACTERS = 400
MOST_ANSWER_BYTES = 64 << 20
ENDED_S = 5.0


class ToolError(Exception):
    """A job that the tool did not do, and why."""


class ToolProcess:
    """One process of a tool, started at the first job and again after one that it did not survive.

    Args:
        tool: which.
        timeout_s: for each job; the first has the tool's start in it as well.
        memory_gib: of address space; None for no limit.
    """

    def __init__(self, tool: PythonTool, timeout_s: float, memory_gib: float | None = None) -> None:
        self.tool, self.timeout_s, self.memory_gib = tool, timeout_s, memory_gib
        self.owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch = ""
        self._number = 0
        self._received = b""

    def run(self, job: Mapping[str, Any]) -> Any:
        """The tool's answer to a job.

        Raises:
            ToolError: it said why not, died, or took too long.
        """
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        self._number += 1
        try:
            process.stdin.write(json.dumps({"id": self._number, "job": dict(job)}).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(self._line())
        except (BrokenPipeError, EOFError):
            raise ToolError(self._ended()) from None
        except TimeoutError:
            self.close()
            raise ToolError(f"{self.tool.title} gave no answer within {self.timeout_s:g} s") from None
        except ValueError:
            self.close()
            raise ToolError(f"{self.tool.title}'s bridge answered what is no JSON") from None
        except BaseException:
            self.close()
            raise
        if "error" in answer:
            raise ToolError(f"{self.tool.title}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """End the process group and remove the scratch folder."""
        process, self._process, self._received = self._process, None, b""
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = ""

    def _start(self) -> None:
        self._scratch = tempfile.mkdtemp(prefix=f"cosearch-{self.tool.name}-")
        memory = 0 if self.memory_gib is None else int(self.memory_gib * (1 << 30))
        command = [self.tool.interpreter, str(BRIDGES / "serve.py"), self.tool.name, str(memory)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg", "TMPDIR": self._scratch}
        if self.tool.variable in os.environ:  # another interpreter has no use for this one's packages
            environment.pop("PYTHONPATH", None)
            environment.pop("PYTHONHOME", None)
        with open(Path(self._scratch, "log"), "wb") as log:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._scratch,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                self.close()
                raise ToolError(
                    f"{self.tool.title} cannot be started: {error.strerror}: {command[0]}"
                ) from error

    def _line(self) -> bytes:
        """One line of the answers' pipe, within the time limit."""
        assert self._process is not None
        assert self._process.stdout is not None
        until = time.monotonic() + self.timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(max(until - time.monotonic(), 0.0)):
                    raise TimeoutError
                part = os.read(self._process.stdout.fileno(), 1 << 16)
                if not part:
                    raise EOFError
                self._received += part
                if len(self._received) > MOST_ANSWER_BYTES:
                    raise ValueError("an answer too long")
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _ended(self) -> str:
        """How the process ended, with the tail of what it said; everything of it is removed."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDED_S)
        code = self._process.poll()
        tail = self._tail()
        self.close()
        if code is None:
            how = "closed its answers"
        elif code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        return f"{self.tool.title} {how}" + (f": {tail}" if tail else "")

    def _tail(self) -> str:
        path = Path(self._scratch, "log")
        try:
            with open(path, "rb") as log:
                log.seek(max(path.stat().st_size - 4 * TAIL_CHARACTERS, 0))
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        return " | ".join(lines[-3:])[-TAIL_CHARACTERS:]
