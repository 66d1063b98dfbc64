"""Columns of designs in, measured columns out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.result import FAILED, INFEASIBLE, OK, Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.hybrid_lm.architecture import Architecture
from cosearch_simulators.hybrid_lm.corpus import Corpus
from cosearch_simulators.threads import one_torch_thread

COUNTED = ("parameters", "weight_bytes", "cache_bytes", "decode_macs")
MEASURED = ("bits_per_byte", "decode_ms", "prefill_ms")


@dataclass(frozen=True, eq=False)
class Measurement(Result):
    """n designs, as `Result` says.

    Attributes:
        standard_error: of the metrics of `MEASURED`, float64 (n,) in the metric's unit.
    """

    standard_error: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def architectures(columns: Mapping[str, Any], window: int) -> list[Architecture | str]:
    """The networks of columns, or why there is none.

    Args:
        columns: `depth`, `width`, `feed_forward_ratio`, `precision`, and `layer_1` to the largest depth.
        window: of sliding windows.
    """
    found: list[Architecture | str] = []
    for row, depth in enumerate(np.asarray(columns["depth"]).tolist()):
        try:
            found.append(
                Architecture(
                    tuple(str(columns[f"layer_{i + 1}"][row]) for i in range(depth)),
                    int(columns["width"][row]),
                    int(columns["feed_forward_ratio"][row]),
                    str(columns["precision"][row]),
                    window,
                )
            )
        except (ConfigurationError, KeyError) as error:
            found.append(f"layer {error} is missing" if isinstance(error, KeyError) else str(error))
    return found


def counted(columns: Mapping[str, Any], prompt: int, window: int) -> Mapping[str, NDArray[np.float64]]:
    """What needs no run: the metrics of `COUNTED`, each float64 (n,), NaN where there is no network."""
    networks = architectures(columns, window)
    found = {name: np.full(len(networks), np.nan) for name in COUNTED}
    for row, network in enumerate(networks):
        if isinstance(network, Architecture):
            found["parameters"][row], found["weight_bytes"][row] = network.parameters, network.weight_bytes
            found["cache_bytes"][row] = network.cache_bytes(prompt)
            found["decode_macs"][row] = network.decode_macs(prompt)
    return found


def evaluate(
    columns: Mapping[str, Any],
    corpus: Corpus,
    *,
    steps: int,
    seed: int = 0,
    prompt: int = 512,
    decoded: int = 32,
    repeats: int = 5,
    window: int = 64,
) -> Measurement:
    """Train, score and time designs, one after the other.

    Bits for each byte depend on the seed alone (PyTorch on one thread, the same build); times are measured.

    Args:
        columns: as of `architectures`, n rows.
        corpus: the text.
        steps: of training.
        seed: of weights and of what is drawn from the text.
        prompt: tokens of the prefill that is timed; the cache is counted after it too.
        decoded: tokens that are timed after it.
        repeats: of both.
        window: of sliding windows, in tokens.
    """
    # torch is imported where it is needed
    from cosearch_simulators.hybrid_lm.model import HybridModel
    from cosearch_simulators.hybrid_lm.precision import in_precision
    from cosearch_simulators.hybrid_lm.timing import timed
    from cosearch_simulators.hybrid_lm.training import DivergedError, bits_for_each_byte, train

    networks = architectures(columns, window)
    n = len(networks)
    metrics = {name: np.full(n, np.nan) for name in MEASURED} | dict(counted(columns, prompt, window))
    errors = {name: np.full(n, np.nan) for name in MEASURED}
    codes, reason = np.full(n, OK, np.int8), np.full(n, "", object)
    for row, network in enumerate(networks):
        if isinstance(network, str):
            codes[row], reason[row] = INFEASIBLE, network
            continue
        try:
            with one_torch_thread():
                model = HybridModel(network, seed)
                train(model, network, corpus, steps=steps, seed=seed)
                model = in_precision(model, network.precision)
                found = {"bits_per_byte": bits_for_each_byte(model, corpus)}
            prefill, decode = timed(model, prompt=prompt, decoded=decoded, repeats=repeats)
        except DivergedError as error:
            codes[row], reason[row] = FAILED, str(error)
            continue
        except ConfigurationError as error:
            codes[row], reason[row] = INFEASIBLE, str(error)
            continue
        found["decode_ms"] = decode.median_ms, decode.error_ms
        found["prefill_ms"] = prefill.median_ms, prefill.error_ms
        for name, (value, error_of_it) in found.items():
            metrics[name][row], errors[name][row] = value, error_of_it
    for column in metrics.values():
        column[codes != OK] = np.nan
    return Measurement(metrics, codes, reason, errors)
