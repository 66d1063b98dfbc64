"""`check` and `new-plugin`: a plugin author's two commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib

import pytest


def install(plugin, site) -> None:
    """What `pip install -e` leaves: the folder on the path, and the entry points."""
    project = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["cosearch"].items()
    (metadata / "entry_points.txt").write_text("[cosearch]\n" + "".join(f"{k} = {v}\n" for k, v in points))


def test_a_new_plugin_works_as_it_is(command, environment, tmp_path):
    assert command("new-plugin", "my-accelerator").code == 0
    plugin = tmp_path / "my-accelerator"
    install(plugin, tmp_path / "site2")
    path = os.pathsep.join([str(plugin), str(tmp_path / "site2"), environment["PYTHONPATH"]])
    env = {"PYTHONPATH": path, "COSEARCH_PLUGINS": "my-accelerator,toy"}
    checked = command("check", "my-accelerator", "--json", env=env).json
    assert checked["results"] == [{"kind": "problem", "name": "my-accelerator", "error": ""}]
    assert checked["passed"] is True
    shown = command("describe", "my-accelerator", env=env)
    assert "tile_m" in shown.out
    found = command(
        "search",
        "my-accelerator",
        "--agent",
        "toy-walk",
        "--budget",
        150,
        "--set",
        "m=512",
        "--json",
        env=env,
    ).json
    assert found["study"]["evaluations"] == 150  # all designs: 5 * 5 * 6
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(plugin / "tests")],
        env=environment | env,
        cwd=plugin,
        capture_output=True,
        text=True,
    )
    assert tests.returncode == 0, tests.stdout
    assert "2 passed" in tests.stdout


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


def test_a_simulator_that_ends_its_process_does_not_end_the_check_without_a_word(cli, monkeypatch):
    from cosearch.registry import registry

    monkeypatch.setattr(registry().problems["toy-cache"], "simulate", lambda *_, **__: os._exit(7))
    failed = cli("check", "toy", "--designs", 2)
    assert failed.code == 1
    assert "the process ended (exit code 7) while its designs were simulated" in failed.out
    assert "passed" in failed.out  # the agent
