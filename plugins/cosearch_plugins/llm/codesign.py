"""The problem `llm-codesign`: the shape of a dense language model and the chip that serves it, together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Designs, DesignSpace, Forbidden, Ordinal
from cosearch_plugins.llm.gpu_platform import METRICS as CHIP_METRICS
from cosearch_plugins.llm.gpu_platform import SPACE as CHIP
from cosearch_plugins.llm.gpu_platform import described_chip

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model

SHAPE = DesignSpace(
    [
        Ordinal("layers", (8, 12, 16, 20, 24, 28, 32, 40, 48), default=24),
        Ordinal("hidden", (512, 768, 1024, 1536, 2048, 2560, 3072, 4096), default=2048),
        Ordinal("head_size", (64, 128), default=128),
        Ordinal("queries_for_a_key", (1, 2, 4, 8), default=4, description="query heads of a KV head"),
        Ordinal("ffn_ratio", (2.0, 2.5, 3.0, 3.5, 4.0), default=3.5, description="of its width to hidden"),
        Ordinal(
            "windowed_share",
            (0.0, 0.25, 0.5, 0.75),
            default=0.0,
            description="of the layers that see `window` tokens",
        ),
    ],
    name="shape",
    forbidden=[
        Forbidden("hidden < head_size * queries_for_a_key", reason="there are too few heads to share keys")
    ],
)

METRICS = (
    Metric("loss_nats", "nats", "cross-entropy a token that the scaling law foretells"),
    Metric("weights_billion", "1e9", "number of weights"),
    *CHIP_METRICS,
)


class CodesignSettings(Settings):
    """What the model is trained on, by which law it is judged, and its requests."""

    law: Literal["replication", "chinchilla"] = setting(
        "replication", "the scaling law: of Besiroglu et al. (arXiv 2404.10102) or Hoffmann et al."
    )
    training_tokens: float = setting(300e9, "tokens of training", unit="tokens", ge=1e9, le=1.5e12)
    vocabulary: int = setting(32000, "tokens of the vocabulary", ge=256)
    window: int = setting(1024, "tokens that a windowed layer sees", unit="tokens", ge=1)
    prompt: int = setting(4096, "tokens of a prompt", unit="tokens", ge=1)
    output: int = setting(256, "tokens of an answer", unit="tokens", ge=1)
    batch: int = setting(8, "requests in flight", ge=1)


class LlmCodesign(Problem):
    """A dense language model and its GPU: depth, width, heads, windows; cores, memory, links.

    The loss is a published scaling law's, by the number of weights alone: it does not see what windows,
    shared keys or a narrow feed-forward part cost in quality, so read a front as a lower bound there. A
    model outside the law's range is infeasible.

    Example:
        >>> problem = LlmCodesign()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = CodesignSettings
    settings: CodesignSettings
    name = "llm-codesign"
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(Objective(name, "min") for name in ("loss_nats", "ttft_ms", "tpot_ms", "area_mm2"))
    fidelities: Sequence[Fidelity | str] = (Fidelity("analytical", 1.0, "in closed form"),)

    def build(self) -> None:
        """Join the two spaces."""
        settings = self.settings
        if not np.isfinite(settings.training_tokens):
            raise ArgumentError(f"training_tokens must be a number, got {settings.training_tokens}")
        self.space = DesignSpace.join(model=SHAPE, chip=CHIP)
        self.about = (
            f"trained on {settings.training_tokens / 1e9:g} billion tokens; {settings.batch} requests of "
            f"{settings.prompt} + {settings.output} tokens in 16 bits"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All models on their chips in one call of the simulator."""
        from cosearch_simulators.llm import Serving
        from cosearch_simulators.llm.models import parameters
        from cosearch_simulators.llm.quality import law_named, loss, outside

        settings = self.settings
        columns = {name: np.asarray(designs[name], np.float64) for name in self.space.names}
        model = self._model(columns)
        chip = {name.removeprefix("chip."): column for name, column in columns.items()}
        serving = Serving(
            batch=float(settings.batch),
            prompt=float(settings.prompt),
            output=float(settings.output),
            tp=chip["devices"],
        )
        found = described_chip(model, chip, serving)
        law, weights = law_named(settings.law), np.asarray(parameters(model))
        codes, reason = found.codes.copy(), found.reason.copy()
        for row in np.flatnonzero(codes == 0):
            if why := outside(law, float(weights[row]), settings.training_tokens):
                codes[row], reason[row] = 1, why
        own = {"loss_nats": loss(law, weights, settings.training_tokens), "weights_billion": weights / 1e9}
        return Outcomes(own | dict(found.metrics), codes, reason)

    def _model(self, columns: dict[str, Any]) -> Model:
        from cosearch_simulators.llm import Model

        shape = {name: columns[f"model.{name}"] for name in SHAPE.names}
        heads = np.floor(shape["hidden"] / shape["head_size"])
        windowed = np.floor(shape["layers"] * shape["windowed_share"])
        return Model(
            vocabulary=float(self.settings.vocabulary),
            hidden=shape["hidden"],
            full_layers=shape["layers"] - windowed,
            window_layers=windowed,
            window=float(self.settings.window),
            heads=heads,
            kv_heads=np.maximum(np.floor(heads / shape["queries_for_a_key"]), 1.0),
            head_size=shape["head_size"],
            dense_layers=shape["layers"],
            ffn=shape["hidden"] * shape["ffn_ratio"],
            tied=1.0,
        )
