"""Worker processes as the study sees them: started, given work, watched, ended with all that they started."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from multiprocessing import spawn
from pathlib import Path
from typing import Any

from cosearch.errors import ProblemError
from cosearch.outcomes import bounded, reason_of
from cosearch.problem import Problem
from cosearch.run import keeper, worker
from cosearch.run.backend import BackendOptions
from cosearch.run.channel import Channel
from cosearch.run.keeper import LOG, MARK
from cosearch.run.memory import resident_bytes_of_tree
from cosearch.run.trial import Piece
from cosearch.run.watched_folder import WatchedFolder

# Libraries that would take all cores; several workers share them.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)
# How long a process may take from the end of its channel to its own end.
DYING_S = 0.5
STARTING_S = 300.0
LONGEST_LINE = 200
MEBIBYTE = 1 << 20


class Workshop:
    """What the workers of a backend share: a folder with the problem, and the keeper that outlives the study.

    Args:
        problem: what the workers run.
        options: workers and limits.
        packed: the problem as bytes that pickle reads, where it came as such and cannot be pickled again.

    Raises:
        ProblemError: if the problem cannot be sent to another process.
    """

    def __init__(self, problem: Problem, options: BackendOptions, packed: bytes | None = None) -> None:
        self.options = options
        self._problem = _pickled(problem, packed)
        self._name = secrets.token_hex(6)
        self._started = 0
        self._folder: WatchedFolder | None = None

    def start(self) -> WorkerProcess:
        """Start a worker; it is up when it says so.

        Raises:
            ProblemError: if the system does not let us.
        """
        if worker.LOADING in os.environ:
            raise ProblemError(
                "the script starts a search whenever it is imported, as its worker processes do; "
                'put that under `if __name__ == "__main__":`'
            )
        try:
            if self._folder is None:
                self._folder = WatchedFolder()
                (self._folder.path / worker.PROBLEM).write_bytes(self._problem)
            self._started += 1
            token = f"{self._name}_{self._started}"
            self._folder.will_start(token)
            started = WorkerProcess(self._folder.path, token, self.options)
        except OSError as error:
            raise ProblemError(f"a worker process could not start: {error}") from None
        self._folder.started(token, started.pid)
        return started

    def end(self, workers: Iterable[WorkerProcess]) -> None:
        """End workers with all that they started, whatever they are doing."""
        ending = list(workers)
        keeper.end({one.token: one.pid for one in ending})
        for one in ending:
            one.bury()
            if self._folder is not None:
                self._folder.gone(one.token)

    def close(self) -> None:
        """Let the keeper look for what is left, and remove the folder."""
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    @property
    def folder(self) -> Path | None:
        """Where the workers' folders are, once there is one."""
        return None if self._folder is None else self._folder.path


class WorkerProcess:
    """One worker process in a session of its own.

    Attributes:
        piece: the trials that it runs, if any.
        ready: whether it has loaded the problem.
        deadline: when the time limit for the piece (before that, for the start) ends, on the monotonic clock.
    """

    def __init__(self, folder: Path, token: str, options: BackendOptions) -> None:
        self.token, self.options = token, options
        self.piece: Piece | None = None
        self.ready = False
        self.deadline = time.monotonic() + STARTING_S
        self._own_bytes = 0
        scratch = folder / token / "tmp"
        scratch.mkdir(parents=True)
        self._log = os.open(
            folder / token / LOG, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode=0o600
        )
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                _command(theirs.fileno(), folder, options.memory_mb),
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
                env=_environment(token, str(scratch), options.workers),
            )
        self.channel = Channel(ours)
        self.pid = self.process.pid
        # what a simulator forked may hold the channel open; this one ends with the process itself
        self.pidfd = _pidfd(self.pid)

    def begin(self, piece: Piece) -> None:
        """Send trials to it; the time limit counts from now."""
        if os.fstat(self._log).st_size:
            os.ftruncate(self._log, 0)  # what was printed before is not about these
        self.piece = piece
        self._send("run", piece.designs.index, piece.fidelity, piece.seed)

    def call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        """Have it call `function(problem, *arguments)`; the time limit counts from now."""
        self._send("call", function, arguments)

    def _send(self, *message: Any) -> None:
        if self.options.timeout_s is not None:
            self.deadline = time.monotonic() + self.options.timeout_s
        self.channel.send(message)

    def heard(self) -> tuple[Any, ...] | None:
        """What the worker says, if it says something; `("lost", why)` where it never will."""
        died = self.process.poll() is not None  # asked first: what it said before is still there
        try:
            message = self.channel.receive()
        except EOFError:
            return ("lost", self._cause_of_death())
        except Exception:  # whatever pickle makes of what a simulator wrote into the channel
            return ("lost", "the worker process sent what is no answer")
        if message is None:
            return ("lost", self._cause_of_death()) if died else None
        if not isinstance(message, tuple) or not message:
            return ("lost", "the worker process sent what is no answer")
        if message[0] == "ready":
            self.ready, self.deadline, self._own_bytes = True, math.inf, message[1]
        return message

    def beyond_limits(self) -> str:
        """Why it must be ended, or nothing."""
        if time.monotonic() >= self.deadline:
            return self.took_too_long() if self.ready else f"it was not up after {STARTING_S:g} s"
        if self.options.memory_mb is not None and self.piece is not None:
            used_mb = (resident_bytes_of_tree(self.pid, self._limit_bytes) - self._own_bytes) / MEBIBYTE
            if used_mb > self.options.memory_mb:
                return (
                    f"used {used_mb:.0f} MB of memory with the processes that it started; "
                    f"the limit is {self.options.memory_mb} MB"
                )
        return ""

    def took_too_long(self) -> str:
        """The reason for a design that ran out of time."""
        return f"took longer than {self.options.timeout_s:g} s"

    @property
    def _limit_bytes(self) -> int:
        return (self.options.memory_mb or 0) * MEBIBYTE + self._own_bytes

    def _cause_of_death(self) -> str:
        try:
            code = self.process.wait(DYING_S)
        except subprocess.TimeoutExpired:
            return self._with_last_line("the simulator closed the channel between the worker and the study")
        why = f"exit code {code}" if code >= 0 else f"signal {_signal_name(-code)}"
        why = f"the worker process died ({why})"
        if code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS) and self.options.memory_mb:
            why += f" under a memory limit of {self.options.memory_mb} MB"
        if code == -signal.SIGKILL:
            why += ", perhaps because the machine ran out of memory"
        return self._with_last_line(why)

    def _with_last_line(self, why: str) -> str:
        line = self.last_line()
        return f"{why}; it last printed: {line}" if line else why

    def last_line(self) -> str:
        """The end of what it printed, if anything."""
        size = os.fstat(self._log).st_size
        tail = os.pread(self._log, keeper.KEPT_OF_LOG, max(0, size - keeper.KEPT_OF_LOG))
        lines = bounded(tail.decode("utf-8", "replace")[-LONGEST_LINE * 4 :].strip()).splitlines()
        return "".join(c for c in lines[-1].strip() if c.isprintable())[:LONGEST_LINE] if lines else ""

    def bury(self) -> None:
        """Let go of a process that was ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(DYING_S)
        self.channel.close()
        os.close(self._log)
        if self.pidfd >= 0:
            os.close(self.pidfd)
        self.piece, self.deadline = None, math.inf


def _command(descriptor: int, folder: Path, memory_mb: int | None) -> list[str]:
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    lasting = "lasting" if threading.current_thread() is threading.main_thread() else "passing"
    limit = "" if memory_mb is None else str(memory_mb)
    arguments = [str(descriptor), str(os.getpid()), lasting, str(folder), limit]
    return [os.fsdecode(spawn.get_executable()), *flags, "-P", worker.__file__, *arguments]


def _environment(token: str, scratch: str, workers: int) -> dict[str, str]:
    threads = dict.fromkeys(THREADS, "1") if workers > 1 else {}
    return {**threads, **os.environ, f"{MARK}{token}": "1", "TMPDIR": scratch}


def _pidfd(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on macOS, nor on old kernels: we look now and then
        return -1


def _pickled(problem: Problem, packed: bytes | None) -> bytes:
    """What `multiprocessing` tells a process that it starts, then the problem."""
    preparation = spawn.get_preparation_data("cosearch-worker")
    preparation.pop("authkey", None)
    try:
        pickled = pickle.dumps(problem) if packed is None else packed
        if packed is not None or b"__main__" not in pickled:  # then the script is not run once more
            preparation.pop("init_main_from_name", None)
            preparation.pop("init_main_from_path", None)
        return pickle.dumps(preparation) + pickled
    except Exception as error:  # pickle raises whatever the author's objects raise
        raise ProblemError(
            f"problem {problem.name} cannot be sent to a worker process: {reason_of(error)}"
        ) from None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
