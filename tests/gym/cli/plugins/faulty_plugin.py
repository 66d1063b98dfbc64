"""Somebody else's plugin whose simulator does, as the design tells it, everything that one should not do."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time

import numpy as np

from cosearch import Categorical, DesignSpace, Integer, Metric, Objective, Problem, hookimpl


def raises(x):
    raise RuntimeError("bank 7 is used twice")


def returns_more_rows(x):
    return {"latency_ns": [1.0] * 1000}


def returns_another_metric(x):
    return {"latncy_ns": [1.0]}


def returns_nan(x):
    return {"latency_ns": [float("nan")]}


def returns_a_text(x):
    return {"latency_ns": ["12 ns"]}


def returns_nothing(x):
    return ...


def sleeps_for_ever(x):
    while True:
        time.sleep(1000)


def eats_memory(x):
    held = []
    while True:
        held.append(np.ones(1_000_000))


def forks_children(x):
    for _ in range(3):
        subprocess.Popen(["sleep", str(x)], start_new_session=True)
    subprocess.Popen(["sleep", str(x)]).wait()


def prints_a_gigabyte(x):
    for _ in range(1000):
        os.write(1, b"m" * 1_000_000)


def segfaults(x):
    ctypes.string_at(0)


def leaves_by_exit(x):
    print("licence server: no answer")
    sys.stdout.flush()
    os._exit(3)


def prints_no_utf8(x):
    os.write(1, b"caf\xe9 \xff\xfe\n")
    os._exit(4)


def leaves_a_folder(x):
    import tempfile

    os.makedirs(os.path.join(tempfile.mkdtemp(), "results"))
    raise RuntimeError("no space in results")


DEEDS = {
    name: deed
    for name, deed in list(globals().items())
    if callable(deed) and getattr(deed, "__module__", "") == __name__
}


class Faulty(Problem):
    """Does what the design says; 'nothing' is a good simulator."""

    name = "faulty"
    space = DesignSpace([Categorical("deed", ["nothing", *DEEDS]), Integer("x", 700_000, 700_001)])
    metrics = (Metric("latency_ns", "ns"),)
    objectives = (Objective("latency_ns", "min"),)

    def simulate(self, designs, *, fidelity, seed):
        for deed, x in zip(designs["deed"].tolist(), designs["x"].tolist(), strict=True):
            if deed != "nothing" and (returned := DEEDS[deed](x)) is not None:
                return None if returned is ... else returned
        return {"latency_ns": designs["x"]}


@hookimpl
def cosearch_problems():
    return [Faulty]
