"""Commands that run in folders of their own, several at once, within limits, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from cosearch.command_simulator.reports import STDERR, STDOUT
from cosearch.run import keeper
from cosearch.run.memory import resident_bytes_of_tree
from cosearch.run.watched_folder import WatchedFolder

LOOK_S = 0.05  # between two looks at memory
SCAN_S = 0.5  # between two looks at what is in the folder
MEBIBYTE = 1 << 20
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Limits:
    """What one run of a program may take.

    Attributes:
        timeout_s: of wall-clock time; its whole process group is then killed.
        memory_mb: held by it and what it starts, looked at every 50 ms; None for no limit.
        output_mb: that it prints or writes into its folder.
    """

    timeout_s: float = 3600.0
    memory_mb: int | None = None
    output_mb: int = 256


@dataclass
class Run:
    """One run of a program.

    Attributes:
        number: whose it is.
        command: the words, absolute program first.
        folder: where it runs; `stdout` and `stderr` are what it prints.
        code: its exit code, negative for a signal; None while it runs.
        why: what limit it went beyond, if one, or why it did not start.
        seconds: how long it took.
    """

    number: int
    command: Sequence[str]
    folder: Path
    token: str
    code: int | None = None
    why: str = ""
    seconds: float = 0.0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    pidfd: int = -1
    began: float = 0.0
    scanned: float = 0.0

    @property
    def ended_by(self) -> str:
        """How it ended, in words, where that was no success by itself: a limit, a signal, an exit code."""
        if self.why or self.code is None:
            return self.why
        if self.code < 0:
            with contextlib.suppress(ValueError):
                return f"it was ended by {signal.Signals(-self.code).name}"
            return f"it was ended by signal {-self.code}"
        return f"exit code {self.code}"


class Commands:
    """Runs commands; leave its `with` block and all that they started is ended and their folders are gone.

    Args:
        limits: for each.
        at_once: several share the cores, so each is told by the usual variables to take one thread.
    """

    def __init__(self, limits: Limits, at_once: int) -> None:
        self.limits, self._at_once = limits, at_once
        self._runs: list[Run] = []
        self._name = secrets.token_hex(6)
        self._count = 0
        self._folder: WatchedFolder | None = None
        self._place = ""

    def __enter__(self) -> Commands:
        # In a worker process there is somebody who cleans up already.
        if any(name.startswith(keeper.MARK) for name in os.environ):
            self._place = tempfile.mkdtemp(prefix="runs-")
        else:
            self._folder = WatchedFolder()
            self._folder.will_start(self._name)  # the mark that all runs have, also once one has ended
            self._place = str(self._folder.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill(self._runs)
        self._runs = []
        if self._count:
            keeper.end({self._name: 0})  # what left its group, by the mark that all have
        if self._folder is not None:
            self._folder.close()
        else:
            keeper.remove_folder(self._place)

    def new_folder(self) -> tuple[str, Path]:
        """A token and an empty folder for a run."""
        self._count += 1
        token = f"{self._name}_{self._count}"
        folder = Path(self._place) / token / "run"
        folder.mkdir(parents=True)
        (folder.parent / "tmp").mkdir()
        return token, folder

    def start(
        self, number: int, command: Sequence[str], token: str, folder: Path, environment: Mapping[str, str]
    ) -> Run:
        """Start a command in its folder, with variables beside this process's own.

        One that cannot start has ended already.
        """
        run = Run(number, list(command), folder, token, began=time.monotonic())
        run.scanned = run.began
        if self._folder is not None:
            self._folder.will_start(token)
        threads = dict.fromkeys(THREADS, "1") if self._at_once > 1 else {}
        marks = dict.fromkeys((keeper.MARK + self._name, keeper.MARK + token), "1")
        own = {**marks, "TMPDIR": str(folder.parent / "tmp"), "PWD": str(folder)}
        try:
            with open(folder / STDOUT, "wb") as out, open(folder / STDERR, "wb") as err:
                run.process = subprocess.Popen(
                    run.command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**threads, **os.environ, **environment, **own},
                    start_new_session=True,
                )
        except OSError as error:
            run.why = f"{command[0]} could not start: {error.strerror}"
        except ValueError as error:  # a NUL in an argument
            run.why = f"{command[0]} could not start: {error}"
        self._runs.append(run)
        if run.process is not None:
            _limit(run.process.pid, self.limits.output_mb * MEBIBYTE)
            with contextlib.suppress(AttributeError, OSError):
                run.pidfd = os.pidfd_open(run.process.pid)
            if self._folder is not None:
                self._folder.started(token, run.process.pid)
        return run

    def ended(self, timeout_s: float | None = None) -> list[Run]:
        """The runs that have ended since, by themselves or because of a limit; waits for one."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while self._runs:
            done = [run for run in self._runs if self._is_over(run)]
            if done:
                self._end(done)
                self._runs = [run for run in self._runs if run not in done]
                return done
            left = LOOK_S if until is None else min(LOOK_S, until - time.monotonic())
            if left <= 0:
                return []
            self._wait(left)
        return []

    def discard(self, run: Run) -> None:
        """Remove the folder of a run that ended."""
        keeper.remove_folder(str(run.folder.parent))

    def _wait(self, seconds: float) -> None:
        watched = [run.pidfd for run in self._runs if run.pidfd >= 0]
        if len(watched) < len(self._runs):
            time.sleep(min(seconds, 0.01))
            return
        with selectors.DefaultSelector() as selector:
            for descriptor in watched:
                selector.register(descriptor, selectors.EVENT_READ)
            selector.select(seconds)

    def _is_over(self, run: Run) -> bool:
        if run.process is None:
            return True
        code = run.process.poll()
        now = time.monotonic()
        run.seconds = now - run.began
        if code is not None:
            run.code = code
            full = code != 0 and _bytes_in(run.folder.parent) >= self.limits.output_mb * MEBIBYTE
            if code == -signal.SIGXFSZ or full:  # Python, say, has an error in place of the signal
                run.why = self._too_much_output()
            return True
        if run.seconds >= self.limits.timeout_s:
            run.why = f"it took longer than {self.limits.timeout_s:g} s"
        elif self.limits.memory_mb is not None:
            held = resident_bytes_of_tree(run.process.pid, self.limits.memory_mb * MEBIBYTE) / MEBIBYTE
            if held > self.limits.memory_mb:
                run.why = (
                    f"it used {held:.0f} MB of memory with what it started; "
                    f"the limit is {self.limits.memory_mb} MB"
                )
        if not run.why and now - run.scanned >= SCAN_S:
            run.scanned = now
            if _bytes_in(run.folder.parent) > self.limits.output_mb * MEBIBYTE:
                run.why = self._too_much_output()
        return bool(run.why)

    def _too_much_output(self) -> str:
        return f"it printed or wrote more than {self.limits.output_mb} MB"

    def _end(self, runs: Sequence[Run]) -> None:
        """Let go of runs that are over; one that ended by itself loses what is left of its group."""
        self._kill([run for run in runs if run.code is None])
        for run in runs:
            if run.code is not None and run.process is not None:
                with contextlib.suppress(OSError):
                    os.killpg(run.process.pid, signal.SIGKILL)
            self._let_go(run)

    def _kill(self, runs: Sequence[Run]) -> None:
        """End runs with all that they started, also what left their group."""
        keeper.end({run.token: run.process.pid for run in runs if run.process is not None})
        for run in runs:
            if run.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.process.wait(keeper.GRACE_S)
            self._let_go(run)

    def _let_go(self, run: Run) -> None:
        if run.pidfd >= 0:
            os.close(run.pidfd)
            run.pidfd = -1
        if self._folder is not None:
            self._folder.gone(run.token)


def _limit(pid: int, output_bytes: int) -> None:
    """Let the system refuse a file that is too long, and a core dump; it has only just started."""
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (output_bytes, output_bytes))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _bytes_in(folder: Path) -> int:
    """What the files of a folder take, links not followed."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_size
    return total
