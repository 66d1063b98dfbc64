"""How a simulator's functions are compiled and cached, and a word to the user while that takes its seconds.

It happens once per installation. The word is a warning of the logger `cosearch_simulators`, so it is on
stderr unless logging is set up otherwise. Code that is found in the cache on disk says nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit
from numba.core import event

borrowing = njit(nogil=True, _nrt=False)  # type: ignore[call-overload]
"""Compiles a function that makes no arrays and keeps none. numba then does without counting references, which
costs more than the work where small functions are called often."""

inlined = njit(nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]
"""The same for a function that is called from one place: handing it its arrays would cost as much again."""

_LOG = logging.getLogger("cosearch_simulators")


def sources_digest(*modules: ModuleType) -> int:
    """A number that changes with the sources of these modules.

    numba's cache on disk looks at the file of the cached function alone and would go on using machine code
    whose callees have changed. So an entry point that is cached closes over this number of all its callees'
    modules, which makes it part of the cache's key.
    """
    content = hashlib.sha256(Path(__file__).read_bytes())  # how `borrowing` and `inlined` compile
    for module in modules:
        content.update(Path(str(module.__file__)).read_bytes())
    return int.from_bytes(content.digest()[:7], "little")


def announce_compilation(entry_point: Callable[..., Any], what: str, takes: str = "10 to 30 s") -> None:
    """Log "compiling WHAT (takes TAKES, once per installation) ..." whenever numba compiles `entry_point`."""
    event.register("numba:compile", _Announcer(entry_point, what, takes))


class _Announcer(event.Listener):
    def __init__(self, entry_point: Callable[..., Any], what: str, takes: str) -> None:
        self._entry_point, self._what, self._takes = entry_point, what, takes

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"] is self._entry_point:
            _LOG.warning("compiling %s (takes %s, once per installation) ...", self._what, self._takes)

    def on_end(self, event: Any) -> None:
        pass
