"""Where weights and cache lie: the fastest tier that still has room, whole tiers in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cosearch_simulators.llm.machines import Machine, Tier


@dataclass(frozen=True)
class Places:
    """Shares of weights and of the cache by tier, and the bytes that found no room."""

    weights: tuple[Any, ...]
    cache: tuple[Any, ...]
    left_over: Any


def placed(xp: Any, machine: Machine, tiers: Sequence[Tier], weights: Any, cache: Any) -> Places:
    """Fill the tiers, the cache or the weights first.

    Args:
        xp: the array namespace.
        machine: columns.
        tiers: columns, the fastest first.
        weights: bytes of one chip.
        cache: bytes of one chip.
    """
    first_is_cache = machine.cache_first > 0.5
    first = xp.where(first_is_cache, cache, weights)
    second = xp.where(first_is_cache, weights, cache)
    shares_first, shares_second = [], []
    for tier in tiers:
        taken = xp.minimum(first, tier.capacity_bytes)
        first = first - taken
        other = xp.minimum(second, tier.capacity_bytes - taken)
        second = second - other
        shares_first.append(taken)
        shares_second.append(other)
    in_weights = [
        xp.where(first_is_cache, b, a) / weights for a, b in zip(shares_first, shares_second, strict=True)
    ]
    # A model of recurrent layers alone may have no cache at all.
    held = xp.where(cache > 0, cache, xp.ones_like(cache))
    in_cache = [
        xp.where(first_is_cache, a, b) / held for a, b in zip(shares_first, shares_second, strict=True)
    ]
    return Places(tuple(in_weights), tuple(in_cache), first + second)
