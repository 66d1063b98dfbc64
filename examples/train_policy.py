"""A policy trained with Stable-Baselines3, from start to Pareto front, with its learning curve.

python examples/train_policy.py    MaskablePPO chooses a memory controller, one parameter after the other.
"""

import gymnasium
import numpy as np
import torch
from sb3_contrib import MaskablePPO

import cosearch  # noqa: F401  registers the environments
from cosearch.pareto import pareto_mask

STEPS = 4000
WINDOW = 80  # designs


def main() -> None:
    """Train, and print the curve and the front."""
    torch.set_num_threads(1)  # torch's pool waits by spinning: slower than one thread on a network this small
    env = gymnasium.make(
        "cosearch/DramController-v1",
        workload="zipf:requests=500",
        formulation="sequential",
        reward="chebyshev",
        algorithm="MaskablePPO",
        objectives=["latency_ns:min", "energy_pj:min"],
    )
    designs: list[dict] = []
    objectives: list[np.ndarray] = []
    rewards: list[float] = []

    def watch(here: dict, _: dict) -> bool:
        for info, done, reward in zip(here["infos"], here["dones"], here["rewards"], strict=True):
            if done and info["status"] == "ok":
                designs.append(info["design"])
                objectives.append(info["objectives"])
                rewards.append(float(reward))
        return True

    model = MaskablePPO(
        "MlpPolicy", env, n_steps=256, batch_size=64, learning_rate=2e-3, gamma=1.0, ent_coef=0.01, seed=0
    )
    model.learn(STEPS, callback=watch)

    print(f"Mean reward of each {WINDOW} designs in turn; a longer bar is better:")
    means = [np.mean(rewards[i : i + WINDOW]) for i in range(0, len(rewards) - WINDOW + 1, WINDOW)]
    for k, mean in enumerate(means):
        share = (mean - min(means)) / (max(means) - min(means) or 1.0)
        print(f"{(k + 1) * WINDOW:5d}  {mean:7.3f}  {'#' * (1 + round(50 * share))}")

    points = np.array(objectives)
    _, first = np.unique(points, axis=0, return_index=True)
    front = first[pareto_mask(points[first])]
    print(f"\nPareto front of {len(designs)} designs:")
    for i in front[np.argsort(points[front, 0])]:
        print(f"{points[i, 0]:8.1f} ns  {points[i, 1]:.3e} pJ  {designs[i]}")


if __name__ == "__main__":
    main()
