"""Queueing theory as the judge: waiting lines whose exact answer is known, from an engine that is made up.

Where a step takes a time for each of its tokens and a request runs alone, a request of n tokens is served in
n token times: prompts of exponential length make M/M/1, equal ones M/D/1 (Pollaczek and Khinchine). Where a
step takes one time whatever is in it and c requests run at once, answers of geometric length make M/M/c
(Erlang), up to half a step. On its own sample, a line must be Lindley's recursion, or that of Kiefer and
Wolfowitz up to half a step.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.serving.engines.events.entry import Options, Run, simulate
from cosearch_simulators.serving.fleet import Fleet, Pool
from cosearch_simulators.serving.step_times import constant_times
from cosearch_simulators.serving.validation.rows import ServedRow
from cosearch_simulators.serving.workload import of_arrays

TOKEN_S = 1e-5
STEP_S = 0.005
BOUND = 0.04
"""What is left to chance with as many requests as `validate` sends: about three standard deviations."""

SHORT = 50_000

Floats = NDArray[np.float64]


def one_server(arrival: Floats, tokens: NDArray[np.int64]) -> Run:
    """A line where each request takes TOKEN_S for each token, one after the other."""
    times = constant_times(token_s=TOKEN_S, kv_tokens=2e9)
    pool = Pool(times, most_requests=1, step_tokens=1 << 30, chunked=False)
    workload = of_arrays(arrival, tokens, np.ones(tokens.size, np.int64))
    options = Options(record=True, patience_s=math.inf, refuse_overload=False)
    return simulate([Fleet([pool])], workload, options=options)[0]


def many_servers(arrival: Floats, steps: NDArray[np.int64], servers: int) -> Run:
    """A line where each request takes so many steps of STEP_S, `servers` of them at once."""
    times = constant_times(step_s=STEP_S, kv_tokens=2e9)
    pool = Pool(times, most_requests=servers, step_tokens=1 << 20)
    workload = of_arrays(arrival, np.ones(steps.size, np.int64), steps)
    options = Options(record=True, patience_s=math.inf, refuse_overload=False)
    return simulate([Fleet([pool])], workload, options=options)[0]


def lindley(arrival: NDArray[Any], service: NDArray[Any]) -> Floats:
    """Waiting times of a line with one server, first come, first served."""
    wait = np.empty(arrival.size)
    wait[0] = 0.0
    for k in range(1, arrival.size):
        wait[k] = max(0.0, wait[k - 1] + service[k - 1] - (arrival[k] - arrival[k - 1]))
    return wait


def kiefer_wolfowitz(arrival: NDArray[Any], service: NDArray[Any], servers: int) -> Floats:
    """The same with several servers."""
    free, wait = np.zeros(servers), np.empty(arrival.size)
    for k in range(arrival.size):
        first = int(free.argmin())
        begin = max(arrival[k], free[first])
        wait[k] = begin - arrival[k]
        free[first] = begin + service[k]
    return wait


def pollaczek_khinchine(rate: float, mean: float, square: float) -> float:
    """Mean wait of M/G/1: the service's mean and mean square."""
    return rate * square / (2.0 * (1.0 - rate * mean))


def erlang_wait(rate: float, mean: float, servers: int) -> float:
    """Mean wait of M/M/c (Erlang C)."""
    offered = rate * mean
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return last / (sum(terms) + last) * mean / (servers - offered)


def validate(requests: int = 800_000, seed: int = 1) -> list[ServedRow]:
    """Mean waits against the formulas, and on a shorter sample against the recursions."""
    rows = []
    for load in (0.5, 0.8):
        for kind in ("M/M/1", "M/D/1"):
            stream = np.random.default_rng([seed, int(load * 10), ord(kind[2])])
            arrival = np.cumsum(stream.exponential(1.0 / load, requests))
            mean = round(1.0 / TOKEN_S)
            drawn = stream.exponential(mean, requests) if kind == "M/M/1" else np.full(requests, mean)
            tokens = np.maximum(drawn.astype(np.int64), 1)
            exact = pollaczek_khinchine(load, 1.0, 2.0 if kind == "M/M/1" else 1.0)
            rows.append(_row(f"{kind} at load {load:g}", one_server(arrival, tokens), exact, BOUND))
    short = slice(0, min(requests, SHORT))
    sample = lindley(arrival[short], tokens[short] * TOKEN_S)
    run = one_server(arrival[short], tokens[short])
    rows.append(_row("M/D/1 at load 0.8, Lindley on the same sample", run, float(sample.mean()), 1e-6))
    for servers in (2, 4):
        stream = np.random.default_rng([seed, servers])
        load, mean_steps = 0.8, 200
        arrival = np.cumsum(stream.exponential(mean_steps * STEP_S / (load * servers), requests // 2))
        steps = stream.geometric(1.0 / mean_steps, requests // 2)
        mean_s = mean_steps * STEP_S
        # A request that finds a server free while others are served waits for the end of a step.
        exact = erlang_wait(load * servers / mean_s, mean_s, servers) + 0.5 * STEP_S
        name = f"M/M/{servers} at load {load:g}"
        rows.append(_row(name, many_servers(arrival, steps, servers), exact, 1.5 * BOUND))
        sample = kiefer_wolfowitz(arrival[short], steps[short] * STEP_S, servers) + 0.5 * STEP_S
        run = many_servers(arrival[short], steps[short], servers)
        rows.append(
            _row(f"{name}, Kiefer and Wolfowitz on the same sample", run, float(sample.mean()), 0.005)
        )
    return rows


def _row(metric: str, run: Run, exact: float, bound: float) -> ServedRow:
    found = run.requests
    wait = found["begun_s"] - found["arrival_s"]
    return ServedRow.served(
        "queueing theory", f"mean wait, {metric}", float(wait.mean()), exact, requests=wait.size, bound=bound
    )
