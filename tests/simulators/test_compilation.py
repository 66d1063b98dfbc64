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


_COVERAGE = """
import importlib, inspect, pkgutil, types
import cosearch_simulators
from cosearch_simulators import compilation
from numba.core.dispatcher import Dispatcher

covered, original = {}, compilation.sources_digest

def noting(*modules):
    digest = original(*modules)
    covered[digest] = {module.__name__ for module in modules}
    return digest

compilation.sources_digest = noting
modules = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(cosearch_simulators.__path__, "cosearch_simulators.")
]

def names_in(code):
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return set(code.co_names).union(*(names_in(one) for one in inner))

def called_from(function, seen):
    used = inspect.getclosurevars(function).nonlocals
    used |= {name: function.__globals__.get(name) for name in names_in(function.__code__)}
    for value in used.values():
        if isinstance(value, Dispatcher) and value.py_func not in seen:
            seen.add(value.py_func)
            called_from(value.py_func, seen)
    return seen

cached = 0
for module in modules:
    for name, entry in vars(module).items():
        if not isinstance(entry, Dispatcher) or entry.py_func.__module__ != module.__name__:
            continue
        digest = inspect.getclosurevars(entry.py_func).nonlocals.get("digest")
        if digest is None:
            continue
        cached += 1
        needs = {function.__module__ for function in called_from(entry.py_func, set())} - {module.__name__}
        assert needs <= covered[digest], (module.__name__, name, needs - covered[digest])
print(cached)
"""


def test_every_cached_entry_point_notices_changes_of_all_that_it_calls() -> None:
    done = subprocess.run([sys.executable, "-c", _COVERAGE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 12
