"""The problem `llm-platform`: a chip from scratch for a language model, its memories and what they compute.

The engine is `cosearch_simulators.llm.engines.tiered`; the space is in `platform_space`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Designs
from cosearch_plugins.llm.given_model import given_model
from cosearch_plugins.llm.metrics import DEVICES, ENERGY, LATENCY, MEMORY, TOKENS, TPOT, TTFT
from cosearch_plugins.llm.platform_space import FIRST, SPACE, machine_of, space_of, words_as_numbers

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Serving

Floats = NDArray[np.float64]

AREA = Metric("area_mm2", "mm2", "of all dies, at 7 nm; memories not counted")
PRICE = Metric("usd", "USD", "of all dies and memories; prices are assumptions")
METRICS = (
    TTFT,
    TPOT,
    LATENCY,
    TOKENS,
    ENERGY,
    MEMORY,
    Metric("switch_ms", "ms", "to bring another model's weights from the last memory"),
    DEVICES,
    AREA,
    PRICE,
)


class LlmPlatformSettings(Settings):
    """The model and its requests; how many models are kept; what drafts."""

    model: str = setting("llama-3.1-8b", "a published model, named as in `cosearch_simulators.llm.models`")
    precision: Literal["bf16", "int8", "int4"] = setting("bf16", "of weights")
    kv_precision: Literal["bf16", "int8"] = setting("bf16", "of the cache")
    prompt: int = setting(1024, "tokens of a prompt", unit="tokens", ge=1)
    output: int = setting(256, "tokens of an answer", unit="tokens", ge=1)
    batch: int = setting(1, "requests in flight", ge=1)
    memories: tuple[str, ...] = setting(FIRST, "kinds that the first memory may be")
    models: int = setting(1, "models of this kind that the memories hold, one of which runs", ge=1)
    switches: float = setting(
        0.0, "share of the requests before which another model has to be brought", ge=0, le=1
    )
    accepted: float = setting(0.7, "probability that a drafted token is accepted", ge=0, le=1)
    draft_share: float = setting(0.1, "time of the drafting model's step, of the model's own", ge=0, le=1)


class LlmPlatform(Problem):
    """A chip from scratch for a language model: arrays, SRAM, memory tiers, processing in memory, links.

    First order and not calibrated: peak rates and whole reads. It says which organisation suits a model and
    its requests; for GPUs as they are sold there is `llm-deployment`. Precision is given, not searched: what
    it costs in quality is not seen here. A die above 858 mm2, the reticle's limit, stacks that find no room
    at its edge, and a model that the memories do not hold are infeasible.

    Example:
        >>> problem = LlmPlatform()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = LlmPlatformSettings
    settings: LlmPlatformSettings
    name = "llm-platform"
    space = SPACE
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(Objective(name, "min") for name in ("ttft_ms", "tpot_ms", "energy_per_token_j", "usd"))
    fidelities: Sequence[Fidelity | str] = (Fidelity("analytical", 1.0, "in closed form"),)

    def build(self) -> None:
        """Look the model up."""
        settings = self.settings
        self.model = given_model(settings.model, settings.prompt, settings.output)
        self.space = space_of(settings.memories)
        kept = f"one of {settings.models} models kept, " if settings.models > 1 else ""
        asked = f"{settings.batch} requests of {settings.prompt} + {settings.output} tokens"
        self.about = f"{settings.model} with {settings.precision} weights, {kept}{asked}"

    def serving_of(self, n: Mapping[str, Any]) -> Serving:
        """The requests, with what the designs choose of numbers and split."""
        from cosearch_simulators.llm import Serving, precision_code

        settings = self.settings
        return Serving(
            batch=float(settings.batch),
            prompt=float(settings.prompt),
            output=float(settings.output),
            tp=n["chips"],
            precision=precision_code(settings.precision),
            expert_precision=precision_code(settings.precision),
            kv_bytes=2.0 if settings.kv_precision == "bf16" else 1.0,
            draft=n["draft"],
            accepted=settings.accepted,
            draft_share=settings.draft_share,
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All chips in one call of the simulator."""
        n = words_as_numbers({name: designs[name] for name in self.space.names}, len(designs))
        return described_machines(
            self.model, self.serving_of(n), n, self.settings.models, self.settings.switches
        )

    def gradient(self, unit: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Metrics and derivatives at points of the unit cube, see `relaxation`."""
        from cosearch_plugins.llm.relaxation import relaxed

        def numbers(designs: Designs) -> Mapping[str, Any]:
            return words_as_numbers({name: designs[name] for name in self.space.names}, len(designs))

        def costs(xp: Any, n: dict[str, Any]) -> Mapping[str, Any]:
            settings = self.settings
            return machine_costs(xp, self.model, self.serving_of(n), n, settings.models, settings.switches)

        return relaxed(self.space, unit, numbers, costs)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The roofline with the operators, where time and energy go, and what the memories hold."""
        from cosearch_plugins.llm.machine_pictures import machine_pictures

        n = words_as_numbers({name: [value] for name, value in design.items()}, 1)
        return machine_pictures(self.model, self.serving_of(n), n, self.settings.models)


def machine_costs(
    xp: Any, model: Model, serving: Serving, n: Mapping[str, Any], models: float = 1.0, switches: float = 0.0
) -> dict[str, Any]:
    """The metrics of a model on machines of this space, feasible or not, as columns of `xp`."""
    from cosearch_simulators.llm.common.columns import as_columns
    from cosearch_simulators.llm.engines.tiered.entry import seconds

    machine, tiers, made = machine_of(xp, n)
    m, c, s = as_columns(xp, model), as_columns(xp, machine), as_columns(xp, serving)
    t = [as_columns(xp, tier) for tier in tiers]
    kept, brought = (xp.asarray(float(value), dtype=xp.float64) for value in (models, switches))
    found = seconds(xp, m, c, t, s, kept, brought)
    own = {"area_mm2": made["die_mm2"] * n["chips"], "usd": made["usd"]}
    return {name: (found | own)[name] for name in (m.name for m in METRICS)}


def described_machines(
    model: Model, serving: Serving, n: Mapping[str, Any], models: float = 1.0, switches: float = 0.0
) -> Outcomes:
    """The metrics of a model on machines of this space, with what cannot be built or run refused."""
    from cosearch_simulators.llm.common.silicon import refused_dies
    from cosearch_simulators.llm.engines.tiered.entry import evaluate

    machine, tiers, made = machine_of(np, n)
    found = evaluate(model, machine, tiers, serving, models=models, switches=switches)
    area = np.broadcast_to(made["die_mm2"], found.codes.shape)
    own = {"area_mm2": area * n["chips"], "usd": made["usd"]}
    metrics = {m.name: found[m.name] if m.name not in own else own[m.name] for m in METRICS}
    codes, reason = found.codes.copy(), found.reason.copy()
    for row, why in refused_dies(area, n["units"] * n["first.stacked"]).items():
        if found.ok[row]:
            codes[row], reason[row] = 1, why
    return Outcomes(metrics, codes, reason)
