"""Times of an engine's steps from the LLM simulator, as tables: one for each model, device and layout.

A step mixes answers under way, one token each, with pieces of prompts. All but attention depends on the
tokens of the step alone; the classifier on the sequences that get a token; attention of answers on their
number and mean context; attention of a piece of a prompt on its tokens and those before. Each of these is a
table, so a mixed step is a sum, and nothing is profiled.

A pipeline of p stages works on p parts of a step at once, ranks of attention data parallelism on a part each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.llm import Model, Platform, Serving, evaluate
from cosearch_simulators.llm.common.columns import as_columns, namespace_of
from cosearch_simulators.llm.engines.ours.entry import DECODE_POWER, GIB, POWER, seconds
from cosearch_simulators.serving.engines.events.layout import Tables
from cosearch_simulators.serving.engines.events.lookup import COARSE, DENSE, FINE, PAST_UNIT, STRIDE

Floats = NDArray[np.float64]

MOST_TOKENS = 16384
"""Of a step with a point of their own; beyond, a straight line."""
MOST_SEQUENCES = 1024
OCTAVES_ANSWERS, OCTAVES_CONTEXT, OCTAVES_PROMPT, OCTAVES_PAST = 12, 18, 18, 12


def octaves(number: int, points: int) -> Floats:
    """An axis from 1: `points` evenly spaced in each octave."""
    k = np.arange(number * points + 1)
    return np.ldexp(1.0 + k % points / points, k // points)


TOKENS = np.concatenate([np.arange(DENSE + 1.0), np.arange(DENSE + STRIDE, MOST_TOKENS + 1.0, STRIDE)])
SEQUENCES = np.arange(MOST_SEQUENCES + 1.0)
ANSWERS, CONTEXT = octaves(OCTAVES_ANSWERS, COARSE), octaves(OCTAVES_CONTEXT, COARSE)
PROMPT, PAST = octaves(OCTAVES_PROMPT, FINE), PAST_UNIT * (octaves(OCTAVES_PAST, COARSE) - 1.0)


@dataclass(frozen=True, eq=False)
class StepTimes:
    """One layout of one model on one device.

    Attributes:
        tokens: seconds by the tokens of a step, at `TOKENS`, experts left out.
        experts: seconds of routed experts at `TOKENS`.
        classifier: seconds that more than one sequence adds, at `SEQUENCES`.
        answers: seconds of attention at (`ANSWERS`, `CONTEXT`).
        prompts: seconds of attention at (`PROMPT`, `PAST`).
        least_s: of all kernels of a step together: their launches.
        host_s: of a step, in which the devices wait.
        kv_bytes: of a token in the cache, all layers, all devices together.
        kv_tokens: that the caches of an instance hold.
        devices: of an instance.
        power_w: of all its devices, thermal design power.
        prefill_share, decode_share: of it, while prompts or answers run.
        usd_per_hour: of the instance.
        weights_gib: of all its devices.
        link_bytes_per_s: out of the instance, all devices together.
        ranks: of attention data parallelism.
        reason: why the layout cannot run; "" where it can.
    """

    tokens: Floats
    experts: Floats
    classifier: Floats
    answers: Floats
    prompts: Floats
    least_s: float
    host_s: float
    kv_bytes: float
    kv_tokens: float
    devices: float
    power_w: float
    prefill_share: float
    decode_share: float
    usd_per_hour: float
    weights_gib: float
    link_bytes_per_s: float
    ranks: float = 1.0
    reason: str = ""

    def step_s(
        self, tokens: float, sequences: float = 1.0, answers: float = 0.0, context: float = 1.0
    ) -> float:
        """A step without attention of prompts, in plain Python: for checks and for what a router expects."""
        found = np.interp(tokens, TOKENS, self.all_tokens) + np.interp(sequences, SEQUENCES, self.classifier)
        if answers > 0:
            found += plane(self.answers, ANSWERS, CONTEXT, answers, context)
        return float(max(found, self.least_s) + self.host_s)

    def prefill_s(self, prompt: float) -> float:
        """A step that is one prompt."""
        attention = plane(self.prompts, PROMPT, PAST, prompt, 0.0)
        alone = _beyond(TOKENS, self.tokens, self.ranks * prompt)
        found = alone + _beyond(TOKENS, self.experts, prompt) + attention
        return float(max(found, self.least_s) + self.host_s)

    @cached_property
    def all_tokens(self) -> Floats:
        """Seconds at `TOKENS`, experts and all, where ranks have equal shares."""
        return self.tokens + self.experts

    @cached_property
    def bare_step_s(self) -> float:
        """The least time between two tokens: one request, nothing else."""
        return self.step_s(1.0, answers=1.0)


def plane(table: Floats, rows: Floats, columns: Floats, row: float, column: float) -> float:
    """A value between the points of a table."""
    across = np.array([np.interp(column, columns, line) for line in table])
    return float(np.interp(row, rows, across))


def _beyond(axis: Floats, values: Floats, at: float) -> float:
    if at <= axis[-1]:
        return float(np.interp(at, axis, values))
    slope = (values[-1] - values[-2]) / (axis[-1] - axis[-2])
    return float(values[-1] + slope * (at - axis[-1]))


def step_times(
    model: Model, platform: Platform, serving: Serving, *, context: float = 4096.0, kv_tokens: float = 0.0
) -> StepTimes:
    """The tables of one layout, in a few calls of the LLM simulator.

    Args:
        model: numbers.
        platform: numbers.
        serving: the layout: tp, pp, attention_dp, ep, precisions and what the engine's host takes; its batch
            and lengths are not read.
        context: tokens of a request at which a token's share of the cache is counted; it falls with them
            where there are windows or states.
        kv_tokens: that the caches hold; 0: what the device's memory leaves.
    """
    s = serving
    ranks = float(s.attention_dp)
    parts = ranks * float(s.pp)
    one = _replaced(s, batch=ranks, prompt=0.5 * context, output=0.5 * context, cached=0.0)
    checked = evaluate(model, platform, one)
    if checked.reason[0]:
        return replace(constant_times(), kv_tokens=0.0, reason=str(checked.reason[0]))
    devices = float(s.tp) * ranks * float(s.pp)
    shares = np.maximum(TOKENS, 1.0) / parts
    at = {"batch": ranks, "output": 1.0, "cached": 0.0}
    whole = _parts(model, platform, _replaced(s, prompt=np.maximum(shares, 1.0), **at), "prefill")
    work = whole["products"] + whole["small"] + whole["links"]
    work[0] = whole["experts"][0] = 0.0
    sequences = np.maximum(SEQUENCES, 1.0)
    each = np.maximum(sequences / parts, 1.0)
    lone = _parts(model, platform, _replaced(s, prompt=each, **at), "prefill")["products"]
    every = _parts(model, platform, _replaced(s, **(at | {"batch": sequences, "prompt": 2.0})), "step")
    classifier = every["products"] - lone
    n, c = np.meshgrid(ANSWERS, CONTEXT, indexing="ij")
    answers = _parts(
        model, platform, _replaced(s, batch=n.ravel(), prompt=c.ravel() - 0.5, output=1.0, cached=0.0), "step"
    )["attention"].reshape(n.shape)
    new, past = np.meshgrid(PROMPT, PAST, indexing="ij")
    prompts = _parts(
        model,
        platform,
        _replaced(s, **(at | {"prompt": (new / s.pp + past).ravel(), "cached": past.ravel()})),
        "prefill",
    )["attention"].reshape(new.shape)
    layers = model.full_layers + model.window_layers + model.latent_layers + model.recurrent_layers
    busy = sum(POWER[name] * whole[name][DENSE] for name in whole) / sum(
        part[DENSE] for part in whole.values()
    )
    found = {name: float(checked.metrics[name][0]) for name in ("memory_gib", "weights_gib", "cache_gib")}
    kv = found["cache_gib"] * GIB / context
    free = 0.9 * float(platform.memory_bytes) - (found["memory_gib"] - found["cache_gib"]) * GIB
    slowdown = float(s.slowdown)
    return StepTimes(
        tokens=slowdown * _evened(work),
        experts=slowdown * _evened(whole["experts"]),
        classifier=slowdown * _evened(classifier),
        answers=slowdown * answers,
        prompts=slowdown * prompts,
        least_s=float(s.layer_s) * float(layers),
        host_s=float(s.host_s),
        kv_bytes=kv * devices / ranks,
        kv_tokens=kv_tokens or max(free / kv * ranks, 0.0),
        devices=devices,
        power_w=devices * float(platform.power_w),
        prefill_share=float(busy),
        decode_share=DECODE_POWER,
        usd_per_hour=devices * float(platform.usd_per_hour),
        weights_gib=found["weights_gib"] * devices,
        link_bytes_per_s=devices * float(platform.network),
        ranks=ranks,
    )


def constant_times(
    *, token_s: float = 0.0, step_s: float = 0.0, kv_tokens: float = 1e9, kv_bytes: float = 1.0
) -> StepTimes:
    """A made-up engine: a step takes `step_s` and `token_s` for each of its tokens."""
    flat = np.zeros((ANSWERS.size, CONTEXT.size)), np.zeros((PROMPT.size, PAST.size))
    return StepTimes(
        token_s * TOKENS,
        np.zeros(TOKENS.size),
        np.zeros(SEQUENCES.size),
        *flat,
        least_s=0.0,
        host_s=step_s,
        kv_bytes=kv_bytes,
        kv_tokens=kv_tokens,
        devices=1.0,
        power_w=100.0,
        prefill_share=1.0,
        decode_share=1.0,
        usd_per_hour=1.0,
        weights_gib=1.0,
        link_bytes_per_s=1e9,
    )


def packed(many: Sequence[StepTimes]) -> Tables:
    """The tables of several layouts, as the clock reads them."""
    least = [[one.least_s, one.host_s, one.ranks, float(one.experts.any())] for one in many]

    def column(name: str) -> Floats:
        return np.stack([getattr(one, name) for one in many])

    return Tables(
        column("tokens"),
        column("experts"),
        column("classifier"),
        column("answers"),
        column("prompts"),
        np.array(least),
    )


def _evened(values: Floats) -> Floats:
    """With a last point from which a straight line goes on: tiles make steps, of which one says little."""
    found = values.copy()
    found[-1] = found[-2] + (found[-2] - found[-258]) / 256.0
    return found


def _replaced(serving: Serving, **values: object) -> Serving:
    return Serving(**({field.name: getattr(serving, field.name) for field in fields(serving)} | values))


def _parts(model: Model, platform: Platform, serving: Serving, stage: str) -> dict[str, Floats]:
    """Seconds by part; those of a layout that cannot run may not be finite."""
    xp = namespace_of(serving)
    m, p, s = as_columns(xp, model), as_columns(xp, platform), as_columns(xp, serving)
    with np.errstate(all="ignore"):
        found = seconds(xp, m, p, s)
    size = np.asarray(found[f"{stage}.products"]).size
    return {
        name: 1e-3 * np.broadcast_to(np.asarray(found[f"{stage}.{name}"], np.float64), size).copy()
        for name in POWER
    }
