"""Somebody else's plugin that prints whenever it can, and whose simulator misbehaves as its settings tell."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import subprocess
import time
from typing import Literal

from cosearch import Agent, DesignSpace, Integer, Metric, Objective, Problem, hookimpl
from cosearch.settings import Settings, setting


def chatter(where):
    print(f"print {where}")
    os.write(1, f"write {where}\n".encode())
    ctypes.CDLL(None).puts(f"puts {where}".encode())  # what C holds is written when the process ends
    subprocess.run(["echo", f"echo {where}"], check=True)


chatter("import")
atexit.register(chatter, "exit")


class RudeSettings(Settings):
    """How rude the simulator is."""

    manner: Literal["prints", "exits", "breaks", "swallows", "floods"] = setting("prints", "what it does")


class Rude(Problem):
    """A simulator of bad manners."""

    Settings = RudeSettings
    name = "rude"
    space = DesignSpace([Integer("x", 1, 100_000)])
    metrics = (Metric("latency_ns", "ns"),)
    objectives = (Objective("latency_ns", "min"),)

    def build(self):
        chatter("build")

    def simulate(self, designs, *, fidelity, seed):
        manner = self.settings.manner
        if manner == "prints":
            chatter("simulate")
        elif manner == "floods":
            print("x" * 3_000_000)
        elif manner == "exits" and (designs["x"] % 5 == 0).any():
            os._exit(0)
        elif manner == "swallows":
            with contextlib.suppress(BaseException):
                time.sleep(0.2)
        return {"latncy": designs["x"]} if manner == "breaks" else {"latency_ns": designs["x"]}


class RudeWalk(Agent):
    """Asks at random, and prints."""

    name = "rude-walk"
    batch_size = 4

    def ask(self, n):
        chatter("ask")
        return self.space.sample(n, self.rng)

    def tell(self, results):
        chatter("tell")


@hookimpl
def cosearch_problems():
    chatter("hook")
    return [Rude]


@hookimpl
def cosearch_agents():
    return [RudeWalk]
