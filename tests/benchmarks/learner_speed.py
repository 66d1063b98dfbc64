"""Milliseconds for each step of training with SB3: on a trivial problem of ours, and on CartPole.

    python tests/benchmarks/learner_speed.py            prints the table
    python tests/benchmarks/learner_speed.py --write    and writes it into README.md

Each cell is the least of four runs of 128 steps, in a process of its own: with torch at one thread
(`torch.set_num_threads(1)`), and at its default. The trivial problem has two integers of ten values. The
empty environment has ours' spaces and length of episode and does nothing: what the learner takes on them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from readme_table import ROOT, write_table

STEPS, REPEATS = 128, 4
GYM = {"PPO": "CartPole-v1", "A2C": "CartPole-v1", "DQN": "CartPole-v1", "SAC": "Pendulum-v1"}
PAIRS = (
    ("PPO", "refine"), ("PPO", "sequential"), ("PPO", "oneshot"), ("A2C", "refine"), ("DQN", "refine"),
    ("SAC", "oneshot"), ("MaskablePPO", "refine"),
)  # fmt: skip


def measured_ms(algorithm: str, environment: str, threads: str) -> float:
    """Milliseconds for each step, in this process."""
    import gymnasium
    import numpy as np
    import sb3_contrib
    import stable_baselines3
    import torch

    from cosearch import DesignSpace, Integer, Metric, Objective, Problem
    from cosearch.environments.env import DesignEnv

    class Trivial(Problem):
        """The distance from a corner."""

        name = "trivial"
        space = DesignSpace([Integer("x", 0, 9), Integer("y", 0, 9)])
        metrics = (Metric("loss", "1"),)
        objectives = (Objective("loss"),)

        def simulate(self, designs, *, fidelity, seed):  # type: ignore[no-untyped-def]
            return {"loss": 1.0 + np.square(designs.index).sum(axis=1)}

    class Empty(gymnasium.Env):  # type: ignore[type-arg]
        """An environment's spaces and length of episode, and nothing behind them."""

        def __init__(self, like: DesignEnv) -> None:
            self.observation_space, self.action_space = like.observation_space, like.action_space
            self.seen, _ = like.reset(seed=0)
            if hasattr(self.action_space, "n"):
                self.masks = np.ones(int(self.action_space.n), dtype=bool)
            self.length, self.steps, ended = 0, 0, False
            while not ended:
                masks = like.action_masks() if algorithm == "MaskablePPO" else None
                action = self.action_space.sample() if masks is None else int(np.flatnonzero(masks)[0])
                _, _, terminated, truncated, _ = like.step(action)
                self.length, ended = self.length + 1, terminated or truncated

        def reset(self, *, seed=None, options=None):  # type: ignore[no-untyped-def]
            self.steps = 0
            return self.seen, {}

        def step(self, action):  # type: ignore[no-untyped-def]
            self.steps += 1
            return self.seen, 0.0, self.steps == self.length, False, {}

        def action_masks(self):  # type: ignore[no-untyped-def]
            return self.masks

    if threads == "one":
        torch.set_num_threads(1)
    library = stable_baselines3 if hasattr(stable_baselines3, algorithm) else sb3_contrib
    env: gymnasium.Env  # type: ignore[type-arg]
    if environment.endswith("-v1"):
        env = gymnasium.make(environment)
    else:
        ours = DesignEnv(Trivial(), formulation=environment.removeprefix("empty "), algorithm=algorithm)
        env = Empty(ours) if environment.startswith("empty ") else ours
    on_policy = {"n_steps": 64} if "PPO" in algorithm else {}
    replay = {"learning_starts": 32} if algorithm in ("DQN", "SAC") else {}
    model = getattr(library, algorithm)("MlpPolicy", env, device="cpu", seed=0, **on_policy, **replay)
    model.learn(64)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        model.learn(STEPS)
        times.append((time.perf_counter() - began) / STEPS * 1000)
    return min(times)


def asked_ms(*run: str) -> float:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--run", *run], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def main() -> int:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into README.md")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(measured_ms(*arguments.run))
        return 0
    base = {(a, t): asked_ms(a, env, t) for a, env in GYM.items() for t in ("one", "default")}
    lines = [
        "| algorithm | Gymnasium's, one thread | default | ours | one thread | default | ratio, one thread "
        "| of an empty environment |",
        "|---|--:|--:|---|--:|--:|--:|--:|",
    ]
    for algorithm, formulation in PAIRS:
        reference = algorithm if algorithm in GYM else "PPO"
        one, default = (asked_ms(algorithm, formulation, threads) for threads in ("one", "default"))
        empty = asked_ms(algorithm, f"empty {formulation}", "one")
        theirs, pooled = base[reference, "one"], base[reference, "default"]
        lines.append(
            f"| {algorithm} | {theirs:.2f} ({GYM[reference]}) | {pooled:.2f} "
            f"| `{formulation}` | {one:.2f} | {default:.2f} | {one / theirs:.2f} "
            f"| {empty / theirs:.2f} |"
        )
    print("\n".join(lines))
    if arguments.write:
        write_table(ROOT / "README.md", "learner_speed", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
