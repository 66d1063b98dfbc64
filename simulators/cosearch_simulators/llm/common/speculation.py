"""Speculative decoding: a small model drafts tokens, the large one checks them in one step.

Leviathan et al., "Fast inference from transformers via speculative decoding", arXiv 2211.17192: with each of
`draft` tokens accepted with probability a, a step yields (1 - a^(draft + 1)) / (1 - a) tokens (equation 1).
"""

from __future__ import annotations

from typing import Any


def tokens_of_a_step(xp: Any, draft: Any, accepted: Any) -> Any:
    """Expected tokens that a checking step yields; 1 where nothing is drafted.

    Args:
        xp: the array namespace.
        draft: tokens that are drafted before a step.
        accepted: probability that one is accepted, from 0 to 1.
    """
    # Where all are accepted the sum of the series is the number of its terms.
    odds = xp.where(accepted < 1.0 - 1e-9, accepted, xp.zeros_like(accepted))
    found = (1.0 - odds ** (draft + 1.0)) / (1.0 - odds)
    return xp.where(accepted < 1.0 - 1e-9, found, draft + 1.0)
