"""`problems`, `agents`, `plugins` and `describe`."""

from __future__ import annotations

import subprocess
import sys


def test_problems_are_listed_with_what_the_class_tells(cli):
    assert cli("problems", "--json").json == [
        {
            "name": "toy-cache",
            "version": 3,
            "summary": "A cache with made-up formulas.",
            "fidelities": ["analytical", "cycle"],
            "unavailable": {},
            "workloads": ["uniform", "zipf"],
            "env_ids": ["cosearch/ToyCache-v3", "cosearch/mo-ToyCache-v3"],
        }
    ]


def test_problems_are_listed_as_a_table(cli):
    result = cli("problems")
    assert result.code == 0
    assert "toy-cache" in result.out
    assert "A cache with made-up formulas." in result.out
    assert "not loaded: broken" in result.err


def test_agents_are_listed_with_their_hyperparameters(cli):
    assert cli("agents", "--json").json == [
        {"name": "toy-walk", "summary": "Random designs, in batches.", "hyperparameters": ["stride"]}
    ]
    assert "toy-walk" in cli("agents").out


def test_a_broken_plugin_is_reported_with_its_reason_and_takes_no_other_down(command, site_folder):
    found = {plugin["name"]: plugin for plugin in command("plugins", "--json").json}
    assert found["toy"].pop("place") == str(site_folder)
    assert found["broken"]["error"] == "ImportError: needs libsimulator 7, found 6"
    assert found["toy"] == {
        "name": "toy",
        "distribution": "cosearch-toy",
        "version": "4.2",
        "problems": ["toy-cache"],
        "agents": ["toy-walk"],
        "backends": [],
        "validations": ["toy-simulator"],
        "refused": [],
        "error": "",
        "disabled": False,
        "unavailable": {},
    }
    table = command("plugins")
    assert table.code == 0
    assert "broken failed: ImportError: needs libsimulator 7, found 6" in table.out
    assert str(site_folder) in table.out.replace("\n", "")
    strict = command("plugins", "--strict")
    assert strict.code == 1
    assert strict.err == "error: broken: failed or refused in part, and --strict\n"
    without = command("plugins", "--strict", env={"COSEARCH_DISABLE_PLUGINS": "broken,toys"})
    assert without.code == 0
    assert "left out by COSEARCH_DISABLE_PLUGINS" in without.out
    assert without.err == "COSEARCH_DISABLE_PLUGINS: there is no plugin 'toys'; did you mean 'toy'?\n"


def test_describe_shows_everything_that_a_search_can_set(cli):
    described = cli("describe", "toy-cache", "--json").json
    assert described["kind"] == "problem"
    assert described["metrics"][1]["unit"] == "dB"
    assert described["objectives"] == ["latency_ns:min", "gain:max"]
    assert described["constraints"] == ["area_mm2<=60"]
    assert described["cardinality"] == "infinite"
    assert [parameter["name"] for parameter in described["space"]["parameters"]] == [
        "policy", "ways", "banks", "voltage_v", "order", "prefetch"
    ]  # fmt: skip
    arguments = {argument["name"]: argument for argument in described["arguments"]}
    assert arguments["workload"] == {
        "name": "workload",
        "type": "uniform or zipf",
        "required": False,
        "default": "uniform",
        "description": "which requests come, and how",
        "unit": "",
        "affects_results": True,
    }
    assert arguments["trace"]["type"] == "path"
    assert (arguments["delay_s"]["unit"], arguments["delay_s"]["affects_results"]) == ("s", False)
    assert arguments["nan_above_banks"]["description"] == ""
    assert "objectives" not in arguments


def test_describe_shows_a_problem_as_tables(cli):
    out = cli("describe", "toy-cache").out
    for fragment in (
        "policy in lru, random", "1 to 64", "0.5 to 1.5", "m, n, k", "ways * banks > 256", "mm^2", "uniform",
        "cosearch/mo-ToyCache-v3", "scale", "area_mm2<=60",
    ):  # fmt: skip
        assert fragment in out


def test_describe_shows_an_agents_hyperparameters(cli):
    described = cli("describe", "toy-walk", "--json").json
    assert described["kind"] == "agent"
    assert described["space"]["parameters"][0]["default"] == 1
    out = cli("describe", "toy-walk").out
    assert "stride" in out
    assert "seeds apart" in out


def test_describe_names_the_nearest_problem_or_agent(cli):
    cli("describe", "toy-cash").assert_error("'toy-cash'", "did you mean 'toy-cache'?")
    cli("describe", "toy-wlk").assert_error("did you mean 'toy-walk'?")


def test_describe_takes_the_problems_arguments(cli):
    cli("describe", "toy-cache", "--set", "scale=-1").assert_error(
        "toy-cache", "scale must be positive, not -1"
    )
    assert cli("describe", "toy-cache", "--set", "scale=2", "--json").code == 0


def test_version_and_help(cli):
    import cosearch

    assert cli("--version").out == f"cosearch {cosearch.__version__}\n"
    assert "search" in cli("--help").out
    assert cli().out == cli("--help").out
    assert "--agent-set" in cli("search", "--help").out


def test_listing_does_not_import_the_heavy_libraries():
    heavy = {"torch", "numba", "plotly", "pyarrow", "sqlalchemy", "pandas", "scipy.stats", "pymoo", "botorch"}
    code = "import sys; from cosearch.cli import run; run(['problems']); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not heavy & set(out.splitlines()[-1].split())


def test_a_description_is_readable_on_a_narrow_terminal(builtin, monkeypatch):
    """Whatever the width, a description stands below its name, in lines that people can read."""
    monkeypatch.setattr("cosearch.terminal.PIPED_WIDTH", 80)
    out = builtin("describe", "dram-controller").out
    lines = out.splitlines()
    name = next(k for k, line in enumerate(lines) if line.startswith("response_time_ns "))
    assert lines[name + 1].startswith("    average of the reads")
    listed = [line for line in lines if not line.startswith(("workload:", "A ", "env ids", "workloads"))]
    assert max(map(len, listed)) <= 80


def test_a_problem_whose_program_is_missing_is_listed_with_how_to_get_it(cli, monkeypatch):
    from cosearch.command_simulator import Program
    from cosearch.registry import registry

    program = Program("no-such-sim-7", "https://sim.example/install", "NO_SUCH_SIM", setting="")
    monkeypatch.setattr(registry().problems["toy-cache"], "needs", {"cycle": program})
    why = "program no-such-sim-7 is not installed; get it: https://sim.example/install (or say where it is"
    for words in (("problems",), ("plugins",), ("describe", "toy-cache")):
        assert f"fidelity cycle: {why}" in " ".join(cli(*words).out.split())
    assert cli("problems", "--json").json[0]["unavailable"]["cycle"].startswith(why)
    search = ("search", "toy-cache", "--agent", "toy-walk", "--budget", 4)
    cli(*search, "--fidelity", "cycle").assert_error("at fidelity cycle is not available", why)
    cli("evaluate", "toy-cache", "--default", "--fidelity", "cycle").assert_error(why)
    assert cli(*search, "--fidelity", "analytical").code == 0
    assert "cycle: not checked: program no-such-sim-7" in " ".join(cli("check", "toy").out.split())
