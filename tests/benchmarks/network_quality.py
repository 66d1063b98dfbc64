"""How good predictors, transfer, pruning, the supernet and the scores are, as tables for their README.

    python tests/benchmarks/network_quality.py [--write] [PART ...]

Parts: curves, beginnings, pruning, supernet, scores, latency. All take about six minutes of a core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np

from cosearch_simulators.core.validation.ranking import spearman
from cosearch_simulators.networks.quality import Table, embedded_table, fit, kendall, load, pruned, split
from cosearch_simulators.networks.quality.families.small_cnn import QuantisedSmallCnn, SmallCnn
from cosearch_simulators.networks.quality.latency.measured import MEASURED_FAMILIES, LatencyTable
from cosearch_simulators.networks.quality.training.data import load_images
from cosearch_simulators.networks.quality.training.elastic import ElasticNetwork
from cosearch_simulators.networks.quality.training.quality import measured_part
from cosearch_simulators.networks.quality.training.training import (
    Recipe,
    random_choice,
    train,
    train_supernet,
)
from readme_table import ROOT, write_table

README = ROOT / "simulators/cosearch_simulators/networks/quality/README.md"
SIZES = (50, 100, 200, 400, 800, 1600)
CURVES = (
    ("ofa-mbv3-accuracy", "imagenet_top1", "Once-for-All, ImageNet top-1"),
    ("mnasnet", "val_top1", "Accel-NASBench, ImageNet top-1"),
    ("nasbench201", "c10_test_ep200", "NAS-Bench-201, CIFAR-10"),
)


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def head(*cells: str) -> Iterator[str]:
    yield row(*cells)
    yield row(*["---"] * len(cells))


def curves() -> Iterator[str]:
    """Kendall's tau on 1,000 networks (or a fifth) that were not learned."""
    yield from head(
        "table", "predictor", *(f"{size:,} rows" for size in SIZES if size < 1600), "1,400 or 1,600"
    )
    for name, column, title in CURVES:
        table = embedded_table(name)
        held, rest = split(table, min(1000, len(table) // 5) / len(table), seed=0)
        for kind in ("trees", "gaussian-process", *(["mlp"] if name == "ofa-mbv3-accuracy" else [])):
            cells = []
            for size in SIZES:
                learned = rest.take(np.arange(min(size, len(rest))))
                result = fit(learned, column, kind=kind, check=False).judge(held, column)
                cells.append(f"{result.kendall:.3f} ({result.rmse:.2f})")
            yield row(title, kind, *cells)


def beginnings() -> Iterator[str]:
    """What learning begins with, where few rows were measured."""
    yield from head("predicted", "learned rows", "begins with", "Kendall tau", "RMSE, points")
    table = embedded_table("mnasnet")
    held, rest = split(table, 0.2, seed=0)
    for size in (50, 100, 200):
        few = rest.take(np.arange(size))
        for begin in (None, "free-statistics"):
            found = fit(few, "val_top1", kind="mlp", check=False, begin=begin).judge(held, "val_top1")
            what = begin or "random weights"
            yield row("Accel-NASBench top-1, mlp", size, what, f"{found.kendall:.3f}", f"{found.rmse:.2f}")
    quality = load("small-cnn-supernet")
    rng = np.random.default_rng(1)
    columns = {n: rng.choice(np.array(v), 1000) for n, v in QuantisedSmallCnn().values.items()}
    full = Table.of(
        {n: columns[n] for n in SmallCnn().values}
        | {"top1": quality.evaluate({n: columns[n] for n in SmallCnn().values})["validation_top1"]}
    )
    low = Table.of(columns | {"top1": quality.evaluate(columns)["validation_top1"]})
    held, rest = split(low, 0.5, seed=0)
    for kind in ("mlp", "gaussian-process"):
        base = fit(full, "top1", kind=kind, check=False)
        for size in (50, 100, 200):
            few = rest.take(np.arange(size))
            for begin, what in ((None, "nothing"), (base, "full precision's predictor")):
                found = fit(few, "top1", kind=kind, check=False, begin=begin).judge(held, "top1")
                name = f"quantised digits networks, {kind}"
                yield row(name, size, what, f"{found.kendall:.3f}", f"{found.rmse:.2f}")


def pruning() -> Iterator[str]:
    """What is left of NAS-Bench-201 when trees on 150 cells prune a share of the choices."""
    yield from head("choices pruned", "cells left", "mean test top-1", "best of all left in", "of 5 draws")
    table = embedded_table("nasbench201")
    accuracy, columns = table.targets["c10_test_ep200"], table.columns()
    for share in (0.0, 0.1, 0.25, 0.4):
        lefts, means, kept = [], [], 0
        for seed in range(5):
            some, _ = split(table, 150 / len(table), seed=seed)
            left = pruned(fit(some, "c10_val_ep200_s", kind="trees", check=False), share, seed=seed)
            inside = np.all([np.isin(columns[n], v) for n, v in left.items()], axis=0)
            lefts.append(inside.mean())
            means.append(accuracy[inside].mean())
            kept += bool(inside[accuracy.argmax()])
        yield row(f"{share:.0%}", f"{np.mean(lefts):.1%}", f"{np.mean(means):.2f} %", kept, 5)


def supernet() -> Iterator[str]:
    """Shared weights against training alone, 50 random networks."""
    begin = time.process_time()
    images = load_images()
    network = train_supernet(images, steps=1000)
    trained = time.process_time() - begin
    rng = np.random.default_rng(5)
    shared, alone = [], []
    for seed in range(50):
        choice = random_choice(rng)
        shared.append(measured_part(network, images, choice)[0])
        own = ElasticNetwork(images.shape, images.classes, choice, seed)
        alone.append(train(own, images, Recipe(steps=200), seed=seed).test_top1)
    yield from head("networks", "Spearman", "Kendall tau", "supernet, s of a core", "all, s of a core")
    seconds = f"{time.process_time() - begin:.0f}"
    yield row(
        50, f"{spearman(shared, alone):.3f}", f"{kendall(shared, alone):.3f}", f"{trained:.0f}", seconds
    )


def scores() -> Iterator[str]:
    """Scores on random weights against training alone, 24 random networks of digits."""
    rng = np.random.default_rng(9)
    columns = {n: rng.choice(np.array(v), 24) for n, v in SmallCnn().values.items()}
    found = load("small-cnn-scores").evaluate(columns)
    trained = load("small-cnn").evaluate(columns, fidelity="half")
    yield from head("score", "Spearman with test top-1 after 200 steps of training")
    for name in found.metrics:
        yield row(name, f"{spearman(found[name], trained['test_top1']):.3f}")


def latency() -> Iterator[str]:
    """Sums of blocks against whole networks, 20 random ones of each family, half of them to calibrate."""
    columns = ("networks", "blocks", "whole, ms", "sum off by", "relative RMSE", "calibrated", "Kendall tau")
    yield from head(*columns)
    for name, family in MEASURED_FAMILIES.items():
        rng = np.random.default_rng(0)
        drawn = {n: rng.choice(np.array(v), 20) for n, v in family.values.items()}
        if "resolution" in drawn:
            drawn["resolution"][:] = 224
        table = LatencyTable.measure(family, drawn)
        found, pairs = table.against_whole(drawn)
        more = table.calibrated(pairs[:10]).overhead_ms
        left = np.sqrt(np.mean(((pairs[10:, 0] + more) / pairs[10:, 1] - 1) ** 2))
        off = np.mean(pairs[:, 0] / pairs[:, 1]) - 1
        whole = f"{pairs[:, 1].min():.1f} to {pairs[:, 1].max():.1f}"
        errors = (f"{off:+.1%}", f"{found.relative_rmse:.1%}", f"{left:.1%}", f"{found.kendall:.3f}")
        yield row(name, len(table.blocks_ms), whole, *errors)


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "curves": curves,
    "beginnings": beginnings,
    "pruning": pruning,
    "supernet": supernet,
    "scores": scores,
    "latency": latency,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--write", action="store_true", help="put the tables into the README")
    given = parser.parse_args()
    for name in given.parts or PARTS:
        lines = []
        for line in PARTS[name]():
            print(line, flush=True)
            lines.append(line)
        if given.write:
            write_table(README, f"quality-{name}", lines)


if __name__ == "__main__":
    main()
