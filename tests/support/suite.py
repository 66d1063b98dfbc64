"""The suite on which agents are measured: DRAM traces, every cheap problem, NAS-Bench-201, a mixed space."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

import suite_problems
from cosearch.comparison.grid import Subject
from cosearch.errors import CosearchError
from cosearch.registry import registry

PLUGIN = suite_problems.__name__
TRACES = ("random", "stream", "row_bursts", "zipf")
REQUESTS = 1000  # a design takes about a millisecond
MEASURED = 16  # designs that are timed, in processor time: a busy machine changes no suite


def subjects(cheap_ms: float) -> Iterator[Subject]:
    """The suite, with a line for each problem that is left out.

    Args:
        cheap_ms: a problem of a plugin belongs to it if a design takes no longer, with its defaults.
    """
    if PLUGIN not in {plugin.name for plugin in registry().plugins}:
        registry().register(suite_problems, PLUGIN)
    for trace in TRACES:
        yield Subject("dram-controller", {"workload": f"{trace}:requests={REQUESTS}"})
    # what comes from a clock, takes its time in other processes or trains networks
    measured = {"schedule-cpu", "hybrid-lm-cpu", "recipe-digits"}
    for name in sorted(
        set(registry().problems) - {"dram-controller", "nasbench201", "mixed-chip"} - measured
    ):
        subject = Subject(name)
        try:
            milliseconds = _milliseconds(subject)
        except CosearchError as error:
            print(f"left out: {error}", flush=True)
            continue
        if milliseconds > cheap_ms:
            print(f"left out: {name} takes {milliseconds:.1f} ms for each design", flush=True)
        else:
            yield subject
    if suite_problems.NASBENCH201.exists():
        yield from (Subject("nasbench201", {"device": device}) for device in suite_problems.DEVICES)
    else:
        print("left out: nasbench201 needs shared/reference/nas/nasbench201.parquet", flush=True)
    yield Subject("mixed-chip")


def _milliseconds(subject: Subject) -> float:
    problem = subject.build()
    designs = problem.space.sample(2 * MEASURED, np.random.default_rng(0))
    problem.evaluate(designs[:MEASURED])  # compiles
    began = time.process_time()
    problem.evaluate(designs[MEASURED:])
    return 1000 * (time.process_time() - began) / MEASURED
