"""A problem in twenty lines: which cache, and which loop tiling, for a matrix product."""

import numpy as np

from cosearch import DesignSpace, Metric, Objective, Ordinal, Problem, hookimpl


class TiledMatmul(Problem):
    """Direct-mapped cache and loop tiling of a 48 x 48 matrix product, searched together."""

    name = "tiled-matmul"
    space = DesignSpace(
        [
            Ordinal("capacity_bytes", [2**k for k in range(8, 17)]),
            Ordinal("line_bytes", [16, 32, 64, 128]),
            Ordinal("tile", [1, 2, 3, 4, 6, 8, 12, 16, 24, 48]),
        ]
    )
    metrics = (Metric("misses", "1", "cache misses of the product"), Metric("capacity_bytes", "B"))
    objectives = (Objective("misses", "min"), Objective("capacity_bytes", "min"))

    def simulate(self, designs, *, fidelity, seed):
        misses = [count_misses(d["capacity_bytes"], d["line_bytes"], d["tile"]) for d in designs]
        return {"misses": misses, "capacity_bytes": designs["capacity_bytes"]}


def count_misses(capacity_bytes: int, line_bytes: int, tile: int, size: int = 48) -> int:
    blocks = size // tile
    bi, bj, bk, i, j, k = np.indices((blocks, blocks, blocks, tile, tile, tile)).reshape(6, -1)
    i, j, k = bi * tile + i, bj * tile + j, bk * tile + k
    words = np.stack([i * size + k, size**2 + k * size + j, 2 * size**2 + i * size + j], axis=1)
    line = words.ravel() * 8 // line_bytes
    cache_set = line % (capacity_bytes // line_bytes)
    order = np.argsort(cache_set, kind="stable")  # each set's accesses, in time
    same = (np.diff(cache_set[order]) == 0) & (np.diff(line[order]) == 0)
    return len(line) - int(same.sum())


@hookimpl
def cosearch_problems():
    return [TiledMatmul]


if __name__ == "__main__":
    import sys

    from cosearch import make_problem, register
    from cosearch.study import Study

    register(sys.modules[__name__])
    found = Study.create(make_problem("tiled-matmul"), "nsga2", budget=120).run()
    for design, misses in zip(found.designs, found.outcomes["misses"], strict=True):
        print(f"{misses:8.0f} misses  {design}")
