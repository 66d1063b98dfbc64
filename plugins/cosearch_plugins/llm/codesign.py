"""The problem `llm-codesign`: the shape of a language model and the chip that serves it, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs, DesignSpace
from cosearch_plugins.llm import gpu_platform, platform
from cosearch_plugins.llm.model_space import BITS, SHAPE, gpt2_as_shape, gpt2_space, models_of
from cosearch_plugins.llm.platform_space import FIRST, space_of, words_as_numbers

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Serving
    from cosearch_simulators.llm.hw_gpt import Predictions

Floats = NDArray[np.float64]

OWN = (
    Metric("loss_nats", "nats", "cross-entropy a token that the scaling law foretells"),
    Metric(
        "loss_error_nats", "nats", "standard error of the law, an upper bound; most cancels between designs"
    ),
    Metric("weights_billion", "1e9", "number of weights"),
    Metric(
        "bits_beyond_the_law", "1", "1 where fewer bits are trained in than the precision law was tried for"
    ),
)


PREDICTED = (
    Metric("loss_nats", "nats", "logarithm of the predicted perplexity"),
    Metric("perplexity_predicted", "1", "of HW-GPT-Bench's nearest sub-network; not measured"),
    Metric("distance_to_predicted", "1", "of that sub-network, in spreads of the table; 0 where it is in it"),
    Metric("weights_billion", "1e9", "number of weights"),
)


class CodesignSettings(Settings):
    """What the model is trained on, by which law it is judged, its requests, and what chips there are."""

    chip: Literal["gpu", "npu"] = setting(
        "gpu", "the chip's space: that of `gpu-platform` or of `llm-platform`"
    )
    memories: tuple[str, ...] = setting(FIRST, "kinds that an NPU's first memory may be")
    law: Literal["replication", "chinchilla"] = setting(
        "replication", "the scaling law: of Besiroglu et al. (arXiv 2404.10102) or Hoffmann et al."
    )
    training_tokens: float = setting(300e9, "tokens of training", unit="tokens", ge=5e9, le=500e9)
    vocabulary: int = setting(32000, "tokens of the vocabulary", ge=256)
    hw_gpt: InputFile | None = setting(
        None, "a `perplexity.parquet` of HW-GPT-Bench: its GPT-2 sub-networks and predicted perplexities"
    )
    hw_gpt_scale: Literal["s", "m", "l"] = setting("s", "of HW-GPT-Bench's networks")
    window: int = setting(1024, "tokens that a windowed layer sees", unit="tokens", ge=1)
    prompt: int = setting(4096, "tokens of a prompt", unit="tokens", ge=1)
    output: int = setting(256, "tokens of an answer", unit="tokens", ge=1)
    batch: int = setting(8, "requests in flight", ge=1)


class LlmCodesign(Problem):
    """A dense or hybrid language model and its chip: depth, width, heads, mix of layers, bits; and the chip.

    The loss is a published scaling law's, by the number of weights (and their bits) alone: it does not see
    what windows, states in place of a cache, shared keys or a narrow feed-forward part cost in quality, so
    read a front as a lower bound there. A model outside the law's range is infeasible. Mixtures of experts
    are not in the space: their law's constants could not be confirmed.

    Example:
        >>> problem = LlmCodesign()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = CodesignSettings
    settings: CodesignSettings
    name = "llm-codesign"
    version = 1
    metrics: Sequence[Metric] = (*OWN, *gpu_platform.METRICS)
    objectives = tuple(
        Objective(name, "min")
        for name in ("loss_nats", "ttft_ms", "tpot_ms", "energy_per_token_j", "area_mm2")
    )
    fidelities: Sequence[Fidelity | str] = (Fidelity("analytical", 1.0, "in closed form"),)

    def build(self) -> None:
        """Join the two spaces."""
        settings = self.settings
        if not np.isfinite(settings.training_tokens):
            raise ArgumentError(f"training_tokens must be a number, got {settings.training_tokens}")
        npu = settings.chip == "npu"
        quality, shape = OWN, SHAPE
        if settings.hw_gpt is not None:
            quality, shape = PREDICTED, gpt2_space(settings.hw_gpt_scale)
            self.predictions = self._read(Path(settings.hw_gpt))
            # A table of predictions has no slopes.
            self.gradient = None  # type: ignore[method-assign, assignment]
        self.metrics = (*quality, *(platform.METRICS if npu else gpu_platform.METRICS))
        self.space = DesignSpace.join(
            model=shape, chip=space_of(settings.memories) if npu else gpu_platform.SPACE
        )
        trained = f"trained on {settings.training_tokens / 1e9:g} billion tokens"
        if settings.hw_gpt is not None:
            trained = self.predictions.source
        self.about = (
            f"{trained}; {settings.batch} requests of "
            f"{settings.prompt} + {settings.output} tokens on {'an NPU' if npu else 'a GPU'}"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All models on their chips in one call of the simulator."""
        from cosearch_simulators.llm.models import parameters
        from cosearch_simulators.llm.quality import law_named, outside

        n = self._numbers(designs)
        model = models_of(np, n, float(self.settings.vocabulary), float(self.settings.window))
        if self.settings.chip == "npu":
            found = platform.described_machines(model, self._serving(n), n)
        else:
            found = gpu_platform.described_chip(model, n, self._serving(n))
        codes, reason = found.codes.copy(), found.reason.copy()
        weights, law = np.asarray(parameters(model)), law_named(self.settings.law)
        if self.settings.hw_gpt is not None:
            return Outcomes(self._predicted(designs, weights) | dict(found.metrics), codes, reason)
        for row in np.flatnonzero(codes == 0):
            if why := outside(law, float(weights[row]), self.settings.training_tokens):
                codes[row], reason[row] = 1, why
        return Outcomes(self._quality(weights, n["weight_bits"]) | dict(found.metrics), codes, reason)

    def _read(self, path: Path) -> Predictions:
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.llm.hw_gpt import read_hw_gpt

        try:
            return read_hw_gpt(path, self.settings.hw_gpt_scale)
        except SimulatorError as error:
            raise ArgumentError(str(error)) from None

    def _predicted(self, designs: Designs, weights: Any) -> dict[str, Any]:
        names = ("embed_dim", "n_layer", "mlp_ratio", "n_head")
        shape = np.column_stack([np.asarray(designs[f"model.{name}"], np.float64) for name in names])
        perplexity, distance = self.predictions.nearest(shape)
        return {
            "loss_nats": np.log(perplexity),
            "perplexity_predicted": perplexity,
            "distance_to_predicted": distance,
            "weights_billion": weights / 1e9,
        }

    def _quality(self, weights: Any, bits: Any) -> dict[str, Any]:
        from cosearch_simulators.llm.quality import (
            law_named,
            loss,
            loss_error,
            outside_precision,
            weights_that_count,
        )

        law, tokens = law_named(self.settings.law), self.settings.training_tokens
        counted = weights_that_count(weights, bits)
        return {
            "loss_nats": loss(law, counted, tokens),
            "loss_error_nats": loss_error(law, counted, tokens),
            "weights_billion": weights / 1e9,
            "bits_beyond_the_law": outside_precision(weights, tokens, bits).astype(np.float64),
        }

    def _numbers(self, designs: Designs) -> dict[str, Any]:
        """All parameters as columns of numbers, the chip's by their own names."""
        chip = {
            name.removeprefix("chip."): designs[name] for name in self.space.names if name.startswith("chip.")
        }
        found = (
            words_as_numbers(chip, len(designs))
            if self.settings.chip == "npu"
            else {name: np.asarray(column, np.float64) for name, column in chip.items()}
        )
        if self.settings.hw_gpt is not None:
            names = ("embed_dim", "n_layer", "n_head", "mlp_ratio")
            own = {name: np.asarray(designs[f"model.{name}"], np.float64) for name in names}
            return found | gpt2_as_shape(own)
        for name in SHAPE.names:
            if name != "stateful":
                found[name] = np.asarray(designs[f"model.{name}"], np.float64)
        found["mamba"] = np.array([float(word == "mamba2") for word in designs["model.stateful"].tolist()])
        return found

    def _serving(self, n: Mapping[str, Any], xp: Any = np) -> Serving:
        from cosearch_simulators.llm import Serving, precision_code

        settings = self.settings
        codes = np.array([precision_code(BITS[int(bits)]) for bits in n["weight_bits"].tolist()])
        return Serving(
            batch=float(settings.batch),
            prompt=float(settings.prompt),
            output=float(settings.output),
            tp=n["chips"] if settings.chip == "npu" else n["devices"],
            precision=xp.asarray(codes),
            expert_precision=xp.asarray(codes),
            draft=n["draft"] if settings.chip == "npu" else 0.0,
        )

    def gradient(self, unit: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Metrics and derivatives at points of the unit cube, see `relaxation`; bits stay as they are."""
        from cosearch_plugins.llm.relaxation import relaxed

        return relaxed(self.space, unit, self._numbers, self._costs, held=("model.weight_bits",))

    def _costs(self, xp: Any, n: dict[str, Any]) -> Mapping[str, Any]:
        from cosearch_simulators.llm.common.columns import as_columns
        from cosearch_simulators.llm.models import parameters
        from cosearch_simulators.llm.quality import law_named, loss, weights_that_count

        settings = self.settings
        model = models_of(xp, n, float(settings.vocabulary), float(settings.window))
        weights = parameters(as_columns(xp, model))
        counted = weights * xp.asarray(weights_that_count(1.0, n["weight_bits"].numpy()))
        found = {
            "loss_nats": loss(law_named(settings.law), counted, settings.training_tokens),
            "weights_billion": weights / 1e9,
        }
        costs = platform.machine_costs if settings.chip == "npu" else gpu_platform.chip_costs
        return found | dict(costs(xp, model, self._serving(n, xp), n))

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The roofline with the operators, where the time goes, and what memory is used for."""
        from cosearch_plugins.llm.machine_pictures import machine_pictures
        from cosearch_plugins.llm.pictures import deployment_pictures

        n = self._numbers(self.space.designs([design]))
        model: Model = models_of(np, n, float(self.settings.vocabulary), float(self.settings.window))
        if self.settings.chip == "npu":
            return machine_pictures(model, self._serving(n), n)
        return deployment_pictures(model, gpu_platform.platform_of_columns(n)[0], self._serving(n))
