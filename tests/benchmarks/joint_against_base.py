"""Joint search on `cnn-accelerator` against the best network on an Eyeriss-like base with equal resources.

    python tests/benchmarks/joint_against_base.py            prints the table
    python tests/benchmarks/joint_against_base.py --write    and writes it into plugins/README.md

The base is Eyeriss (Y. Chen et al., JSSC 2017: 168 units of 16 bits, 0.5 KiB of registers in each, a buffer
of 108 KiB, row stationary) in the values of our space. On it the network alone is searched, for the least
energy-delay product (EDP) at a top-1 of at least --floor. Every other search has as many designs, the same
memory and clock, and must be as much better in top-1 as NAAS (Y. Lin et al., DAC 2021) was, 2.7 points; a
control holds the base's network and need not be better. Resources are equal as areas, or, as NAAS counts
them, as units and bytes of memory on the chip. A minute of an idle core for each seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Study
from cosearch.space import DesignSpace, Ordinal
from cosearch_plugins.networks.cnn_accelerator import CnnAccelerator
from readme_table import ROOT, write_table

EYERISS = {
    "hardware.array_rows": 8,
    "hardware.array_columns": 16,
    "hardware.multiplier": "fixed-16",
    "hardware.register_bytes": 512,
    "hardware.buffer_kib": 128,
    "hardware.dataflow": "row-stationary",
}
SIXTEEN = {"precision.weight_bits": 16, "precision.activation_bits": 16}
UNITS = 8 * 16
ON_CHIP_BYTES = UNITS * 512 + 128 * 1024
RULES = (
    f"hardware.array_rows * hardware.array_columns > {UNITS}",
    "hardware.array_rows * hardware.array_columns * hardware.register_bytes + hardware.buffer_kib * 1024"
    f" > {ON_CHIP_BYTES}",
)
GAIN = 2.7


@dataclass(frozen=True)
class Best:
    """The best design of a search.

    Attributes:
        edp: its energy-delay product in pJ s.
        top1: in %.
        area_mm2: of its chip.
        design: it.
    """

    edp: float
    top1: float
    area_mm2: float
    design: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A search of the table.

    Attributes:
        name: what it is.
        equal: what is no larger than the base's: area, or units and bytes.
        sixteen: whether precision is held at 16 bits.
        network: whether the base's network is held.
    """

    name: str
    equal: str
    sixteen: bool = False
    network: bool = False


ROWS = (
    Row("joint", "area"),
    Row("control: the base's network held", "area", network=True),
    Row("joint", "units and bytes"),
    Row("joint, 16 bits", "units and bytes", sixteen=True),
)


def problem(held: Mapping[str, Any], constraints: Sequence[str], rules: Sequence[str]) -> CnnAccelerator:
    """`cnn-accelerator` for the least EDP, with some of it held and further rules."""
    found = CnnAccelerator(objectives=["edp_pj_s:min"], constraints=list(constraints))
    axes = [
        Ordinal(axis.name, axis.values, default=EYERISS[axis.name])  # the default must meet the rules
        if rules and isinstance(axis, Ordinal) and axis.name in EYERISS
        else axis
        for axis in found.space
    ]
    space = DesignSpace(
        axes, [*found.space.forbidden, *rules], name=found.space.name, groups=found.space.groups
    )
    found.space = space.hold(held)
    return found


def search(one: CnnAccelerator, options: argparse.Namespace, seed: int) -> Best:
    """One search."""
    study = Study.create(one, options.agent, budget=options.budget, seed=seed)
    study.run()
    best = study.best
    if best is None:
        return Best(np.nan, np.nan, np.nan, {})
    metrics = best.metrics
    return Best(metrics["edp_pj_s"], metrics["top1"], metrics["area_mm2"], best.design)


def runs(options: argparse.Namespace, seed: int) -> list[tuple[float, float, float]]:
    """Of each row how many times less EDP than the base's, by how much more top-1, and the area over its."""
    base = search(problem(EYERISS | SIXTEEN, [f"top1>={options.floor}"], ()), options, seed)
    network = {name: value for name, value in base.design.items() if name.startswith("network.")}
    found = []
    for row in ROWS:
        least = base.top1 - 1e-6 if row.network else base.top1 + GAIN
        held = (SIXTEEN if row.sixteen else {}) | (network if row.network else {})
        area = row.equal == "area"
        constraints = [f"top1>={least}", *([f"area_mm2<={base.area_mm2}"] if area else [])]
        best = search(problem(held, constraints, () if area else RULES), options, seed)
        found.append((base.edp / best.edp, best.top1 - base.top1, best.area_mm2 / base.area_mm2))
        chosen = {n.partition(".")[2]: v for n, v in best.design.items() if not n.startswith("network.")}
        print(
            f"seed {seed}, {row.name}, equal {row.equal}: {found[-1]} {chosen}", file=sys.stderr, flush=True
        )
    return found


def table(found: np.ndarray, options: argparse.Namespace) -> list[str]:
    """A row for each search: the median, and the least and the most of the seeds."""
    lines = [
        "",
        f"`{options.agent}`, {options.budget} designs a search, {len(found)} seeds; base: top-1 at least "
        f"{options.floor:g} %",
        "",
        "| search | no more than the base's | EDP, times less | top-1, points | area, of the base's |",
        "|---|---|---|---|---|",
    ]
    for number, row in enumerate(ROWS):
        edp, top1, area = found[:, number].T
        lines.append(
            f"| {row.name} | {row.equal} | {np.median(edp):.2f} ({edp.min():.2f} to {edp.max():.2f}) | "
            f"{np.median(top1):+.2f} | {np.median(area):.2f} |"
        )
    lines.append("| NAAS's authors, against ResNet-50 on Eyeriss | units and bytes | 4.4 | +2.7 | |")
    return [*lines, ""]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--agent", default="gradient")
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--floor", type=float, default=73.0, help="top-1 of the base in %%")
    parser.add_argument("--write", action="store_true", help="into plugins/README.md")
    options = parser.parse_args()
    lines = table(np.array([runs(options, seed) for seed in range(options.seeds)]), options)
    print("\n".join(lines))
    if options.write:
        write_table(ROOT / "plugins" / "README.md", "joint-against-base", lines)


if __name__ == "__main__":
    main()
