"""Loss of a dense transformer from published scaling laws: L = E + A / N^alpha + B / D^beta.

N counts weights, D tokens of training; L is the cross-entropy in nats a token on the law's own data
(MassiveText), so it orders models of one recipe and says nothing of another's. Shape, heads, windows and
precision do not enter: the laws say that they matter little within usual bounds, and no published
correction that could be confirmed is here. Not here either: the precision law (Kumar et al.) and the
joint law of experts, whose constants could not be confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError


@dataclass(frozen=True)
class Law:
    """A fitted law, and where it was fitted."""

    source: str
    irreducible: float
    weights_factor: float
    weights_power: float
    tokens_factor: float
    tokens_power: float
    least_weights: float = 44e6
    most_weights: float = 16e9
    least_tokens: float = 1e9
    most_tokens: float = 1.5e12


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
"""By name. Models of 44 million to 16 billion weights were trained for either."""


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
