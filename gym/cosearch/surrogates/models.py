"""The models by name, and what they all do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import unknown_name
from cosearch.surrogates.boosting import BoostedTrees
from cosearch.surrogates.forest import Forest
from cosearch.surrogates.gaussian_process import GaussianProcesses
from cosearch.surrogates.network import Networks

Matrix = NDArray[np.float64]


class Model(Protocol):
    """What learns outputs from inputs.

    Attributes:
        most_designs: how many it can be fitted to; of more some are drawn.
    """

    name: ClassVar[str]
    most_designs: ClassVar[int]

    @classmethod
    def fit(cls, inputs: Matrix, outputs: Matrix, seed: int) -> Self:
        """Fit to n designs: inputs (n, inputs), standardised outputs (n, m)."""
        ...

    def predict(self, inputs: Matrix) -> tuple[Matrix, Matrix | None]:
        """The outputs of n inputs and, if it knows, their standard deviations, (n, m) each."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        ...

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], inputs: int, outputs: int) -> Self:
        """The inverse of `arrays`; `ValueError` or `KeyError` for what is no such model."""
        ...


MODELS: dict[str, type[Any]] = {
    model.name: model for model in (BoostedTrees, GaussianProcesses, Networks, Forest)
}


def model_class(name: str) -> type[Any]:
    """The model with this name; `UnknownNameError` names the nearest."""
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name]
