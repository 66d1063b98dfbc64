"""Measured operators of GPUs against ours: products, attention, experts, collectives.

A predictor takes a table's columns, the devices and a way to look constants up, and gives milliseconds; the
calibration script fits the constants through the same functions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm.common import operators
from cosearch_simulators.llm.devices import DEVICES, Device
from cosearch_simulators.llm.validation.reading import Table

Lookup = Callable[[str, str], Mapping[str, float]]
Floats = NDArray[np.float64]

DTYPES = {
    "bf16": (2.0, 2.0, "bf16"),
    "fp8": (1.0, 1.0, "fp8"),
    "fp8_block": (1.0, 1.0, "fp8"),
    "nvfp4": (0.5625, 0.5625, "nvfp4"),
    "w4a16_mxfp4": (0.53125, 2.0, "bf16"),
}
"""Bytes of a weight with its scales, of an activation, and the rate that computes."""

FEWEST_CORES = 132
"""Of a device whose number of cores is not known."""


def devices_of(folder: Path) -> dict[str, Device]:
    """Our devices, with the numbers of the folder's `devices.json` where there is one."""
    found = dict(DEVICES)
    path = folder / "devices.json"
    if not path.exists():
        return found
    for name, sheet in json.loads(path.read_text()).items():
        rates = sheet["peak_TFLOPS"]
        known = DEVICES.get(name)
        numbers: dict[str, Any] = {
            "bf16_tflops": rates["bf16"],
            "fp8_tflops": rates.get("fp8", 0.0),
            "fp4_tflops": rates.get("nvfp4", 0.0),
            "int8_tflops": rates.get("int8", 0.0),
            "memory_gib": sheet["hbm_GiB"],
            "memory_gb_per_s": sheet["hbm_GBps"],
            "link_gb_per_s": sheet["intra_node_GBps_per_gpu_one_way"],
            "network_gb_per_s": sheet["inter_node_GBps_per_gpu_one_way"],
            "power_w": sheet["tdp_W"],
        }
        if known is None:
            family = "blackwell" if rates.get("nvfp4") else "hopper" if rates.get("fp8") else "other"
            kind = "pcie" if numbers["link_gb_per_s"] <= 64 else "nvlink"
            known = Device(name, family, 0, 0, 0, 0, 0, 0, FEWEST_CORES, 0, kind, 8, 0, 0, 0)
        found[name] = replace(known, **numbers)
    return found


def sheet(table: Table, devices: Mapping[str, Device], field: str) -> Any:
    """A field of each row's device, as a column.

    Raises:
        SimulatorError: a device is not known.
    """
    names, place = np.unique(table["device"], return_inverse=True)
    for name in names:
        if name not in devices:
            raise SimulatorError(unknown("device", name, devices))
    return np.array([getattr(devices[name], field) for name in names])[place]


def rates(table: Table, devices: Mapping[str, Device], precision: NDArray[np.str_]) -> Floats:
    """Peak operations a second of each row's device in each row's precision, or the next wider one."""
    wide = sheet(table, devices, "bf16_tflops").astype(np.float64)
    eight = sheet(table, devices, "fp8_tflops").astype(np.float64)
    four = sheet(table, devices, "fp4_tflops").astype(np.float64)
    eight = np.where(eight > 0, eight, wide)
    four = np.where(four > 0, four, eight)
    found = np.where(precision == "fp8", eight, np.where(precision == "nvfp4", four, wide))
    return np.asarray(found * 1e12, np.float64)


def gathered(kinds: NDArray[np.str_], families: NDArray[np.str_], lookup: Lookup) -> dict[str, Floats]:
    """Each row's constants as columns."""
    pairs, place = np.unique(np.char.add(np.char.add(kinds, "|"), families), return_inverse=True)
    found = [lookup(*str(pair).split("|")) for pair in pairs]
    return {name: np.array([of[name] for of in found], np.float64)[place] for name in found[0]}


def _hardware(
    table: Table,
    devices: Mapping[str, Device],
    kinds: NDArray[np.str_],
    rated: NDArray[np.str_],
    lookup: Lookup,
) -> dict[str, Any]:
    return {
        "rate": rates(table, devices, rated),
        "bandwidth": sheet(table, devices, "memory_gb_per_s") * 1e9,
        "cores": sheet(table, devices, "cores").astype(np.float64),
        "constants": gathered(kinds, sheet(table, devices, "family"), lookup),
    }


def _dtype(table: Table) -> tuple[Floats, Floats, NDArray[np.str_]]:
    of = [DTYPES.get(str(name), DTYPES["bf16"]) for name in table["dtype"]]
    return (
        np.array([row[0] for row in of]),
        np.array([row[1] for row in of]),
        np.array([row[2] for row in of], str),
    )


def products_ms(table: Table, devices: Mapping[str, Device], lookup: Lookup) -> Floats:
    """Milliseconds of y[m, n] = x[m, k] w[n, k]."""
    weight, _, rated = _dtype(table)
    kinds = np.char.add("product/", table["dtype"])
    time = operators.product_time(
        np,
        table["m"],
        table["n"],
        table["k"],
        weight_bytes=weight,
        activation_bytes=2.0,
        **_hardware(table, devices, kinds, rated, lambda *which: operators.with_tiles(lookup(*which))),
    )
    return np.asarray(time * 1e3)


def elementwise_ms(table: Table, devices: Mapping[str, Device], lookup: Lookup, how: str) -> Floats:
    """Milliseconds of operators that move `moved` bytes, launched `eager`ly or `traced` on the device."""
    found = gathered(
        np.full(table["moved"].size, f"elementwise/{how}"), sheet(table, devices, "family"), lookup
    )
    bandwidth = sheet(table, devices, "memory_gb_per_s") * 1e9
    return np.asarray(
        operators.elementwise_time(np, table["moved"], bandwidth=bandwidth, constants=found) * 1e3
    )


def roofline_products_ms(table: Table, devices: Mapping[str, Device]) -> Floats:
    """The data sheet's roofline of matrix products: no tiles, no efficiency, no fixed cost."""
    weight, _, rated = _dtype(table)
    m, n, k = table["m"], table["n"], table["k"]
    compute = 2.0 * m * n * k / rates(table, devices, rated)
    moved = n * k * weight + 2.0 * m * (n + k)
    return np.asarray(np.maximum(compute, moved / (sheet(table, devices, "memory_gb_per_s") * 1e9)) * 1e3)


def attention_ms(table: Table, devices: Mapping[str, Device], lookup: Lookup) -> Floats:
    """Milliseconds of one layer of attention, context or generation."""
    context = table["phase"] == "context"
    kv_bytes = np.where(table["kv_dtype"] == "fp8", 1.0, 2.0)
    kinds = np.char.add(
        np.where(context, "context_attention/", "generation_attention/"),
        np.where(kv_bytes < 2.0, "fp8", "bf16"),
    )
    hardware = _hardware(table, devices, kinds, np.full(kinds.shape, "bf16"), _filled(lookup))
    heads, kv_heads, size = table["heads"], table["kv_heads"], table["head_dim"]
    first = operators.context_attention_time(
        np,
        table["batch"],
        table["new_tokens"],
        table["past_tokens"],
        heads,
        kv_heads,
        size,
        size,
        table["window"],
        kv_bytes=kv_bytes,
        **hardware,
    )
    step = operators.generation_attention_time(
        np,
        table["batch"],
        table["past_tokens"],
        heads,
        kv_heads,
        2 * size,
        table["window"],
        entry_bytes=2 * size * kv_bytes,
        **hardware,
    )
    return np.asarray(np.where(context, first, step) * 1e3)


def _filled(lookup: Lookup) -> Lookup:
    """Both kinds of attention with the names of either, so that they are columns of one table."""

    def found(kind: str, family: str) -> Mapping[str, float]:
        return {
            "block": 1.0,
            "tail": 0.0,
            "fill": 0.0,
            "softmax": 0.0,
            "group": 1.0,
            "least": 1.0,
            "step_s": 0.0,
        } | dict(lookup(kind, family))

    return found


def experts_ms(table: Table, devices: Mapping[str, Device], lookup: Lookup) -> Floats:
    """Milliseconds of the routed experts of one layer on the busiest rank."""
    weight, activation, rated = _dtype(table)
    kinds = np.char.add("experts/", table["dtype"])
    hardware = _hardware(table, devices, kinds, rated, lookup)
    of = hardware["constants"]
    balanced = table["distribution"] == "balanced"
    load = np.where(balanced | (table["moe_ep"] <= 1), 1.0, of["load"])
    gated = np.where(table["trtllm_kernel"] == "moe_torch_flow_nongated", 2.0, 3.0)
    time = operators.experts_time(
        np,
        table["tokens"],
        table["hidden"],
        table["inter"] / table["moe_tp"],
        table["topk"],
        table["experts"],
        gated,
        groups=table["moe_ep"],
        skew=np.where(balanced, 1.0, of["skew"]),
        load=load,
        weight_bytes=weight,
        activation_bytes=activation,
        **hardware,
    )
    return np.asarray(time * 1e3)


SHARES = {"all_reduce": 2.0, "all_gather": 1.0, "reduce_scatter": 1.0, "alltoall": 1.0, "send_recv": 2.0}


def collectives_ms(table: Table, devices: Mapping[str, Device], lookup: Lookup) -> Floats:
    """Milliseconds of a collective inside a node."""
    link = sheet(table, devices, "link_kind")
    kinds = np.char.add(np.char.add("collective/", table["library"]), np.char.add("/", table["op"]))
    time = operators.collective_time(
        np,
        table["num_gpus"],
        table["message_bytes"],
        share=np.array([SHARES[name] for name in table["op"]]),
        steps=1.0,
        bandwidth=sheet(table, devices, "link_gb_per_s") * 1e9,
        constants=gathered(kinds, np.where(link == "pcie", "pcie", sheet(table, devices, "family")), lookup),
    )
    return np.asarray(time * 1e3)
