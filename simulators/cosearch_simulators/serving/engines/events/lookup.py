"""Step times from the tables, between their points; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import math

from cosearch_simulators.compilation import borrowing

DENSE = 512
"""Tokens of a step up to which every number has a point."""
STRIDE = 32
"""Tokens between two points above."""
FINE, COARSE = 8, 4
"""Points of an octave: of a prompt's tokens, of all other axes."""
PAST_UNIT = 64.0
"""Tokens before a prompt's: the axis is 1 + past / PAST_UNIT."""


@borrowing
def octave_place(x, points):
    """Where a number of 1 or more is on an axis of so many points an octave, evenly spaced within it."""
    mantissa, exponent = math.frexp(x)
    return (exponent - 1 + 2.0 * mantissa - 1.0) * points


@borrowing
def line(table, place):
    """A point's value, or between two, or beyond the last on."""
    last = table.shape[0] - 1
    k = min(int(place), last - 1)
    return table[k] + (place - k) * (table[k + 1] - table[k])


@borrowing
def plane(table, row, column):
    """The same in two dimensions."""
    r = min(int(row), table.shape[0] - 2)
    below = line(table[r], column)
    return below + (row - r) * (line(table[r + 1], column) - below)


@borrowing
def prompt_attention(tables, which, new, past):
    """Of a piece of a prompt; of a first token it is the kernel's fixed cost, which all pieces share."""
    table = tables.prompts[which]
    place = octave_place(1.0 + past / PAST_UNIT, COARSE)
    return plane(table, octave_place(float(new), FINE), place)


@borrowing
def _by_tokens(table, tokens):
    if tokens <= DENSE:
        return line(table, tokens)
    return line(table, DENSE + (tokens - DENSE) / STRIDE)


@borrowing
def step_time(tables, which, tokens, sequences, answers, context, prompts, largest):
    """Seconds of a step.

    Args:
        tables: of all kinds.
        which: the instance's.
        tokens: in all.
        sequences: that get a token.
        answers: of them under way.
        context: tokens in the answers' caches.
        prompts: seconds of attention of the prompts.
        largest: tokens of the largest piece of a prompt.
    """
    least = tables.least[which]
    # A piece of a prompt is on one rank, and the others wait for it; the experts are shared by all.
    uneven = max(float(tokens), answers + least[2] * largest) if least[2] > 1.0 else float(tokens)
    seconds = _by_tokens(tables.tokens[which], uneven)
    if least[3] > 0.0:
        seconds += _by_tokens(tables.experts[which], float(tokens))
    if sequences > 1:
        seconds += line(tables.classifier[which], float(sequences))
    if answers > 0:
        mean = max(context / answers, 1.0)
        seconds += plane(
            tables.answers[which], octave_place(float(answers), COARSE), octave_place(mean, COARSE)
        )
    return max(seconds + prompts, least[0]) + least[1]
