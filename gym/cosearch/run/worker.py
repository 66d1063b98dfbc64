"""What a worker process does: run the designs that it is sent, until its channel ends.

Run as a script: it is set up before anything of the user's is loaded, with the standard library alone.
`worker_process.py` is the study's side. (The workers of `multiprocessing` may not have children, or are
waited for at exit; they share the study's session, stdout and temporary folder; and its pools, like those of
loky and pebble, break or wait for ever when a worker dies at the wrong moment.)

Messages are pickled, each after four bytes that tell it from garbage and its length as eight. The worker
sends `("ready", bytes in memory)` or `("unfit", why)`, hears `("run", index, fidelity, seed)` or
`("call", function, arguments)` and answers `("done", outcomes or result, seconds)` or `("failed", reason)`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
HEADER, MAGIC = struct.Struct("<4sQ"), b"cosr"
PROBLEM = "problem.pickle"
LOADING = "COSEARCH_WORKER_LOADS"  # in the environment while the study's script may be imported


def main(arguments: Sequence[str]) -> None:
    """Load the problem and run designs.

    Args:
        arguments: the channel's descriptor, the study's process, whether its thread lives as long as it does,
            the folder that workers share, and the memory limit in MB or "".
    """
    descriptor, study, lasting, folder, limit = arguments
    memory_mb = int(limit) if limit else None
    _end_with(int(study), lasting == "lasting")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the study's to answer
    channel = socket.socket(fileno=int(descriptor))
    _open_output()
    try:
        with open(os.path.join(folder, PROBLEM), "rb") as file:
            from multiprocessing import spawn

            os.environ[LOADING] = "1"
            spawn.prepare(pickle.load(file))  # the study's import path; its script, if the problem needs it
            problem = pickle.load(file)
            del os.environ[LOADING]
    except BaseException as error:  # whatever a plugin does at import
        _send(channel, ("unfit", f"{type(error).__name__}: {error}"))
        raise
    own_bytes = _limit_memory(memory_mb)
    _send(channel, ("ready", own_bytes))
    _Worker(channel, problem, memory_mb, own_bytes).run()


class _Worker:
    """The loop over the designs."""

    def __init__(self, channel: socket.socket, problem: Any, memory_mb: int | None, own_bytes: int) -> None:
        self.channel, self.problem, self.memory_mb = channel, problem, memory_mb
        self.own_bytes = own_bytes  # of the interpreter and its libraries, which the limit comes on top of
        self.pid, self.home = os.getpid(), os.getcwd()

    def run(self) -> None:
        """Answer until the channel ends."""
        while (asked := _receive(self.channel)) is not None:
            answer = self._answer(asked)
            if os.getpid() != self.pid:  # a simulator forked and both came back
                os._exit(1)
            self._tidy_up()
            try:
                _send(self.channel, answer)
            except OSError as error:
                print(f"the simulator closed the channel to the study ({error})")
                os._exit(1)

    def _answer(self, message: bytes) -> tuple[Any, ...]:
        from cosearch.outcomes import reason_of

        began = time.perf_counter()
        try:
            what, *asked = pickle.loads(message)
            answer = self._run(*asked) if what == "run" else asked[0](self.problem, *asked[1])
            return ("done", answer, time.perf_counter() - began)
        except BaseException as error:  # Ctrl-C's exception, raised by a simulator, is no Ctrl-C
            return ("failed", reason_of(error))

    def _run(self, index: Any, fidelity: str, seed: int) -> Any:
        from cosearch.space import Designs

        outcomes = self.problem.run(Designs(self.problem.space, index), fidelity=fidelity, seed=seed)
        if self.memory_mb is not None:
            self._explain_memory(outcomes)
        return outcomes

    def _explain_memory(self, outcomes: Any) -> None:
        for row in (~outcomes.ok).nonzero()[0].tolist():
            if "MemoryError" in outcomes.reason[row]:
                used_mb = max(0, resident_bytes(self.pid) - self.own_bytes) >> 20
                limit = (
                    f"the memory limit is {self.memory_mb} MB, and {used_mb} MB were in use "
                    "beside the interpreter and its libraries"
                )
                outcomes.reason[row] = f"{outcomes.reason[row]}; {limit}"

    def _tidy_up(self) -> None:
        """What one design did to the process is not the next one's."""
        with contextlib.suppress(OSError):
            os.chdir(self.home)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if sys.stdout is None or sys.stdout.closed or sys.stderr is None or sys.stderr.closed:
            _open_output()


def _end_with(study: int, lasting: bool) -> None:
    """Die when the study does, and adopt what orphans there are below, so that they can be found.

    The signal comes when the thread that started us ends; if that may be before the study, the keeper does.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError, ImportError):
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            if lasting:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != study:
        os._exit(1)


def _open_output() -> None:
    """Text streams over the log that no text can break, and that a crash leaves written to the last line."""
    sys.stdout, sys.stderr = (
        open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for descriptor in (1, 2)
    )


def _limit_memory(memory_mb: int | None) -> int:
    """Limit the process, on top of the interpreter and its libraries; returns what they hold in memory."""
    if memory_mb is not None:
        with contextlib.suppress(OSError, ValueError, ImportError):
            import resource

            with open("/proc/self/statm") as statm:
                mapped_bytes = int(statm.read().split()[0]) * resource.getpagesize()
            limit_bytes = mapped_bytes + memory_mb * 1024 * 1024
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            if limit_bytes < (sys.maxsize if hard == resource.RLIM_INFINITY else hard):
                resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    return resident_bytes(os.getpid())


def resident_bytes(pid: int) -> int:
    """What a process holds in memory; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _send(channel: socket.socket, message: tuple[Any, ...]) -> None:
    body = pickle.dumps(message, protocol=5)
    channel.sendall(HEADER.pack(MAGIC, len(body)) + body)


def _receive(channel: socket.socket) -> bytes | None:
    header = _exactly(channel, HEADER.size)
    return None if header is None else _exactly(channel, HEADER.unpack(header)[1])


def _exactly(channel: socket.socket, n: int) -> bytes | None:
    parts = []
    while n:
        part = channel.recv(min(n, 1 << 20))
        if not part:
            return None
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


if __name__ == "__main__":
    main(sys.argv[1:])
