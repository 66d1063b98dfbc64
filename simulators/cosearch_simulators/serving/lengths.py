"""How long prompts and answers are: published figures of real services, as log-normal distributions.

A published median and a second figure (mean, or 90th percentile) fix a log-normal distribution: its mean is
median x exp(sigma^2 / 2), its 90th percentile median x exp(1.2816 sigma). Prompt and answer are drawn
independently, which the services are not quite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError


@dataclass(frozen=True)
class Lengths:
    """Tokens of prompts and answers.

    Attributes:
        prompt: median tokens of a prompt.
        prompt_sigma: standard deviation of its logarithm; 0: all alike.
        output: median tokens of an answer.
        output_sigma: standard deviation of its logarithm; 0: all alike.
        most_prompt: longer ones are cut.
        most_output: longer ones are cut.
    """

    prompt: float
    prompt_sigma: float
    output: float
    output_sigma: float
    most_prompt: int = 16384
    most_output: int = 4096

    def __post_init__(self) -> None:
        for name in ("prompt", "output"):
            value, sigma = getattr(self, name), getattr(self, f"{name}_sigma")
            if not (math.isfinite(value) and value >= 1):
                raise ConfigurationError(f"lengths: {name} must be at least 1 token, got {value}")
            if not (math.isfinite(sigma) and 0 <= sigma <= 5):
                raise ConfigurationError(f"lengths: {name}_sigma must be from 0 to 5, got {sigma}")

    def drawn(
        self, count: int, generators: tuple[np.random.Generator, np.random.Generator]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Prompts and answers."""
        found = []
        for generator, median, sigma, most in (
            (generators[0], self.prompt, self.prompt_sigma, self.most_prompt),
            (generators[1], self.output, self.output_sigma, self.most_output),
        ):
            drawn = median * np.exp(sigma * generator.standard_normal(count))
            found.append(np.clip(np.rint(drawn), 1, most).astype(np.int32))
        return found[0], found[1]

    @property
    def mean(self) -> tuple[float, float]:
        """Mean tokens of a prompt and of an answer, cut ones included."""
        return (
            _cut_mean(self.prompt, self.prompt_sigma, self.most_prompt),
            _cut_mean(self.output, self.output_sigma, self.most_output),
        )


def by_mean(median: float, mean: float) -> float:
    """The sigma of a log-normal distribution with this median and mean."""
    return math.sqrt(2.0 * math.log(mean / median))


def by_p90(median: float, p90: float) -> float:
    """The sigma of a log-normal distribution with this median and 90th percentile."""
    return math.log(p90 / median) / 1.2815515655446004


def _cut_mean(median: float, sigma: float, most: float) -> float:
    if sigma == 0:
        return min(median, most)

    def below(z: float) -> float:
        return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))

    z = math.log(most / median) / sigma
    return median * math.exp(sigma**2 / 2) * below(z - sigma) + most * (1.0 - below(z))


PUBLISHED: dict[str, Lengths] = {
    # Splitwise (Patel et al., ISCA 2024), section III: medians of Azure's services in 2023; means of the
    # traces published with it (Azure/AzurePublicDataset, first 40 minutes, CC-BY-4.0).
    "azure-conversation": Lengths(1020, by_mean(1020, 1195), 129, by_mean(129, 201.5), 14050, 1000),
    "azure-code": Lengths(1500, by_mean(1500, 2040), 13, by_mean(13, 27.6), 7437, 1899),
    # Sarathi-Serve (Agrawal et al., OSDI 2024), table 2: medians and 90th percentiles.
    "sharegpt4": Lengths(1730, by_p90(1730, 5696), 415, by_p90(415, 834), 8192, 2048),
    "arxiv-summarization": Lengths(7059, by_p90(7059, 12985), 208, by_p90(208, 371), 16384, 1024),
}
"""By name, with their sources."""


def lengths_named(name: str) -> Lengths:
    """A published distribution.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in PUBLISHED:
        raise ConfigurationError(unknown("lengths", name, PUBLISHED))
    return PUBLISHED[name]
