from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import small_problems
from cosearch import hookimpl
from cosearch.errors import PluginError, UnknownNameError
from cosearch.registry import Registry, agent_class, problem_class, registry


class Plugin:
    """A plugin that is an object."""


def plugin_of(**hooks):
    """An object with the given hooks."""
    plugin = Plugin()
    for name, items in hooks.items():
        setattr(plugin, name, hookimpl(lambda items=items: items))
    return plugin


def test_the_builtin_plugins_are_found_by_entry_point():
    names = {record.name: record for record in registry().plugins}
    assert names["builtin-problems"].problems
    assert names["builtin-agents"].agents
    assert not names["builtin-problems"].error
    assert not names["builtin-agents"].error


def test_a_plugin_of_this_process_is_found_by_name():
    assert problem_class("two-spheres") is small_problems.TwoSpheres
    assert agent_class("uniform") is small_problems.Uniform
    with pytest.raises(UnknownNameError, match="unknown agent 'unifrom'; did you mean 'uniform'"):
        agent_class("unifrom")


@pytest.mark.parametrize(
    ("hooks", "says"),
    [
        ({"cosearch_problems": [int]}, "contributed problems must be subclasses of cosearch.Problem"),
        ({"cosearch_agents": ["random"]}, "contributed agents must be subclasses of cosearch.Agent"),
        (
            {"cosearch_problems": [type("Nameless", (small_problems.TwoSpheres,), {"name": ""})]},
            "has no name",
        ),
        ({"cosearch_problems": [small_problems.TwoSpheres]}, "'two-spheres' is already registered"),
    ],
)
def test_an_invalid_plugin_is_refused_and_leaves_nothing_behind(hooks, says):
    own = Registry()
    own.register(small_problems, "first")
    before = dict(own.problems), dict(own.agents), list(own.plugins)
    with pytest.raises(PluginError, match=says):
        own.register(plugin_of(**hooks), "second")
    assert (own.problems, own.agents, own.plugins) == before


def test_a_plugin_is_registered_once():
    own = Registry()
    plugin = plugin_of(cosearch_problems=[small_problems.TwoSpheres])
    own.register(plugin, "first")
    with pytest.raises(PluginError, match="^plugin 'first' is already registered$"):
        own.register(plugin, "first")
    with pytest.raises(PluginError, match="^plugin 'second' is already registered as 'first'$"):
        own.register(plugin, "second")
    with pytest.raises(PluginError, match="^plugin 'first' is already registered$"):
        own.register(plugin_of(), "first")
    assert [record.name for record in own.plugins] == ["first"]


def test_a_script_that_is_an_installed_plugin_too_runs(tmp_path):
    """As the examples do, which register themselves; another source of the same name is one clear line."""
    example = Path(__file__).parents[2] / "examples" / "tiled_matmul.py"
    installed = tmp_path / "site"
    info = installed / "tiled_matmul-1.2.dist-info"
    info.mkdir(parents=True)
    shutil.copy(example, installed)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiled-matmul\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[cosearch]\ntiled-matmul = tiled_matmul\n")
    other = tmp_path / "other.py"
    other.write_text(example.read_text().replace("64-byte", "32-byte"))
    same, changed = (
        subprocess.run(
            [sys.executable, str(path)],
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        for path in (example, other)
    )
    assert same.returncode == 0, same.stderr
    assert same.stdout.count("misses") == 40
    assert changed.stderr.splitlines()[-1] == (
        "cosearch.errors.PluginError: problem 'tiled-matmul' is already registered, as "
        "tiled_matmul.TiledMatmul; choose another name"
    )


def test_a_plugin_that_cannot_be_imported_takes_no_other_down(tmp_path):
    """A real installed plugin: a module on the path, and an entry point in a dist-info."""
    (tmp_path / "broken_plugin.py").write_text("import a_simulator_that_is_not_installed\n")
    info = tmp_path / "broken_plugin-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[cosearch]\nbroken = broken_plugin\n")
    code = (
        "from cosearch.registry import registry\n"
        "for r in registry().plugins:\n"
        "    print(r.name, r.distribution, r.version, len(r.problems), r.error, sep='|')"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    lines = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    broken = next(line for line in lines if line.startswith("broken|"))
    assert broken == (
        "broken|broken-plugin|1.2|0|ModuleNotFoundError: No module named 'a_simulator_that_is_not_installed'"
    )
    assert any(line.startswith("builtin-problems|cosearch") and not line.endswith("|0|") for line in lines)


def test_the_environment_limits_which_plugins_are_loaded(monkeypatch):
    monkeypatch.setenv("COSEARCH_PLUGINS", "builtin-agents")
    own = Registry()
    own.load_entry_points()
    assert [record.name for record in own.plugins] == ["builtin-agents"]
