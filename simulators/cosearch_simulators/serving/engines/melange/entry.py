"""A mix of instances for a distribution of request sizes, as Melange models it.

Requests fall into buckets by the size of prompt and answer. A kind of instance that serves one bucket alone
keeps the service levels up to some rate; a bucket's load on it is the bucket's rate over that. An instance
is filled up to a load of 1, whatever the mix of buckets: neither bursts nor queues are in the model.
(T. Griggs et al., "Melange: Cost Efficient Large Language Model Serving by Exploiting GPU Heterogeneity",
arXiv 2404.14527.) What differs: the paper profiles each rate on the device, here the LLM simulator says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm import Model, Platform, Serving
from cosearch_simulators.llm import evaluate as evaluate_llm
from cosearch_simulators.llm.common.columns import stacked
from cosearch_simulators.serving.fleet import Levels
from cosearch_simulators.serving.workload import Workload

Floats = NDArray[np.float64]

BATCHES = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512], np.float64)

UNITS = {"usd_per_hour": "USD", "instances": "1", "devices": "1", "load": "1", "kinds": "1"}


@dataclass(frozen=True, eq=False)
class Buckets:
    """Requests by size.

    Attributes:
        prompt, output: mean tokens of the requests of each, (b,).
        rate: requests a second of each, (b,).
        names: of each.
    """

    prompt: Floats
    output: Floats
    rate: Floats
    names: Sequence[str]


SAMPLE = 1_000_000
"""Requests after which a process's sizes are known to 0.1 %: shares and means no longer need more."""


def buckets_of(workload: Workload, prompts: Sequence[int], outputs: Sequence[int]) -> Buckets:
    """Count a workload's requests by size; of a process without an end to its count, the first `SAMPLE`.

    Args:
        workload: with a rate.
        prompts: upper edges in tokens, but for the last bucket.
        outputs: the same of answers.

    Raises:
        ConfigurationError: edges that do not rise.
    """
    for edges in (prompts, outputs):
        if list(edges) != sorted(set(edges)) or (edges and min(edges) < 1):
            raise ConfigurationError(f"edges of buckets must rise from 1, got {list(edges)}")
    pieces = []
    for piece in workload.pieces():
        pieces.append(piece)
        if not workload.count and sum(one.prompt.size for one in pieces) >= SAMPLE:
            break
    prompt = np.concatenate([piece.prompt for piece in pieces]).astype(np.float64)
    output = np.concatenate([piece.output for piece in pieces]).astype(np.float64)
    row, column = np.searchsorted(prompts, prompt), np.searchsorted(outputs, output)
    found = []
    for i in range(len(prompts) + 1):
        for j in range(len(outputs) + 1):
            here = (row == i) & (column == j)
            if here.any():
                name = f"p{_edge(prompts, i)}_o{_edge(outputs, j)}"
                found.append((prompt[here].mean(), output[here].mean(), here.mean() * workload.rate, name))
    numbers = np.array([row[:3] for row in found])
    return Buckets(numbers[:, 0], numbers[:, 1], numbers[:, 2], [row[3] for row in found])


def _edge(edges: Sequence[int], place: int) -> str:
    return str(edges[place]) if place < len(edges) else "more"


@dataclass(frozen=True, eq=False)
class Kinds:
    """Kinds of instances.

    Attributes:
        names: of each.
        platforms: of one device of each.
        servings: the layout of each.
    """

    names: Sequence[str]
    platforms: Sequence[Platform]
    servings: Sequence[Serving]

    @property
    def devices(self) -> Floats:
        """Of an instance of each."""
        return np.array([float(s.tp * s.attention_dp * s.pp) for s in self.servings])

    @property
    def usd_per_hour(self) -> Floats:
        """Of an instance of each."""
        return self.devices * np.array([float(one.usd_per_hour) for one in self.platforms])


def most_rates(model: Model, kinds: Kinds, buckets: Buckets, levels: Levels) -> Floats:
    """Requests a second of each bucket that an instance of each kind serves within the levels, (kinds, b).

    The largest of `BATCHES` requests in flight that keeps both levels; 0 where none does.
    """
    g, b, n = len(kinds.names), buckets.rate.size, BATCHES.size
    kind, bucket, batch = (
        axis.ravel() for axis in np.meshgrid(np.arange(g), np.arange(b), np.arange(n), indexing="ij")
    )
    layouts = [replace(one, batch=1.0, prompt=1.0, output=1.0) for one in kinds.servings]
    serving = stacked([layouts[k] for k in kind.tolist()])
    serving = replace(
        serving, batch=BATCHES[batch], prompt=buckets.prompt[bucket], output=buckets.output[bucket]
    )
    found = evaluate_llm(model, stacked([kinds.platforms[k] for k in kind.tolist()]), serving)
    kept = found.ok & (found["ttft_ms"] <= 1e3 * levels.ttft_s) & (found["tpot_ms"] <= 1e3 * levels.tpot_s)
    rate = np.where(kept, np.nan_to_num(found["tokens_per_s"]) / buckets.output[bucket], 0.0)
    best: Floats = rate.reshape(g, b, n).max(axis=2)
    return best


def loads(rates: Floats, buckets: Buckets) -> Floats:
    """Instances of each kind that each bucket fills, infinite where it cannot be served, (kinds, b)."""
    with np.errstate(divide="ignore"):
        found: Floats = np.where(rates > 0, buckets.rate / np.maximum(rates, 1e-300), np.inf)
    return found


def evaluate(shares: Floats, load: Floats, kinds: Kinds, buckets: Buckets) -> Result:
    """Cost of each way to share the buckets out.

    Args:
        shares: (n, kinds, b), of each bucket's requests; they add up to 1 over the kinds.
        load: of `loads`.
        kinds: of instances.
        buckets: of requests.

    Returns:
        The metrics of `UNITS`; a bucket on a kind that cannot serve it makes a design infeasible.
    """
    with np.errstate(invalid="ignore"):
        each = np.where(shares > 0, shares * load, 0.0).sum(axis=2)
    # Sums of quarters of the same loads differ in their last digits.
    count = np.ceil(np.where(np.isfinite(each), each, 0.0) - 1e-9)
    reasons = np.full(len(shares), "", object)
    for row in np.flatnonzero(~np.isfinite(each).all(axis=1)):
        kind, bucket = np.argwhere((shares[row] > 0) & ~np.isfinite(load))[0]
        reasons[row] = f"{kinds.names[kind]} cannot serve bucket {buckets.names[bucket]} within the levels"
    used = count > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        fullest = np.where(used, each / np.maximum(count, 1.0), 0.0).max(axis=1)
    return Result.of(
        {
            "usd_per_hour": np.round((count * kinds.usd_per_hour).sum(axis=1), 6),
            "instances": count.sum(axis=1),
            "devices": (count * kinds.devices).sum(axis=1),
            "load": np.where(np.isfinite(fullest), fullest, 0.0),
            "kinds": used.sum(axis=1),
        },
        reasons,
    )
