from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import small_problems
from cosearch import hookimpl
from cosearch.errors import PluginError, UnknownNameError
from cosearch.registry import Registry, agent_class, backend_class, problem_class, registry


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
        (
            {"cosearch_problems": [small_problems.TwoSpheres]},
            "'two-spheres' of plugin .* is already registered",
        ),
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


def install(site: Path, name: str, code: str, *, distribution: str = "", path: str = "") -> None:
    """What an installer leaves: a module in the folder `site`, and a dist-info with one entry point."""
    distribution = distribution or name.replace("_", "-")
    info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    file = site / (path or f"{name}.py")
    file.parent.mkdir(exist_ok=True)
    file.write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[cosearch]\n{distribution} = {name}\n")


def run(code: str, site: Path, *, file: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python with the folder `site` on its path."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, str(file)] if file is not None else [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )


RECORDS = """
import dataclasses, json
from cosearch.registry import registry
print(json.dumps({record.name: dataclasses.asdict(record) for record in registry().plugins}))
"""


def records(site: Path) -> dict[str, Any]:
    """The record of each plugin, in a process of its own."""
    done = run(RECORDS, site)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


PLUGIN = """
from cosearch import DesignSpace, Integer, Metric, Objective, Problem, hookimpl

class MyCache(Problem):
    "Ways of a cache."
    name = "my-cache"
    space = DesignSpace([Integer("ways", 1, 16)])
    metrics = (Metric("misses", "1"),)
    objectives = (Objective("misses"),)
    def simulate(self, designs, *, fidelity, seed):
        return {"misses": 1.0 / designs["ways"]}

@hookimpl
def cosearch_problems():
    return [MyCache]
"""


def test_a_script_that_is_an_installed_plugin_too_runs(tmp_path):
    """As the examples do, which register themselves; another source of the same name is one clear line."""
    example = Path(__file__).parents[2] / "examples" / "tiled_matmul.py"
    site = tmp_path / "site"
    install(site, "tiled_matmul", example.read_text())
    other = tmp_path / "other.py"
    other.write_text(example.read_text().replace("64-byte", "32-byte"))
    same, changed = (run("", site, file=path) for path in (example, other))
    assert same.returncode == 0, same.stderr
    assert same.stdout.count("misses") == 40
    assert changed.stderr.splitlines()[-1] == (
        "cosearch.errors.PluginError: problem 'tiled-matmul' of plugin '__main__' (__main__.TiledMatmul) is "
        "already registered, by plugin 'tiled-matmul' (tiled_matmul.TiledMatmul); choose another name"
    )


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (
            "import a_simulator_that_is_not_installed",
            "ModuleNotFoundError: No module named 'a_simulator_that_is_not_installed'",
        ),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("x =", "SyntaxError: invalid syntax"),
        (
            "def cosearch_problems(): return []",
            "contributes nothing: cosearch_problems of module odd is not marked with @hookimpl",
        ),
        ("", "contributes nothing: module odd has no function marked with @hookimpl"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_takes_no_other_down(tmp_path, code, error):
    install(tmp_path, "odd", code)
    install(tmp_path, "my_cache", PLUGIN)
    found = records(tmp_path)
    assert (found["odd"]["distribution"], found["odd"]["version"]) == ("odd", "1.2")
    assert found["odd"]["error"] == error
    assert found["my-cache"]["problems"] == ["my-cache"]
    assert found["builtin-problems"]["problems"]


def test_a_folder_without_modules_contributes_nothing(tmp_path):
    install(tmp_path, "hollow", "", path="hollow/notes.txt")
    error = records(tmp_path)["hollow"]["error"]
    assert error == "contributes nothing: hollow is a folder without __init__.py"


def test_ctrl_c_during_an_import_ends_the_command(tmp_path):
    install(tmp_path, "slow", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('went on')")
    done = run("import cosearch; print('imported')", tmp_path)
    assert done.returncode != 0
    assert "KeyboardInterrupt" in done.stderr
    assert "imported" not in done.stdout
    swallowed = "try:\n import os, signal\n os.kill(os.getpid(), signal.SIGINT)\n"
    swallowed += "except BaseException:\n raise ImportError"
    install(tmp_path, "eager", swallowed)
    assert run("import cosearch", tmp_path).returncode != 0


def test_what_a_plugin_prints_at_its_import_is_not_the_answer(tmp_path):
    install(tmp_path, "chatty", "print('hello')\n" + PLUGIN)
    done = run("import cosearch; print('answer')", tmp_path)
    assert done.stdout == "answer\n"
    assert "hello" in done.stderr


def test_only_the_name_that_is_taken_is_refused_and_what_is_built_in_wins(tmp_path):
    builtin = registry().plugins[0]
    taken = next(name for record in registry().plugins for name in record.problems)
    thief = PLUGIN.replace("return [MyCache]", "return [Thief, MyCache]")
    thief += f"\nclass Thief(MyCache):\n    name = {taken!r}\n    version = 7\n"
    install(tmp_path, "a_thief", thief)
    found = records(tmp_path)
    assert found["a-thief"]["problems"] == ["my-cache"]
    assert found["a-thief"]["error"] == ""
    cls = problem_class(taken)
    assert found["a-thief"]["refused"] == [
        f"problem {taken!r} of plugin 'a-thief' (a_thief.Thief) is already registered, by plugin "
        f"'builtin-problems' ({cls.__module__}.{cls.__qualname__}); choose another name, or leave one out: "
        "COSEARCH_DISABLE_PLUGINS=builtin-problems"
    ]
    assert found["builtin-problems"]["problems"] == problems_of("builtin-problems")
    assert builtin.distribution == "cosearch"
    done = run(f"from cosearch.registry import problem_class as c; print(c({taken!r}).__module__)", tmp_path)
    assert done.stdout.strip() == cls.__module__


def problems_of(plugin):
    return next(record.problems for record in registry().plugins if record.name == plugin)


def test_a_plugin_that_has_the_name_of_another_gets_a_longer_one(tmp_path):
    install(tmp_path, "my_cache", PLUGIN, distribution="my-cache")
    entry = tmp_path / "my_cache-1.2.dist-info" / "entry_points.txt"
    entry.write_text("[cosearch]\nbuiltin-problems = my_cache\n")
    found = records(tmp_path)
    assert found["builtin-problems"]["problems"] == problems_of("builtin-problems")
    assert found["my-cache:builtin-problems"]["problems"] == ["my-cache"]
    assert found["my-cache:builtin-problems"]["refused"] == [
        "plugin name 'builtin-problems' of my-cache is taken, by cosearch"
    ]


def test_one_bad_hook_costs_the_others_nothing(tmp_path):
    install(tmp_path, "half", PLUGIN + "\n@hookimpl\ndef cosearch_agents():\n    raise SystemExit(4)\n")
    found = records(tmp_path)["half"]
    assert found["problems"] == ["my-cache"]
    assert found["refused"] == ["cosearch_agents: SystemExit: 4"]


def test_a_misspelt_hook_is_named(tmp_path):
    install(tmp_path, "misspelt", PLUGIN.replace("def cosearch_problems", "def cosearch_problem"))
    found = records(tmp_path)["misspelt"]
    assert found["refused"] == ["there is no hook 'cosearch_problem'; did you mean 'cosearch_problems'?"]


class Elsewhere:
    """A backend: whatever has these methods."""

    name = "elsewhere"
    submit = poll = cancel = close = lambda *_: None


def test_a_backend_is_a_class_with_its_four_methods():
    own = Registry()
    record = own.register(plugin_of(cosearch_backends=[Elsewhere]), "far")
    assert own.backends == {"elsewhere": Elsewhere}
    assert record.backends == ["elsewhere"]
    lacking = type("Lacking", (), {"name": "lacking", "submit": Elsewhere.submit, "poll": Elsewhere.poll})
    with pytest.raises(
        PluginError, match="backends must be classes with the methods submit, poll, cancel, close"
    ):
        own.register(plugin_of(cosearch_backends=[lacking]), "lacking")
    with pytest.raises(UnknownNameError, match="unknown backend 'elsewere'"):
        backend_class("elsewere")


@pytest.mark.parametrize(
    ("cls", "kind"),
    [(small_problems.TwoSpheres, "problems"), (small_problems.Uniform, "agents"), (Elsewhere, "backends")],
)
def test_a_class_can_be_registered_itself(cls, kind):
    own = Registry()
    record = own.register(cls)
    assert record.name == cls.name
    assert getattr(own, kind) == {cls.name: cls}


@pytest.mark.parametrize("plugin", [Plugin(), Plugin, json])
def test_what_contributes_nothing_cannot_be_registered(plugin):
    own = Registry()
    with pytest.raises(PluginError, match="^contributes nothing: .* has no function marked with @hookimpl"):
        own.register(plugin)
    assert own.plugins == []


def test_the_environment_limits_which_plugins_are_loaded(monkeypatch):
    monkeypatch.setenv("COSEARCH_PLUGINS", "builtin-agents")
    own = Registry()
    own.load_entry_points()
    assert [record.name for record in own.plugins] == ["builtin-agents"]


@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        (small_problems.TwoSpheres(), r"registered as its class: register\(TwoSpheres\)"),
        ([small_problems.TwoSpheres], "expected one plugin.*register each by itself"),
        (None, "expected one plugin, or one class"),
    ],
)
def test_what_is_nearly_a_plugin_is_told_how_to_be_one(plugin, says):
    own = Registry()
    with pytest.raises(PluginError, match=says):
        own.register(plugin)
    assert not own.problems


def test_plugins_are_left_out_by_name_or_distribution_and_say_so(tmp_path, monkeypatch):
    install(tmp_path, "broken", "raise RuntimeError('never run')")
    install(tmp_path, "my_cache", PLUGIN)
    monkeypatch.setenv("COSEARCH_DISABLE_PLUGINS", " broken,my-cache, my-cahe,")
    found = records(tmp_path)
    for name in ("broken", "my-cache"):
        assert (found[name]["disabled"], found[name]["error"], found[name]["problems"]) == (True, "", [])
    assert found["builtin-problems"]["problems"]
    done = run("from cosearch.registry import registry; print(registry().unknown_left_out)", tmp_path)
    assert done.stdout == """{'my-cahe': "; did you mean 'my-cache'?"}\n"""


@pytest.mark.parametrize(
    ("api", "refused"),
    [
        ('"1.0"', ""),
        ('"2.0"', "my-cache 1.2 is built for plugin API 2.0, cosearch 0.1.0 has 1.0: install an earlier"),
        ('"1.7"', "is built for plugin API 1.7, cosearch 0.1.0 has 1.0"),
        ('"0.9"', "has 1.0: install a newer version of the plugin, or an earlier cosearch"),
        ("1", "COSEARCH_API must be a text such as \"1.0\", not '1'"),
    ],
)  # fmt: skip
def test_a_plugin_for_another_api_is_refused_with_both_versions_and_not_run(tmp_path, api, refused):
    layout = "my_cache.py" if api == '"1.0"' else "my_cache/plugin.py"
    code = f"COSEARCH_API = {api}  # as the day was\n" + ("print('runs')\n" if refused else "") + PLUGIN
    install(tmp_path, "my_cache", code, path=layout)
    if layout != "my_cache.py":
        (tmp_path / "my_cache" / "__init__.py").write_text("")
        entry = tmp_path / "my_cache-1.2.dist-info" / "entry_points.txt"
        entry.write_text("[cosearch]\nmy-cache = my_cache.plugin\n")
    done = run(RECORDS, tmp_path)
    assert "runs" not in done.stderr
    found = json.loads(done.stdout)["my-cache"]
    assert refused in found["error"]
    assert bool(found["error"]) == bool(refused)
    assert found["problems"] == ([] if refused else ["my-cache"])
    assert found["place"] == str(tmp_path)


def test_a_plugin_of_this_process_for_another_api_is_refused():
    plugin = plugin_of(cosearch_problems=[small_problems.TwoSpheres])
    plugin.COSEARCH_API = "2.0"
    with pytest.raises(PluginError, match="is built for plugin API 2.0"):
        Registry().register(plugin)


def test_where_an_editable_plugin_is_from_is_its_project(tmp_path):
    install(tmp_path, "my_cache", PLUGIN)
    url = {"url": "file:///home/me/my%20cache", "dir_info": {"editable": True}}
    (tmp_path / "my_cache-1.2.dist-info" / "direct_url.json").write_text(json.dumps(url))
    assert records(tmp_path)["my-cache"]["place"] == "/home/me/my cache (editable)"


def test_two_plugins_that_claim_one_name_are_both_named(tmp_path):
    install(tmp_path, "cache_a", PLUGIN)
    install(tmp_path, "cache_b", PLUGIN)
    found = records(tmp_path)
    assert found["cache-a"]["problems"] == ["my-cache"]
    assert found["cache-b"]["refused"] == [
        "problem 'my-cache' of plugin 'cache-b' (cache_b.MyCache) is already registered, by plugin 'cache-a' "
        "(cache_a.MyCache); choose another name, or leave one out: COSEARCH_DISABLE_PLUGINS=cache-a"
    ]
