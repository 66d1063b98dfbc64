"""The surrogate of `qlognehvi`: how designs and metrics become the inputs and outputs of Gaussian processes.

Inputs: an ordered parameter is its coordinate in the unit cube, an unordered one its one-hot columns, an
inactive one a constant (the parameters that it depends on are inputs as well). Outputs are
larger-is-better, standardised, and logarithms where a metric is positive and less skewed that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Designs, DesignSpace
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes

Matrix = NDArray[np.float64]

UNORDERED = ("categorical", "permutation")
# A metric whose values are all the same is only shifted, not scaled.
SMALLEST_SPREAD = 1e-12
FIT_ITERATIONS = 100


def encode(space: DesignSpace, designs: Designs) -> Matrix:
    """The designs as inputs of the surrogate, shape (n, inputs), all within [0, 1]."""
    unit, onehot = space.to_unit(designs), space.to_onehot(designs)
    columns = [
        onehot[:, onehot_block] if parameter.kind in UNORDERED else unit[:, unit_block]
        for parameter, unit_block, onehot_block in zip(
            space.parameters, space.unit_layout.blocks, space.onehot_layout.blocks, strict=True
        )
    ]
    return np.concatenate(columns, axis=1)


@dataclass(frozen=True)
class Scale:
    """How the values of a metric become an output of the surrogate, larger is better."""

    sign: float
    logarithmic: bool
    mean: float
    spread: float

    @classmethod
    def of(cls, values: Matrix, sign: float) -> Scale:
        """The scale that these values of a metric call for."""
        logarithmic = bool((values > 0).all()) and _skewness(np.log(values)) < _skewness(values)
        transformed = sign * (np.log(values) if logarithmic else values)
        spread = float(transformed.std(ddof=1)) if len(transformed) > 1 else 0.0
        return cls(sign, logarithmic, float(transformed.mean()), spread if spread > SMALLEST_SPREAD else 1.0)

    def __call__(self, values: Any) -> Matrix:
        """Values of the metric as outputs; minus infinity where a logarithm does not exist."""
        values = np.asarray(values, dtype=np.float64)
        if self.logarithmic:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(values > 0, np.log(values), -np.inf)
        return (self.sign * values - self.mean) / self.spread


def _skewness(values: Matrix) -> float:
    from scipy.stats import skew

    return float(abs(skew(values))) if np.ptp(values) > SMALLEST_SPREAD else 0.0


@dataclass(frozen=True)
class Surrogate:
    """A fitted model of the objectives, then the constrained metrics, then whether a design runs at all.

    Attributes:
        model: a BoTorch model.
        inputs: those of the designs that ran, shape (n, inputs).
        outputs: theirs, shape (n, objectives + constraints).
        reference: the hypervolume reference point in outputs, shape (objectives,); NaN where none is given.
        bounds: outputs that constraints ask for at least, and 1/2 for running if some designs do not run.
    """

    model: Any
    inputs: Matrix
    outputs: Matrix
    reference: Matrix
    bounds: Matrix


def fit(
    inputs: Matrix, outcomes: Outcomes, objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> Surrogate:
    """Fit one Gaussian process an output to the designs that ran, and one to whether a design runs.

    Args:
        inputs: of n designs, shape (n, inputs).
        outcomes: theirs; at least one is `ok`.
        objectives: what is modelled first.
        constraints: what is modelled next.
    """
    ok = outcomes.ok
    scales = [
        *(Scale.of(outcomes[o.metric][ok], -1.0 if o.direction == "min" else 1.0) for o in objectives),
        *(Scale.of(outcomes[c.metric][ok], -1.0 if c.operator == "<=" else 1.0) for c in constraints),
    ]
    metrics = [o.metric for o in objectives] + [c.metric for c in constraints]
    outputs = np.stack(
        [scale(outcomes[metric][ok]) for scale, metric in zip(scales, metrics, strict=True)], axis=1
    )
    reference = [
        np.nan if o.reference is None else scale(o.reference)
        for o, scale in zip(objectives, scales, strict=False)
    ]
    bounds = [float(scale(c.bound)) for c, scale in zip(constraints, scales[len(objectives) :], strict=True)]
    model = _fitted(inputs[ok], outputs)
    if not ok.all():
        from botorch.models import ModelListGP

        each = [model.subset_output([j]) for j in range(outputs.shape[1])]
        model = ModelListGP(*each, _fitted(inputs, ok[:, None].astype(np.float64)))
        bounds.append(0.5)
    return Surrogate(model, inputs[ok], outputs, np.array(reference, dtype=np.float64), np.array(bounds))


def _fitted(inputs: Matrix, outputs: Matrix) -> Any:
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = SingleTaskGP(torch.from_numpy(inputs), torch.from_numpy(outputs), outcome_transform=None)
    fit_gpytorch_mll(
        ExactMarginalLogLikelihood(model.likelihood, model),
        optimizer_kwargs={"options": {"maxiter": FIT_ITERATIONS}},
    )
    return model
