"""`check` and `new-plugin`: a plugin author's two commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from cosearch.cli import run
from cosearch.cli.skeleton import TEMPLATES
from plugin_install import install


@pytest.fixture(scope="module")
def new_plugins(tmp_path_factory):
    """A plugin of each template, installed: by template its folder, and the environment."""
    root = tmp_path_factory.mktemp("new")
    for template in TEMPLATES:
        assert (
            run(["new-plugin", f"my-{template}", "--template", template, "--folder", str(root / template)])
            == 0
        )
        install(root / template, root / "site")
    path = [*(str(root / template) for template in TEMPLATES), str(root / "site")]
    path += [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
    names = ",".join(["builtin-agents", *(f"my-{template}" for template in TEMPLATES)])
    env = {
        "PYTHONPATH": os.pathsep.join(path),
        "COSEARCH_PLUGINS": names,
        "XDG_CACHE_HOME": str(root / "cache"),
    }
    return root, env


def test_new_plugins_show_up(new_plugins, command):
    listed = {one["name"]: one for one in command("plugins", "--json", env=new_plugins[1]).json}
    for template in TEMPLATES:
        kind = "agents" if template == "agent" else "problems"
        assert listed[f"my-{template}"][kind] == [f"my-{template}"]


def test_new_plugins_pass_the_check_as_they_are(new_plugins, tmp_path):
    """All in one process, which takes long to start."""
    checks = "; ".join(f"run(['check', 'my-{template}', '--designs', '3'])" for template in TEMPLATES)
    done = subprocess.run(
        [sys.executable, "-c", f"from cosearch.cli import run; {checks}"],
        env=os.environ | new_plugins[1],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("problem", "agent"))]
    kinds = ["agent" if template == "agent" else "problem" for template in TEMPLATES]
    expected = [[kind, f"my-{template}", "passed"] for kind, template in zip(kinds, TEMPLATES, strict=True)]
    assert [row[:3] for row in rows] == expected, done.stdout + done.stderr
    assert done.stdout.count("for each of 3 designs") == 4  # how fast a problem is


def test_new_plugins_pass_their_own_tests_as_they_are(new_plugins):
    root, env = new_plugins
    folders = [f"{template}/tests" for template in TEMPLATES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *folders],
        env=os.environ | env,
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    for template in TEMPLATES:
        assert done.stdout.count(f"test_my_{template}.py::") >= 2
    assert "SKIPPED" not in done.stdout or not shutil.which("cc")


def test_all_designs_of_a_new_plugin_are_searched(command, environment, tmp_path):
    assert command("new-plugin", "my-accelerator").code == 0
    install(tmp_path / "my-accelerator", tmp_path / "site2")
    path = [str(tmp_path / "my-accelerator"), str(tmp_path / "site2"), environment["PYTHONPATH"]]
    env = {"PYTHONPATH": os.pathsep.join(path), "COSEARCH_PLUGINS": "my-accelerator,toy"}
    assert "tile_m" in command("describe", "my-accelerator", env=env).out
    options = ("--agent", "toy-walk", "--budget", 150, "--set", "m=512", "--json")
    found = command("search", "my-accelerator", *options, env=env).json
    assert found["study"]["evaluations"] == 150  # all designs: 5 * 5 * 6


def test_a_template_that_there_is_not_is_one_line(cli, tmp_path):
    asked = cli("new-plugin", "mine", "--folder", tmp_path / "new", "--template", "comand")
    asked.assert_error("unknown template 'comand'", "did you mean 'command'?")
    assert not (tmp_path / "new").exists()
    taken = cli("new-plugin", "toy-walk", "--folder", tmp_path / "new", "--template", "agent")
    taken.assert_error("an agent named 'toy-walk' is already installed")


def test_a_new_plugin_replaces_nothing(cli, tmp_path):
    target = tmp_path / "there"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    cli("new-plugin", "there", "--folder", target).assert_error("already there", "--folder")
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    "name", ["My-Plugin", "my_plugin", "2fast", "-x", "a--b", "../up", "class", "toy-cache", "json", "yaml"]
)
def test_a_name_that_no_plugin_can_have_is_one_line(cli, tmp_path, name):
    cli("new-plugin", "--folder", tmp_path / "new", "--", name).assert_error(name)
    assert not (tmp_path / "new").exists()


def test_check_says_what_breaks_the_contract(cli, monkeypatch):
    from cosearch.registry import registry

    passed = cli("check", "toy", "--json").json
    assert [(result["kind"], result["name"], result["error"]) for result in passed["results"]] == [
        ("problem", "toy-cache", ""),
        ("agent", "toy-walk", ""),
    ]
    monkeypatch.setattr(registry().problems["toy-cache"], "__doc__", "")
    monkeypatch.setattr(registry().agents["toy-walk"], "ask", lambda self, n: [])
    failed = cli("check", "toy")
    assert failed.code == 1
    assert "has no docstring" in failed.out
    assert "ask returned a list; expected Designs or Proposals" in failed.out


def test_check_of_a_plugin_that_is_not_there_or_broken_is_one_line(cli, command):
    cli("check", "toi").assert_error("unknown plugin 'toi'", "did you mean 'toy'?")
    command("check", "broken").assert_error("could not be loaded", "needs libsimulator 7, found 6")


def test_the_command_after_new_plugin_can_be_pasted_whatever_the_folder(cli, tmp_path):
    folder = tmp_path / "a b $HOME"
    assert f"pip install -e '{folder}' && cosearch check" in cli("new-plugin", "my-x", "--folder", folder).out


def test_check_of_more_designs_than_can_be_checked_is_one_line(cli):
    cli("check", "toy", "--designs", 99999999).assert_error("--designs", "less than or equal to 10000")


def test_any_plugin_is_checked_isolated_within_limits(command):
    options = ("--isolated", "--timeout", 30, "--memory", 500, "--designs", 2)
    checked = command("check", "toy", "--json", *options).json
    assert [result["error"] for result in checked["results"]] == ["", ""]


def test_a_simulator_that_ends_its_process_does_not_end_the_check_without_a_word(cli, monkeypatch):
    from cosearch.registry import registry

    monkeypatch.setattr(registry().problems["toy-cache"], "simulate", lambda *_, **__: os._exit(7))
    failed = cli("check", "toy", "--designs", 2)
    assert failed.code == 1
    assert "the process ended (exit code 7) while its designs were simulated" in failed.out
    assert "passed" in failed.out  # the agent
