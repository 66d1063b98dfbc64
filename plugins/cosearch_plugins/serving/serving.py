"""The problem `llm-serving`: the fleet that serves a stream of requests under service levels.

The numbers are `cosearch_simulators.serving`'s, whose step times are `cosearch_simulators.llm`'s; here are
the space and what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import setting
from cosearch.space import Designs
from cosearch_plugins.serving.metrics import METRICS
from cosearch_plugins.serving.space import INSTANCES, NONE, YES, serving_space
from cosearch_plugins.serving.stream import (
    StreamSettings,
    check_possible,
    levels_of,
    stream_of,
    warn_of_unused,
)

if TYPE_CHECKING:
    from cosearch_simulators.serving import Fleet, Pool, StepTimes, Workload

DEVICES = ("l4", "a10g", "l40s", "a100_sxm", "h100_sxm", "h200_sxm", "b200_sxm")
"""Kinds whose class of devices was measured: of others (`mi300x`, ...) the LLM simulator knows the data sheet
only, which flatters them, so that a search would find its error. `devices` names them."""

PRECISIONS = ("bf16", "fp8")
"""As good as the model itself. Weights of 4 bits cost quality, which nothing here measures; `precisions` has
them."""

LOAD_BYTES_PER_S = 5e9
ENGINE_START_S = 20.0
"""A cold start: weights from a local disk array, and the engine's own start. Assumptions."""

SHORT = 0.25


class ServingSettings(StreamSettings):
    """The model, its requests, and what fleets are made of."""

    model: str = setting("llama-3.1-70b", "a published model, named as in `cosearch_simulators.llm.models`")
    devices: tuple[str, ...] = setting(DEVICES, "kinds of devices to choose from")
    precisions: tuple[str, ...] = setting(PRECISIONS, "of weights, to choose from")
    engine: Literal["vllm", "sglang", "trtllm"] = setting(
        "vllm", "the serving engine, whose time on the host is added"
    )
    prefix_cache: bool = setting(True, "whether caches of prompts are kept for those that begin alike")
    preemption: Literal["recompute", "swap"] = setting(
        "recompute", "what becomes of a cache that must make room"
    )
    link_gb_per_s: float | None = setting(
        None,
        "between instances for prompts and for answers; default the devices' own network",
        unit="GB/s",
        ge=0,
    )


class LlmServing(Problem):
    """A fleet for a stream of requests: kinds and numbers of devices, layout, batches, split, router.

    An instance has `tp` devices. Every design serves the same requests, event by event; goodput is at the
    stream's own rate, so among fleets that keep the levels it is that rate. What the answers are worth is
    not measured: precisions are those that cost no quality.

    Example:
        >>> problem = LlmServing(model="llama-3.1-8b", rate=2.0, seconds=60.0)
        >>> problem.evaluate([problem.space.default()]).status.tolist()
        ['ok']
    """

    Settings = ServingSettings
    settings: ServingSettings
    name = "llm-serving"
    metrics: Sequence[Metric] = METRICS
    objectives = (
        Objective("usd_per_hour", "min"),
        Objective("ttft_p99_ms", "min"),
        Objective("tpot_p99_ms", "min"),
        Objective("goodput_per_s", "max"),
    )
    constraints = (Constraint("attainment", ">=", 0.99),)
    fidelities: Sequence[Fidelity | str] = (
        Fidelity("short", SHORT, "the first quarter of the requests"),
        Fidelity("whole", 1.0, "all of them"),
    )

    def build(self) -> None:
        """Look names up, read the trace, refuse what no design can keep."""
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.llm import model_named, platform_named, precision_code

        settings = self.settings
        try:
            self.model = model_named(settings.model)
            self._platforms = {name: platform_named(name) for name in settings.devices}
            self._precisions = {name: precision_code(name) for name in settings.precisions}
        except SimulatorError as error:
            raise ArgumentError(str(error)) from None
        for name, values in (("devices", settings.devices), ("precisions", settings.precisions)):
            if not values or len(set(values)) < len(values):
                raise ArgumentError(f"{name} must name at least one, and each once")
        warn_of_unused(settings)
        splits = tuple(tp for tp in (1, 2, 4, 8) if int(self.model.heads) % tp == 0)
        self._streams = {"whole": stream_of(settings), "short": stream_of(settings, SHORT)}
        whole = self._streams["whole"]
        most = 2 * max(INSTANCES) * splits[-1]
        check_possible(self.model, self._platforms, whole, settings, most, splits[-1])
        self._levels = levels_of(settings)
        self._layouts: dict[tuple[Any, ...], StepTimes] = {}
        self.space = serving_space(
            self.name,
            settings.devices,
            splits,
            settings.precisions,
            experts=self.model.expert_layers > 0,
            scales=settings.daily > 0 or settings.trace is not None,
        )
        come = "given trace" if settings.trace else f"{settings.lengths}, {settings.arrivals}"
        self.about = (
            f"{settings.model}; {come}, {whole.rate:.3g} requests/s for {settings.seconds:g} s, "
            f"mean {whole.mean_prompt:.0f} + {whole.mean_output:.0f} tokens; levels "
            f"{settings.ttft_level_ms:g} and {settings.tpot_level_ms:g} ms"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All fleets on the same requests."""
        from cosearch_simulators.serving import Options, evaluate

        columns = {name: designs[name].tolist() for name in self.space.names}
        rows = [{name: column[k] for name, column in columns.items()} for k in range(len(designs))]
        options = Options(warmup_s=self.settings.warmup_s)
        found = evaluate(
            [self.fleet(row) for row in rows], self._streams[fidelity], self._levels, options=options
        )
        return Outcomes({m.name: found[m.name] for m in self.metrics}, found.codes, found.reason)

    def fleet(self, design: Mapping[str, Any]) -> Fleet:
        """The fleet that a design describes."""
        from cosearch_simulators.llm.common.calibration import host_seconds
        from cosearch_simulators.serving import Fleet

        if design["disaggregated"] == YES:
            pools = [self._pool(design, "", "prefill"), self._pool(design, "decode_", "decode")]
        else:
            pools = [self._pool(design, "", "mixed")]
            if design["second_device"] != NONE:
                pools.append(self._pool(design, "second_", "mixed"))
        return Fleet(
            pools,
            router=design["router"],
            preemption=self.settings.preemption,
            prefix_cache=self.settings.prefix_cache,
            first_s=host_seconds(self.settings.engine)[1],
        )

    def _pool(self, design: Mapping[str, Any], prefix: str, role: Any) -> Pool:
        from cosearch_simulators.serving import Pool

        count, link = int(design[f"{prefix}instances"]), self.settings.link_gb_per_s
        times = self.layout(
            str(design[f"{prefix}device"]),
            int(design[f"{prefix}tp"]),
            str(design["precision"]),
            str(design["kv_precision"]),
            design.get("experts") == "shared_out",
        )
        scales = design.get("scaling") == YES
        return Pool(
            times,
            count,
            role,
            most_requests=int(design["most_requests"]),
            step_tokens=int(design["step_tokens"]) if role != "decode" else 8192,
            chunked=role == "mixed" and design["chunked"] == YES,
            least=min(int(design["least_instances"]), count) if scales else None,
            target=float(design["requests_each"]) if scales else 64.0,
            start_s=ENGINE_START_S + times.weights_gib * 2**30 / LOAD_BYTES_PER_S,
            link_bytes_per_s=None if link is None else 1e9 * link,
        )

    def layout(self, device: str, tp: int, precision: str, kv_precision: str, shared_out: bool) -> StepTimes:
        """Step times of an instance; made once."""
        from cosearch_simulators.llm import Serving
        from cosearch_simulators.llm.common.calibration import host_seconds
        from cosearch_simulators.serving import step_times

        key = (device, tp, precision, kv_precision, shared_out)
        if key not in self._layouts:
            stream = self._streams["whole"]
            code = self._precisions[precision]
            self._layouts[key] = step_times(
                self.model,
                self._platforms[device],
                Serving(
                    tp=float(tp),
                    ep=float(tp) if shared_out else 1.0,
                    precision=code,
                    expert_precision=code,
                    kv_bytes=1.0 if kv_precision == "fp8" else 2.0,
                    host_s=host_seconds(self.settings.engine)[0],
                ),
                context=min(max(stream.mean_prompt + stream.mean_output, 64.0), float(self.model.longest)),
            )
        return self._layouts[key]

    def stream(self, rate: float = 1.0) -> Workload:
        """The requests, at so many times their rate."""
        return self._streams["whole"] if rate == 1.0 else stream_of(self.settings, rate=rate)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """The knee of the rate, latencies, batches and caches over time, cost against attainment."""
        from cosearch_plugins.serving.pictures import serving_pictures

        return serving_pictures(self, design)
