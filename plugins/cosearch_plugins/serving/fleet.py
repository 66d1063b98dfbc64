"""The problem `llm-fleet`: the cheapest mix of kinds of instances for requests of all sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.settings import setting
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Ordinal, Parameter
from cosearch_plugins.serving.optimum import PARTS, Optimum, cheapest
from cosearch_plugins.serving.stream import (
    LENGTHS,
    StreamSettings,
    check_possible,
    levels_of,
    stream_of,
    warn_of_unused,
)

if TYPE_CHECKING:
    from cosearch_simulators.serving import Fleet

NONE = "none"
KINDS = ("l4", "a10g", "l40s", "a100_sxm", "h100_sxm")
"""Melange's four, and L40S."""


class FleetSettings(StreamSettings):
    """The requests, the model, and what the fleet may be made of."""

    lengths: Literal[LENGTHS] = setting(  # type: ignore[valid-type]
        "sharegpt4", "published lengths of prompts and answers, log-normal"
    )
    seconds: float = setting(3600.0, "for how long they come", unit="s", gt=1, le=1e6)
    tpot_level_ms: float = setting(120.0, "service level: of every further token, as a mean", unit="ms", gt=0)
    ttft_level_ms: float = setting(2000.0, "service level: to the first token", unit="ms", gt=0)
    model: str = setting("llama-3.1-8b", "a published model, named as in `cosearch_simulators.llm.models`")
    kinds: tuple[str, ...] = setting(KINDS, "devices; `NAME:N` is an instance of N of them")
    precision: Literal["bf16", "fp8"] = setting("bf16", "of weights")
    prompts: tuple[int, ...] = setting(
        (256, 1024, 4096), "upper edges of the buckets of prompts", unit="tokens"
    )
    outputs: tuple[int, ...] = setting((100, 400), "upper edges of the buckets of answers", unit="tokens")
    engine: Literal["vllm", "sglang", "trtllm"] = setting("vllm", "whose time on the host is added")


class LlmFleet(Problem):
    """Which kinds of instances serve which sizes of requests: Melange's problem, with a proven optimum.

    Each bucket of request sizes goes to one kind, or in quarters to two; as many instances are rented as
    the load fills. `above_optimum` says how far a design is from the least there is, which integer
    programming proves. Bursts and queues are not in this model: `fleet` gives what `llm-serving`'s simulator
    makes of a mix.

    Example:
        >>> problem = LlmFleet()
        >>> problem.optimum().proven
        True
    """

    Settings = FleetSettings
    settings: FleetSettings
    name = "llm-fleet"
    metrics: Sequence[Metric] = (
        Metric("usd_per_hour", "USD/h", "price of all instances, an hour"),
        Metric("above_optimum", "1", "price over the least there is, less 1; the least is proven"),
        Metric("instances", "1", "in all"),
        Metric("devices", "1", "in all"),
        Metric("load", "1", "of the fullest kind: its share of what it serves within the levels"),
        Metric("kinds", "1", "of instances that are used"),
    )
    objectives = (Objective("usd_per_hour", "min"),)
    fidelities: Sequence[Fidelity | str] = (
        Fidelity("analytical", 1.0, "loads add up; no bursts, no queues"),
    )

    def build(self) -> None:
        """Fill the buckets, and find what each kind serves of each."""
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.llm import Serving, model_named, platform_named, precision_code
        from cosearch_simulators.llm.common.calibration import host_seconds
        from cosearch_simulators.serving.engines.melange.entry import Kinds, buckets_of, loads, most_rates

        settings = self.settings
        if not settings.kinds or len(set(settings.kinds)) < len(settings.kinds):
            raise ArgumentError("kinds must name at least one, and each once")
        warn_of_unused(settings)
        stream = stream_of(settings)
        try:
            self.model = model_named(settings.model)
            named = [_kind(text) for text in settings.kinds]
            platforms = [platform_named(name) for name, _ in named]
            code, (host, first) = precision_code(settings.precision), host_seconds(settings.engine)
            layouts = [
                Serving(tp=float(count), precision=code, expert_precision=code, host_s=host, first_s=first)
                for _, count in named
            ]
            self.kinds = Kinds(settings.kinds, platforms, layouts)
            check_possible(
                self.model, dict(zip(settings.kinds, platforms, strict=True)), stream,
                settings, 100_000, max(count for _, count in named),
            )  # fmt: skip
            self.buckets = buckets_of(stream, settings.prompts, settings.outputs)
            rates = most_rates(self.model, self.kinds, self.buckets, levels_of(settings))
        except SimulatorError as error:
            raise ArgumentError(str(error)) from None
        self.loads = loads(rates, self.buckets)
        lost = np.flatnonzero(~np.isfinite(self.loads).any(axis=0))
        if lost.size:
            raise ArgumentError(
                f"no kind of instance serves bucket {self.buckets.names[lost[0]]} (mean "
                f"{self.buckets.prompt[lost[0]]:.0f} + {self.buckets.output[lost[0]]:.0f} tokens) within "
                f"{settings.ttft_level_ms:g} and {settings.tpot_level_ms:g} ms"
            )
        self.space = self._space()
        self.about = (
            f"{settings.model}; {stream.rate:.3g} requests/s in {self.buckets.rate.size} sizes, mean "
            f"{stream.mean_prompt:.0f} + {stream.mean_output:.0f} tokens"
        )

    def _space(self) -> DesignSpace:
        kinds = tuple(self.settings.kinds)
        parameters: list[Parameter] = []
        groups, rules = {}, []
        for j, bucket in enumerate(self.buckets.names):
            able = [kind for kind, load in zip(kinds, self.loads[:, j], strict=True) if np.isfinite(load)]
            one, two, part = f"serve_{bucket}", f"also_{bucket}", f"share_{bucket}"
            # The kind that serves this bucket for the least, if the rest did not matter.
            prices = [
                self.loads[kinds.index(kind), j] * self.kinds.usd_per_hour[kinds.index(kind)] for kind in able
            ]
            best = able[int(np.argmin(prices))]
            parameters.append(Categorical(one, able, default=best, description="kind of instances"))
            groups[bucket] = [one]
            if len(able) > 1:
                parameters += [
                    Categorical(two, (NONE, *able), default=NONE, description="a second kind"),
                    Ordinal(
                        part,
                        (0.25, 0.5, 0.75),
                        default=0.5,
                        when={two: able},
                        description="on the second kind",
                    ),
                ]
                groups[bucket] += [two, part]
                rules.append(Forbidden(_Same(one, two), "the second kind is the first", reads=[one, two]))
        return DesignSpace(parameters, name=self.name, forbidden=rules, groups=groups)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All mixes at once."""
        from cosearch_simulators.serving.engines.melange.entry import evaluate

        found = evaluate(self._shares(designs), self.loads, self.kinds, self.buckets)
        above = found["usd_per_hour"] / self.optimum().usd_per_hour - 1.0
        given = {m.name: found[m.name] for m in self.metrics if m.name != "above_optimum"}
        return Outcomes(given | {"above_optimum": above}, found.codes, found.reason)

    def _shares(self, designs: Designs) -> NDArray[np.float64]:
        kinds = {kind: place for place, kind in enumerate(self.settings.kinds)}
        n, rows = len(designs), np.arange(len(designs))
        shares = np.zeros((n, len(kinds), self.buckets.rate.size))
        for j, bucket in enumerate(self.buckets.names):
            first = np.array([kinds[str(kind)] for kind in designs[f"serve_{bucket}"]], int)
            shares[rows, first, j] = 1.0
            if f"also_{bucket}" in self.space.names:
                active = designs.active(f"share_{bucket}")
                second = np.array([kinds.get(str(kind), 0) for kind in designs[f"also_{bucket}"]], int)
                part = np.where(active, np.asarray(designs[f"share_{bucket}"], np.float64), 0.0)
                shares[rows, first, j] -= part
                shares[rows, second, j] += part
        return shares

    @cached_property
    def _optimum(self) -> Optimum:
        return cheapest(self.loads, self.kinds.usd_per_hour)

    def optimum(self) -> Optimum:
        """The cheapest mix there is, by integer programming."""
        return self._optimum

    def optimal_design(self) -> dict[str, Any]:
        """A design that costs no more than any other."""
        names, parts = tuple(self.settings.kinds), self.optimum().parts
        design: dict[str, Any] = {}
        for j, bucket in enumerate(self.buckets.names):
            used = np.flatnonzero(parts[:, j])
            design[f"serve_{bucket}"] = names[used[0]]
            if f"also_{bucket}" in self.space.names:
                design[f"also_{bucket}"] = names[used[1]] if used.size > 1 else NONE
                if used.size > 1:
                    design[f"share_{bucket}"] = float(parts[used[1], j]) / PARTS
        return design

    def shares(self, design: Mapping[str, Any]) -> NDArray[np.float64]:
        """Of each bucket's requests on each kind, (kinds, b)."""
        return self._shares(self.space.designs([dict(design)]))[0]

    def counts(self, design: Mapping[str, Any]) -> dict[str, int]:
        """Instances of each kind that a design rents."""
        shares = self.shares(design)
        with np.errstate(invalid="ignore"):
            each = np.where(shares > 0, shares * self.loads, 0.0).sum(axis=1)
        return {kind: int(np.ceil(load - 1e-9)) for kind, load in zip(self.settings.kinds, each, strict=True)}

    def fleet(self, counts: Mapping[str, int], **others: Any) -> Fleet:
        """Such a mix, for the simulator that knows bursts and queues."""
        from cosearch_simulators.serving import Fleet, Pool, step_times

        pools = [
            Pool(step_times(self.model, platform, layout), counts[kind])
            for kind, platform, layout in zip(
                self.kinds.names, self.kinds.platforms, self.kinds.servings, strict=True
            )
            if counts.get(kind, 0) > 0
        ]
        return Fleet(pools, **({"first_s": float(self.kinds.servings[0].first_s)} | others))

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Which kind serves which sizes, and what single kinds would cost."""
        from cosearch_plugins.serving.fleet_pictures import fleet_pictures

        return fleet_pictures(self, design)


@dataclass(frozen=True)
class _Same:
    """Whether two parameters have one value; a class, so that a space with it can be sent to workers."""

    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.other} == {self.one}"

    def __call__(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        return np.asarray(columns[self.one]) == np.asarray(columns[self.other])


def _kind(text: str) -> tuple[str, int]:
    """`h100_sxm:4` is four of them."""
    name, _, count = text.partition(":")
    if count and not (count.isdecimal() and int(count) > 0):
        raise ArgumentError(f"kinds: {text!r} must be a device, or a device and how many, such as h100_sxm:2")
    return name, int(count or 1)
