"""Ctrl-C while the command `cosearch` still imports its packages is a line, as it is later.

Until then there is nobody to catch it: plugins are loaded when the package is imported.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType


def quiet_if_command() -> None:
    """In a process of the command line, end a KeyboardInterrupt that nobody catches without a traceback."""
    if _is_command():
        sys.excepthook = _say


def _is_command() -> bool:
    started = os.path.basename(sys.argv[0]) if sys.argv else ""
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
    return started in ("cosearch", "cosearch.exe") or module in (["cosearch"], ["cosearch.cli"])


def _say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("error: interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)
