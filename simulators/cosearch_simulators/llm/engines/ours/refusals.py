"""Why a design cannot run: one line for each that cannot, "" for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm.models import Model
from cosearch_simulators.llm.platforms import Platform
from cosearch_simulators.llm.serving import PRECISION_NAMES, PRECISIONS, Serving

Says = Callable[[int], str]
Columns = Mapping[str, NDArray[np.float64]]


def column_of(value: Any, size: int) -> NDArray[np.float64]:
    """A field as a NumPy column of all designs."""
    detached = value.detach() if hasattr(value, "detach") else value
    given = np.asarray(detached)
    return given if given.size == size else np.broadcast_to(given, size)


def refuse(reason: NDArray[np.object_], bad: NDArray[np.bool_], says: Says) -> None:
    """Say why, where it is bad and nothing was said before."""
    for row in np.flatnonzero(bad & (reason == "")) if bad.any() else ():
        reason[row] = says(int(row))


def refuse_numbers(reason: NDArray[np.object_], values: Columns, names: Sequence[str]) -> None:
    """What must be a number above 0."""
    for name in names:
        refuse(
            reason,
            ~(np.isfinite(values[name]) & (values[name] > 0)),
            lambda row, n=name: f"{n} must be above 0, got {values[n][row]:g}",  # type: ignore[misc]
        )


def refuse_models(reason: NDArray[np.object_], m: Columns, s: Columns) -> None:
    """Models that cannot be, and requests that they cannot take."""
    refuse_numbers(reason, m, ("vocabulary", "hidden", "head_size", "longest"))
    refuse_numbers(
        reason, s, ("batch", "prompt", "output", "tp", "attention_dp", "pp", "ep", "replicas", "kv_bytes")
    )
    for name in ("heads", "kv_heads", "experts", "top_k"):
        refuse(reason, ~np.isfinite(m[name]), lambda row, n=name: f"{n} must be a number, got {m[n][row]:g}")  # type: ignore[misc]
    for name in ("cached", "draft", "draft_share", "chunk"):
        refuse(
            reason,
            ~(np.isfinite(s[name]) & (s[name] >= 0)),
            lambda row, n=name: f"{n} must be 0 or more, got {s[n][row]:g}",  # type: ignore[misc]
        )
    refuse(
        reason,
        ~((s["accepted"] >= 0) & (s["accepted"] <= 1)),
        lambda row: f"accepted must be from 0 to 1, got {s['accepted'][row]:g}",
    )
    attends = m["full_layers"] + m["window_layers"] > 0
    refuse(
        reason,
        np.mod(m["heads"], s["tp"]) != 0,
        lambda row: f"{m['heads'][row]:g} heads cannot be split over tp {s['tp'][row]:g}",
    )
    refuse(
        reason,
        m["kv_heads"] > m["heads"],
        lambda row: f"kv_heads {m['kv_heads'][row]:g} is above heads {m['heads'][row]:g}",
    )
    refuse(
        reason,
        (np.mod(m["heads"], np.maximum(m["kv_heads"], 1)) != 0) & attends,
        lambda row: f"{m['heads'][row]:g} heads do not share {m['kv_heads'][row]:g} KV heads evenly",
    )
    refuse(
        reason,
        (m["expert_layers"] > 0) & (m["top_k"] > m["experts"]),
        lambda row: f"top_k {m['top_k'][row]:g} is above experts {m['experts'][row]:g}",
    )
    refuse(
        reason,
        s["cached"] >= s["prompt"],
        lambda row: f"cached {s['cached'][row]:g} must be below prompt {s['prompt'][row]:g}",
    )
    refuse(
        reason,
        s["prompt"] + s["output"] > m["longest"],
        lambda row: (
            f"prompt + output {s['prompt'][row] + s['output'][row]:g} is above the model's "
            f"{m['longest'][row]:g} tokens"
        ),
    )
    for name in ("precision", "expert_precision"):
        codes = s[name]
        if codes.min() < 0 or codes.max() >= len(PRECISION_NAMES):
            raise ConfigurationError(f"{name} must be a position from 0 to {len(PRECISION_NAMES) - 1}")


def refusals(
    model: Model, platform: Platform, serving: Serving, found: Mapping[str, NDArray[np.float64]], size: int
) -> NDArray[np.object_]:
    """The first reason of each design."""
    m = {name: column_of(value, size) for name, value in vars(model).items()}
    p = {name: column_of(value, size) for name, value in vars(platform).items()}
    s = {name: column_of(value, size) for name, value in vars(serving).items()}
    reason = np.full(size, "", object)
    refuse_numbers(reason, p, ("bf16", "memory_bytes", "bandwidth", "cores", "link", "network", "node"))
    refuse_models(reason, m, s)
    sparse = m["expert_layers"] > 0
    refuse(reason, ~sparse & (s["ep"] > 1), lambda row: f"ep {s['ep'][row]:g} needs a model with experts")
    ranks = s["tp"] * s["attention_dp"]
    refuse(
        reason,
        np.mod(ranks, s["ep"]) != 0,
        lambda row: f"ep {s['ep'][row]:g} does not divide tp x attention_dp = {ranks[row]:g}",
    )
    refuse(
        reason,
        s["ep"] > m["experts"],
        lambda row: f"ep {s['ep'][row]:g} is above experts {m['experts'][row]:g}",
    )
    layers = m["full_layers"] + m["window_layers"] + m["latent_layers"] + m["recurrent_layers"]
    refuse(reason, s["pp"] > layers, lambda row: f"pp {s['pp'][row]:g} is above the {layers[row]:g} layers")
    for name, there in (("precision", np.ones(size, bool)), ("expert_precision", sparse)):
        codes = s[name].astype(int)
        for code in np.unique(codes):
            rate = p[PRECISIONS[PRECISION_NAMES[code]].rate]
            refuse(
                reason,
                there & (codes == code) & (rate <= 0),
                lambda row, c=codes: f"the device has no engine for {PRECISION_NAMES[c[row]]}",  # type: ignore[misc]
            )
    gib = float(1 << 30)
    usable = 0.9 * p["memory_bytes"] / gib
    need = found["memory_gib"]
    refuse(
        reason,
        need > usable,
        lambda row: (
            f"needs {need[row]:.1f} GiB on a device (weights {found['weights_gib'][row]:.1f}, cache "
            f"{found['cache_gib'][row]:.1f}), has {usable[row]:.1f} usable"
        ),
    )
    return reason
