"""How many fewer evaluations a surrogate needs that starts from a rough fidelity: `accelerator`, its bound.

    python tests/benchmarks/surrogate_start.py --write

Random designs; the error is the RMSE of the logarithm on designs that are held out, the median over draws.
For each error that one from nothing reaches, the one that starts from the bound is asked how many it needed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cosearch import make_problem  # noqa: E402
from cosearch.surrogates.recorded import Recorded  # noqa: E402
from cosearch.surrogates.surrogate import Origin  # noqa: E402
from cosearch.surrogates.training import Start, learn  # noqa: E402
from readme_table import write_table  # noqa: E402

README = ROOT / "gym" / "README.md"
SIZES = (25, 50, 100, 200, 400, 800)
HELD_OUT, DRAWS = 400, 3
METRICS = ("latency_ns", "energy_pj")


def curves(model: str, cache: Path | None) -> dict[str, np.ndarray]:
    """Errors by size for each metric, from nothing and from the bound, {kind: (sizes, metrics)}."""
    problem = make_problem("accelerator")
    n = max(SIZES) + HELD_OUT
    if cache is not None and cache.exists():
        with np.load(cache) as kept:
            designs = problem.space.from_index(kept["index"])
            exact, rough = kept["exact"], kept["rough"]
    else:
        designs = problem.space.sample(n, np.random.default_rng(0))
        exact, rough = (
            np.stack([outcomes[name] for name in METRICS], axis=1)
            for outcomes in (problem.evaluate(designs, fidelity=f) for f in ("mapper", "bound"))
        )
        if cache is not None:
            np.savez(cache, index=designs.index, exact=exact, rough=rough)
    metrics = tuple((name, problem.unit(name)) for name in METRICS)
    origin = Origin(problem.name, problem.version, {}, "", metrics, "mapper")
    data = Recorded(origin, designs, exact, np.full(len(designs), "random"))
    test = np.arange(HELD_OUT)
    start = Start("bound", lambda _: (_ for _ in ()).throw(RuntimeError("the numbers are here already")))
    found = {"nothing": [], "bound": []}
    for size in SIZES:
        errors: dict[str, list[np.ndarray]] = {"nothing": [], "bound": []}
        for draw in range(DRAWS):
            rows = HELD_OUT + np.random.default_rng(draw).permutation(len(data) - HELD_OUT)[:size]
            part = data.take(rows)
            models = {
                "nothing": (learn(part, model, None, None, 0), None),
                "bound": (learn(part, model, rough[rows], start, 0), rough[test]),
            }
            for kind, (surrogate, base) in models.items():
                ratio = surrogate.values(data.take(test).designs, base) / exact[test]
                errors[kind].append(np.sqrt((np.log(ratio) ** 2).mean(axis=0)))
        for kind, each in errors.items():
            found[kind].append(np.median(each, axis=0))
        print(size, {kind: each[-1].round(4).tolist() for kind, each in found.items()}, flush=True)
    return {kind: np.array(each) for kind, each in found.items()}


def needed(errors: np.ndarray, error: float) -> float:
    """How many designs reach an error, between the sizes that were tried; infinity if none does."""
    best = np.minimum.accumulate(errors)
    reached = np.flatnonzero(best <= error)
    if not len(reached):
        return float("inf")
    k = reached[0]
    if k == 0:
        return float(SIZES[0])
    part = (np.log(best[k - 1]) - np.log(error)) / (np.log(best[k - 1]) - np.log(best[k]))
    return float(np.exp(np.log(SIZES[k - 1]) + part * np.log(SIZES[k] / SIZES[k - 1])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--model", default="gbdt")
    parser.add_argument("--cache", type=Path, help="keep the evaluations here, or take them from here")
    given = parser.parse_args()
    found = curves(given.model, given.cache)
    lines = [
        "Written by `python tests/benchmarks/surrogate_start.py --write`.",
        "",
        "| metric | designs from nothing | its error | from the bound, as many | designs it needs | fewer |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for j, metric in enumerate(METRICS):
        for k, size in enumerate(SIZES):
            if size < 100:
                continue
            error = found["nothing"][k, j]
            count = needed(found["bound"][:, j], error)
            most = "at most " if count <= SIZES[0] else ""
            cells = "- | -" if np.isinf(count) else f"{most}{count:.0f} | {1 - count / size:.0%}"
            lines.append(f"| `{metric}` | {size:,} | {error:.3f} | {found['bound'][k, j]:.3f} | {cells} |")
    print("\n".join(lines))
    if given.write:
        write_table(README, "surrogate-start", lines)


if __name__ == "__main__":
    main()
