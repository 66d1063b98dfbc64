"""Why a design cannot run on a machine of tiers: one line for each that cannot, "" for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.llm.engines.ours.refusals import column_of, refuse_models, refuse_numbers
from cosearch_simulators.llm.machines import INSIDE, Machine, Tier
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.serving import Serving


def refusals(
    model: Model,
    machine: Machine,
    tiers: Sequence[Tier],
    serving: Serving,
    found: Mapping[str, NDArray[np.float64]],
    size: int,
) -> NDArray[np.object_]:
    """The first reason of each design."""
    m, c, s = (
        {name: column_of(value, size) for name, value in vars(one).items()}
        for one in (model, machine, serving)
    )
    reason = np.full(size, "", object)
    refuse_numbers(reason, c, ("arrays", "side", "clock_ghz", "lanes", "sram_bytes", "link", "mac_pj"))
    for place, tier in enumerate(tiers, 1):
        t = {f"tier {place}'s {name}": column_of(value, size) for name, value in vars(tier).items()}
        refuse_numbers(reason, t, (f"tier {place}'s bandwidth",))
        inside = t[f"tier {place}'s inside"]
        for row in np.flatnonzero(~np.isin(inside, range(len(INSIDE))) & (reason == "")):
            reason[row] = f"tier {place}'s inside must be from 0 to {len(INSIDE) - 1}, got {inside[row]:g}"
        for name in ("capacity_bytes", "inside_bandwidth", "pj_per_bit"):
            value = t[f"tier {place}'s {name}"]
            for row in np.flatnonzero((~np.isfinite(value) | (value < 0)) & (reason == "")):
                reason[row] = f"tier {place}'s {name} must be 0 or more, got {value[row]:g}"
    refuse_models(reason, m, s)
    for row in np.flatnonzero((reason == "") & ((s["attention_dp"] > 1) | (s["pp"] > 1) | (s["ep"] > 1))):
        reason[row] = "this engine splits a model by tp alone; attention_dp, pp and ep must be 1"
    for row in np.flatnonzero((reason == "") & (found["left_over"] > 0)):
        has = found["memory_gib"][row] - found["left_over"][row] / (1 << 30)
        reason[row] = f"needs {found['memory_gib'][row]:.1f} GiB on a chip, its memories hold {has:.1f}"
    return reason
