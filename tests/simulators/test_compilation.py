"""The word to the user while code is compiled: on stderr, once per installation."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_CHILD = """
from numba import njit
from cosearch_simulators.compilation import announce_compilation

@njit(cache=True)
def twice(x):
    return 2 * x

@njit
def other(x):
    return 3 * x

announce_compilation(twice, "the doubler", "a second")
other(1), twice(1), twice(2)
"""


def test_compilation_is_said_once_per_installation(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(_CHILD)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    told = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "child.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        told.append(done.stderr)
    assert told == ["compiling the doubler (takes a second, once per installation) ...\n", ""]
