"""Streams of requests: from a trace or a process, in pieces, so that no stream is too long to hold.

A stream gives the same requests whenever it is asked, by its seed alone: every fleet sees the same ones. The
lengths do not depend on the rate: their random numbers are their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.serving.arrivals import PIECE, Process, Remembered
from cosearch_simulators.serving.engines.events.layout import CLASSES, Requests
from cosearch_simulators.serving.lengths import Lengths

DAY_S = 86400.0
ARRIVALS = ("poisson", "gamma", "constant")
NO_IDS = np.zeros(0, np.int32)

Arrivals = Literal["poisson", "gamma", "constant"]


@dataclass(frozen=True, eq=False)
class Workload:
    """A stream of requests.

    Attributes:
        pieces: a new walk over the stream.
        mean_prompt: tokens.
        mean_output: tokens.
        longest: tokens of the longest request, prompt and answer.
        rate: requests a second; 0: a closed loop, or all come at once.
        closed: requests that are always under way; 0: they come by the clock.
        seconds: over which they come, 0 in a closed loop.
        count: of requests; 0: only the walk shows.
        ids: of blocks of prompts.
        id_tokens: tokens of a block; 0: none are known.
        shared: share of prompts' tokens in whole blocks that were there before: what a boundless cache finds.
    """

    pieces: Callable[[], Iterator[Requests]]
    mean_prompt: float
    mean_output: float
    longest: int
    rate: float
    closed: int = 0
    seconds: float = 0.0
    count: int = 0
    ids: NDArray[np.int32] = field(default_factory=lambda: NO_IDS)
    id_tokens: int = 0
    shared: float = 0.0

    @property
    def distinct_ids(self) -> int:
        """Different blocks of prompts."""
        return int(self.ids.max()) + 1 if self.ids.size else 0


def process(
    lengths: Lengths,
    *,
    rate: float = 0.0,
    seconds: float = 0.0,
    count: int = 0,
    arrivals: Arrivals = "poisson",
    variation: float = 1.0,
    closed: int = 0,
    daily: float = 0.0,
    day_s: float = DAY_S,
    prefix_tokens: int = 0,
    prefixes: int = 16,
    block: int = 16,
    urgent: float = 0.0,
    sessions: int = 1000,
    seed: int = 0,
) -> Workload:
    """Requests of a process.

    Args:
        lengths: of prompts and answers.
        rate: mean requests a second; of a closed loop 0.
        seconds: for how long they come; or give `count`.
        count: how many come.
        arrivals: `poisson`; `gamma` with a coefficient of variation; `constant`: evenly spaced.
        variation: standard deviation over mean of the time between two requests, of `gamma`.
        closed: clients that each wait for an answer before they ask again, in place of a rate.
        daily: the rate is 1 + daily x sin(2 pi t / day_s) times its mean, 0 to 1.
        day_s: seconds of a day.
        prefix_tokens: at the begin of each prompt that requests of one prefix share.
        prefixes: of them; the k-th is as likely as 1 / k (Zipf).
        block: tokens of a block of prefixes.
        urgent: share of the requests of priority 0; the others are of priority 1.
        sessions: whom the requests belong to, all alike.
        seed: of all that is random.

    Raises:
        ConfigurationError: numbers that do not go together.
    """
    _check(rate, seconds, count, closed, daily, variation, urgent, prefix_tokens, prefixes, sessions, block)
    if arrivals not in ARRIVALS:
        raise ConfigurationError(unknown("arrivals", arrivals, ARRIVALS))
    walk = Process(
        lengths, rate, seconds, count, arrivals, variation, closed, daily, day_s,
        prefix_tokens, prefixes, prefix_tokens // block, urgent, sessions, seed,
    )  # fmt: skip
    mean_prompt, mean_output = lengths.mean
    known = count or int(rate * seconds)
    return Workload(
        Remembered(walk) if 0 < known <= PIECE // 2 else walk,
        mean_prompt + prefix_tokens,
        mean_output,
        _longest(lengths) + prefix_tokens,
        rate,
        closed,
        0.0 if closed else (seconds or count / rate),
        count,
        walk.ids,
        block if walk.blocks else 0,
        walk.blocks * block / (mean_prompt + prefix_tokens),
    )


def of_arrays(
    arrival: ArrayLike,
    prompt: ArrayLike,
    output: ArrayLike,
    *,
    priority: ArrayLike | None = None,
    session: ArrayLike | None = None,
    ids: list[NDArray[np.int64]] | None = None,
    id_tokens: int = 0,
    closed: int = 0,
) -> Workload:
    """Given requests, in the order of their arrival.

    Args:
        arrival: seconds, not falling.
        prompt: tokens, 1 or more.
        output: tokens, 1 or more.
        priority: 0 first; default all alike.
        session: whole numbers; default by the second block of the prompt, where ids are known, else each its
            own.
        ids: of each request its prompt's blocks of `id_tokens` tokens; equal leading ones can be shared.
        id_tokens: tokens of a block.
        closed: clients that each wait for an answer before they ask again; the times are then not used.

    Raises:
        ConfigurationError: the columns do not fit together, or their numbers cannot be.
    """
    times = np.array(arrival, np.float64)
    prompts, outputs = np.array(prompt, np.int32), np.array(output, np.int32)
    n = times.size
    if n == 0:
        raise ConfigurationError("a workload needs at least one request")
    if not prompts.size == outputs.size == n:
        raise ConfigurationError(f"{n} times, {prompts.size} prompts and {outputs.size} answers do not fit")
    if not np.isfinite(times).all() or (np.diff(times) < 0).any() or times[0] < 0:
        raise ConfigurationError("times of arrival must be numbers from 0 that do not fall")
    if prompts.min() < 1 or outputs.min() < 1:
        raise ConfigurationError("every request needs at least one token of a prompt and one of an answer")
    classes = np.zeros(n, np.int32) if priority is None else np.array(priority, np.int32)
    if classes.size != n or classes.min() < 0 or classes.max() >= CLASSES:
        raise ConfigurationError(f"priorities must be whole numbers from 0 to {CLASSES - 1}, one a request")
    first = np.zeros(n, np.int64)
    counts = np.zeros(n, np.int32)
    flat, shared, own = NO_IDS, 0.0, np.arange(n)
    if ids is not None:
        flat, first, counts, shared = _blocks(ids, prompts, id_tokens)
        own = np.array([one[min(1, len(one) - 1)] if len(one) else -1 - k for k, one in enumerate(ids)])
    owners = own if session is None else np.asarray(session)
    requests = Requests(
        times, prompts, outputs, classes, np.array(owners, np.int64), first, counts, flat, True
    )
    span = float(times[-1] - times[0])
    return Workload(
        Remembered(kept=[requests]),
        float(prompts.mean()),
        float(outputs.mean()),
        int((prompts.astype(np.int64) + outputs).max()),
        0.0 if closed or span == 0 else (n - 1) / span,
        closed,
        0.0 if closed else float(times[-1]),
        n,
        flat,
        id_tokens if flat.size else 0,
        shared,
    )


def _blocks(
    ids: list[NDArray[np.int64]], prompts: NDArray[np.int32], tokens: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32], float]:
    """All whole blocks, numbered from 0; where each request's begin, how many, and the share seen before."""
    if tokens < 1:
        raise ConfigurationError("blocks of prompts need their size: id_tokens of at least 1")
    whole = [one[: int(prompt) // tokens] for one, prompt in zip(ids, prompts, strict=True)]
    counts = np.array([len(one) for one in whole], np.int32)
    joined = np.concatenate(whole) if counts.sum() else np.zeros(0, np.int64)
    _, numbered = np.unique(joined, return_inverse=True)
    _, appears = np.unique(numbered, return_index=True)
    repeated = joined.size - appears.size
    first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    return numbered.astype(np.int32), first, counts, repeated * tokens / float(prompts.sum())


def _longest(lengths: Lengths) -> int:
    """What no request is above: the cut, or all lengths where they are alike."""
    prompt = lengths.most_prompt if lengths.prompt_sigma else min(lengths.prompt, lengths.most_prompt)
    output = lengths.most_output if lengths.output_sigma else min(lengths.output, lengths.most_output)
    return round(prompt) + round(output)


def _check(
    rate: float, seconds: float, count: int, closed: int, daily: float, variation: float, *rest: Any
) -> None:
    urgent, prefix_tokens, prefixes, sessions, block = rest
    wrong = [
        (closed < 0, f"closed must be a number of clients, got {closed}"),
        (closed > 0 and rate > 0, "give a rate or clients of a closed loop, not both"),
        (
            closed == 0 and not (math.isfinite(rate) and rate > 0),
            f"rate must be above 0 requests/s, got {rate}",
        ),
        (closed > 0 and count <= 0, "a closed loop needs the count of its requests"),
        (closed == 0 and (seconds > 0) == (count > 0), "give seconds or a count of requests"),
        (not 0 <= daily <= 1, f"daily must be from 0 to 1, got {daily}"),
        (not 0.05 <= variation <= 20, f"variation must be from 0.05 to 20, got {variation}"),
        (not 0 <= urgent <= 1, f"urgent must be from 0 to 1, got {urgent}"),
        (prefix_tokens < 0, f"prefix_tokens must not be negative, got {prefix_tokens}"),
        (prefixes < 1, f"prefixes must be at least 1, got {prefixes}"),
        (sessions < 1, f"sessions must be at least 1, got {sessions}"),
        (block < 1, f"block must be at least 1, got {block}"),
    ]
    for bad, line in wrong:
        if bad:
            raise ConfigurationError(line)
