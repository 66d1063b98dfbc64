"""The stream of requests of a problem, its service levels, and what no design could ever keep."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cosearch.errors import ArgumentError, WorkloadWarning
from cosearch.settings import InputFile, Settings, setting

if TYPE_CHECKING:
    from cosearch_simulators.llm import Model, Platform
    from cosearch_simulators.serving import Levels, Workload

OF_A_PROCESS = (
    "lengths",
    "rate",
    "arrivals",
    "variation",
    "daily",
    "day_s",
    "prefix_tokens",
    "prefixes",
    "urgent",
)
OF_A_TRACE = ("start_s", "speed")
LENGTHS = ("azure-conversation", "azure-code", "sharegpt4", "arxiv-summarization")


class StreamSettings(Settings):
    """The requests, and what they must keep."""

    trace: InputFile | None = setting(
        None, "a .parquet, .csv or .jsonl file of requests, in place of a process; see simulators/README"
    )
    start_s: float = setting(0.0, "where in the trace the window begins", unit="s", ge=0)
    speed: float = setting(1.0, "how many times faster the trace's requests come", gt=0)
    lengths: Literal[LENGTHS] = setting(  # type: ignore[valid-type]
        "azure-conversation", "published lengths of prompts and answers, log-normal"
    )
    rate: float = setting(8.0, "mean requests of the process", unit="1/s", gt=0)
    seconds: float = setting(300.0, "for how long they come", unit="s", gt=1, le=1e6)
    warmup_s: float = setting(30.0, "requests before it are served but not counted", unit="s", ge=0)
    arrivals: Literal["poisson", "gamma", "constant"] = setting("poisson", "how they come")
    variation: float = setting(
        2.0, "standard deviation over mean of the times between them, of gamma", ge=0.05, le=20
    )
    daily: float = setting(0.0, "by which share the rate rises and falls over a day", ge=0, le=1)
    day_s: float = setting(86400.0, "length of such a day", unit="s", gt=1)
    prefix_tokens: int = setting(
        0, "tokens that prompts of one kind begin with", unit="tokens", ge=0, le=65536
    )
    prefixes: int = setting(16, "kinds of prompts", ge=1, le=10000)
    urgent: float = setting(0.0, "share of the requests that go first", ge=0, le=1)
    ttft_level_ms: float = setting(1000.0, "service level: to the first token", unit="ms", gt=0)
    tpot_level_ms: float = setting(50.0, "service level: of every further one, as a mean", unit="ms", gt=0)
    stream_seed: int = setting(0, "of the requests: the same ones for every design", ge=0)


def stream_of(settings: StreamSettings, share: float = 1.0, rate: float = 1.0) -> Workload:
    """The requests.

    Args:
        settings: what they are.
        share: of the time; its first part.
        rate: times the rate.

    Raises:
        ArgumentError: the trace cannot be read, or numbers do not go together.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.serving import lengths_named, process, read_trace

    s = settings
    if s.warmup_s >= s.seconds:
        raise ArgumentError(f"warmup_s must be below seconds {s.seconds:g}, got {s.warmup_s:g}")
    seconds = s.warmup_s + share * (s.seconds - s.warmup_s)
    try:
        if s.trace is not None:
            return read_trace(
                Path(s.trace), start_s=s.start_s, seconds=seconds * s.speed * rate, speed=s.speed * rate
            )
        return process(
            lengths_named(s.lengths),
            rate=s.rate * rate,
            seconds=seconds,
            arrivals=s.arrivals,
            variation=s.variation,
            daily=s.daily,
            day_s=s.day_s,
            prefix_tokens=s.prefix_tokens,
            prefixes=s.prefixes,
            urgent=s.urgent,
            seed=s.stream_seed,
        )
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None


def warn_of_unused(settings: StreamSettings) -> None:
    """Say which settings have no effect: those of a process beside a trace, those of a trace without one."""
    trace = settings.trace is not None
    unused = [name for name in (OF_A_PROCESS if trace else OF_A_TRACE) if name in settings.model_fields_set]
    if unused:
        why = "a trace says itself what comes when; speed= makes it faster" if trace else "there is no trace="
        warnings.warn(f"without effect: {', '.join(unused)}; {why}", WorkloadWarning, stacklevel=3)


def levels_of(settings: StreamSettings) -> Levels:
    """The service levels."""
    from cosearch_simulators.serving import Levels

    return Levels(settings.ttft_level_ms / 1e3, settings.tpot_level_ms / 1e3)


def active_weights(model: Model) -> float:
    """Weights that a token is multiplied by."""
    from cosearch_simulators.llm.models import parameters

    idle = model.experts - model.top_k
    unused = model.expert_layers * model.matrices * model.hidden * model.expert_ffn * max(idle, 0.0)
    return float(parameters(model) - unused - model.vocabulary * model.hidden)


def check_possible(
    model: Model,
    platforms: dict[str, Platform],
    workload: Workload,
    settings: StreamSettings,
    most: int,
    tp: int,
) -> None:
    """Refuse what no design can keep, by what the devices' data sheets allow at the very best.

    Args:
        model: that is served.
        platforms: kinds of devices.
        workload: the requests.
        settings: the service levels.
        most: devices of the largest design.
        tp: devices that a model is split over at most.

    Raises:
        ArgumentError: the requests are longer than the context, the rate too high, or the level too low.
    """
    if workload.longest > model.longest:
        raise ArgumentError(
            f"the longest request has {workload.longest:,} tokens, the model's context {model.longest:,.0f}"
        )
    weights = active_weights(model)
    kept = 1.0 - workload.shared
    tokens = kept * workload.mean_prompt + workload.mean_output
    flops = max(max(one.bf16, one.fp8) for one in platforms.values())
    rate = most * flops / (2.0 * weights * tokens)
    if workload.rate > rate:
        raise ArgumentError(
            f"no design can serve {workload.rate:.4g} requests/s: {most} of the fastest devices at their "
            f"peak serve {rate:.3g}"
        )
    least_ms = 1e3 * min(weights / (tp * one.bandwidth) for one in platforms.values())
    for name in ("ttft_level_ms", "tpot_level_ms"):
        level_ms = getattr(settings, name)
        if level_ms < least_ms:
            raise ArgumentError(
                f"no design can keep {name} {level_ms:g}: to read the weights alone takes {least_ms:.3g} ms "
                "at the very best"
            )
