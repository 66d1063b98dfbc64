"""A simulator that does, as the design tells it, what simulators should not do; for the tests of backends."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from cosearch import Categorical, Designs, DesignSpace, Integer, Metric, Objective, Problem


class Textless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text today")


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


def uses_multiprocessing(x: int) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(abs, [-1, 2]) == [1, 2]


def closes_all_files(x: int) -> None:
    os.closerange(3, 1000)


def closes_all_files_and_sleeps(x: int) -> None:
    os.closerange(3, 1000)
    time.sleep(60)


def dies_and_leaves_a_child_on_the_pipe(x: int) -> None:
    if os.fork() == 0:
        time.sleep(600)
    os._exit(3)


def forks_and_both_return(x: int) -> None:
    os.fork()


def waits_for_a_child(x: int) -> None:
    subprocess.Popen(["sleep", str(x)]).wait()


def waits_beside_a_session(x: int) -> None:
    subprocess.Popen(["sleep", str(x)], start_new_session=True).wait()


def waits_beside_a_session_without_environment(x: int) -> None:
    subprocess.Popen(["/bin/sleep", str(x)], start_new_session=True, env={}).wait()


def leaves_a_daemon_and_dies(x: int) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", str(x)])
        os._exit(0)
    time.sleep(0.2)
    os._exit(4)


def leaves_a_daemon_without_environment(x: int) -> None:
    script = f"import os\nif os.fork() == 0:\n os.setsid()\n os.execve('/bin/sleep', ['sleep', '{x}'], {{}})"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)
    time.sleep(600)


def starts_many_sessions(x: int) -> None:
    while True:
        subprocess.Popen(["sleep", str(x)], start_new_session=True)
        time.sleep(0.01)


def ignores_sigterm(x: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def stops_itself(x: int) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def holds_the_interpreter(x: int) -> None:
    re.match(r"(a+)+$", "a" * 60 + "b")


def leaves_with_success(x: int) -> None:
    os._exit(0)


def reads_address_zero(x: int) -> None:
    ctypes.string_at(0)


def aborts(x: int) -> None:
    os.abort()


def kills_itself(x: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def interrupts_itself(x: int) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def calls_sys_exit(x: int) -> None:
    sys.exit("no licence")


def raises_keyboard_interrupt(x: int) -> None:
    raise KeyboardInterrupt


def raises_without_a_text(x: int) -> None:
    raise Textless


def raises_what_cannot_be_sent(x: int) -> None:
    raise Unpicklable


def raises_what_is_no_text(x: int) -> None:
    raise RuntimeError(b"\xff\xfe".decode("utf-8", "surrogateescape") + "\x00 and more")


def raises_ten_megabytes(x: int) -> None:
    raise RuntimeError("x" * 10_000_000)


def recurses_without_end(x: int) -> None:
    recurses_without_end(x)


def reads_stdin(x: int) -> None:
    input("which licence? ")


def prints_megabytes(x: int) -> None:
    for _ in range(50):
        print("m" * 100_000)
    sys.stdout.buffer.write(b"\xff\xfe no text\n")
    os.write(1, b"\xff" * 1_000_000)


def prints_megabytes_in_python(x: int) -> None:
    for _ in range(50):
        print("m" * 100_000)
    sys.stdout.buffer.write(b"\xff\xfe no text\n")


def prints_surrogates(x: int) -> None:
    print("\udcff")


def prints_and_dies(x: int) -> None:
    print("licence server: no answer\n")
    os._exit(9)


def prints_without_end(x: int) -> None:
    while True:
        os.write(1, b"m" * 100_000)


def closes_stdout(x: int) -> None:
    sys.stdout.close()


def changes_the_directory(x: int) -> None:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.rmdir(folder)


def leaves_an_alarm(x: int) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.2)


def sleeps_a_little(x: int) -> None:
    time.sleep(0.4)


def takes_memory(x: int) -> None:
    bytearray(2_000_000_000)


def children_take_memory(x: int) -> None:
    for _ in range(4):
        if os.fork() == 0:
            held = bytearray(os.urandom(1_000) * 120_000)
            time.sleep(600)
            del held
    time.sleep(600)


def children_share_memory(x: int) -> None:
    held = bytearray(os.urandom(1_000) * 30_000)
    children = [os.fork() for _ in range(4)]
    if 0 in children:
        time.sleep(0.5)
        os._exit(len(held) % 2)
    for child in children:
        os.waitpid(child, 0)


def writes_into_every_file(x: int) -> None:
    for descriptor in range(3, 1000):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"garbage " * 10)


def leaves_a_locked_folder(x: int) -> None:
    folder = tempfile.mkdtemp()
    with open(os.path.join(folder, "result"), "w") as file:
        file.write("1")
    os.chmod(folder, 0o500)


def hangs_at_exit(x: int) -> None:
    atexit.register(time.sleep, 600)
    threading.Thread(target=time.sleep, args=(600,)).start()


def tells_who_it_is(x: int) -> float:
    time.sleep(0.02)
    return os.getpid() + int(os.environ.get("OMP_NUM_THREADS", 0)) / 100


def fine(x: int) -> None:
    pass


DEEDS: dict[str, Callable[[int], float | None]] = {
    name: deed
    for name, deed in list(globals().items())
    if callable(deed) and getattr(deed, "__module__", "") == __name__ and not isinstance(deed, type)
}


class Misbehaving(Problem):
    """Does what the design says, and returns its number."""

    name = "misbehaving"
    space = DesignSpace([Categorical("deed", sorted(DEEDS)), Integer("x", 0, 99_999)])
    metrics = (Metric("value", "1"),)
    objectives = (Objective("value", "min"),)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        done = [
            DEEDS[deed](x) for deed, x in zip(designs["deed"].tolist(), designs["x"].tolist(), strict=True)
        ]
        return {"value": [x if value is None else value for value, x in zip(done, designs["x"], strict=True)]}


def does(problem: Misbehaving, deed: str, x: int) -> str:
    """Do a deed outside any trial."""
    DEEDS[deed](x)
    return f"{deed}: done"


class UnfitForWorkers(Misbehaving):
    """Can be pickled, but not read again."""

    name = "unfit-for-workers"

    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()


def _refuse() -> None:
    print("looking for the licence")
    raise RuntimeError("no licence in this process")


class Unsendable(Misbehaving):
    """Holds what cannot be pickled."""

    name = "unsendable"

    def build(self) -> None:
        self.lock = threading.Lock()
