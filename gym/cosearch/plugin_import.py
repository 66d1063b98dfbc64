"""Importing what others wrote: whatever a plugin does at its import, the program goes on.

Plugins import cosearch, and `import cosearch` loads the plugins. Where a plugin's package is imported first,
it is in the middle of its own import when it is to be loaded: `importing` tells, and the registry waits.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import TypeVar

from cosearch.own_stdout import descriptor_is_stderr

T = TypeVar("T")


def attempt(call: Callable[[], T]) -> tuple[T | None, str]:
    """What the call returns, and "" or the last line of the traceback of what it raises.

    Neither `sys.exit` nor a KeyboardInterrupt that the call raises by itself gets through; Ctrl-C does. What
    the call prints goes to stderr, because stdout is for the command's own answer.
    """
    with (
        _Interruptions() as interruptions,
        contextlib.redirect_stdout(sys.stderr),
        descriptor_is_stderr(),
    ):
        try:
            return call(), ""
        except BaseException as error:
            if interruptions.delivered:
                raise KeyboardInterrupt from error
            return None, traceback.format_exception_only(error)[-1].strip().splitlines()[-1]


def importing() -> set[str]:
    """The top-level packages, without cosearch, that are in the middle of their import."""
    specs = {
        name: vars(module).get("__spec__")
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
    }
    busy = {name.partition(".")[0] for name, spec in specs.items() if getattr(spec, "_initializing", False)}
    return busy - {"cosearch"}


class _Interruptions:
    """Notes whether a SIGINT is delivered while it is entered.

    Attributes:
        delivered: whether one was, or may have been where a handler of C leaves no way to know.
    """

    def __enter__(self) -> _Interruptions:
        self.delivered = False
        self._handler = None
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):
                self._handler = handler
                signal.signal(signal.SIGINT, self._note)
            elif handler is None:
                self.delivered = True
        return self

    def __exit__(self, *_: object) -> None:
        # A plugin may have set a handler of its own, which stays.
        if self._handler is not None and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, self._handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.delivered = True
        assert self._handler is not None
        self._handler(number, frame)
