"""How good a surrogate is on designs that it has not seen, by metric and by the agent that asked for them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.surrogates.recorded import Recorded
from cosearch.surrogates.surrogate import LEVELS, Surrogate

Matrix = NDArray[np.float64]
BINS = 10
TIMED = 20_000  # designs


def examined(surrogate: Surrogate, held_out: Recorded, rough: Matrix | None) -> dict[str, Any]:
    """The scores of a surrogate, in JSON types.

    Args:
        surrogate: not trained on any of these designs.
        held_out: designs with their metrics.
        rough: theirs at the fidelity that it starts from.
    """
    valid = held_out.valid
    known, known_rough = held_out.take(valid), None if rough is None else rough[valid]
    predicted = surrogate.values(known.designs, known_rough)
    coverage = surrogate.coverage(known.designs, known.values, known_rough)
    names = surrogate.origin.metric_names
    found: dict[str, Any] = {
        "trained_on": surrogate.origin.designs,
        "held_out": len(held_out),
        "metrics": {
            name: {
                **scores(known.values[:, j], predicted[:, j]),
                "coverage": {str(level): float(coverage[k, j]) for k, level in enumerate(LEVELS)},
            }
            for j, name in enumerate(names)
        },
        "agents": {
            str(agent): {
                "designs": int((known.agents == agent).sum()),
                "metrics": {
                    name: scores(known.values[known.agents == agent, j], predicted[known.agents == agent, j])
                    for j, name in enumerate(names)
                },
            }
            for agent in np.unique(known.agents)
        },
    }
    if surrogate.validity is not None:
        found["validity"] = validity_scores(surrogate.valid(held_out.designs, rough), valid)
    return found


def scores(true: Matrix, predicted: Matrix) -> dict[str, float | None]:
    """Errors and rank of predictions of one metric, None where they mean nothing."""
    error = float(np.sqrt(np.mean((true - predicted) ** 2)))
    spread, mean = float(np.ptp(true)), abs(float(true.mean()))
    relative = np.abs(predicted - true) / np.where(true == 0, np.nan, np.abs(true))
    return {
        "rmse": error,
        "rmse_of_range": error / spread if spread > 0 else None,
        "rmse_of_mean": error / mean if mean > 0 else None,
        "median_relative_error": float(np.nanmedian(relative)) if np.isfinite(relative).any() else None,
        "spearman": spearman(true, predicted),
    }


def spearman(true: Matrix, predicted: Matrix) -> float | None:
    """Spearman's rank correlation, None where one side is constant."""
    from scipy.stats import rankdata

    if len(true) < 2 or np.ptp(true) == 0 or np.ptp(predicted) == 0:
        return None
    return float(np.corrcoef(rankdata(true), rankdata(predicted))[0, 1])


def validity_scores(probability: Matrix, valid: NDArray[np.bool_]) -> dict[str, Any]:
    """Log loss, Brier score and reliability of predicted probabilities.

    Args:
        probability: that each design is valid, (n,).
        valid: whether it is, (n,).
    """
    p = np.clip(probability, 1e-6, 1 - 1e-6)
    share = float(np.clip(valid.mean(), 1e-6, 1 - 1e-6))
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    reliability = [
        {
            "predicted": float(p[bins == b].mean()),
            "observed": float(valid[bins == b].mean()),
            "designs": int((bins == b).sum()),
        }
        for b in range(BINS)
        if (bins == b).any()
    ]
    gap = sum(row["designs"] * abs(row["predicted"] - row["observed"]) for row in reliability)
    return {
        "designs": len(valid),
        "share_valid": float(valid.mean()),
        "log_loss": float(-np.mean(np.where(valid, np.log(p), np.log(1 - p)))),
        "log_loss_of_share": float(-(share * np.log(share) + (1 - share) * np.log(1 - share))),
        "brier": float(np.mean((p - valid) ** 2)),
        "brier_of_share": float(share * (1 - share)),
        "calibration_error": float(gap / len(valid)),
        "reliability": reliability,
    }


def speed(surrogate: Surrogate, rough: Matrix | None = None, *, seed: int = 0) -> float:
    """Processor seconds for each design in a large batch."""
    designs = surrogate.space.sample(TIMED, np.random.default_rng(seed))
    if surrogate.base is not None:
        rough = np.ones((TIMED, len(surrogate.origin.metrics)))
    surrogate.values(designs, rough)
    began = time.process_time()
    surrogate.values(designs, rough)
    return (time.process_time() - began) / TIMED
