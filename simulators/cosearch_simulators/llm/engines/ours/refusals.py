"""Why a design cannot run: one line for each that cannot, "" for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import PRECISION_NAMES, PRECISIONS, Serving

Says = Callable[[int], str]


def refusals(
    model: Model, platform: Platform, serving: Serving, found: Mapping[str, NDArray[np.float64]], size: int
) -> NDArray[np.object_]:
    """The first reason of each design."""

    def column(value: Any) -> NDArray[np.float64]:
        detached = value.detach() if hasattr(value, "detach") else value
        given = np.asarray(detached)
        return given if given.size == size else np.broadcast_to(given, size)

    m = {name: column(value) for name, value in vars(model).items()}
    p = {name: column(value) for name, value in vars(platform).items()}
    s = {name: column(value) for name, value in vars(serving).items()}
    reason = np.full(size, "", object)

    def refuse(bad: NDArray[np.bool_], says: Says) -> None:
        for row in np.flatnonzero(bad & (reason == "")) if bad.any() else ():
            reason[row] = says(int(row))

    for values, names in (
        (m, ("vocabulary", "hidden", "head_size", "longest")),
        (p, ("bf16", "memory_bytes", "bandwidth", "cores", "link", "network", "node")),
        (s, ("batch", "prompt", "output", "tp", "attention_dp", "pp", "ep", "replicas", "kv_bytes")),
    ):
        for name in names:
            refuse(
                ~(np.isfinite(values[name]) & (values[name] > 0)),
                lambda row, v=values, n=name: f"{n} must be above 0, got {v[n][row]:g}",  # type: ignore[misc]
            )
    refuse(
        np.mod(m["heads"], s["tp"]) != 0,
        lambda row: f"{m['heads'][row]:g} heads cannot be split over tp {s['tp'][row]:g}",
    )
    refuse(
        m["kv_heads"] > m["heads"],
        lambda row: f"kv_heads {m['kv_heads'][row]:g} is above heads {m['heads'][row]:g}",
    )
    refuse(
        (np.mod(m["heads"], np.maximum(m["kv_heads"], 1)) != 0) & (m["full_layers"] + m["window_layers"] > 0),
        lambda row: f"{m['heads'][row]:g} heads do not share {m['kv_heads'][row]:g} KV heads evenly",
    )
    sparse = m["expert_layers"] > 0
    refuse(
        sparse & (m["top_k"] > m["experts"]),
        lambda row: f"top_k {m['top_k'][row]:g} is above experts {m['experts'][row]:g}",
    )
    refuse(~sparse & (s["ep"] > 1), lambda row: f"ep {s['ep'][row]:g} needs a model with experts")
    ranks = s["tp"] * s["attention_dp"]
    refuse(
        np.mod(ranks, s["ep"]) != 0,
        lambda row: f"ep {s['ep'][row]:g} does not divide tp x attention_dp = {ranks[row]:g}",
    )
    refuse(s["ep"] > m["experts"], lambda row: f"ep {s['ep'][row]:g} is above experts {m['experts'][row]:g}")
    layers = m["full_layers"] + m["window_layers"] + m["latent_layers"] + m["recurrent_layers"]
    refuse(s["pp"] > layers, lambda row: f"pp {s['pp'][row]:g} is above the {layers[row]:g} layers")
    refuse(
        s["cached"] >= s["prompt"],
        lambda row: f"cached {s['cached'][row]:g} must be below prompt {s['prompt'][row]:g}",
    )
    refuse(
        s["prompt"] + s["output"] > m["longest"],
        lambda row: (
            f"prompt + output {s['prompt'][row] + s['output'][row]:g} is above the model's "
            f"{m['longest'][row]:g} tokens"
        ),
    )
    for name, there in (("precision", np.ones(size, bool)), ("expert_precision", sparse)):
        codes = s[name].astype(int)
        if codes.min() < 0 or codes.max() >= len(PRECISION_NAMES):
            raise ConfigurationError(f"{name} must be a position from 0 to {len(PRECISION_NAMES) - 1}")
        for code in np.unique(codes):
            rate = p[PRECISIONS[PRECISION_NAMES[code]].rate]
            refuse(
                there & (codes == code) & (rate <= 0),
                lambda row, c=codes: f"the device has no engine for {PRECISION_NAMES[c[row]]}",  # type: ignore[misc]
            )
    gib = float(1 << 30)
    usable = 0.9 * p["memory_bytes"] / gib
    need = found["memory_gib"]
    refuse(
        need > usable,
        lambda row: (
            f"needs {need[row]:.1f} GiB on a device (weights {found['weights_gib'][row]:.1f}, cache "
            f"{found['cache_gib'][row]:.1f}), has {usable[row]:.1f} usable"
        ),
    )
    return reason
