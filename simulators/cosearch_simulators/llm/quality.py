"""Loss of a language model from published scaling laws, each with its source, its range and its uncertainty.

L = E + A / N^alpha + B / D^beta: N counts weights, D tokens of training; L is the cross-entropy in nats a
token on the law's own data (MassiveText), so it orders models of one recipe and says nothing of another's.
Training in few bits counts as having fewer weights (`PRECISION`). Shape, heads, windows and recurrent layers
do not enter: the laws say that shape matters little within usual bounds, and nothing of the others.

Left out, as their constants could not be confirmed from a source that can be cited: the joint law of dense
and mixture-of-experts models (Ludziejewski et al., arXiv 2502.05172), and the law's term for weights that are
rounded after training (Kumar et al., whose table has shifts that were not to be had).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError


@dataclass(frozen=True)
class Law:
    """A fitted law, where it was fitted, and the standard errors of its constants.

    Attributes:
        source: who fitted it.
        irreducible: E.
        weights_factor: A.
        weights_power: alpha.
        tokens_factor: B.
        tokens_power: beta.
        errors: standard errors of these five.
        least_weights: of the models that were trained for it.
        most_weights: of those.
        least_tokens: that they were trained on.
        most_tokens: that they were trained on.
    """

    source: str
    irreducible: float
    weights_factor: float
    weights_power: float
    tokens_factor: float
    tokens_power: float
    errors: tuple[float, float, float, float, float] = (0.03, 124.58, 0.02, 1293.23, 0.02)
    least_weights: float = 70e6
    most_weights: float = 16e9
    least_tokens: float = 5e9
    most_tokens: float = 500e9


LAWS = {
    "replication": Law(
        "Besiroglu et al., arXiv 2404.10102: the third approach of Hoffmann et al., fitted again",
        1.8172,
        482.01,
        0.3478,
        2085.43,
        0.3658,
    ),
    "chinchilla": Law("Hoffmann et al., arXiv 2203.15556, approach 3", 1.69, 406.4, 0.34, 410.7, 0.28),
}
"""By name. Models of 70 million to 16 billion weights were trained on 5 to 500 billion tokens for either. The
errors are the replication's for both: it finds Hoffmann's own intervals far too narrow."""


@dataclass(frozen=True)
class PrecisionLaw:
    """Weights that count of a model that was trained in few bits: N x the product of 1 - exp(-bits / gamma).

    Attributes:
        source: who fitted it.
        weight_bits: gamma of weights.
        activation_bits: gamma of activations.
        cache_bits: gamma of keys and values.
        least_bits: that was trained in.
        most_weights: of the models that it was tried on.
        most_tokens: that they were trained on.
    """

    source: str
    weight_bits: float
    activation_bits: float
    cache_bits: float
    least_bits: float
    most_weights: float
    most_tokens: float


PRECISION = PrecisionLaw(
    "Kumar et al., ICLR 2025, arXiv 2411.04330, equation 4 and table 2: 465 runs, whose authors warn that "
    "the constants may not hold for other recipes",
    2.6745,
    2.2102,
    0.9578,
    3.0,
    1.7e9,
    26e9,
)


def law_named(name: str) -> Law:
    """A law.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in LAWS:
        raise ConfigurationError(unknown("scaling law", name, LAWS))
    return LAWS[name]


def loss(law: Law, weights: Any, tokens: Any) -> Any:
    """Nats a token of models of so many weights after so many tokens."""
    return (
        law.irreducible
        + law.weights_factor * weights**-law.weights_power
        + law.tokens_factor * tokens**-law.tokens_power
    )


def loss_error(law: Law, weights: Any, tokens: Any) -> Any:
    """Standard error of the loss in nats, as if the constants' errors had nothing to do with each other.

    They do (a larger factor goes with a larger power), so this bounds it from above; between two models of
    one law most of it cancels.
    """
    of_weights, of_tokens = weights**-law.weights_power, tokens**-law.tokens_power
    slopes = (
        1.0,
        of_weights,
        law.weights_factor * of_weights * np.log(weights),
        of_tokens,
        law.tokens_factor * of_tokens * np.log(tokens),
    )
    return sum((slope * error) ** 2 for slope, error in zip(slopes, law.errors, strict=True)) ** 0.5


def weights_that_count(
    weights: Any, weight_bits: Any, activation_bits: Any = 16.0, cache_bits: Any = 16.0
) -> Any:
    """Weights of a model trained in 16 bits that is as good by `PRECISION`, relative to 16 bits."""

    def share(bits: Any, gamma: float) -> Any:
        return (1.0 - np.exp(-np.asarray(bits) / gamma)) / (1.0 - np.exp(-16.0 / gamma))

    law = PRECISION
    return (
        weights
        * share(weight_bits, law.weight_bits)
        * share(activation_bits, law.activation_bits)
        * share(cache_bits, law.cache_bits)
    )


def outside(law: Law, weights: float, tokens: float) -> str:
    """Why the law says nothing of a model; "" where it does."""
    if not law.least_weights <= weights <= law.most_weights:
        return (
            f"{weights / 1e6:.4g} million weights are outside the law's {law.least_weights / 1e6:g} to "
            f"{law.most_weights / 1e6:g} million"
        )
    if not law.least_tokens <= tokens <= law.most_tokens:
        return (
            f"{tokens / 1e9:.4g} billion tokens are outside the law's {law.least_tokens / 1e9:g} to "
            f"{law.most_tokens / 1e9:g} billion"
        )
    return ""


def outside_precision(weights: Any, tokens: Any, bits: Any) -> Any:
    """Whether the precision law is extrapolated; 16 bits throughout never are."""
    law = PRECISION
    few = np.asarray(bits) < 16
    return few & ((bits < law.least_bits) | (weights > law.most_weights) | (tokens > law.most_tokens))
