"""The problem `llm-service-codesign`: which model, which chip and which fleet serve a stream, together.

Models and chips are the spaces of `llm-codesign`, the fleet is `llm-serving`'s in small; joined, they are one
space. A chip that is made up has no price, so a fleet costs its silicon and its energy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.llm import gpu_platform
from cosearch_plugins.llm.model_space import BITS, SHAPE, models_of
from cosearch_plugins.serving.space import NO, YES
from cosearch_plugins.serving.stream import StreamSettings, levels_of, stream_of

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model
    from cosearch_simulators.serving import Fleet, StepTimes

Floats = NDArray[np.float64]

APART, TOGETHER = {"disaggregated": [YES]}, {"disaggregated": [NO]}

FLEET = DesignSpace(
    [
        Ordinal("instances", (1, 2, 3, 4, 6, 8), default=2, description="each of the chip's `devices`"),
        Categorical(
            "disaggregated",
            (NO, YES),
            default=NO,
            description="prompts and answers on instances of their own",
        ),
        Ordinal("decode_instances", (1, 2, 3, 4, 6, 8), default=1, when=APART),
        Categorical(
            "chunked",
            (YES, NO),
            default=YES,
            when=TOGETHER,
            description="prompts are cut to what a step has left; else they run whole, before any answer",
        ),
        Ordinal("step_tokens", (512, 1024, 2048, 4096), default=2048, description="of a step at most"),
        Ordinal("most_requests", (16, 32, 64, 128, 256), default=64, description="that run at once"),
    ],
    name="fleet",
)

METRICS = (
    Metric("loss_nats", "nats", "cross-entropy a token that the scaling law foretells"),
    Metric("weights_billion", "1e9", "number of weights"),
    Metric(
        "fleet_area_mm2", "mm2", "of all dies of all instances, at 7 nm, and their memory stacks' outlines"
    ),
    Metric("fleet_power_w", "W", "of all devices with arrays, memories and links busy"),
    Metric("energy_per_token_j", "J", "of all devices that are on, for each generated token"),
    Metric("attainment", "1", "share of the requests that meet both service levels"),
    Metric("ttft_p99_ms", "ms", "from a request's arrival to its first token, 99th percentile"),
    Metric("tpot_p99_ms", "ms", "between two tokens of a request, as its mean, 99th percentile"),
    Metric("goodput_per_s", "1/s", "requests that meet both levels, a second of the time in which they came"),
    Metric("utilisation", "1", "share of the time in which steps run"),
    Metric("devices", "1", "of all instances"),
)
STACK_OUTLINE_MM2 = 92.0
"""HBM2's 7.75 mm x 11.87 mm (SK hynix, 2016). Without it a search gives chips more stacks than they need."""

SERVED = tuple(metric.name for metric in METRICS[4:])


class ServiceCodesignSettings(StreamSettings):
    """The requests, and what models are trained on."""

    law: Literal["replication", "chinchilla"] = setting(
        "replication", "the scaling law: of Besiroglu et al. (arXiv 2404.10102) or Hoffmann et al."
    )
    training_tokens: float = setting(300e9, "tokens of training", unit="tokens", ge=5e9, le=500e9)
    vocabulary: int = setting(32000, "tokens of the vocabulary", ge=256)
    window: int = setting(1024, "tokens that a windowed layer sees", unit="tokens", ge=1)
    seconds: float = setting(120.0, "for how long requests come", unit="s", gt=1, le=1e6)
    warmup_s: float = setting(15.0, "requests before it are served but not counted", unit="s", ge=0)
    tpot_level_ms: float = setting(30.0, "service level: of every further token, as a mean", unit="ms", gt=0)


class LlmServiceCodesign(Problem):
    """Which model, chip and fleet together: loss against the silicon and the energy that serve a stream.

    What `llm-codesign` says of a model's loss holds here: it sees the number of weights and their bits
    alone. A chip above the reticle's limit, a model outside the law or one that does not fit is infeasible.

    Example:
        >>> problem = LlmServiceCodesign(seconds=30.0, warmup_s=5.0)
        >>> problem.evaluate([problem.space.default()]).status.tolist()
        ['ok']
    """

    Settings = ServiceCodesignSettings
    settings: ServiceCodesignSettings
    name = "llm-service-codesign"
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(
        Objective(name, "min") for name in ("loss_nats", "fleet_area_mm2", "energy_per_token_j")
    )
    constraints = (Constraint("attainment", ">=", 0.99),)
    fidelities: Sequence[Fidelity | str] = (Fidelity("events", 1.0, "event by event"),)

    def build(self) -> None:
        """Join the three spaces."""
        if not np.isfinite(self.settings.training_tokens):
            raise ArgumentError(f"training_tokens must be a number, got {self.settings.training_tokens}")
        self._stream, self._levels = stream_of(self.settings), levels_of(self.settings)
        self.space = DesignSpace.join(model=SHAPE, chip=gpu_platform.SPACE, fleet=FLEET)
        self.about = (
            f"trained on {self.settings.training_tokens / 1e9:g} billion tokens; {self._stream.rate:.3g} "
            f"requests/s, mean {self._stream.mean_prompt:.0f} + {self._stream.mean_output:.0f} tokens"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Step times of each model on its chip, then its fleet on the requests."""
        from cosearch_simulators.llm.common.columns import rows
        from cosearch_simulators.llm.common.silicon import RETICLE_MM2, area_mm2, peak_power_w
        from cosearch_simulators.llm.models import parameters
        from cosearch_simulators.llm.quality import law_named, loss, outside, weights_that_count
        from cosearch_simulators.serving import Options, evaluate

        settings, n = self.settings, self._numbers(designs)
        model = models_of(np, n, float(settings.vocabulary), float(settings.window))
        platform, chip = gpu_platform.platform_of_columns(n)
        weights, area = np.asarray(parameters(model)), np.asarray(area_mm2(chip))
        law = law_named(settings.law)
        reasons = np.full(len(designs), "", object)
        fleets = []
        for k in range(len(designs)):
            reasons[k] = outside(law, float(weights[k]), settings.training_tokens)
            if area[k] > RETICLE_MM2:
                reasons[k] = f"{area[k]:.0f} mm2 are more than the reticle's {RETICLE_MM2:g}"
            if not reasons[k]:
                one = {name: column[k] for name, column in n.items()}
                fleets.append(
                    self._fleet(
                        self._times(_row(model, k), rows(_full(platform, len(designs)), k), one),
                        designs,
                        k,
                        one,
                    )
                )
        able = np.flatnonzero(reasons == "")
        found = evaluate(fleets, self._stream, self._levels, options=Options(warmup_s=settings.warmup_s))
        codes = np.ones(len(designs), np.int8)
        codes[able], reasons[able] = found.codes, found.reason
        served = {name: np.full(len(designs), np.nan) for name in SERVED}
        for name, column in served.items():
            column[able] = found[name]
        each = n["devices"] * (n["instances"] + n["decode_instances"])
        own = {
            "loss_nats": np.asarray(
                loss(law, weights_that_count(weights, n["weight_bits"]), settings.training_tokens)
            ),
            "weights_billion": weights / 1e9,
            "fleet_area_mm2": (area + STACK_OUTLINE_MM2 * n["stacks"]) * each,
            "fleet_power_w": np.asarray(peak_power_w(chip)) * each,
        }
        return Outcomes(own | served, codes, reasons)

    def _numbers(self, designs: Designs) -> dict[str, Any]:
        """All parameters as columns of numbers by their own names; of what a design does not have, 0."""
        found: dict[str, Any] = {}
        for name in self.space.names:
            short = name.partition(".")[2]
            if short not in ("stateful", "disaggregated", "chunked"):
                column = np.asarray(designs[name], np.float64)
                found[short] = np.where(designs.active(name), column, 0.0)
        found["mamba"] = np.array([float(word == "mamba2") for word in designs["model.stateful"].tolist()])
        found["mamba"] *= designs.active("model.stateful")
        return found

    def _times(self, model: Model, platform: Any, one: Mapping[str, float]) -> StepTimes:
        from cosearch_simulators.llm import Serving, precision_code
        from cosearch_simulators.serving import step_times

        code = precision_code(BITS[int(one["weight_bits"])])
        layout = Serving(tp=float(one["devices"]), precision=code, expert_precision=code)
        return step_times(
            model, platform, layout, context=self._stream.mean_prompt + self._stream.mean_output
        )

    def _fleet(self, times: StepTimes, designs: Designs, k: int, one: Mapping[str, float]) -> Fleet:
        from cosearch_simulators.serving import Fleet, Pool

        most, tokens = int(one["most_requests"]), int(one["step_tokens"])
        count = int(one["instances"])
        if str(designs["fleet.disaggregated"][k]) == YES:
            pools = [
                Pool(times, count, "prefill", most, tokens, chunked=False),
                Pool(times, int(one["decode_instances"]), "decode", most, 8192),
            ]
        else:
            pools = [
                Pool(times, count, "mixed", most, tokens, chunked=str(designs["fleet.chunked"][k]) == YES)
            ]
        return Fleet(pools)


def _full(described: Any, size: int) -> Any:
    """Every field as a column."""
    return type(described)(
        **{
            name: np.broadcast_to(np.asarray(value, np.float64), size)
            for name, value in vars(described).items()
        }
    )


def _row(model: Model, k: int) -> Model:
    """One model, as numbers."""
    return type(model)(
        **{
            name: float(np.asarray(value)[k]) if np.ndim(value) else float(value)
            for name, value in vars(model).items()
        }
    )
