"""Which Gymnasium ids are there, whoever is imported first: each case in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import cosearch

MODULE = """
import cosearch
from cosearch import DesignSpace, Integer, Metric, Objective, Problem, hookimpl

class MyCache(Problem):
    "Ways of a cache."
    name = "my-cache"
    version = 2
    space = DesignSpace([Integer("ways", 1, 16)])
    metrics = (Metric("misses", "1"),)
    objectives = (Objective("misses"),)
    def simulate(self, designs, *, fidelity, seed):
        return {"misses": 1.0 / designs["ways"]}
"""
HOOK = """
@hookimpl
def cosearch_problems():
    return [MyCache]
"""
MAKE = """
env = gymnasium.make("cosearch/MyCache-v2")
env.reset(seed=0)
print(env.step([3])[4]["design"], gymnasium.make_vec("cosearch/mo-MyCache-v2", num_envs=2).num_envs)
"""


def install(site: Path, distribution: str, module: str, files: dict[str, str]) -> None:
    for path, code in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(code)
    info = site / f"{distribution.replace('-', '_')}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[cosearch]\n{distribution} = {module}\n")


def run(code: str, *sites: Path) -> str:
    path = os.pathsep.join([*map(str, sites), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "imports",
    [
        "import gymnasium, cosearch",
        "import cosearch, gymnasium",
        "import my_cache, gymnasium",
        "from my_cache import MyCache; import gymnasium",
        "import gymnasium; gymnasium.make('cosearch:cosearch/MyCache-v2')",
        "import gymnasium; gymnasium.make('my_cache:cosearch/MyCache-v2')",
        "import cosearch.registry; cosearch.registry.registry(); import gymnasium",
    ],
)
@pytest.mark.parametrize("layout", ["module", "package"])
def test_a_plugin_with_one_entry_point_has_its_ids(tmp_path, imports, layout):
    if layout == "module":
        install(tmp_path, "my-cache", "my_cache", {"my_cache.py": MODULE + HOOK})
    else:
        files = {
            "my_cache/__init__.py": "from my_cache.problem import MyCache",
            "my_cache/problem.py": MODULE,
            "my_cache/plugin.py": "from cosearch import hookimpl\nfrom my_cache.problem import MyCache"
            + HOOK,
        }
        install(tmp_path, "my-cache", "my_cache.plugin", files)
    assert run(f"{imports}\n{MAKE}", tmp_path) == "{'ways': 4} 2\n"


def test_a_plugin_with_one_entry_point_is_played_by_several_agents(tmp_path):
    pytest.importorskip("pettingzoo")
    install(tmp_path, "my-cache", "my_cache", {"my_cache.py": MODULE + HOOK})
    code = """
    import cosearch
    env = cosearch.parallel_env("my-cache")
    env.reset(seed=0)
    infos = env.step({agent: [3] for agent in env.agents})[4]
    print({agent: info["design"] for agent, info in infos.items()})
    """
    assert run(textwrap.dedent(code), tmp_path) == "{'ways': {'ways': 4}}\n"


def test_a_plugin_that_needs_another_package_is_loaded_once_that_is_there(tmp_path):
    install(
        tmp_path,
        "my-cache",
        "hooks",
        {
            "my_base.py": MODULE,
            "hooks.py": f"from my_base import MyCache\nfrom cosearch import hookimpl\n{HOOK}",
        },
    )
    code = "import my_base, cosearch\nprint(cosearch.make_problem('my-cache').name)"
    assert run(code, tmp_path) == "my-cache\n"


@pytest.mark.parametrize("fault", ["raise RuntimeError", "import sys; sys.exit(3)", "import not_there"])
def test_a_broken_plugin_takes_no_ids_away(tmp_path, fault):
    install(tmp_path, "a-broken", "a_broken", {"a_broken.py": fault})
    install(tmp_path, "my-cache", "my_cache", {"my_cache.py": MODULE + HOOK})
    for imports in ("import gymnasium, cosearch", "import my_cache, gymnasium"):
        assert run(f"{imports}\n{MAKE}", tmp_path) == "{'ways': 4} 2\n"


def test_a_problem_that_is_registered_by_hand_has_its_ids():
    assert run(f"import gymnasium\n{MODULE}\ncosearch.register(MyCache)\n{MAKE}") == "{'ways': 4} 2\n"


def test_a_problem_that_nobody_registered_has_none(tmp_path):
    code = f"import gymnasium\n{MODULE}\nprint('cosearch/MyCache-v2' in gymnasium.registry)"
    assert run(code) == "False\n"


@pytest.mark.parametrize(
    "imports",
    [
        "import cosearch; import gymnasium",
        "import gymnasium; import cosearch",
        "import cosearch; from gymnasium.envs.registration import registry; import gymnasium",
        "import cosearch_plugins.dram.controller; import gymnasium",
        "import cosearch_agents, gymnasium",
        "import gymnasium; gymnasium.make('cosearch:cosearch/DramController-v1')",
    ],
)
def test_the_builtin_problems_have_their_ids(imports):
    ids = run(f"{imports}\nprint(*gymnasium.registry)").split()
    known = cosearch.registry.registry()
    ours = [name for record in known.plugins if record.distribution == "cosearch" for name in record.problems]
    assert len(ours) > 1
    for name in ours:
        assert known.problems[name].env_id() in ids
        assert known.problems[name].env_id(multi_objective=True) in ids
