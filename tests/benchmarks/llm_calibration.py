"""Fit the constants of the LLM simulator's operators on the reference measurements, and write the table.

    PYTHONPATH=gym:simulators:plugins python tests/benchmarks/llm_calibration.py ../shared/reference/llm

Few constants for each operator, precision and class of devices (`ampere`, `ada`, `hopper`, `blackwell`), and
`other`: those of all devices together, for a device of an unmeasured class. Fitted is the logarithm of the
ratio to the least of the engines, with a loss that outliers do not rule. `--serving-only` fits
the constants of serving alone, `--held-out` prints the errors of shapes that were left out."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from scipy.optimize import least_squares

from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.llm.common.calibration import SERVING_START, TABLE
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.validation import (
    llmcompass,
    llmservingsim,
    measured,
    operators,
    serving_e2e,
    splitwise,
)
from cosearch_simulators.llm.validation.reading import least_of_engines, read_table, take
from readme_table import write_table

FEWEST_ROWS = 8
"""Of a class that gets constants of its own."""

LEAST_MS = 0.05
"""Rows below are launch more than work, and count a quarter."""

BASE = {
    "fixed_s": (4e-6, 5e-7, 1e-4),
    "overlap_loss": (0.1, 1e-3, 1.0),
    "compute": (0.75, 0.1, 1.3),
    "traffic": (0.8, 0.1, 1.3),
}
STARTS: dict[str, dict[str, tuple[float, float, float]]] = {
    "product": BASE
    | {
        "most_split": (4.0, 1.0, 16.0),
        "fill": (150.0, 1.0, 3000.0),
        "small_tiles": (0.3, 0.01, 1.0),
        "persist": (0.3, 0.01, 1.0),
        "reread": (0.1, 1e-3, 1.0),
        "input": (1.0, 0.2, 4.0),
        "store": (1.0, 0.3, 6.0),
        "draw": (0.1, 1e-3, 1.0),
    },
    "context_attention": BASE
    | {
        "block": (128.0, 16.0, 400.0),
        "fill": (64.0, 1.0, 800.0),
        "tail": (0.3, 0.01, 3.0),
        "softmax": (50.0, 1.0, 400.0),
    },
    "generation_attention": BASE
    | {"group": (16.0, 1.0, 64.0), "least": (128.0, 8.0, 2048.0), "step_s": (1e-7, 1e-9, 2e-5)},
    "experts": BASE
    | {
        "block": (16.0, 1.0, 128.0),
        "idle": (0.3, 1e-3, 4.0),
        "passes": (4.0, 0.5, 20.0),
        "skew": (0.5, 0.05, 1.0),
        "load": (1.5, 1.0, 6.0),
    },
    "elementwise": {"fixed_s": (1e-5, 5e-7, 1e-4), "traffic": (0.8, 0.05, 4.0)},
    "collective": {
        "fixed_s": (8e-6, 1e-6, 2e-4),
        "hop_s": (1e-6, 1e-8, 5e-5),
        "traffic": (0.7, 0.1, 1.3),
        "slow_s": (1e-6, 1e-9, 1e-3),
        "crowding": (0.05, 1e-4, 2.0),
    },
}
"""Each constant's start, least and most."""

FITS = 4
"""Of each set of constants, from starts of their own; the best counts."""

Predict = Callable[..., Any]


def fitted(kind: str, table: Any, measured: Any, predict: Predict, devices: Any) -> dict[str, float]:
    """The constants of one operator on the rows of a table."""
    bounds = STARTS[kind.split("/")[0]]
    names = list(bounds)
    start, low, high = (np.log([bounds[name][i] for name in names]) for i in range(3))
    small = kind.startswith("elementwise")
    weight = np.where((measured >= LEAST_MS) | small, 1.0, 0.25)

    def miss(values: Any) -> Any:
        constants = dict(zip(names, np.exp(values), strict=True))
        return weight * np.log(predict(table, devices, lambda *_: constants) / measured)

    best = None
    rng = np.random.default_rng(0)
    for begun in range(FITS):
        # Waves and splits are steps: from one start a fit may end where another start does not.
        from_here = start if not begun else start + rng.normal(0, 0.25, start.size) * (high - low)
        found = least_squares(
            miss,
            np.clip(from_here, low + 1e-6, high - 1e-6),
            bounds=(low, high),
            loss="soft_l1",
            f_scale=0.05,
            diff_step=0.02,
            max_nfev=60,
        )
        best = found if best is None or found.cost < best.cost else best
    assert best is not None
    return {name: float(f"{np.exp(value):.4g}") for name, value in zip(names, best.x, strict=True)}


def by_class(
    kind: str, table: Any, measured: Any, predict: Predict, devices: Any, classes: Any
) -> dict[str, Any]:
    """The constants of every class that was measured, and of all together."""
    known = np.isfinite(measured) & (measured > 0)
    found = {"other": fitted(kind, take(table, known), measured[known], predict, devices)}
    for name in np.unique(classes[known]):
        rows = known & (classes == name)
        if np.count_nonzero(rows) >= FEWEST_ROWS:
            found[str(name)] = fitted(kind, take(table, rows), measured[rows], predict, devices)
    return found


def all_constants(folder: Path) -> dict[str, Any]:
    """The table: constants by operator and class."""
    devices = operators.devices_of(folder)
    found: dict[str, Any] = {}

    def of(kind: str, table: Any, measured: Any, predict: Predict, classes: Any = None) -> None:
        used = operators.sheet(table, devices, "family") if classes is None else classes
        found[kind] = by_class(kind, table, measured, predict, devices, used)
        print(kind, flush=True)

    def shown(name: str) -> Any:
        return read_table(folder / name)

    table = shown("gemm.parquet")
    for dtype in np.unique(table["dtype"]):
        rows = take(table, table["dtype"] == dtype)
        of(f"product/{dtype}", rows, least_of_engines(rows)[0], operators.products_ms)
    table = shown("attention.parquet")
    for phase in ("context", "generation"):
        for kind in ("bf16", "fp8"):
            rows = take(table, (table["phase"] == phase) & (table["kv_dtype"] == kind))
            of(f"{phase}_attention/{kind}", rows, least_of_engines(rows)[0], operators.attention_ms)
    table = shown("moe.parquet")
    for dtype in np.unique(table["dtype"]):
        rows = take(table, table["dtype"] == dtype)
        of(f"experts/{dtype}", rows, least_of_engines(rows)[0], operators.experts_ms)
    table = shown("collectives.parquet")
    link = operators.sheet(table, devices, "link_kind")
    classes = np.where(link == "pcie", "pcie", operators.sheet(table, devices, "family"))
    for library in np.unique(table["library"]):
        for op in np.unique(table["op"][table["library"] == library]):
            here = (table["library"] == library) & (table["op"] == op)
            rows = take(table, here)
            of(
                f"collective/{library}/{op}",
                rows,
                rows["latency_ms"],
                operators.collectives_ms,
                classes[here],
            )
    return found


def small_operators(folder: Path) -> dict[str, Any]:
    """Constants of elementwise operators: LLMCompass's, launched eagerly, and LLMServingSim's."""
    found: dict[str, Any] = {}
    for how, rows in (
        ("eager", llmcompass.elementwise(folder / "llmcompass")),
        ("traced", llmservingsim.elementwise(folder / "llmservingsim")),
    ):
        found[f"elementwise/{how}"] = by_class(
            f"elementwise/{how}",
            rows,
            rows["ms"],
            lambda table, devices, lookup, how=how: operators.elementwise_ms(table, devices, lookup, how),
            DEVICES,
            operators.sheet(rows, DEVICES, "family"),
        )
    return found


def scaled_classes(folder: Path, kinds: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Constants of classes of which few products were measured, by kind and class.

    They are those of all devices, arithmetic and traffic scaled as MI210's and RTX 4090's products ask: too
    few for constants of their own, and enough for two factors.
    """
    table = read_table(folder / "llmcompass" / "ops.parquet")
    table = take(table, (table["device"] == "mi210") & (table["op"] == "matmul"))
    table["dtype"] = np.full(table["m"].size, "bf16")
    rows = {
        "cdna": (table, table["latency_ms"], llmcompass.LAUNCH_MS["mi210"]),
        "geforce": (*llmservingsim.products(folder / "llmservingsim", "rtx4090"), 0.0),
    }
    start = kinds["product/bf16"]["other"]
    found: dict[str, dict[str, dict[str, float]]] = {}

    def scaled(of: dict[str, float], factors: Any) -> dict[str, float]:
        compute, traffic = (float(value) for value in factors)
        return of | {"compute": of["compute"] * compute, "traffic": of["traffic"] * traffic}

    for family, (products, measured_ms, launch_ms) in rows.items():

        def miss(
            values: Any, products: Any = products, theirs: Any = measured_ms, launch: float = launch_ms
        ) -> Any:
            constants = scaled(start, np.exp(values))
            return np.log((operators.products_ms(products, DEVICES, lambda *_: constants) + launch) / theirs)

        best = least_squares(
            miss, np.zeros(2), bounds=(-2, 0.5), loss="soft_l1", f_scale=0.05, diff_step=0.02
        )
        for kind, of in kinds.items():
            if kind.split("/")[0] in ("product", "experts", "context_attention", "generation_attention"):
                values = scaled(of["other"], np.exp(best.x))
                found.setdefault(kind, {})[family] = {n: float(f"{v:.4g}") for n, v in values.items()}
    return found


def left_out(folder: Path) -> dict[str, dict[str, float]]:
    """Constants of bf16 products without each device: its class's where another of the class was measured."""
    devices = operators.devices_of(folder)
    table = read_table(folder / "gemm.parquet")
    table = take(table, table["dtype"] == "bf16")
    found = {}
    for name in np.unique(table["device"]):
        others = table["device"] != name
        alike = others & (operators.sheet(table, devices, "family") == devices[str(name)].family)
        rows = take(table, alike if alike.any() else others)
        found[str(name)] = fitted(
            "product/bf16", rows, least_of_engines(rows)[0], operators.products_ms, devices
        )
    return found


def serving(folder: Path) -> dict[str, float]:
    """The constants of serving, from the measured deployments: TPOT, and with less weight TTFT."""
    table = read_table(folder / "aggregated.parquet")
    names = [name for name in SERVING_START if not name.startswith(("layer_s", "slowdown"))]
    start = np.log([SERVING_START[name] for name in names])

    def miss(values: Any) -> Any:
        found = serving_e2e.predicted(table, dict(zip(names, np.exp(values), strict=True)))
        errors = [
            weight * np.log(found[name] / table[name])
            for name, weight in (("tpot_ms", 1.0), ("ttft_ms", 0.3))
        ]
        return np.nan_to_num(np.concatenate(errors))

    best = least_squares(
        miss, start, bounds=(start - 6, start + 3), loss="soft_l1", f_scale=0.05, diff_step=0.02, max_nfev=30
    )
    return {name: float(f"{np.exp(value):.4g}") for name, value in zip(names, best.x, strict=True)}


def engines_of_2023(folder: Path) -> dict[str, float]:
    """Time of a layer's launches and slowdown of the engines that DistServe and Splitwise measured."""
    found: dict[str, float] = {}
    for name in ("vllm", "distserve", "splitwise"):

        def miss(values: Any, name: str = name) -> Any:
            layer, slow = (float(value) for value in np.exp(values))
            engine = {"layer_s": layer, "slowdown": slow, "host_s": 0.0}
            if name == "splitwise":
                table, ours = splitwise.cases(folder / "splitwise", engine)
                pairs = [(ours["step_ms"], table["token_ms"]), (ours["prefill_ms"], table["prompt_ms"])]
            else:
                fits = json.loads((folder / "measured" / f"distserve_fit_a100_80g_{name}.json").read_text())
                pairs = list(measured.fit_cases(fits, engine).values())
            return np.concatenate([np.log(ours / theirs) for ours, theirs in pairs])

        best = least_squares(
            miss, np.log([3e-4, 1.2]), loss="soft_l1", f_scale=0.05, diff_step=0.02, max_nfev=40
        )
        key = "vllm_2023" if name == "vllm" else name
        found |= {f"layer_s_{key}": float(np.exp(best.x[0])), f"slowdown_{key}": float(np.exp(best.x[1]))}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def links_of_vidur(folder: Path) -> dict[str, Any]:
    """Constants of collectives that Vidur measured, by operation and class of link."""
    cases = read_cases(folder / "measured" / "collectives.jsonl")
    columns, classes, _ = measured.collective_columns(cases)
    found: dict[str, Any] = {}
    for op in np.unique(columns["op"]):
        rows = take(columns, columns["op"] == op)
        found[f"collective/vidur/{op}"] = by_class(
            "collective",
            rows,
            rows["ms"].astype(float),
            lambda table, devices, lookup: measured.collectives_ms(table, lookup),
            {},
            classes[columns["op"] == op],
        )
    return found


def held_out(folder: Path) -> list[str]:
    """Errors of products of shapes that the constants have not seen: four folds of the pairs (n, k)."""
    devices = operators.devices_of(folder)
    table = read_table(folder / "gemm.parquet")
    lines = ["| products | rows | median | 90th percentile |", "|---|--:|--:|--:|"]
    for dtype in np.unique(table["dtype"]):
        rows = take(table, table["dtype"] == dtype)
        theirs = least_of_engines(rows)[0]
        known = np.isfinite(theirs) & (theirs > 0)
        rows, theirs = take(rows, known), theirs[known]
        family = operators.sheet(rows, devices, "family")
        pairs = zip(rows["n"].astype(int).tolist(), rows["k"].astype(int).tolist(), strict=True)
        fold = np.array([zlib.crc32(f"{n} {k}".encode()) % 4 for n, k in pairs])
        error = np.full(theirs.size, np.nan)
        for number in range(4):
            for name in np.unique(family):
                seen, unseen = ((family == name) & (here == (fold == number)) for here in (False, True))
                if np.count_nonzero(seen) < FEWEST_ROWS:
                    continue
                found = fitted(
                    f"product/{dtype}", take(rows, seen), theirs[seen], operators.products_ms, devices
                )
                ours = operators.products_ms(take(rows, unseen), devices, lambda *_, of=found: of)
                error[unseen] = np.abs(ours / theirs[unseen] - 1.0)
        counted = error[np.isfinite(error) & (theirs >= LEAST_MS)]
        lines.append(
            f"| {dtype} | {counted.size:,} | {np.median(counted):.1%} | {np.quantile(counted, 0.9):.1%} |"
        )
    return lines


def main() -> None:
    """Fit, and write the table beside the simulator."""
    folder = Path(sys.argv[1])
    if "--held-out" in sys.argv:
        lines = held_out(folder / "aiconfigurator")
        print("\n".join(lines))
        if "--write" in sys.argv:
            write_table(TABLE.parents[1] / "README.md", "llm-held-out", lines)
        return
    if "--serving-only" in sys.argv:
        found = json.loads(TABLE.read_text())
    else:
        kinds = all_constants(folder / "aiconfigurator") | links_of_vidur(folder)
        for kind, classes in scaled_classes(folder, kinds).items():
            kinds[kind] |= classes
        kinds |= small_operators(folder)
        found = {
            "source": "the reference folder: aiconfigurator (least of the engines), measured (collectives), "
            "llmcompass and llmservingsim (products of MI210 and RTX 4090, elementwise)",
            "constants": kinds,
        }
        found["left_out"] = left_out(folder / "aiconfigurator")
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    found["serving"] = serving(folder / "serving_e2e") | engines_of_2023(folder)
    TABLE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"wrote {TABLE.name}: {sum(len(one) for one in found['constants'].values())} sets of constants")


if __name__ == "__main__":
    main()
