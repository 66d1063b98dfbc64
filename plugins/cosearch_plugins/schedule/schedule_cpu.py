"""The problem `schedule-cpu`: tiles, loop order, vectors, unrolling and threads of a kernel, measured here.

What TVM's schedules are about: the same arithmetic in another order. Every design is compiled for this
machine, run and timed; nothing is modelled.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Ordinal, Parameter, Permutation
from cosearch_plugins.schedule.kernels import Kernel, kernel_of

if TYPE_CHECKING:
    from cosearch_plugins.schedule.measuring import Timing

METRICS = (
    Metric("time_us", "us", "of one run, the median of the repeats", direction="min"),
    Metric("gflop_per_s", "GFLOP/s", "billions of floating-point operations a second", direction="max"),
    Metric("speedup", "1", "over the plain loops, compiled alike, on one thread", direction="max"),
    Metric(
        "of_blas",
        "1",
        "speed as a share of NumPy's, whose products are its BLAS's, on one core or all",
        direction="max",
    ),
    Metric("difference", "1", "of the result from the exact one, over the largest number of that"),
)
MOST_DIFFERENCE = 1e-3
"""Of float32 sums of some thousand terms; a wrong schedule is off by about 1."""


class ScheduleSettings(Settings):
    """The kernel, its sizes, and how it is compiled and measured."""

    kernel: Literal["matmul", "conv", "attention"] = setting(
        "matmul",
        "`matmul` (rows, columns, depth), `conv` (filters, channels, image, window), `attention` (heads, "
        "sequence, head_size); all in float32",
    )
    rows: int = setting(256, "of the product", ge=1, le=8192)
    columns: int = setting(256, "of the product", ge=1, le=8192)
    depth: int = setting(256, "length of the product's sums", ge=1, le=8192)
    filters: int = setting(32, "of the convolution", ge=1, le=1024)
    channels: int = setting(32, "of the convolution", ge=1, le=1024)
    image: int = setting(32, "rows, and columns, of the convolution's output", ge=1, le=1024)
    window: int = setting(3, "rows, and columns, of the convolution's window", ge=1, le=11)
    heads: int = setting(4, "of attention", ge=1, le=256)
    sequence: int = setting(256, "tokens of attention", ge=1, le=8192)
    head_size: int = setting(64, "of attention", ge=1, le=512)
    compiler: Literal["auto", "c", "numba"] = setting(
        "auto", "`c` is the machine's compiler; `auto` takes it where there is one, else Numba"
    )
    repeats: int = setting(15, "runs that are timed, after two that are not", ge=3, le=10_000)
    run_timeout_s: float = setting(
        60.0, "for all runs of a design", unit="s", gt=0, le=86_400, affects_results=False
    )
    cores: int | None = setting(
        None, "threads at most; default as many as cores that may be used", ge=1, le=256
    )


class ScheduleCpu(Problem):
    """The schedule of a matrix product, a convolution or attention on this machine's CPU, really measured.

    The tiles' loops run in the order given, the outermost first; the first of them that is no sum is shared
    out over threads. Inside a tile, `rows` by `vectors` vectors of `vector` numbers of the result stay in
    registers while the sum goes on, `unroll` steps at a time. `packed` copies the second operand first, so
    that it is read in order; the copy's time counts. Every result is checked against NumPy's: a schedule that
    computes something else has failed.

    Example:
        >>> problem = ScheduleCpu(rows=32, columns=32, depth=32, repeats=3)
        >>> problem.evaluate([problem.space.default()]).status.tolist()
        ['ok']
    """

    Settings = ScheduleSettings
    settings: ScheduleSettings
    name = "schedule-cpu"
    metrics = METRICS
    objectives = (Objective("time_us", "min"),)
    fidelities = (Fidelity("measured", 1.0, "compiled and timed on this machine"),)
    measured_metrics = ("time_us", "gflop_per_s", "speedup", "of_blas")
    workloads = ("matmul", "conv", "attention")

    def build(self) -> None:
        """Make the space of the kernel's loops."""
        from cosearch_plugins.schedule.measuring import compiler
        from cosearch_simulators.threads import usable_cores

        settings = self.settings
        self.kernel = kernel_of(settings.kernel, **_sizes(settings))
        if settings.compiler == "c" and not compiler():
            raise ArgumentError("compiler=c: this machine has none (apt install gcc); use compiler=numba")
        self.compiler = "c" if settings.compiler != "numba" and compiler() else "numba"
        cores = self.cores = min(settings.cores or usable_cores(), usable_cores())
        self.space = _space(self.kernel, cores, numba=self.compiler == "numba")
        sizes = " ".join(f"{name}={size}" for name, size in self.kernel.sizes.items())
        self.about = f"{settings.kernel} {sizes}, compiled by {self.compiler}, on up to {cores} threads"

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Compile and time each design; one at a time on this machine."""
        from cosearch_plugins.schedule.measuring import ScheduleError

        n = len(designs)
        columns = {metric.name: np.full(n, np.nan) for metric in METRICS}
        errors = {name: np.full(n, np.nan) for name in self.measured_metrics}
        reasons = [""] * n
        sizes = tuple(_sizes(self.settings).items())
        naive, blas = _baselines(self.settings.kernel, sizes, self.compiler, self.cores)
        for row, design in enumerate(designs.to_dicts()):
            try:
                timing = self._measured(design)
            except ScheduleError as error:
                reasons[row] = str(error)
                continue
            if not timing.difference <= MOST_DIFFERENCE:
                reasons[row] = f"its result is wrong: off by {timing.difference:.3g} of the largest number"
                continue
            share = timing.error_ns / timing.ns
            for name, value, relative in (
                ("time_us", timing.ns / 1e3, share),
                ("gflop_per_s", self.kernel.flop / timing.ns, share),
                ("speedup", naive.ns / timing.ns, float(np.hypot(share, naive.error_ns / naive.ns))),
                ("of_blas", blas.ns / timing.ns, float(np.hypot(share, blas.error_ns / blas.ns))),
            ):
                columns[name][row], errors[name][row] = value, value * relative
            columns["difference"][row] = timing.difference
        codes = np.array([2 if reason else 0 for reason in reasons], np.int8)
        found = np.empty(n, object)
        found[:] = reasons
        return Outcomes(columns, codes, found, standard_error=errors)

    def _measured(self, design: Mapping[str, Any]) -> Timing:
        from cosearch_plugins.schedule import c_sources, measuring, numba_program

        settings = self.settings
        asked: dict[str, Any] = {
            "threads": int(design["threads"]),
            "repeats": settings.repeats,
            "timeout_s": settings.run_timeout_s,
        }
        with tempfile.TemporaryDirectory(prefix="cosearch-schedule-") as scratch:
            folder = Path(scratch)
            if self.compiler == "numba":
                (folder / "source.py").write_text(numba_program.source(self.kernel, design), encoding="utf-8")
                command = [sys.executable, "-m", numba_program.__name__]
                return measuring.measured(command, self.kernel, folder, **asked)
            flags = [*(measuring.SCALAR if design["vector"] == 1 else ())]
            flags += ["-fopenmp"] if measuring.has_openmp() else []
            built = measuring.compiled(c_sources.program(self.kernel, design), folder, flags)
            return measuring.measured([str(built)], self.kernel, folder, **asked)


def _sizes(settings: ScheduleSettings) -> dict[str, int]:
    names = {
        "matmul": ("rows", "columns", "depth"),
        "conv": ("filters", "channels", "image", "window"),
        "attention": ("heads", "sequence", "head_size"),
    }[settings.kernel]
    return {name: getattr(settings, name) for name in names}


def _space(kernel: Kernel, cores: int, *, numba: bool) -> DesignSpace:
    from cosearch_plugins.schedule.measuring import has_openmp

    tiles: list[Parameter] = []
    for loop, size in kernel.tiled.items():
        divisors = _divisors(size)
        tiles.append(_ordered(f"tile_{loop}", divisors, min(size, 64), "iterations of the inner loops"))
    loops = list(kernel.tiled)
    threads = range(1, (1 if not numba and not has_openmp() else cores) + 1)
    widths = [w for w in (1, 4, 8, 16) if kernel.columns % w == 0]
    held: dict[str, Any] = {"vector": (1,), "vectors": (1,), "packed": (False,)} if numba else {}
    shape = [
        _ordered("vector", held.get("vector", widths), 8, "numbers of a vector; 1: no vectors"),
        _ordered("vectors", held.get("vectors", (1, 2, 4)), 1, "of the block in registers"),
        _ordered("rows", [d for d in _divisors(kernel.tiled[kernel.rows_of]) if d <= 8], 4, "of that block"),
        _ordered("unroll", (1, 2, 4, 8), 1, "steps of the sum"),
        Categorical("packed", held.get("packed", (False, True)), description="the second operand is copied"),
    ]
    rows = f"tile_{kernel.rows_of}"
    rules = [Forbidden(f"{rows} % rows != 0", reason=f"{rows} is no multiple of rows")]
    if not numba:
        along = {
            "matmul": ["tile_n"],
            "conv": [str(kernel.columns)],
            "attention": ["tile_k", str(kernel.sizes.get("D"))],
        }
        rules += [
            Forbidden(f"{size} % (vector * vectors) != 0", reason=f"vectors do not fill {size} numbers")
            for size in along[kernel.name]
        ]
    else:
        summed = {"matmul": "tile_k", "conv": "tile_c", "attention": "tile_k"}[kernel.name]
        rules.append(Forbidden(f"{summed} % unroll != 0", reason=f"{summed} is no multiple of unroll"))
    parameters = [
        *tiles,
        Permutation("order", loops, default=loops, description="of the tiles' loops, the outermost first"),
        *shape,
        _ordered("threads", tuple(threads), 1, "that share the first loop that is no sum"),
    ]
    groups = {
        "tiles": [tile.name for tile in tiles] + ["order"],
        "registers": ["vector", "vectors", "rows", "unroll", "packed"],
        "threads": ["threads"],
    }
    return DesignSpace(parameters, name="schedule-cpu", forbidden=rules, groups=groups)


def _ordered(name: str, values: Any, default: int, description: str) -> Parameter:
    """An Ordinal, or a Categorical where there is one value; the default is the largest value up to it."""
    values = tuple(values)
    if len(values) == 1:
        return Categorical(name, values, description=description)
    start = max((value for value in values if value <= default), default=values[0])
    return Ordinal(name, values, default=start, description=description)


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


BASELINE_REPEATS = 15
BASELINE_S = 600.0


@cache
def _baselines(
    name: str, sizes: tuple[tuple[str, int], ...], compiler: str, cores: int
) -> tuple[Timing, Timing]:
    """The plain loops' time on one core, and NumPy's on one or all, the better; once for each process."""
    from cosearch_plugins.schedule import c_sources, measuring, numba_program

    kernel = kernel_of(name, **dict(sizes))
    with tempfile.TemporaryDirectory(prefix="cosearch-schedule-") as scratch:
        folder = Path(scratch)
        asked: dict[str, Any] = {"threads": 1, "repeats": BASELINE_REPEATS, "timeout_s": BASELINE_S}
        if compiler == "c":
            command = [str(measuring.compiled(c_sources.naive_program(kernel), folder, ()))]
        else:
            (folder / "source.py").write_text(numba_program.plain_source(kernel), encoding="utf-8")
            command = [sys.executable, "-m", numba_program.__name__]
        naive = measuring.measured(command, kernel, folder, **asked)
    blas = [measuring.blas_timing(kernel, BASELINE_REPEATS, threads) for threads in {1, cores}]
    return naive, min(blas, key=lambda one: one.ns)
