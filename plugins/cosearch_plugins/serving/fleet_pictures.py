"""Pictures of a mix: who serves which sizes of requests, and its price beside single kinds and the least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import PALETTE, Picture
from cosearch_plugins.serving.optimum import Optimum

if TYPE_CHECKING:
    from cosearch_simulators.serving.engines.melange.entry import Buckets, Kinds


class Mixed(Protocol):
    """What pictures need of the problem."""

    kinds: Kinds
    buckets: Buckets
    loads: NDArray[np.float64]

    def shares(self, design: Mapping[str, Any]) -> NDArray[np.float64]:
        """Of each bucket on each kind, (kinds, b)."""

    def counts(self, design: Mapping[str, Any]) -> dict[str, int]:
        """Instances of each kind."""

    def optimum(self) -> Optimum:
        """The cheapest mix there is."""


def fleet_pictures(problem: Mixed, design: Mapping[str, Any]) -> Sequence[Picture]:
    """All pictures of one design."""
    return (_who(problem, design), _prices(problem, design))


def _who(problem: Mixed, design: Mapping[str, Any]) -> Picture:
    shares = problem.shares(design)
    words = [
        f"{prompt:.0f} + {output:.0f}"
        for prompt, output in zip(problem.buckets.prompt, problem.buckets.output, strict=True)
    ]
    traces = [
        {
            "type": "bar",
            "name": kind,
            "x": words,
            "y": shares[k] * problem.buckets.rate,
            "marker": {"color": PALETTE[k % len(PALETTE)]},
        }
        for k, kind in enumerate(problem.kinds.names)
        if shares[k].any()
    ]
    return Picture(
        "Who serves which requests",
        "Rate of each size of requests (mean tokens of prompt + answer), by the kind of instances.",
        traces,
        {"barmode": "stack", "yaxis": {"title": {"text": "requests a second"}}},
    )


def _prices(problem: Mixed, design: Mapping[str, Any]) -> Picture:
    prices = problem.kinds.usd_per_hour
    bars: dict[str, tuple[dict[str, int], float]] = {}
    mine = problem.counts(design)
    bars["this mix"] = (
        mine,
        float(sum(mine[kind] * price for kind, price in zip(mine, prices, strict=True))),
    )
    best = problem.optimum()
    bars["the cheapest mix"] = (dict(zip(mine, best.counts.tolist(), strict=True)), best.usd_per_hour)
    for kind, count, price in single_kinds(problem):
        bars[f"{kind} alone"] = ({kind: count}, price)
    traces = [
        {
            "type": "bar",
            "name": kind,
            "x": list(bars),
            "y": [counts.get(kind, 0) * float(prices[k]) for counts, _ in bars.values()],
            "text": [f"{counts.get(kind, 0)}" if counts.get(kind, 0) else "" for counts, _ in bars.values()],
            "marker": {"color": PALETTE[k % len(PALETTE)]},
        }
        for k, kind in enumerate(problem.kinds.names)
    ]
    return Picture(
        "What mixes cost",
        "The numbers on the bars are instances. Single kinds that cannot serve every size are left out.",
        traces,
        {"barmode": "stack", "yaxis": {"title": {"text": "USD an hour"}}},
    )


def single_kinds(problem: Mixed) -> list[tuple[str, int, float]]:
    """Kinds that serve every size alone: how many it takes, and their price."""
    found = []
    for kind, load, price in zip(problem.kinds.names, problem.loads, problem.kinds.usd_per_hour, strict=True):
        if np.isfinite(load).all():
            count = int(np.ceil(load.sum() - 1e-9))
            found.append((kind, count, count * float(price)))
    return found
