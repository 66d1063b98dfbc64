"""Serving streams of requests: queues, batches, service levels, and what a fleet costs.

>>> from cosearch_simulators.llm import MODELS, Serving, platform_named
>>> from cosearch_simulators.serving import Fleet, Levels, Pool, evaluate, lengths_named, process, step_times
>>> times = step_times(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving())
>>> requests = process(lengths_named("azure-conversation"), rate=4.0, seconds=60.0)
>>> found = evaluate([Fleet([Pool(times, count=n)]) for n in (1, 2)], requests, Levels(1.0, 0.05))
>>> bool(found["usd_per_hour"][1] == 2 * found["usd_per_hour"][0])
True
"""

from cosearch_simulators.serving.engines.events.entry import Options, Run, evaluate, simulate
from cosearch_simulators.serving.fleet import PREEMPTIONS, ROLES, ROUTERS, Fleet, Levels, Pool
from cosearch_simulators.serving.lengths import PUBLISHED, Lengths, lengths_named
from cosearch_simulators.serving.metrics import METRICS, UNITS
from cosearch_simulators.serving.step_times import StepTimes, constant_times, step_times
from cosearch_simulators.serving.trace import read_trace
from cosearch_simulators.serving.workload import Workload, of_arrays, process

__all__ = [
    "METRICS",
    "PREEMPTIONS",
    "PUBLISHED",
    "ROLES",
    "ROUTERS",
    "UNITS",
    "Fleet",
    "Lengths",
    "Levels",
    "Options",
    "Pool",
    "Run",
    "StepTimes",
    "Workload",
    "constant_times",
    "evaluate",
    "lengths_named",
    "of_arrays",
    "process",
    "read_trace",
    "simulate",
    "step_times",
]
