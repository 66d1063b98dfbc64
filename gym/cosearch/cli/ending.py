"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is recorded stays, one line, the workers are gone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = ("SIGTERM", "SIGHUP")
ECHO_S = 1.0  # a terminal that closes may send its signal more than once


class Ended(KeyboardInterrupt):
    """A signal that asks the process to end; passes through whatever lets Ctrl-C through.

    Attributes:
        exit_code: what shells give for this signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Ending:
    """The signals that came while a command ran.

    Attributes:
        latest: the exception of the last of them, None if none came.
    """

    def __init__(self) -> None:
        self.latest: Ended | None = None
        self._at = -ECHO_S
        self._process = os.getpid()

    def answer(self, number: int, frame: FrameType | None) -> None:
        """The handler: raise `Ended`; in a forked process, end it as if there were no handler."""
        if os.getpid() != self._process:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        before, self._at = self._at, time.monotonic()
        self.latest = Ended(number)
        if self._at - before >= ECHO_S:
            raise self.latest


_none = Ending()
_current = _none


def ending() -> Ending:
    """Of the command that runs."""
    return _current


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Answer SIGTERM and SIGHUP with `Ended`; one that is ignored, as `nohup` has it, stays so."""
    global _current
    _current = Ending()
    before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, _current.answer)
    try:
        yield _current
    finally:
        _current = _none
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
