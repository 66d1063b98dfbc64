"""Simulators in C: compiled once, and what is said where that is not possible."""

from __future__ import annotations

import os
import time
from ctypes import c_double, c_int64

import pytest

from cosearch.compiled_library import CLibrary, CompileError
from cosearch.needs import UnavailableError

SQUARE = "double square(double x) { return x * x; }\n"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    if CLibrary(tmp_path).missing():
        pytest.skip("no C compiler is here")


def library(tmp_path, text, name="square", types=(c_double, [c_double])):
    (tmp_path / "kernel.c").write_text(text)
    return CLibrary(tmp_path / "kernel.c", functions={name: types})


def test_a_source_is_compiled_once_and_again_when_it_changes(tmp_path):
    first = library(tmp_path, SQUARE)
    assert first.load().square(1.5) == 2.25
    made = os.stat(first.compiled()).st_mtime_ns
    time.sleep(0.01)
    assert os.stat(library(tmp_path, SQUARE).compiled()).st_mtime_ns == made
    other = CLibrary(tmp_path / "kernel.c", functions={"cube": (c_int64, [c_int64])})
    (tmp_path / "kernel.c").write_text("long cube(long x) { return x * x * x; }\n")
    assert other.load().cube(3) == 27


def test_what_the_compiler_refuses_is_one_line(tmp_path):
    with pytest.raises(CompileError, match=r"refuses kernel.c: .*error"):
        library(tmp_path, "double square(double x) { return x * y; }\n").load()
    with pytest.raises(CompileError, match="has no function 'sqare'"):
        library(tmp_path, SQUARE, "sqare").load()
    with pytest.raises(CompileError, match="No such file"):
        CLibrary(tmp_path / "gone.c").load()


def test_without_a_compiler_it_is_said_how_to_get_one(tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler-7")
    found = library(tmp_path, SQUARE)
    assert "a C compiler is not installed; get it: apt install gcc" in found.missing()
    with pytest.raises(UnavailableError):
        found.load()
