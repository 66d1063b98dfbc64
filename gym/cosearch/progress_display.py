"""Showing how a search goes: a live panel on a terminal or in a notebook, else a line now and then."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cosearch.problem import Problem
from cosearch.progress import Progress
from cosearch.quantities import Scale, count, number, quantity
from cosearch.terminal import console, plain, print_line

LINE_EVERY_S = 10.0
REFRESH_PER_S = 5
DIGITS = 4  # significant ones, of a best value

Show = Callable[[Progress], None]


@contextmanager
def shown_progress(title: str, problem: Problem, hidden: bool = False) -> Iterator[Show | None]:
    """A callback for `Study.run` that shows its progress while the context lasts; None where it is hidden."""
    terminal = console(stderr=True)
    if hidden:
        yield None
    elif terminal.is_jupyter:
        with _in_notebook(title, problem, terminal) as show:
            yield show
    elif terminal.is_terminal:
        with _on_terminal(title, problem, terminal) as show:
            yield show
    else:
        yield _line_printer(problem)


@contextmanager
def _on_terminal(title: str, problem: Problem, terminal: Console) -> Iterator[Show]:
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


@contextmanager
def _in_notebook(title: str, problem: Problem, terminal: Console) -> Iterator[Show]:
    """One output cell that is drawn anew; it needs no widgets, and it stays with the last state."""
    from IPython.display import display

    cell = display(_cell(terminal, Text(plain(title))), raw=True, display_id=True)
    latest: list[Progress] = []
    drawn_at = 0.0

    def draw(progress: Progress) -> None:
        nonlocal drawn_at
        latest[:] = [progress]
        if time.monotonic() - drawn_at >= 1 / REFRESH_PER_S:
            cell.update(_cell(terminal, _panel(title, problem, progress)), raw=True)
            drawn_at = time.monotonic()

    try:
        yield draw
    finally:
        if latest:
            cell.update(_cell(terminal, _panel(title, problem, latest[-1])), raw=True)


def _cell(terminal: Console, shown: RenderableType) -> dict[str, Any]:
    """What a notebook shows, as HTML and as text; rich escapes what is in it."""
    drawing = Console(
        file=io.StringIO(),
        force_jupyter=False,
        width=terminal.width,
        record=True,
        markup=False,
        highlight=False,
    )
    drawing.print(shown)
    text = drawing.export_text(clear=False)
    code = '<pre style="white-space:pre;line-height:normal;font-family:monospace">{code}</pre>'
    return {"text/html": drawing.export_html(code_format=code, inline_styles=True), "text/plain": text}


def _line_printer(problem: Problem) -> Show:
    last = [time.monotonic()]
    troubled: list[str] = []

    def print_now_and_then(progress: Progress) -> None:
        new_trouble = bool(progress.trouble) and not troubled
        if new_trouble:
            troubled.append(progress.trouble)
        if new_trouble or time.monotonic() - last[0] >= LINE_EVERY_S:
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
        f"{best}{_volume(progress, ', hypervolume ')}, "
        f"{progress.infeasible} infeasible, {progress.failed} failed"
        + (f"; {progress.trouble}" if progress.trouble else "")
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
    if volume := _volume(progress):
        found.add_row(Text("hypervolume"), Text(volume, style="green"))
    found.add_row(Text("Pareto front"), Text(count(progress.pareto_size, "design")))
    if progress.infeasible or progress.failed:
        found.add_row(
            Text("infeasible / failed"), Text(f"{progress.infeasible} / {progress.failed}", style="yellow")
        )
    shown: list[RenderableType] = [bar, found]
    if progress.trouble:
        shown.append(Text(plain(progress.trouble), style="yellow"))
    return Group(*shown)


def _volume(progress: Progress, before: str = "") -> str:
    """The hypervolume, where it means the same in every study of the problem; else ""."""
    if not math.isnan(progress.normalised_hypervolume):
        return f"{before}{progress.normalised_hypervolume:.4f} of the known front's"
    return "" if math.isnan(progress.hypervolume) else f"{before}{number(progress.hypervolume)}"


def _duration(seconds: float) -> str:
    if seconds != seconds:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
