"""Ends whatever worker processes started, even where the study itself was killed.

Imported, it is the routine that ends a worker with everything that it started. Run as a script, it is a
small process beside a study (the keeper): it hears on stdin which workers there are ("TOKEN GROUP", "gone
TOKEN"), keeps their logs short, and when its stdin ends, for whatever reason, it ends the workers and removes
their folder.

A worker's processes are known by its process group and session, by the mark in their environment, which is
inherited, and as children of such processes. Standard library only: it starts in ten milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

MARK = "COSEARCH_WORKER_"  # the environment variable of a worker is this and its token
LOG = "output.log"
LONGEST_LOG = 1 << 20  # bytes
KEPT_OF_LOG = 4096
GRACE_S = 0.3  # between SIGTERM and SIGKILL
PATIENCE_S = 1.5  # for what does not even die of SIGKILL
TICK_S = 0.2


class Process(NamedTuple):
    """A process as /proc tells of it."""

    pid: int
    state: str
    parent: int
    group: int
    session: int


def process(pid: int) -> Process | None:
    """The process, or None where there is none (or no /proc)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # the name may hold anything
        return Process(pid, fields[0].decode(), *(int(field) for field in fields[1:4]))
    except (OSError, IndexError, ValueError):
        return None


def processes() -> Iterator[Process]:
    """All processes that run; none where there is no /proc."""
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            found = process(int(name)) if name.isdigit() else None
            if found is not None and found.state not in "ZX":
                yield found


def left_of(workers: Mapping[str, int]) -> set[int]:
    """The processes that are left of workers, given as {token: process group}; a group of 0 is not known."""
    marks = [f"{MARK}{token}=".encode() for token in workers]
    groups = {group for group in workers.values() if group > 1}
    children: dict[int, list[int]] = {}
    found = set()
    for one in processes():
        children.setdefault(one.parent, []).append(one.pid)
        if one.group in groups or one.session in groups or _marked(one.pid, marks):
            found.add(one.pid)
    unseen = list(found)
    while unseen:
        for child in children.get(unseen.pop(), ()):
            if child not in found:
                found.add(child)
                unseen.append(child)
    return found - {os.getpid()}


def _marked(pid: int, marks: list[bytes]) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except OSError:
        return False
    return any(mark in environment for mark in marks)


def end(workers: Mapping[str, int], grace_s: float = GRACE_S) -> None:
    """End workers, given as {token: process group}, and all that they started, within about two seconds."""
    if not workers:
        return
    began = time.monotonic()
    pids = _signal(workers, signal.SIGTERM)
    while _any_runs(workers, pids) and time.monotonic() < began + grace_s:
        time.sleep(0.005)
    # what was started in the meantime, by whatever is left, is found by looking again
    while _signal(workers, signal.SIGKILL) and time.monotonic() < began + grace_s + PATIENCE_S:
        time.sleep(0.005)


def _signal(workers: Mapping[str, int], number: int) -> set[int]:
    """Send a signal to all that is left; returns what that was."""
    pids = left_of(workers)
    for group in workers.values():
        if group > 1:  # at once, so that a process that only forks cannot run away
            with contextlib.suppress(OSError):
                os.killpg(group, number)
                pids.update(() if os.path.isdir("/proc/self") else (group,))
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, number)
    return pids


def _any_runs(workers: Mapping[str, int], pids: set[int]) -> bool:
    if not os.path.isdir("/proc/self"):
        return any(_group_exists(group) for group in workers.values() if group > 1)
    return any((found := process(pid)) is not None and found.state not in "ZX" for pid in pids)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def remove_folder(folder: str) -> None:
    """Remove a folder with all that is in it, though a simulator took the rights to do so away."""
    import shutil  # slow to import, and needed only at the end

    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.lexists(folder):
        return
    for path, folders, _ in os.walk(folder):
        for name in ("", *folders):
            one = os.path.join(path, name)
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(os.lstat(one).st_mode):
                    os.chmod(one, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def shorten_log(path: str) -> None:
    """Keep the end of a log that has grown too long; who writes to it appends."""
    with contextlib.suppress(OSError):
        if os.stat(path).st_size > LONGEST_LOG:
            with open(path, "r+b") as file:
                file.seek(-KEPT_OF_LOG, os.SEEK_END)
                kept = file.read(KEPT_OF_LOG)
                file.truncate(0)
            with open(path, "ab") as file:
                file.write(kept)


def keep(folder: str, study: int) -> None:
    """What the keeper does until the study ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    workers: dict[str, int] = {}
    heard = b""
    while os.getppid() == study:  # a child of the study may hold the pipe open
        if select.select([0], [], [], TICK_S if workers else 1.0)[0]:
            said = os.read(0, 1 << 16)
            if not said:
                break
            *lines, heard = (heard + said).split(b"\n")
            for line in lines:
                first, second = line.decode().split(" ")
                if first == "gone":
                    workers.pop(second, None)
                else:
                    workers[first] = int(second)
        for token in workers:
            shorten_log(os.path.join(folder, token, LOG))
    end(workers)
    remove_folder(folder)


if __name__ == "__main__":
    keep(sys.argv[1], int(sys.argv[2]))
