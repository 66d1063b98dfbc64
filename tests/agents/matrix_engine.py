"""A small analytical problem whose whole front is known by listing it: a matrix engine with two buffers.

Cycles: the larger of computing and fetching. Energy: arithmetic, buffers and DRAM. It has what agents find
hard: an unordered parameter that decides which other ones matter, conditions, forbidden designs, a ridge
between compute-bound and memory-bound designs, and metrics that span decades.
"""

from __future__ import annotations

import numpy as np

from cosearch import (
    Categorical,
    Constraint,
    DesignSpace,
    Forbidden,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Problem,
)

M, N, K = 512, 384, 256


class MatrixEngine(Problem):
    """Latency and energy of one matrix product on an engine with two buffers."""

    name = "matrix-engine"
    space = DesignSpace(
        [
            Ordinal("rows", [4, 8, 16, 32, 64]),
            Ordinal("columns", [4, 8, 16, 32, 64]),
            Categorical("stationary", ["weight", "output", "input"]),
            Ordinal("buffer_kib", [4, 8, 16, 32, 64, 128]),
            Integer("voltage_step", 0, 5, default=3),
            Categorical("prefetch", [False, True]),
            Ordinal("depth", [1, 2, 4, 8], when={"prefetch": True}),
        ],
        forbidden=[
            Forbidden("rows * columns * 8 > 64 * buffer_kib * 16", reason="the buffer cannot feed the array")
        ],
    )
    metrics = (
        Metric("latency_ns", "ns", "time of the product"),
        Metric("energy_nj", "nJ", "energy of the product"),
        Metric("area_mm2", "mm2", "array and buffer"),
    )
    objectives = (Objective("latency_ns", "min"), Objective("energy_nj", "min"))

    def simulate(self, designs, *, fidelity, seed):
        rows, columns = designs["rows"].astype(float), designs["columns"].astype(float)
        buffer_kib, voltage_v = designs["buffer_kib"].astype(float), 0.6 + 0.1 * designs["voltage_step"]
        prefetch, depth = (
            designs["prefetch"].astype(float),
            np.where(designs.active("depth"), designs["depth"], 0),
        )
        stationary = designs["stationary"]
        tiles = np.ceil(M / rows) * np.ceil(N / columns)
        fill = np.select([stationary == "weight", stationary == "output"], [rows, rows + columns], columns)
        compute = tiles * (K + fill)
        reuse = np.sqrt(buffer_kib * 1024 / 2) * np.select(
            [stationary == "weight", stationary == "output"], [1.0, 1.3], 0.9
        )
        dram_words = 2.0 * M * N * K / reuse + M * N
        fetch = dram_words / (8 + 2 * depth)
        cycles = np.where(prefetch > 0, np.maximum(compute, fetch) + 40 * depth, compute + fetch)
        clock_ghz = 0.4 + 1.1 * (voltage_v - 0.6) ** 0.8
        macs = float(M * N * K)
        picojoules = macs * voltage_v**2 * (0.6 + 0.02 * np.sqrt(buffer_kib)) + dram_words * (20 + 3 * depth)
        leakage = 0.02 * (rows * columns + 30 * buffer_kib) * voltage_v**3 * cycles / clock_ghz
        area_mm2 = 0.0004 * rows * columns + 0.006 * buffer_kib + 0.02 * depth
        return {
            "latency_ns": cycles / clock_ghz,
            "energy_nj": (picojoules + leakage) / 1e3,
            "area_mm2": area_mm2,
        }


class SmallMatrixEngine(MatrixEngine):
    """The matrix engine with an area constraint."""

    name = "small-matrix-engine"
    constraints = (Constraint("area_mm2", "<=", 0.5),)
