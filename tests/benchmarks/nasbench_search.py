"""How soon predictor-guided agents find what is best on `nasbench201-device`, whose optima are known.

    python tests/benchmarks/nasbench_search.py --part optimum --write
    python tests/benchmarks/nasbench_search.py --part hypervolume --write

The first searches by validation accuracy until the network with the best test accuracy on CIFAR-10 after 200
epochs (94.37 %) is among the evaluated ones. The second searches accuracy against latency and measures when
99 % of the exact front's hypervolume is reached. Both write a table into plugins/README.md; some 3 minutes of
an idle core for each agent.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Study, make_problem
from cosearch.objectives import minimised
from cosearch.pareto import hypervolume, reference_point
from readme_table import ROOT, write_table

OPTIMUM_BUDGET, FRONT_BUDGET, ENOUGH = 400, 500, 0.99


def optimum(agent: str, seed: int) -> float:
    """Evaluations until the best network is found; infinite where it is not."""
    problem = make_problem("nasbench201-device", objectives=["validation_top1:max"])
    best = problem.evaluate(problem.space.enumerate())["test_top1"].max()
    data = Study.create(problem, agent, budget=OPTIMUM_BUDGET, seed=seed).run()
    found = np.flatnonzero(data.outcomes["test_top1"] >= best)
    return float(found[0] + 1) if len(found) else np.inf


def front(agent: str, device: str, seed: int) -> tuple[float, float]:
    """Evaluations until there is enough hypervolume, and its share at the end."""
    problem = make_problem("nasbench201-device", device=device)
    exact = np.array(minimised(problem.objectives, problem.exact_front()[1]))
    reference = reference_point(problem.objectives, [exact])
    data = Study.create(problem, agent, budget=FRONT_BUDGET, seed=seed).run()
    values = np.array(minimised(problem.objectives, data.outcomes))
    whole = hypervolume(exact, reference)

    def share(count: int) -> float:
        return hypervolume(values[:count], reference) / whole

    reached = next((n for n in range(1, FRONT_BUDGET + 1) if n % 5 == 0 and share(n) >= ENOUGH), np.inf)
    return reached, share(FRONT_BUDGET)


def optima(agents: list[str], seeds: int) -> list[str]:
    """The first table."""
    lines = [
        f"| agent | seeds | found within {OPTIMUM_BUDGET} | queries, mean | median | most |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for agent in agents:
        found = np.array([optimum(agent, seed) for seed in range(seeds)])
        print(agent, found.tolist(), file=sys.stderr, flush=True)
        within = int(np.isfinite(found).sum())
        mean = f"{found.mean():.0f}" if within == seeds else "-"
        most = f"{found.max():.0f}" if within == seeds else f"over {OPTIMUM_BUDGET}"
        lines.append(f"| `{agent}` | {seeds} | {within} | {mean} | {np.median(found):.0f} | {most} |")
    return lines


def fronts(agents: list[str], device: str, seeds: int) -> list[str]:
    """The second table."""
    lines = [
        f"| agent, CIFAR-10 on {device} | seeds | evaluations to {ENOUGH:.0%}, median | most "
        f"| hypervolume after {FRONT_BUDGET}, median | least |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for agent in agents:
        found = np.array([front(agent, device, seed) for seed in range(seeds)])
        print(agent, found.tolist(), file=sys.stderr, flush=True)
        reached, share = found.T
        most = f"{reached.max():.0f}" if np.isfinite(reached).all() else f"over {FRONT_BUDGET}"
        lines.append(
            f"| `{agent}` | {seeds} | {np.median(reached):.0f} | {most} | {np.median(share):.2%} "
            f"| {share.min():.2%} |"
        )
    return lines


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", choices=("optimum", "hypervolume"), default="optimum")
    parser.add_argument("--agents", default="tree-guided")
    parser.add_argument("--seeds", type=int, help="20 for the optimum, 10 for the hypervolume")
    parser.add_argument("--device", default="pixel3")
    parser.add_argument("--write", action="store_true", help="into plugins/README.md")
    options = parser.parse_args()
    agents = options.agents.split(",")
    if options.part == "optimum":
        lines = optima(agents, options.seeds or 20)
    else:
        lines = fronts(agents, options.device, options.seeds or 10)
    print("\n".join(lines))
    if options.write:
        write_table(ROOT / "plugins" / "README.md", f"nasbench-{options.part}", lines)


if __name__ == "__main__":
    main()
