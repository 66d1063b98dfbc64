"""A hybrid language model and an edge NPU, designed together, against the model first and the chip second.

The model has 0.9 to 1.5 billion weights; the board has LPDDR5X, costs at most 150 USD and gives a token every
10 ms. Both searches get the same number of evaluations and the same agent; `successive` finds a model on the
default chip first and holds it for the chip that follows. Told is by how much joint search is
ahead, with a bootstrapped interval over seeds, and a design that it ends with.
"""

from __future__ import annotations

import numpy as np

from cosearch import Study
from cosearch.pareto import hypervolume
from cosearch_plugins.llm.codesign import LlmCodesign

SEEDS = range(6)
BUDGET = 1500
WORST = {"loss_nats": 2.6, "energy_per_token_j": 0.2, "usd": 150.0}


def problem() -> LlmCodesign:
    return LlmCodesign(
        chip="npu",
        memories=["lpddr5x"],
        batch=1,
        prompt=1024,
        output=256,
        objectives=[f"{name}:min" for name in WORST],
        constraints=["tpot_ms<=10", "usd<=150", "weights_billion>=0.9", "weights_billion<=1.5"],
    )


def searched(strategy: str, seed: int) -> tuple[float, dict[str, float], dict[str, object]]:
    """The volume of the front between it and `WORST`, and its design of the least loss."""
    study = Study.create(problem(), f"{strategy}:nsga2", budget=BUDGET, seed=seed)
    study.run()
    front = study.pareto_front()
    values = np.column_stack([front.outcomes[name] for name in WORST])
    worst = np.array(list(WORST.values()))
    volume = hypervolume(values / worst, np.ones(3)) if len(values) else 0.0
    if not len(values):
        return volume, {}, {}
    best = int(np.argmin(values[:, 0]))
    shown = ("loss_nats", "tpot_ms", "energy_per_token_j", "usd", "weights_billion")
    return volume, {name: float(front.outcomes[name][best]) for name in shown}, dict(front.designs[best])


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % of the medians of resampled seeds."""
    rng = np.random.default_rng(0)
    medians = np.median(rng.choice(values, (4000, len(values))), axis=1)
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    ended = {name: [searched(name, seed) for seed in SEEDS] for name in ("joint", "successive")}
    volumes = {name: np.array([one[0] for one in found]) for name, found in ended.items()}
    print(f"{BUDGET} evaluations a search, {len(SEEDS)} seeds; volume of the front, more is better")
    for name, found in volumes.items():
        low, high = interval(found)
        print(f"{name:10s}  median {np.median(found):.3f} ({low:.3f} to {high:.3f}), least {found.min():.3f}")
    ahead = volumes["joint"] - volumes["successive"]
    low, high = interval(ahead)
    print(f"joint is ahead by {np.median(ahead):.3f} ({low:.3f} to {high:.3f}), in {np.sum(ahead > 0)} seeds")
    best = max(ended["joint"], key=lambda one: one[0])
    print("a joint design: " + ", ".join(f"{name} {value:.4g}" for name, value in best[1].items()))
    print(", ".join(f"{name}={value}" for name, value in best[2].items()))


if __name__ == "__main__":
    main()
