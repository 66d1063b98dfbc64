"""Which choices of a space a predictor finds bad on average, so that a search may leave them out.

GBDT-NAS (arXiv:2007.04785) prunes the choices whose contribution to what its trees predict is the worst. Here
a contribution is a difference of means: predictions of random networks with this choice, less those of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.predictor import Predictor

DRAWN = 4000


def contributions(
    predictor: Predictor, metric: str | None = None, *, seed: int = 0
) -> dict[str, dict[Any, float]]:
    """By parameter and value, how far networks with it are predicted from the mean, in the metric's unit.

    Args:
        predictor: of any kind; the paper's are trees.
        metric: one of its; None: the first.
        seed: of the networks that are drawn.

    Raises:
        SimulatorError: there is no such metric.
    """
    chosen = metric or next(iter(predictor.metrics))
    if chosen not in predictor.metrics:
        raise SimulatorError(unknown("metric", chosen, predictor.metrics))
    rng = np.random.default_rng(seed)
    values = predictor.family.values
    seen = {name: np.array(known)[predictor.seen(name)] for name, known in values.items()}
    columns = {name: rng.choice(known, DRAWN) for name, known in seen.items()}
    found = predictor.evaluate(columns)[chosen]
    codes, _ = predictor.family.codes(columns)
    mean = float(np.nanmean(found))
    return {
        name: {
            value: float(np.nanmean(found[codes[:, i] == code])) - mean
            for code, value in enumerate(known)
            if (codes[:, i] == code).any()
        }
        for i, (name, known) in enumerate(values.items())
    }


def pruned(
    predictor: Predictor,
    share: float = 0.25,
    metric: str | None = None,
    *,
    maximise: bool = True,
    seed: int = 0,
) -> Mapping[str, tuple[Any, ...]]:
    """By parameter the values that are left when a share of all choices, the worst ones, are taken away.

    Every parameter keeps its best value.

    Raises:
        SimulatorError: the share is not from 0 to below 1.
    """
    if not 0 <= share < 1:
        raise SimulatorError(f"the share of choices to prune must be from 0 to below 1, got {share:g}")
    sign = 1 if maximise else -1
    effects = contributions(predictor, metric, seed=seed)
    best = {name: max(of, key=lambda value: sign * of[value]) for name, of in effects.items() if of}
    ranked = sorted(
        (sign * effect, name, position)
        for name, of in effects.items()
        for position, (value, effect) in enumerate(of.items())
        if value != best[name]
    )
    count = round(share * sum(len(of) for of in effects.values()))
    gone = {(name, position) for _, name, position in ranked[:count]}
    return {
        name: tuple(value for position, value in enumerate(of) if (name, position) not in gone)
        for name, of in effects.items()
    }
