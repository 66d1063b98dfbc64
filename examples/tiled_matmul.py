"""A problem in twenty lines: which cache, and which loop tiling, for a matrix product."""

import numpy as np

from cosearch import DesignSpace, Metric, Objective, Ordinal, Problem, hookimpl


class TiledMatmul(Problem):
    """Direct-mapped cache of 64-byte lines and loop tiling of a 48 x 48 matrix product."""

    name = "tiled-matmul"
    space = DesignSpace(
        [Ordinal("sets", [2**k for k in range(2, 11)]), Ordinal("tile", [1, 2, 4, 8, 16, 48])]
    )
    metrics = (Metric("misses", "1", "cache misses of the product"), Metric("capacity_bytes", "B"))
    objectives = (Objective("misses", "min"), Objective("capacity_bytes", "min"))

    def simulate(self, designs, *, fidelity, seed):
        misses = [count_misses(design["sets"], design["tile"]) for design in designs]
        return {"misses": misses, "capacity_bytes": 64 * designs["sets"]}


def count_misses(sets: int, tile: int, size: int = 48) -> int:
    outer, inner = np.indices(3 * (size // tile,) + 3 * (tile,)).reshape(2, 3, -1)
    i, j, k = outer * tile + inner
    line = np.stack([i * size + k, size**2 + k * size + j, 2 * size**2 + i * size + j], axis=1).ravel() // 8
    in_time_by_set = np.argsort(line % sets, kind="stable")
    return 1 + int(np.count_nonzero(np.diff(line[in_time_by_set])))


@hookimpl
def cosearch_problems():
    return [TiledMatmul]


if __name__ == "__main__":
    import sys

    from cosearch import Study, make_problem, register

    register(sys.modules[__name__])
    found = Study.create(make_problem("tiled-matmul"), "nsga2", budget=40).run()
    for design, misses in zip(found.designs, found.outcomes["misses"], strict=True):
        print(f"{misses:8.0f} misses  {design}")
