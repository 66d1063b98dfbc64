"""Compiling a program and measuring it: alone on the machine, threads pinned, median and its error.

A program reads `inputs` in its folder and leaves `result` and `times`, nanoseconds of each repeat. It runs in
a process group of its own, so that one that crashes or hangs costs its design only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_plugins.schedule.kernels import Kernel

COMPILE_S = 60.0
LEAST_NS = 2e5
"""A repeat runs the kernel as often as takes this long: clocks are no finer."""

FLAGS = ("-O3", "-march=native", "-ffast-math", "-std=gnu11")
SCALAR = ("-fno-tree-vectorize", "-fno-tree-slp-vectorize")
MEDIAN_ERROR = 1.2533
"""Standard error of a median over that of a mean, of normal noise."""

DEVIATION = 1.4826
"""Standard deviation over the median absolute deviation, of normal noise."""


class ScheduleError(Exception):
    """A program that did not compile, did not run to its end, or computed something else."""


@dataclass(frozen=True)
class Timing:
    """What a program took.

    Attributes:
        ns: median of the repeats.
        error_ns: its standard error, from the spread of the repeats.
        difference: of its result from the exact one: the largest, over the largest number of that.
    """

    ns: float
    error_ns: float
    difference: float = 0.0


def timing_of(times: NDArray[np.float64], difference: float = 0.0) -> Timing:
    """Median and standard error of repeats; outliers, when another process had the core, count little."""
    median = float(np.median(times))
    spread = DEVIATION * float(np.median(np.abs(times - median)))
    return Timing(median, MEDIAN_ERROR * spread / len(times) ** 0.5, difference)


@cache
def compiler() -> str:
    """The path of the machine's C compiler; empty where there is none."""
    named = os.environ.get("CC", "")
    return next((path for name in (named, "cc", "gcc", "clang") if name and (path := shutil.which(name))), "")


@cache
def has_openmp() -> bool:
    """Whether the compiler knows OpenMP and has its library."""
    with tempfile.TemporaryDirectory(prefix="cosearch-") as folder:
        try:
            compiled("int main(void) { return 0; }", Path(folder), ("-fopenmp",))
        except ScheduleError:
            return False
    return True


def compiled(source: str, folder: Path, flags: Sequence[str]) -> Path:
    """Compile a program.

    Raises:
        ScheduleError: with what the compiler says.
    """
    (folder / "program.c").write_text(source, encoding="utf-8")
    command = [compiler(), *FLAGS, *flags, "program.c", "-o", "program", "-lm"]
    code, said = _run(command, folder, COMPILE_S, {})
    if code != 0:
        errors = (
            [line for line in said.splitlines() if "error" in line] or said.splitlines() or [f"code {code}"]
        )
        raise ScheduleError(f"the compiler says: {' '.join(errors[0].split())[:300]}")
    return folder / "program"


def measured(
    command: Sequence[str], kernel: Kernel, folder: Path, *, threads: int, repeats: int, timeout_s: float
) -> Timing:
    """Run a program's repeats and check its result; one program at a time on this machine.

    Raises:
        ScheduleError: it crashed, hung, or computed something else.
    """
    inputs = folder / "inputs"
    if not inputs.exists():
        inputs.write_bytes(b"".join(one.tobytes() for one in kernel.inputs()))
    pinned = {
        "OMP_NUM_THREADS": str(threads),
        "OMP_PLACES": "cores",
        "OMP_PROC_BIND": "close",
    }
    with _alone():
        code, said = _run([*command, "2", str(repeats), str(LEAST_NS)], folder, timeout_s, pinned)
    if code is None:
        raise ScheduleError(f"it ran for longer than {timeout_s:g} s")
    if code < 0:
        raise ScheduleError(f"it was ended by {signal.Signals(-code).name}")
    if code != 0:
        last = " ".join(said.split())[-200:]
        raise ScheduleError(f"it ended with exit code {code}" + (f": {last}" if last else ""))
    result = np.fromfile(folder / "result", np.float32)
    times = np.fromfile(folder / "times", np.float64)
    exact = _exact(kernel)
    if len(result) != exact.size or len(times) != repeats:
        raise ScheduleError("it left no whole result")
    return timing_of(times, _difference(result, exact))


def blas_timing(kernel: Kernel, repeats: int, threads: int) -> Timing:
    """What NumPy takes, its BLAS with this many threads."""
    import time

    from threadpoolctl import threadpool_limits

    compute = kernel.by_blas()
    times = np.empty(repeats)
    with _alone(), threadpool_limits(threads, user_api="blas"):
        for _ in range(2):
            compute()
        for at in range(repeats):
            inner, began = 0, time.perf_counter_ns()
            while True:
                compute()
                inner += 1
                took = time.perf_counter_ns() - began
                if took >= LEAST_NS:
                    break
            times[at] = took / inner
    return timing_of(times)


def _difference(result: NDArray[np.float32], exact: NDArray[np.float64]) -> float:
    if not np.isfinite(result).all():
        return float("inf")
    return float(np.abs(result - exact.ravel()).max() / np.abs(exact).max())


@cache
def _exact_of(name: str, sizes: tuple[tuple[str, int], ...]) -> Any:
    from cosearch_plugins.schedule.kernels import Kernel

    return Kernel(name, dict(sizes), {}, "", 0, 0.0).exact()


def _exact(kernel: Kernel) -> NDArray[np.float64]:
    found: NDArray[np.float64] = _exact_of(kernel.name, tuple(kernel.sizes.items()))
    return found


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock that every measurement on this machine holds."""
    path = Path(tempfile.gettempdir(), f"cosearch-schedule-{os.getuid()}.lock")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _run(
    command: Sequence[str], folder: Path, timeout_s: float, environment: dict[str, str]
) -> tuple[int | None, str]:
    """Exit code (None: it was ended after the time limit) and what was printed; leaves no process."""
    with open(folder / "printed", "wb") as log:
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | environment,
            start_new_session=True,
        )
        code: int | None = None
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    with open(folder / "printed", "rb") as log:
        return code, log.read(1 << 16).decode("utf-8", "replace")
