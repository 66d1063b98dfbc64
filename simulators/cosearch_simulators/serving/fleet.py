"""A fleet: pools of equal instances, who gets a request, and the service levels that it is judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.serving.engines.events.layout import MOST_INSTANCES
from cosearch_simulators.serving.step_times import TOKENS, StepTimes
from cosearch_simulators.serving.workload import Workload

ROLES = ("mixed", "prefill", "decode")
ROUTERS = ("round_robin", "least_work", "session_affinity", "power_of_two")
PREEMPTIONS = ("recompute", "swap")

Role = Literal["mixed", "prefill", "decode"]
Router = Literal["round_robin", "least_work", "session_affinity", "power_of_two"]
Preemption = Literal["recompute", "swap"]


@dataclass(frozen=True)
class Pool:
    """Instances of one kind.

    Attributes:
        times: of their steps.
        count: of them; of a pool that scales the most.
        role: `mixed`: they serve whole requests; `prefill`, `decode`: prompts only, answers only.
        most_requests: that run at once on an instance.
        step_tokens: of a step at most.
        chunked: whether prompts are cut to what a step has left; else they run whole, before any answer.
        least: instances that are always on; None: all are.
        target: requests of each at which a pool that scales starts another.
        start_s: from the start of an instance to its first step.
        link_bytes_per_s: at which caches leave or reach an instance; None: its devices' network.
    """

    times: StepTimes
    count: int = 1
    role: Role = "mixed"
    most_requests: int = 256
    step_tokens: int = 2048
    chunked: bool = True
    least: int | None = None
    target: float = 64.0
    start_s: float = 60.0
    link_bytes_per_s: float | None = None

    @property
    def link(self) -> float:
        """Bytes a second of an instance."""
        return self.times.link_bytes_per_s if self.link_bytes_per_s is None else self.link_bytes_per_s


@dataclass(frozen=True)
class Fleet:
    """All that serves.

    Attributes:
        pools: of any kinds of devices; `prefill` needs `decode` and the other way round.
        router: who gets a request.
        preemption: what becomes of a cache that must make room.
        prefix_cache: whether caches of prompts are kept for those that begin alike.
        block: tokens of a block of the cache.
        swap_bytes_per_s: to the host's memory and back.
        link_s: of a transfer, besides its bytes.
        first_s: between client and engine, added to the time to the first token.
    """

    pools: Sequence[Pool]
    router: Router = "least_work"
    preemption: Preemption = "recompute"
    prefix_cache: bool = False
    block: int = 16
    swap_bytes_per_s: float = 25e9
    link_s: float = 1e-3
    first_s: float = 0.0

    @property
    def usd_per_hour(self) -> float:
        """Price of all instances."""
        return sum(pool.count * pool.times.usd_per_hour for pool in self.pools)

    @property
    def split(self) -> bool:
        """Whether prompts and answers run on instances of their own."""
        return any(pool.role != "mixed" for pool in self.pools)


@dataclass(frozen=True)
class Levels:
    """What a request must keep to count: seconds to the first token, and between two.

    Attributes:
        ttft_s: time to the first token.
        tpot_s: mean time of every further one.
    """

    ttft_s: float = math.inf
    tpot_s: float = math.inf

    def __post_init__(self) -> None:
        for name in ("ttft_s", "tpot_s"):
            value = getattr(self, name)
            if not value > 0:
                raise ConfigurationError(f"service level {name} must be above 0, got {value}")


def refusal(fleet: Fleet, workload: Workload, levels: Levels, *, overload: bool = True) -> str:
    """Why a fleet cannot serve a workload at all; "" where it may.

    Args:
        fleet: to look at.
        workload: the requests.
        levels: the service levels.
        overload: whether a rate above what it could serve at best is a reason.
    """
    if not fleet.pools or sum(pool.count for pool in fleet.pools) == 0:
        return "a fleet needs at least one instance"
    for pool in fleet.pools:
        if why := _pool_refusal(pool):
            return why
    for word, name, known in (
        ("router", fleet.router, ROUTERS),
        ("preemption", fleet.preemption, PREEMPTIONS),
    ):
        if name not in known:
            return unknown(word, name, known)
    if sum(pool.count for pool in fleet.pools) > MOST_INSTANCES:
        return f"a fleet has at most {MOST_INSTANCES} instances"
    if fleet.block < 1 or (workload.id_tokens and workload.id_tokens % fleet.block):
        return f"block must divide the {workload.id_tokens} tokens of a prefix's block, got {fleet.block}"
    roles = {pool.role for pool in fleet.pools if pool.count}
    if ("prefill" in roles) != ("decode" in roles):
        return "prompts and answers apart need both kinds of instances"
    if "decode" in roles and not all(pool.link > 0 for pool in fleet.pools if pool.role != "mixed"):
        return "the link between prompts and answers has no bandwidth"
    if not fleet.swap_bytes_per_s > 0:
        return "swapping needs a bandwidth above 0"
    for stage in (("mixed", "prefill"), ("decode",)):
        rooms = [pool.times.kv_tokens for pool in fleet.pools if pool.role in stage and pool.count]
        if rooms and workload.longest > max(rooms) // fleet.block * fleet.block:
            return (
                f"the longest request has {workload.longest:,} tokens, the cache of an instance holds "
                f"{max(rooms):,.0f}"
            )
    steps = [pool.times.bare_step_s for pool in fleet.pools if pool.role != "prefill" and pool.count]
    if levels.tpot_s < min(steps):
        return (
            f"the service level of {1e3 * levels.tpot_s:g} ms a token is below the bare step of "
            f"{1e3 * min(steps):.3g} ms"
        )
    if overload and workload.closed == 0:
        most = most_rate(fleet, workload)
        if workload.rate > most:
            return f"{workload.rate:.4g} requests/s are above the {most:.3g} that it could serve at best"
    return ""


def _pool_refusal(pool: Pool) -> str:
    if pool.times.reason:
        return pool.times.reason
    if pool.role not in ROLES:
        return unknown("role", pool.role, ROLES)
    if pool.count < 0 or pool.most_requests < 1 or pool.step_tokens < 1:
        return (
            "count, most_requests and step_tokens of a pool must be above 0, got "
            f"{pool.count}, {pool.most_requests}, {pool.step_tokens}"
        )
    if pool.chunked and pool.step_tokens < pool.most_requests and pool.role != "prefill":
        return f"a step of {pool.step_tokens} tokens cannot hold {pool.most_requests} answers"
    if pool.least is not None and not (1 <= pool.least <= pool.count and pool.target > 0):
        return f"a pool of {pool.count} that scales keeps 1 to {pool.count} on, got {pool.least}"
    return ""


def most_rate(fleet: Fleet, workload: Workload) -> float:
    """Requests a second that no schedule can exceed: all tokens in the best steps there are.

    A request's tokens take at least the least time of a token in any step, without attention; and its answer
    holds a place in steps of which none has more than fit into the cache.
    """
    whole = prompts = answers = 0.0
    kept = 1.0 - (workload.shared if fleet.prefix_cache else 0.0)
    mean = workload.mean_prompt + 0.5 * workload.mean_output
    for pool in fleet.pools:
        if pool.count == 0:
            continue
        of = pool.times
        token = least_token_s(of)
        # Half of the mean context: requests are smaller than the mean when they begin.
        fit = max(min(pool.most_requests, of.kv_tokens / max(0.5 * mean, 1.0)), 1.0)
        step = of.step_s(fit, 1.0)
        answer_s = workload.mean_output * max(step / fit, token)
        prompt_s = kept * workload.mean_prompt * token
        if pool.role == "mixed":
            whole += pool.count / max(prompt_s + workload.mean_output * token, answer_s, 1e-12)
        elif pool.role == "prefill":
            prompts += pool.count / max(prompt_s, 1e-12)
        else:
            answers += pool.count / max(answer_s, 1e-12)
    return whole + min(prompts, answers)


def least_token_s(times: StepTimes) -> float:
    """The least time of a token in any step, attention left out."""
    steps = np.maximum(times.all_tokens[1:], times.least_s) + times.host_s
    slope = (times.all_tokens[-1] - times.all_tokens[-2]) / (TOKENS[-1] - TOKENS[-2])
    return float(min((steps / TOKENS[1:]).min(), slope))
