"""Showing how far a command is that takes a while; on stderr."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress

from cosearch.progress_display import LINE_EVERY_S
from cosearch.terminal import console, plain, print_line

SLOW_S = 2.0


@contextmanager
def shown_cases(title: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A callback that shows how many cases are done while the context lasts, on a terminal."""
    terminal = console(stderr=True)
    with Progress(console=terminal, transient=True, disable=hidden or not terminal.is_terminal) as bar:
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
