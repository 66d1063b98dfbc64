"""A problem with rough and exact numbers and with designs that are not valid, for tests of surrogates."""

from __future__ import annotations

import numpy as np

from cosearch import (
    Categorical,
    DesignSpace,
    Fidelity,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Outcomes,
    Problem,
)


class Kernel(Problem):
    """A time that is a sum, a power that is a product, and a rule that the tool keeps to itself."""

    name = "surrogate-kernel"
    space = DesignSpace(
        [
            Ordinal("tile", [1, 2, 4, 8, 16, 32]),
            Integer("unroll", 1, 8),
            Categorical("order", ["ijk", "jki", "kij"]),
            Integer("idle", 0, 9),
        ]
    )
    metrics = (Metric("time_ns", "ns"), Metric("power_mw", "mW"))
    objectives = (Objective("time_ns", "min"), Objective("power_mw", "min"))
    fidelities = (Fidelity("model", 0.1), Fidelity("chip", 1.0))

    def simulate(self, designs, *, fidelity, seed):
        tile, unroll = (np.asarray(designs[name], dtype=float) for name in ("tile", "unroll"))
        order = np.array([{"ijk": 0.0, "jki": 40.0, "kij": 90.0}[str(one)] for one in designs["order"]])
        rough = 20 + 640 / (tile * unroll)
        time = rough if fidelity == "model" else rough * 1.4 + order + 3 * np.abs(np.log2(tile) - 3)
        power = 2.0 * tile**0.5 * unroll
        too_large = tile * unroll > 128
        reasons = np.where(too_large, "does not route", "").tolist()
        return Outcomes.of({"time_ns": time, "power_mw": power}, errors=reasons)


class OtherKernel(Kernel):
    """The same with another parameter."""

    name = "surrogate-other"
    space = DesignSpace([Ordinal("tile", [1, 2, 4]), Integer("unroll", 1, 8)])
