"""Chunked prefill: steps that take a piece of a prompt beside decoding requests, and their closed loop."""

from __future__ import annotations

from typing import Any

from cosearch_simulators.llm.common.operators import at_least
from cosearch_simulators.llm.engines.ours.step import Numbers, step
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import Serving


def mixed_step(
    xp: Any,
    model: Model,
    platform: Platform,
    serving: Serving,
    of: Numbers,
    decoding: Any,
    middle: Any,
    decode: dict[str, Any],
) -> dict[str, Any]:
    """Seconds by part of a step of decoding requests and a chunk of a prompt.

    Weights are read once for both; attention of the chunk comes on top of the decoding requests'.

    Args:
        xp: the array namespace.
        model: columns.
        platform: columns.
        serving: columns; `chunk` of at least 1 counts.
        of: what `numbers` looked up.
        decoding: requests of one rank that decode.
        middle: tokens in the cache of each.
        decode: parts of the step without the chunk.
    """
    chunk = at_least(xp, xp.minimum(serving.chunk, serving.prompt - serving.cached), 1.0)
    one = xp.ones_like(decoding)
    together = step(xp, model, platform, serving, of, decoding + chunk, one, middle, False)
    past = serving.cached + 0.5 * at_least(xp, serving.prompt - serving.cached - chunk, 0.0)
    piece = step(xp, model, platform, serving, of, one, chunk * one, past, True)
    return together | {"attention": decode["attention"] + piece["attention"]}


def chunked(
    xp: Any, serving: Serving, in_flight: Any, decode: Any, mixed: Any, lockstep: Any
) -> tuple[Any, Any]:
    """TTFT and TPOT where each step has room for one chunk.

    In the `output` steps of an answer every request of the rank ends once and brings a prompt of so many
    chunks: that share of the steps is mixed. Where prompts ask for more steps than answers have, all are, and
    a request waits for its turn to start. As where prompts run alone, a share of the requests ends at once
    with others, and waits for half of their prompts.

    Args:
        xp: the array namespace.
        serving: columns.
        in_flight: requests of one rank.
        decode: seconds for each token of a step without a chunk.
        mixed: seconds of a step with one.
        lockstep: share of the other requests' prompts that come at once.
    """
    chunks = xp.ceil((serving.prompt - serving.cached) / at_least(xp, serving.chunk, 1.0))
    asked = in_flight * chunks
    share = xp.minimum(asked / serving.output, 1.0)
    tpot = decode + share * at_least(xp, mixed - decode, 0.0)
    waiting = at_least(xp, asked - serving.output - chunks, 0.0)
    waiting = waiting + 0.5 * lockstep * at_least(xp, in_flight - 1.0, 0.0) * chunks
    return (chunks + waiting) * mixed, tpot
