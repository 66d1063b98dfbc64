"""A problem that draws pictures: a direct-mapped cache under a tiled matrix product, access by access."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Categorical, Designs, DesignSpace, Metric, Objective, Ordinal, Picture, Problem, hookimpl
from cosearch.settings import Settings, setting

SIZE = 32
MATRICES = ("A", "B", "C")
HIT_PJ, MISS_PJ = 1.0, 20.0


def accesses(tile: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The 64-byte line and the matrix (0 to 2) of every access of C += A B, in the order of the loops."""
    outer, inner = np.indices(3 * (SIZE // tile,) + 3 * (tile,)).reshape(2, 3, -1)
    i, j, k = outer * tile + inner
    words = np.stack([i * SIZE + k, SIZE**2 + k * SIZE + j, 2 * SIZE**2 + i * SIZE + j], axis=1).ravel()
    return words // 8, words // SIZE**2


def missed(sets: int, line: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which accesses a direct-mapped cache with so many sets misses."""
    by_set = np.argsort(line % sets, kind="stable")
    new = np.ones(len(line), dtype=bool)
    new[1:] = np.diff(line[by_set]) != 0
    result = np.empty(len(line), dtype=bool)
    result[by_set] = new
    return result


class PicturedSettings(Settings):
    """What is to go wrong."""

    trouble: str = setting(
        "", "what goes wrong when pictures are drawn: `raise`, `half`, `wrong` or `plotly`"
    )


class PicturedCache(Problem):
    """Direct-mapped cache and loop tiling of a 32 x 32 matrix product.

    Every access of the product is simulated.
    """

    Settings = PicturedSettings
    settings: PicturedSettings
    name = "pictured-cache"
    workloads = ("matmul-32",)
    space = DesignSpace(
        [
            Ordinal("sets", [2**k for k in range(2, 10)], description="of one 64-byte line each"),
            Ordinal("tile", [1, 2, 4, 8, 16, 32]),
            Categorical("write_buffer", [False, True]),
            Ordinal("buffer_entries", [2, 4, 8], when={"write_buffer": True}),
        ],
        forbidden=["sets * tile > 8192"],
    )
    metrics = (
        Metric("misses", "1", "cache misses of the product"),
        Metric("energy_pj", "pJ", "of all accesses"),
        Metric("capacity_bytes", "B", "of the cache"),
    )
    objectives = (Objective("misses", "min"), Objective("capacity_bytes", "min"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        traces = [(design["sets"], accesses(design["tile"])[0]) for design in designs]
        misses = np.array([missed(sets, line).sum() for sets, line in traces])
        energy_pj = HIT_PJ * np.array([len(line) for _, line in traces]) + MISS_PJ * misses
        return {"misses": misses, "energy_pj": energy_pj, "capacity_bytes": 64 * designs["sets"]}

    def pictures(self, design: Mapping[str, Any]) -> Iterator[Picture]:
        if self.settings.trouble == "raise":
            raise RuntimeError("no ink <b>left</b>\nsecond line")
        sets = design["sets"]
        line, matrix = accesses(design["tile"])
        miss = missed(sets, line)
        window = len(line) // 96
        at = np.arange(0, len(line) - window + 1, window)
        rate = {
            name: [np.mean(miss[start : start + window][matrix[start : start + window] == m]) for start in at]
            for m, name in enumerate(MATRICES)
        }
        yield Picture(
            "Miss rate over the product",
            "The share of accesses that miss, by matrix, in windows of 1 % of the product.",
            [
                {"type": "scatter", "mode": "lines", "name": f"matrix {name}", "x": at, "y": values}
                for name, values in rate.items()
            ],
            {
                "xaxis": {"title": {"text": "accesses"}},
                "yaxis": {"title": {"text": "miss rate"}, "rangemode": "tozero", "tickformat": ".0%"},
            },
            min_width=560,
        )
        if self.settings.trouble == "half":
            raise MemoryError("out of paper")
        counts = np.stack([np.bincount(line[miss & (matrix == m)] % sets, minlength=sets) for m in range(3)])
        yield Picture(
            "Misses by set",
            "Where they fall: the sets of the cache, one row for each matrix.",
            [
                {
                    "type": "heatmap",
                    "z": np.where(counts == 0, np.nan, counts),
                    "y": MATRICES,
                    "colorbar": {"title": {"text": "misses"}},
                    "hovertemplate": "set %{x}, matrix %{y}: %{z} misses<extra></extra>",
                }
            ],
            {
                "xaxis": {"title": {"text": "set"}},
                "yaxis": {"title": {"text": "matrix"}},
                "height": 300,
            },
            wide=False,
        )
        by_matrix = [int(miss[matrix == m].sum()) for m in range(3)]
        total = [int((matrix == m).sum()) for m in range(3)]
        yield Picture(
            "Energy by matrix",
            "Hits and misses, each at its price.",
            [
                {
                    "type": "bar",
                    "name": "hits",
                    "x": MATRICES,
                    "y": [HIT_PJ * (n - m) for n, m in zip(total, by_matrix, strict=True)],
                },
                {
                    "type": "bar",
                    "name": "misses",
                    "x": MATRICES,
                    "y": [(HIT_PJ + MISS_PJ) * m for m in by_matrix],
                },
            ],
            {
                "xaxis": {"title": {"text": "matrix"}},
                "yaxis": {"title": {"text": "energy [pJ]"}},
                "barmode": "stack",
                "height": 300,
            },
            wide=False,
        )
        if self.settings.trouble == "wrong":
            yield "a drawing"  # type: ignore[misc]
            yield Picture("An object", "", [{"type": "scatter", "x": {1, 2}}])
        if self.settings.trouble == "plotly":
            yield Picture("A note", "", [{"type": "bar", "y": [1]}], {"annotations": "none"})


class EndlessPictures(PicturedCache):
    """Draws for ever."""

    def pictures(self, design: Mapping[str, Any]) -> Iterator[Picture]:
        while True:
            time.sleep(1)


class CrashingPictures(PicturedCache):
    """A simulator that takes its process with it when it draws."""

    name = "crashing-pictures"
    isolated = True

    def pictures(self, design: Mapping[str, Any]) -> Iterator[Picture]:
        os._exit(9)


@hookimpl
def cosearch_problems() -> list[type[Problem]]:
    return [PicturedCache, CrashingPictures]
