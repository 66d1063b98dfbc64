"""Walks over the requests of a process, a piece at a time, the same at every walk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.serving.engines.events.layout import Requests
from cosearch_simulators.serving.lengths import Lengths

PIECE = 65536


@dataclass(frozen=True)
class Process:
    """A walk over the requests of `process`, from its begin at every call."""

    lengths: Lengths
    rate: float
    seconds: float
    count: int
    arrivals: str
    variation: float
    closed: int
    daily: float
    day_s: float
    prefix_tokens: int
    prefixes: int
    blocks: int
    urgent: float
    sessions: int
    seed: int

    @property
    def ids(self) -> NDArray[np.int32]:
        """Of the blocks of all prefixes."""
        return np.arange(self.blocks * self.prefixes, dtype=np.int32)

    def __call__(self) -> Iterator[Requests]:
        """A new walk."""
        streams = [np.random.default_rng([self.seed, k]) for k in range(6)]
        popularity = np.cumsum(1.0 / np.arange(1, self.prefixes + 1))
        operational, left, ids = 0.0, self.count or (1 << 62), self.ids
        while True:
            size = min(PIECE, left)
            clock = operational + np.cumsum(_gaps(streams[0], self.arrivals, self.variation, size))
            operational = float(clock[-1])
            arrival = np.zeros(size) if self.closed else _warped(clock / self.rate, self.daily, self.day_s)
            prompt, output = self.lengths.drawn(size, (streams[1], streams[2]))
            drawn = streams[3].random(size) * popularity[-1]
            which = np.minimum(np.searchsorted(popularity, drawn, side="right"), self.prefixes - 1)
            owners = streams[5].integers(0, self.sessions, size)
            classes = (streams[4].random(size) >= self.urgent).astype(np.int32)
            ended = not self.closed and 0 < self.seconds < arrival[-1]
            keep = int(np.searchsorted(arrival, self.seconds, side="right")) if ended else size
            left -= size
            yield Requests(
                arrival[:keep],
                (prompt + np.int32(self.prefix_tokens))[:keep],
                output[:keep],
                classes[:keep],
                (which if self.prefix_tokens else owners).astype(np.int64)[:keep],
                (which * self.blocks).astype(np.int64)[:keep],
                np.full(keep, self.blocks, np.int32),
                ids,
                ended or left <= 0,
            )
            if ended or left <= 0:
                return


@dataclass
class Remembered:
    """The same pieces at every call, made once."""

    made: Callable[[], Iterator[Requests]] | None = None
    kept: list[Requests] = field(default_factory=list)

    def __call__(self) -> Iterator[Requests]:
        """The pieces."""
        if not self.kept and self.made is not None:
            self.kept.extend(self.made())
        return iter(self.kept)


def _gaps(stream: np.random.Generator, arrivals: str, variation: float, size: int) -> NDArray[np.float64]:
    """Times between requests whose mean is 1."""
    if arrivals == "constant":
        return np.ones(size)
    if arrivals == "gamma":
        shape = 1.0 / variation**2
        return stream.gamma(shape, 1.0 / shape, size)
    return stream.exponential(1.0, size)


def _warped(even: NDArray[np.float64], daily: float, day_s: float) -> NDArray[np.float64]:
    """When they come if the rate changes over the day: the inverse of t + daily (1 - cos(wt)) / w."""
    if daily == 0:
        return even
    w = 2.0 * math.pi / day_s
    low, high = even - 2.0 * daily / w, even.copy()
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = middle + daily * (1.0 - np.cos(w * middle)) / w > even
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return 0.5 * (low + high)
