"""Vidur's operators and collectives, and DistServe's fits of whole engines on A100."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.validation.cases import read_cases, reading
from cosearch_simulators.llm.common.calibration import constants, engine_of_2023
from cosearch_simulators.llm.common.columns import stacked
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.engines.ours.entry import seconds
from cosearch_simulators.llm.models import MODELS, Model
from cosearch_simulators.llm.platforms import platform_named
from cosearch_simulators.llm.serving import Serving
from cosearch_simulators.llm.validation import operators
from cosearch_simulators.llm.validation.rows import MeasuredRow

NAMES = {"a100": "a100_sxm", "h100": "h100_sxm", "a40": "a40"}
PCIE_GB_PER_S = {"hopper": 64.0}
"""One way, of PCIe 5.0 x16, over which pairs of an NVLink bridge reach other pairs; else PCIe 4.0's 32."""

BRIDGE_GB_PER_S = {"a40": 56.25, "a100_sxm": 300.0, "h100_sxm": 300.0}
"""One way, of the NVLink bridge between two cards (data sheets: 112.5, 600 and 600 both ways)."""
LEAST_MS = 0.05
PRODUCTS = ("attn_pre_proj", "attn_post_proj", "mlp_up_proj", "mlp_down_proj")


def validate(folder: Path) -> list[MeasuredRow]:
    """Matrix products by device, collectives by node, DistServe's fits."""
    rows = _products(read_cases(folder / "gpu_ops.jsonl"))
    rows += _collectives(read_cases(folder / "collectives.jsonl"))
    for path in sorted(folder.glob("distserve_fit_a100_80g_*.json")):
        rows += _fits(json.loads(path.read_text()), path.stem.removeprefix("distserve_fit_a100_80g_"))
    return rows


def _sizes(case: Mapping[str, Any], operator: str) -> tuple[float, float]:
    """Columns and inner size of a product on one rank."""
    hidden, tp = case["n_embd"], case["tp"]
    head = hidden / case["n_head"]
    wide = case["n_expanded_embd"] / tp
    if operator == "attn_pre_proj":
        return (case["n_head"] / tp + 2 * max(case["n_kv_head"] / tp, 1)) * head, hidden
    if operator == "attn_post_proj":
        return hidden, case["n_head"] / tp * head
    if operator == "mlp_up_proj":
        return wide * (2 if case["gated_mlp"] else 1), hidden
    return hidden, wide


def _products(cases: list[dict[str, Any]]) -> list[MeasuredRow]:
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    for case in cases:
        with reading("Vidur", case):
            for operator in PRODUCTS:
                measured = case["median_ms"].get(operator)
                if measured is not None and measured >= LEAST_MS:
                    size = _sizes(case, operator)
                    found.setdefault(NAMES[case["device"]], []).append((case["num_tokens"], *size, measured))
    rows = []
    for device, numbers in sorted(found.items()):
        m, n, k, measured = np.array(numbers, np.float64).T
        table = {
            "device": np.full(m.size, device),
            "dtype": np.full(m.size, "bf16"),
            "m": m,
            "n": n,
            "k": k,
        }
        ours = operators.products_ms(table, DEVICES, constants)
        sheet = DEVICES[device]
        flat = 2 * m * n * k / (sheet.bf16_tflops * 1e9)
        flat = np.maximum(flat, 2 * (m * n + n * k + m * k) / (sheet.memory_gb_per_s * 1e6))
        rows.append(
            MeasuredRow.measured(
                "measured", f"product {device}", ours, measured, median=0.04, p90=0.14, roofline=flat
            )
        )
    return rows


def collective_columns(
    cases: list[dict[str, Any]],
) -> tuple[dict[str, Any], NDArray[np.str_], NDArray[np.float64]]:
    """Columns of the cases, the class of the links that each goes over, and its bandwidth."""
    names = ("node", "op", "members", "bytes", "ms", "class", "bandwidth")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for case in cases:
        with reading("Vidur", case):
            node, members = str(case["node"]), float(case["num_workers"])
            sheet = DEVICES[NAMES[node.split("_")[0]]]
            kind = "bridge" if "pairwise" in node else "switch"
            if members > case["devices_per_node"]:
                link, bandwidth = (
                    f"network_{sheet.family}" if kind == "switch" else "network_pairs",
                    sheet.network_gb_per_s,
                )
            elif kind == "bridge" and members > 2:
                link, bandwidth = f"pcie_{sheet.family}", PCIE_GB_PER_S.get(sheet.family, 32.0)
            else:
                link = f"bridge_{sheet.name}" if kind == "bridge" else sheet.family
                bandwidth = BRIDGE_GB_PER_S[sheet.name] if kind == "bridge" else sheet.link_gb_per_s
            values = (
                node,
                case["collective"],
                members,
                case["size_as_recorded"],
                case["median_ms"],
                link,
                bandwidth,
            )
            for name, value in zip(columns, values, strict=True):
                columns[name].append(value)
    found = {name: np.array(values) for name, values in columns.items()}
    return found, found["class"], found["bandwidth"].astype(np.float64)


def collectives_ms(columns: dict[str, Any], lookup: operators.Lookup) -> NDArray[np.float64]:
    """Milliseconds of each; a send is one way, once."""
    kinds = np.char.add("collective/vidur/", columns["op"])
    time = operators.operators.collective_time(
        np,
        columns["members"],
        columns["bytes"].astype(np.float64),
        share=2.0,
        steps=1.0,
        bandwidth=columns["bandwidth"] * 1e9,
        constants=operators.gathered(kinds, columns["class"], lookup),
    )
    return np.asarray(time * 1e3)


def _collectives(cases: list[dict[str, Any]]) -> list[MeasuredRow]:
    columns, _, _ = collective_columns(cases)
    ours, theirs = collectives_ms(columns, constants), columns["ms"]
    return [
        MeasuredRow.measured(
            "measured",
            f"{op} {node}",
            ours[(columns["node"] == node) & (columns["op"] == op)],
            theirs[(columns["node"] == node) & (columns["op"] == op)],
            median=0.15,
        )
        for node in np.unique(columns["node"])
        for op in np.unique(columns["op"][columns["node"] == node])
    ]


ENGINES = {"vllm": "vllm_2023", "distserve": "distserve"}


def fit_cases(
    fits: Mapping[str, Any], engine: Mapping[str, float]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Prompts and steps of a few sizes, by us and by the fit; OPT on A100."""
    found: dict[str, list[tuple[Model, Serving, float]]] = {"prefill_ms": [], "step_ms": []}
    for name, by_tp in fits.items():
        model = MODELS.get(name.rpartition("/")[2])
        if model is None:
            continue
        for tp, fit in by_tp.items():
            if model.heads % int(tp):
                continue
            for prompt in (256, 512, 1024, 1900):
                a, b, c = fit["prefill"]
                serving = Serving(prompt=float(prompt), output=1.0, tp=float(tp), **engine)
                found["prefill_ms"].append((model, serving, a + b * prompt + c * prompt**2))
            for batch, context in ((1, 512), (16, 512), (32, 1024), (128, 512)):
                kind = "smallbs" if batch < fit["decoding_large_small_bs_threshold"] else "largebs"
                a, b, c = fit[f"decoding_{kind}"]
                lengths = {"prompt": context - 1.0, "output": 2.0}
                serving = Serving(batch=float(batch), tp=float(tp), **lengths, **engine)
                found["step_ms"].append((model, serving, a + b * batch * context + c * batch))
    answers = {}
    for metric, cases in found.items():
        if cases:
            models, servings, theirs = zip(*cases, strict=True)
            platform = stacked([platform_named("a100_sxm")] * len(cases))
            ours = seconds(np, stacked(models), platform, stacked(servings))[metric]
            answers[metric] = (ours, np.array(theirs))
    return answers


def _fits(fits: Mapping[str, Any], engine: str) -> list[MeasuredRow]:
    known = engine_of_2023(ENGINES.get(engine, "vllm_2023"))
    return [
        MeasuredRow.measured("measured", f"DistServe {engine} {metric}", ours, theirs, median=0.15)
        for metric, (ours, theirs) in fit_cases(fits, known).items()
    ]
