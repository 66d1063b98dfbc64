"""The constants of operators by kind, precision and device class, as the calibration script fitted them.

`python tests/benchmarks/llm_calibration.py` writes the table from the reference measurements; the file says
which rows it saw. A class that was not measured has the constants of all measured devices together (`other`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parents[1] / "data" / "calibration.json"
FAMILIES = ("ampere", "ada", "hopper", "blackwell", "other", "cdna", "geforce")


@cache
def table() -> dict[str, dict[str, dict[str, float]]]:
    """Constants by operator (as `product/fp8`) and class."""
    found: dict[str, dict[str, dict[str, float]]] = json.loads(TABLE.read_text())["constants"]
    return found


@cache
def left_out() -> dict[str, dict[str, float]]:
    """Constants of bf16 products for each measured device, fitted without that device."""
    found: dict[str, dict[str, float]] = json.loads(TABLE.read_text()).get("left_out", {})
    return found


def constants(operator: str, family: str) -> dict[str, float]:
    """The constants of an operator on a class of devices."""
    of = table()[operator]
    return of.get(family, of["other"])


ENGINES = ("vllm", "sglang", "trtllm")
"""Serving engines whose host costs were fitted."""

SERVING_START = {
    "small_s": 1.5e-6,
    "chained": 0.7,
    "carried": 1.0,
    "lockstep": 0.3,
    "host_s_vllm": 5e-4,
    "host_s_sglang": 5e-4,
    "host_s_trtllm": 5e-4,
    "first_s_vllm": 0.02,
    "first_s_sglang": 0.02,
    "first_s_trtllm": 0.02,
    "layer_s_vllm_2023": 3e-4,
    "slowdown_vllm_2023": 1.2,
    "layer_s_distserve": 1e-4,
    "slowdown_distserve": 1.2,
    "layer_s_splitwise": 3e-4,
    "slowdown_splitwise": 1.2,
}
"""Where the fit begins, and what is used before it.

`small_s`: least time of a norm, rotary embedding, activation or addition inside a CUDA graph; `chained`:
share of an operator's fixed cost that is left when the next one follows in the graph; `carried`: share of a
prompt's time that decoding requests wait for it; `lockstep`: share of the other requests' prompts that come
at once; `host_s`: of an engine, between steps; `first_s`: of an engine, from arrival to the first step and
from there to the client. """


@cache
def serving_constants() -> dict[str, float]:
    """The constants of serving, as fitted on measured deployments."""
    found: dict[str, float] = json.loads(TABLE.read_text()).get("serving", {})
    return SERVING_START | found


def host_seconds(engine: str) -> tuple[float, float]:
    """Of an engine, between steps and for each request; of an unknown one, vLLM's."""
    name = engine if engine in ENGINES else "vllm"
    return serving_constants()[f"host_s_{name}"], serving_constants()[f"first_s_{name}"]


def engine_of_2023(engine: str) -> dict[str, float]:
    """What of `Serving` describes an engine of 2023: `vllm_2023`, `distserve` or `splitwise`."""
    found = serving_constants()
    return {name: found[f"{name}_{engine}"] for name in ("layer_s", "slowdown")} | {"host_s": 0.0}
