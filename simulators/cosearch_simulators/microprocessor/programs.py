"""What programs ask of a core: how parallel they are, how they branch, what they miss in caches.

The parallelism is that of T. Karkhanis, J. Smith: "A first-order superscalar processor model", ISCA 2004: of
a window of W instructions, alpha W^beta / L can issue in a cycle, where L is the average latency of an
instruction that hits the cache. The misses by cache size are averages of SPEC CPU2000, not of one program:
J. Hennessy, D. Patterson: "Computer Architecture: A Quantitative Approach", 5th edition, figure B.6 (two-way
caches, 64-byte blocks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Program:
    """A program as the model sees it.

    Attributes:
        name: the SPEC CPU2000 program whose parallelism it has.
        alpha, beta: of the power law of its parallelism.
        latency_cycles: of an instruction on average, all caches hitting.
    """

    name: str
    alpha: float
    beta: float
    latency_cycles: float


PROGRAMS = {
    one.name: one
    for one in (
        Program("gzip", 1.3, 0.5, 1.5),
        Program("vortex", 1.2, 0.7, 1.6),
        Program("vpr", 1.7, 0.3, 2.2),
    )
}
"""Karkhanis and Smith, table 1: a program of typical, one of large and one of little parallelism."""

CACHE_KIB = np.array([8.0, 16.0, 32.0, 64.0, 128.0, 256.0])
INSTRUCTION_MISSES = np.array([8.16, 3.82, 1.36, 0.61, 0.30, 0.02])
DATA_MISSES = np.array([44.2, 40.9, 38.4, 36.9, 35.3, 32.6])
UNIFIED_MISSES = np.array([63.0, 51.0, 43.3, 39.4, 36.2, 32.9])
"""For each thousand instructions (Hennessy and Patterson, figure B.6)."""

BRANCH_SHARE = 0.17
LOAD_SHARE = 0.25
STORE_SHARE = 0.10
"""Of the instructions: round figures of integer programs, an assumption of ours."""

PREDICTOR_ACCURACY = {"bimodal": 0.935, "two-level": 0.971, "combining": 0.981}
"""S. McFarling: "Combining branch predictors", DEC WRL TN-36 (1993): where each kind levels off."""
PREDICTOR_KIB = {"bimodal": 2.0, "two-level": 16.0, "combining": 32.0}
"""Sizes at about which they do; read off that report's curves."""


def misses(
    table: NDArray[np.float64], kib: NDArray[np.float64], ways: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Misses for each thousand instructions, straight between the sizes on logarithmic scales.

    A direct-mapped cache misses as a two-way one of half its size does (the "2:1 rule" of the same book);
    more than two ways change nothing here. Beyond 256 KiB misses fall with the square root of the size (A.
    Hartstein et al.: "Cache miss behavior: is it sqrt(2)?", Computing Frontiers 2006).
    """
    size = np.log2(np.where(ways == 1, kib / 2, kib))
    known = np.log2(CACHE_KIB)
    inside = np.exp(np.interp(size, known, np.log(table)))
    return np.where(size > known[-1], inside * 2.0 ** (-0.5 * (size - known[-1])), inside)
