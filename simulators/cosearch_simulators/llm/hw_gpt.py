"""Predicted perplexity of GPT-2 sub-networks: HW-GPT-Bench's predictor, read as a table.

Sukthanker et al., "HW-GPT-Bench", NeurIPS 2024 (automl/HW-GPT-Bench, Apache-2.0). The numbers are what a
network that was fitted to sub-networks of a supernet predicts, on OpenWebText: no measurements. Width
explains most of them; rank within one width too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm.validation.reading import read_table, take

SCALES = ("s", "m", "l")
SOURCE = "HW-GPT-Bench's predictor: predicted, not measured, perplexity on OpenWebText"
COLUMNS = ("scale", "embed_dim", "n_layer", "mlp_ratio", "n_head", "perplexity_pred")


@dataclass(frozen=True)
class Predictions:
    """The sub-networks of one scale, lists of layers as their means.

    Attributes:
        source: what the numbers are.
        shape: columns width, layers, mean MLP ratio, mean heads; float64 (n, 4).
        perplexity: predicted, float64 (n,).
    """

    source: str
    shape: NDArray[np.float64]
    perplexity: NDArray[np.float64]

    def nearest(self, shape: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The prediction of the sub-network nearest to each shape (m, 4), and how far that one is.

        A distance is relative to the table's spread of each number: 0 where the shape is in it. Where there
        are sub-networks of the same width, it is one of them: width explains most of a prediction.
        """
        scale = self.shape.std(axis=0)
        scale[scale == 0] = 1.0
        away = np.linalg.norm((shape[:, None, :] - self.shape[None]) / scale, axis=2)
        other_width = shape[:, None, 0] != self.shape[None, :, 0]
        rows = (away + other_width * (1.0 + away.max(initial=0.0))).argmin(axis=1)
        return self.perplexity[rows], away[np.arange(len(shape)), rows]


def read_hw_gpt(path: Path, scale: str) -> Predictions:
    """The predictions for one scale of a `perplexity.parquet`.

    Raises:
        SimulatorError: the file is not such a table, or there is no such scale.
    """
    if scale not in SCALES:
        raise SimulatorError(unknown("scale", scale, SCALES))
    table = read_table(path)
    for name in COLUMNS:
        if name not in table:
            raise SimulatorError(f"{path} has no column {name}; expected HW-GPT-Bench's {', '.join(COLUMNS)}")
    table = take(table, table["scale"] == scale)
    shape = np.column_stack(
        [
            table["embed_dim"],
            table["n_layer"],
            _means(path, table["mlp_ratio"]),
            _means(path, table["n_head"]),
        ]
    )
    return Predictions(SOURCE, shape.astype(np.float64), table["perplexity_pred"])


def _means(path: Path, lists: NDArray[Any]) -> NDArray[np.float64]:
    """Of JSON lists of numbers, one for each layer."""
    try:
        return np.array([np.mean(json.loads(text)) for text in lists.tolist()], np.float64)
    except (ValueError, TypeError) as error:
        raise SimulatorError(f"{path}: a column of lists holds none: {error}") from error
