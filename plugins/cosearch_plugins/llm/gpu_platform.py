"""The problem `gpu-platform`: the chip of a GPU, from its cores to its links, for a language model.

A100's own design is in the space: cosearch's default, so that a search says what it would have changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import Settings, setting
from cosearch.space import Designs, DesignSpace, Ordinal
from cosearch_plugins.llm.given_model import given_model
from cosearch_plugins.llm.metrics import DEVICES, ENERGY, LATENCY, MEMORY, TOKENS, TPOT, TTFT

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Platform, Serving
    from cosearch_simulators.llm.common.silicon import Chip

Floats = NDArray[np.float64]

SPACE = DesignSpace(
    [
        Ordinal("cores", (*range(24, 104, 8), 108, *range(112, 217, 8)), default=108),
        Ordinal(
            "macs_per_core",
            (128, 256, 512, 1024, 1536, 2048, 3072, 4096),
            default=1024,
            description="16-bit multiply-accumulate units of its tensor arrays",
        ),
        Ordinal("clock_ghz", (0.9, 1.0, 1.1, 1.2, 1.3, 1.41, 1.5, 1.6, 1.7), default=1.41),
        Ordinal("stacks", (1, 2, 3, 4, 5, 6, 7, 8), default=5, description="of HBM"),
        Ordinal(
            "stack_gb_per_s",
            (307.2, 407.8, 460.8, 819.2, 1228.8),
            default=407.8,
            description="HBM2 at 2.4, HBM2e at 3.2 (A100's) and 3.6, HBM3 at 6.4, HBM3e at 9.6 Gb/s a pin",
        ),
        Ordinal("stack_gib", (16, 24), default=16),
        Ordinal(
            "links", (1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 24, 36), default=12, description="of 25 GB/s one way"
        ),
        Ordinal("devices", (1, 2, 4, 8), default=8, description="that the model is split over, by tensor"),
    ],
    name="gpu-platform",
    groups={
        "compute": ["cores", "macs_per_core", "clock_ghz"],
        "memory": ["stacks", "stack_gb_per_s", "stack_gib"],
        "scale": ["links", "devices"],
    },
)

METRICS = (
    TTFT,
    TPOT,
    LATENCY,
    TOKENS,
    MEMORY,
    DEVICES,
    ENERGY,
    Metric("area_mm2", "mm2", "of all dies, at 7 nm; memory stacks not counted"),
    Metric("power_w", "W", "of all devices with arrays, memories and links busy"),
)


class GpuPlatformSettings(Settings):
    """The model, its requests and their number."""

    model: str = setting("llama-3.1-70b", "a published model, named as in `cosearch_simulators.llm.models`")
    prompt: int = setting(2048, "tokens of a prompt", unit="tokens", ge=1)
    output: int = setting(512, "tokens of an answer", unit="tokens", ge=1)
    batch: int = setting(32, "requests in flight", ge=1)


class GpuPlatform(Problem):
    """A GPU for a language model in 16 bits: cores, arrays, clock, memory and links, against area.

    Operators are costed with the constants of A100's class. A chip above 858 mm2, the reticle's limit,
    is infeasible, and so is one whose memory stacks find no room at its edge.

    Example:
        >>> problem = GpuPlatform()
        >>> problem.evaluate(problem.space.designs([problem.space.default()]))["area_mm2"].round(-1).tolist()
        [6610.0]
    """

    Settings = GpuPlatformSettings
    settings: GpuPlatformSettings
    name = "gpu-platform"
    version = 1
    space = SPACE
    metrics: Sequence[Metric] = METRICS
    objectives = tuple(Objective(name, "min") for name in ("ttft_ms", "tpot_ms", "area_mm2"))
    fidelities: Sequence[Fidelity | str] = (Fidelity("analytical", 1.0, "in closed form"),)

    def build(self) -> None:
        """Look the model up."""
        settings = self.settings
        self.model = given_model(settings.model, settings.prompt, settings.output)
        self.about = (
            f"{settings.model} in 16 bits, {settings.batch} requests of {settings.prompt} + "
            f"{settings.output} tokens"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All chips in one call of the simulator."""
        columns = {name: np.asarray(designs[name], np.float64) for name in self.space.names}
        return described_chip(self.model, columns, self._serving(columns))

    def _serving(self, columns: Mapping[str, Any]) -> Serving:
        from cosearch_simulators.llm import Serving

        settings = self.settings
        return Serving(
            batch=float(settings.batch),
            prompt=float(settings.prompt),
            output=float(settings.output),
            tp=columns["devices"],
        )

    def gradient(self, unit: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Metrics and derivatives at points of the unit cube, see `relaxation`."""
        from cosearch_plugins.llm.relaxation import relaxed

        def numbers(designs: Designs) -> Mapping[str, Any]:
            return {name: np.asarray(designs[name], np.float64) for name in self.space.names}

        def costs(xp: Any, columns: dict[str, Any]) -> Mapping[str, Any]:
            return chip_costs(xp, self.model, self._serving(columns), columns)

        return relaxed(self.space, unit, numbers, costs)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The roofline with the operators, where the time goes, and what memory is used for."""
        from cosearch_plugins.llm.pictures import deployment_pictures

        columns = {name: np.array([value], np.float64) for name, value in design.items()}
        return deployment_pictures(self.model, platform_of_columns(columns)[0], self._serving(columns))


def described_chip(model: Model, columns: Mapping[str, Any], serving: Serving) -> Outcomes:
    """The metrics of a model on chips of this space, as columns of its parameters."""
    from cosearch_simulators.llm import evaluate
    from cosearch_simulators.llm.common.silicon import area_mm2, peak_power_w, refused_dies

    platform, chip = platform_of_columns(columns)
    found = evaluate(model, platform, serving)
    area, power = area_mm2(chip), peak_power_w(chip)
    metrics = {name: found[name] for name in (m.name for m in METRICS[:7])}
    metrics |= {"area_mm2": area * columns["devices"], "power_w": power * columns["devices"]}
    codes, reason = found.codes.copy(), found.reason.copy()
    for row, why in refused_dies(area, columns["stacks"]).items():
        if found.ok[row]:
            codes[row], reason[row] = 1, why
    return Outcomes(metrics, codes, reason)


def chip_costs(xp: Any, model: Model, serving: Serving, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics of a model on chips of this space, feasible or not, as columns of `xp`."""
    from cosearch_simulators.llm.common.columns import as_columns
    from cosearch_simulators.llm.common.silicon import area_mm2, peak_power_w
    from cosearch_simulators.llm.engines.ours.entry import seconds

    platform, chip = platform_of_columns(columns)
    found = seconds(xp, as_columns(xp, model), as_columns(xp, platform), as_columns(xp, serving))
    own = {
        "area_mm2": area_mm2(chip) * columns["devices"],
        "power_w": peak_power_w(chip) * columns["devices"],
    }
    return {name: (found | own)[name] for name in (m.name for m in METRICS)}


def platform_of_columns(columns: Mapping[str, Any]) -> tuple[Platform, Chip]:
    """Columns of this space's parameters as the simulator's platform and chip."""
    from cosearch_simulators.llm.common.silicon import A100, Chip, platform_of_chip

    chip = Chip(
        cores=columns["cores"],
        macs=columns["macs_per_core"],
        clock_ghz=columns["clock_ghz"],
        local_kib=A100.local_kib,
        l2_mib=A100.l2_mib,
        stacks=columns["stacks"],
        stack_gb_per_s=columns["stack_gb_per_s"],
        stack_gib=columns["stack_gib"],
        links=columns["links"],
    )
    return platform_of_chip(chip), chip
