"""The same seed asks the same designs in every process, whatever hashes Python drew for its strings."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

BUDGET = 24
SMALL = {
    "optuna-gp": {"startup": 22},
    "smac": {"initial": 8},
    "ppo": {"episodes": 8, "minibatch": 8},
    "maskable-ppo": {"episodes": 8, "minibatch": 8},
    "recurrent-ppo": {"episodes": 8, "minibatch": 8, "epochs": 2},
    "multi-agent-ppo": {"episodes": 8, "minibatch": 8},
    "a2c": {"episodes": 8},
    "reinforce": {"episodes": 8},
    "dqn": {"episodes": 8, "minibatch": 8, "gradient_steps": 1},
    "sac": {"episodes": 8, "minibatch": 8, "gradient_steps": 1},
}
SEARCH = """
import json, sys, warnings
warnings.simplefilter("ignore")
from cosearch import Study
from cosearch.registry import registry
budget, settings = json.loads(sys.argv[1])
problem = registry().problems["gpu-platform"]()
found = {}
for name in sorted(set(registry().agents) - {"language-model"}):
    study = Study.create(problem, name, budget=budget, seed=3, agent_settings=settings.get(name, {}))
    found[name] = [key.hex() for key in study.run().designs.keys()]
print(json.dumps(found))
"""


def started(hash_seed: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SEARCH, json.dumps([BUDGET, SMALL])]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_every_agent_asks_the_same_in_any_process():
    for library in ("optuna", "smac"):
        pytest.importorskip(library)
    first, second = (json.loads(one.communicate()[0]) for one in [started("1"), started("2")])
    assert len(first) > 40
    assert [name for name in first if first[name] != second[name]] == []
    assert all(len(keys) == BUDGET for keys in first.values())
