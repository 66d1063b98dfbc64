"""Which surrogate is the best default for few designs: each on recorded studies of every built-in problem.

    python tests/benchmarks/surrogate_models.py --write

Each problem is searched by `random` and `nsga2`, as many evaluations each; a fifth is held out. The score of
a model is the RMSE of the objectives on the scale that they are learned on, in standard deviations.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cosearch import Study, make_problem  # noqa: E402
from cosearch.registry import registry  # noqa: E402
from cosearch.surrogates.recorded import Recorded  # noqa: E402
from cosearch.surrogates.training import learn  # noqa: E402
from readme_table import write_table  # noqa: E402

README = ROOT / "gym" / "README.md"
REFERENCE = ROOT.parent / "shared" / "reference"
MODELS = ("gbdt", "gp", "forest")
EACH, TIME_LIMIT_S = 120, 3.0
HLS = str(REFERENCE / "hls" / "hlsyn.parquet")
# what a problem needs to be built, for those that cannot be built without
ARGUMENTS = {"hls": {"file": HLS}}
OWN = "cosearch_plugins"


def recorded(name: str) -> Recorded:
    """The evaluations of two studies of a problem."""
    problem = make_problem(name, **ARGUMENTS.get(name, {}))
    studies = [
        Study.create(problem, agent, budget=EACH, seed=0, time_limit_s=TIME_LIMIT_S).run()
        for agent in ("random", "nsga2")
    ]
    return Recorded.of(studies)


def score(data: Recorded, model: str, columns: list[int]) -> tuple[float, float]:
    """The error of a model on held-out designs, in standard deviations, and what it took."""
    order = np.random.default_rng(0).permutation(len(data))
    test, rest = order[: len(data) // 5], order[len(data) // 5 :]
    began = time.process_time()
    surrogate = learn(data.take(rest), model, None, None, 0)
    seconds = time.process_time() - began
    held_out = data.take(test)
    held_out = held_out.take(held_out.valid)
    predicted = surrogate.scales.learned(surrogate.values(held_out.designs))
    error = predicted - surrogate.scales.learned(held_out.values)
    spread = np.std(surrogate.scales.learned(held_out.values), axis=0)
    ratio = np.sqrt((error**2).mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return float(ratio[columns].mean()), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", type=Path, help="keep what is done here, and go on from it")
    given = parser.parse_args()
    rows = json.loads(given.json.read_text()) if given.json and given.json.exists() else []
    known = {row["problem"] for row in rows}
    for name, cls in sorted(registry().problems.items()):
        if not cls.__module__.startswith(OWN) or name in known:
            continue
        try:
            data = recorded(name)
            names = [name_ for name_, _ in data.origin.metrics]
            problem = make_problem(name, **ARGUMENTS.get(name, {}))
            columns = [names.index(objective.metric) for objective in problem.objectives]
            if data.valid.sum() < 40:
                raise ValueError(f"only {int(data.valid.sum())} valid designs")
            # the objectives alone are scored, so the others need not be learned
            data = objectives_only(data, columns)
            found = {model: score(data, model, list(range(len(columns)))) for model in MODELS}
        except Exception as error:
            print(f"{name}: left out: {error}", flush=True)
            continue
        rows.append({"problem": name, "designs": len(data), "models": found})
        print(name, len(data), {m: round(e, 3) for m, (e, _) in found.items()}, flush=True)
        if given.json:
            given.json.write_text(json.dumps(rows))
    lines = table(rows)
    print("\n".join(lines))
    if given.write:
        write_table(README, "surrogate-models", lines)


def objectives_only(data: Recorded, columns: list[int]) -> Recorded:
    """The same with the objectives alone."""
    from dataclasses import replace

    metrics = tuple(data.origin.metrics[j] for j in columns)
    valid = data.valid
    values = data.values[:, columns].copy()
    values[~valid] = np.nan
    return replace(data, origin=replace(data.origin, metrics=metrics), values=values)


def table(rows: list[dict]) -> list[str]:
    """The table of the README."""
    lines = [
        "Written by `python tests/benchmarks/surrogate_models.py --write`.",
        "",
        "| problem | designs | " + " | ".join(f"`{m}`" for m in MODELS) + " |",
        "|---|--:|" + "--:|" * len(MODELS),
    ]
    for row in rows:
        errors = {m: row["models"][m][0] for m in MODELS}
        best = min(errors.values())
        cells = [f"**{e:.3f}**" if e == best else f"{e:.3f}" for e in errors.values()]
        lines.append(f"| `{row['problem']}` | {row['designs']:,} | " + " | ".join(cells) + " |")
    median = [f"{np.median([row['models'][m][0] for row in rows]):.3f}" for m in MODELS]
    mean = [f"{np.mean([row['models'][m][0] for row in rows]):.3f}" for m in MODELS]
    wins = [sum(min(r["models"], key=lambda k: r["models"][k][0]) == m for r in rows) for m in MODELS]
    seconds = [f"{np.median([row['models'][m][1] for row in rows]):.1f}" for m in MODELS]
    lines.append("| mean | | " + " | ".join(mean) + " |")
    lines.append("| median | | " + " | ".join(median) + " |")
    lines.append("| best on | | " + " | ".join(map(str, wins)) + " |")
    lines.append("| seconds to fit, median | | " + " | ".join(seconds) + " |")
    return lines


if __name__ == "__main__":
    main()
