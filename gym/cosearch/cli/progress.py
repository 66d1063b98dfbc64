"""Showing how a search goes: a live panel on a terminal, a line now and then anywhere else; on stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group, RenderableType
from rich.progress import Progress as RichProgress
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cosearch.cli.output import console, plain, print_line
from cosearch.problem import Problem
from cosearch.progress import Progress
from cosearch.quantities import Scale, count, number, quantity

LINE_EVERY_S = 10.0
REFRESH_PER_S = 5
SLOW_S = 2.0
DIGITS = 4  # significant ones, of a best value


@contextmanager
def shown_progress(
    title: str, problem: Problem, *, hidden: bool
) -> Iterator[Callable[[Progress], None] | None]:
    """A callback for `Study.run` that shows its progress while the context lasts."""
    terminal = console(stderr=True)
    if hidden:
        yield None
    elif terminal.is_terminal:
        from rich.live import Live

        latest: list[Progress] = []
        # the display's own thread draws, so that a fast search is not slowed down
        with Live(
            get_renderable=lambda: _panel(title, problem, latest[-1]) if latest else Text(plain(title)),
            console=terminal,
            refresh_per_second=REFRESH_PER_S,
            transient=True,
        ):

            def remember(progress: Progress) -> None:
                latest[:] = [progress]

            yield remember
    else:
        yield _line_printer(problem)


@contextmanager
def shown_cases(title: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A callback that shows how many cases are done while the context lasts, on a terminal."""
    terminal = console(stderr=True)
    with RichProgress(console=terminal, transient=True, disable=hidden or not terminal.is_terminal) as bar:
        task = bar.add_task(plain(title), total=None)
        yield lambda done, cases: bar.update(task, completed=done, total=cases)


@contextmanager
def said_if_slow() -> Iterator[Callable[[str], None]]:
    """A callback for what is being done; it is printed after two seconds, and then every ten."""
    latest: list[str] = []
    done = threading.Event()

    def print_until_done() -> None:
        wait_s = SLOW_S
        while not done.wait(wait_s):
            if latest:
                print_line(latest[-1], stderr=True)
                wait_s = LINE_EVERY_S

    thread = threading.Thread(target=print_until_done, daemon=True)
    thread.start()

    def say(text: str) -> None:
        latest[:] = [text]

    try:
        yield say
    finally:
        done.set()
        thread.join()


def _line_printer(problem: Problem) -> Callable[[Progress], None]:
    last = [time.monotonic()]

    def print_now_and_then(progress: Progress) -> None:
        if time.monotonic() - last[0] >= LINE_EVERY_S:
            last[0] = time.monotonic()
            print_line(progress_line(problem, progress), stderr=True)

    return print_now_and_then


def progress_line(problem: Problem, progress: Progress) -> str:
    """The progress on one line."""
    best = "".join(f", best {_best(problem, metric, value)}" for metric, value in progress.best.items())
    per_second = progress.evaluations_per_second
    rate = f", {per_second:.4g}/s" if per_second > 0 else ""  # none is known before the second batch
    return (
        f"{progress.evaluations:,}/{progress.budget:,} evaluations{rate}"
        f"{best}, hypervolume against the first batch {number(progress.hypervolume)}, "
        f"{progress.infeasible} infeasible, {progress.failed} failed"
    )


def _best(problem: Problem, metric: str, value: float) -> str:
    scale = Scale.of(problem.unit(metric), [value])
    return f"{scale.name(metric)} {scale.quantity(value, DIGITS)}"


def _panel(title: str, problem: Problem, progress: Progress) -> RenderableType:
    bar = Table.grid(padding=(0, 2))
    rate = progress.evaluations_per_second
    left_s = (progress.budget - progress.evaluations) / rate if rate > 0 else float("nan")
    bar.add_row(
        Text(plain(title), style="bold"),
        ProgressBar(total=progress.budget, completed=progress.evaluations, width=30),
        Text(f"{progress.evaluations:,}/{progress.budget:,}"),
        Text(f"{rate:.4g} evaluations/s" if rate > 0 else ""),
        Text(f"{_duration(progress.seconds)} elapsed, {_duration(left_s)} left"),
    )
    found = Table.grid(padding=(0, 2))
    for objective in problem.objectives:
        metric = objective.metric
        value = progress.best.get(metric, float("nan"))
        found.add_row(
            Text(plain(f"best {metric} ({objective.direction})")),
            Text(plain(quantity(value, problem.unit(metric))), style="green"),
        )
    volume = Text(number(progress.hypervolume), style="green")
    found.add_row(Text("hypervolume against the first batch"), volume)
    found.add_row(Text("Pareto front"), Text(count(progress.pareto_size, "design")))
    if progress.infeasible or progress.failed:
        found.add_row(
            Text("infeasible / failed"), Text(f"{progress.infeasible} / {progress.failed}", style="yellow")
        )
    return Group(bar, found)


def _duration(seconds: float) -> str:
    if seconds != seconds:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
