"""Pictures of a mix: who serves which sizes of requests, and its price beside single kinds and the least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.pictures import PALETTE, Picture

if TYPE_CHECKING:
    from cosearch_plugins.serving.fleet import LlmFleet


def fleet_pictures(problem: LlmFleet, design: Mapping[str, Any]) -> Sequence[Picture]:
    """All pictures of one design."""
    return (_who(problem, design), _prices(problem, design))


def _who(problem: LlmFleet, design: Mapping[str, Any]) -> Picture:
    shares = problem._shares(problem.space.designs([dict(design)]))[0]
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


def _prices(problem: LlmFleet, design: Mapping[str, Any]) -> Picture:
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


def single_kinds(problem: LlmFleet) -> list[tuple[str, int, float]]:
    """Kinds that serve every size alone: how many it takes, and their price."""
    found = []
    for kind, load, price in zip(
        problem.kinds.names, problem._loads, problem.kinds.usd_per_hour, strict=True
    ):
        if np.isfinite(load).all():
            count = int(np.ceil(load.sum() - 1e-9))
            found.append((kind, count, count * float(price)))
    return found
