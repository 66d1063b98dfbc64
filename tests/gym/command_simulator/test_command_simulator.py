"""A program as a simulator: real runs of a real program, `tests/support/command_tool.py`, on its bad days."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import command_tool
from command_problems import CONFIG, FineTool, Tool, TwoFidelities, simulator
from cosearch import Evaluator, Metric, Study, Task
from cosearch.command_simulator import (
    At,
    CommandSettings,
    CommandSimulator,
    JsonFile,
    JsonReport,
    Limits,
    Program,
)
from cosearch.command_simulator.logs import KEPT_LOGS
from cosearch.errors import ArgumentError
from cosearch.needs import UnavailableError
from cosearch.report.study_result import reasons_of
from cosearch.testing import check_problem


@pytest.fixture(autouse=True)
def logs(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("COSEARCH_LOGS", str(tmp_path / "logs"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    return tmp_path / "logs" / "tool"


def run(deed: str, x: int = 5, **changes):
    outcomes = simulator(**changes).run([{"deed": deed, "x": x}], {"latency_ns": "ns"}, owner="tool")
    return str(outcomes.status[0]), str(outcomes.reason[0]), float(outcomes["latency_ns"][0])


def left_over(tmp_path: Path, x: int) -> list[str]:
    """Processes with this number among their arguments, and what stands in the temporary folder."""
    found = [str(path) for path in (tmp_path / "tmp").iterdir()]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes() == f"sleep\0{x}\0".encode():
                found.append(str(path))
        except OSError:
            pass
    return found


def test_a_report_is_read_in_the_metrics_unit_in_the_order_of_the_designs():
    outcomes = Tool(at_once=3).evaluate([{"deed": "fine", "x": x} for x in (3000, 1000, 2000)])
    assert outcomes["latency_ns"].tolist() == [3.0, 1.0, 2.0]
    assert (outcomes.seconds > 0).all()


@pytest.mark.parametrize(
    ("deed", "status", "words"),
    [
        ("exits", "failed", "exit code 3; it last printed: reading the memory map / fatal: bank 7"),
        ("crashes", "failed", "it was ended by SIGSEGV"),
        ("prints_no_utf8", "failed", "exit code 4; it last printed: �� caf�; log: "),
        ("refuses", "infeasible", "3 banks are no power of two"),
        ("cuts_its_report", "failed", "out.json is no JSON: Unterminated string"),
        ("writes_no_report", "failed", "it wrote no out.json"),
        ("reports_another_unit", "failed", "out.json: latency_ns: it is in 'pJ', which is no unit for 'ns'"),
        ("prints_a_gigabyte", "failed", "it printed or wrote more than 10 MB"),
        ("writes_a_gigabyte", "failed", "it printed or wrote more than 10 MB"),
        ("eats_memory", "failed", "the limit is 200 MB"),
        ("children_eat_memory", "failed", "MB of memory with what it started; the limit is 200 MB"),
    ],
)  # fmt: skip
def test_what_goes_wrong_costs_its_design_and_says_why(tmp_path, deed, status, words):
    found = run(deed)
    assert (found[0], words in found[1]) == (status, True), found
    assert found[2] != found[2]
    assert left_over(tmp_path, 5) == []


@pytest.mark.parametrize("deed", ["forks_and_sleeps", "ignores_sigterm"])
def test_a_run_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path, deed):
    x = random.SystemRandom().randrange(10**5, 10**6)
    began = time.monotonic()
    status, reason, _ = run(deed, x, limits=Limits(timeout_s=0.4))
    assert (status, "it took longer than 0.4 s" in reason) == ("failed", True)
    assert time.monotonic() - began < 5
    assert left_over(tmp_path, x) == []


@pytest.mark.parametrize("deed", ["leaves_a_child", "leaves_a_daemon"])
def test_a_run_that_ends_leaves_nothing_behind(tmp_path, deed):
    x = random.SystemRandom().randrange(10**5, 10**6)
    assert run(deed, x)[0] == "ok"
    assert left_over(tmp_path, x) == []


KILLED = """
import command_tool
from cosearch.command_simulator import CommandSimulator, JsonFile, Program
deeds = [{"deed": "leaves_a_daemon", "x": X}, {"deed": "forks_and_sleeps", "x": X}]
config = JsonFile({"deed": "{{ deed }}", "x": "{{ x }}"})
program = Program(command_tool.__file__, "-", interpreter=("python",))
CommandSimulator(program, ("config.json",), {"config.json": config}).run(deeds, {}, owner="tool", at_once=1)
"""


def test_nothing_outlives_a_process_that_was_killed(tmp_path):
    x = random.SystemRandom().randrange(10**5, 10**6)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.Popen([sys.executable, "-c", KILLED.replace("X", str(x))], env=environment)
    until = time.monotonic() + 30
    while len(left_over(tmp_path, x)) < 4 and time.monotonic() < until:  # the daemon, two children, a folder
        time.sleep(0.05)
    assert len(left_over(tmp_path, x)) == 4
    killed.kill()
    killed.wait()
    until = time.monotonic() + 15
    while left_over(tmp_path, x) and time.monotonic() < until:
        time.sleep(0.1)
    assert left_over(tmp_path, x) == []


def test_the_log_of_a_failed_run_is_kept_and_of_a_good_one_not(logs):
    assert run("fine")[0] == "ok"
    assert not logs.exists()
    _, reason, _ = run("exits", 7)
    (log,) = logs.iterdir()
    assert reason.endswith(f"log: {log}")
    text = log.read_text()
    for part in (
        "command_tool.py config.json",
        '"deed": "exits"',
        '"x": 7',
        "fatal: bank 7",
        "reason: exit code 3",
    ):
        assert part in text
    for number in range(KEPT_LOGS + 5):
        (logs / f"2020010{number % 10}-{number}.log").write_text("old")
    run("exits", 8)
    assert len(list(logs.iterdir())) == KEPT_LOGS
    assert log.exists()


def test_a_log_that_cannot_be_written_costs_nothing_else(monkeypatch):
    monkeypatch.setenv("COSEARCH_LOGS", "/dev/null/logs")
    status, reason, _ = run("exits")
    assert (status, "log:" in reason) == ("failed", False)


def test_only_what_the_author_marks_as_transient_is_tried_again(tmp_path):
    def attempts(name: str, **changes):
        counter = tmp_path / name
        found = run("has_no_licence", environment={"COUNTER": str(counter)}, retry_pause_s=0.01, **changes)
        return len(counter.read_text()), found

    assert attempts("a", transient="licence server is busy") == (3, ("ok", "", 0.005))
    assert attempts("b", transient_codes=(1,)) == (3, ("ok", "", 0.005))
    unmarked, found = attempts("c", transient="disk")
    assert (unmarked, found[0]) == (1, "failed")
    tried, found = attempts("d", transient="licence", retries=1)
    assert (tried, found[0]) == (2, "failed")
    assert "(attempt 2)" in found[1]


def test_runs_go_on_together_up_to_the_number_that_is_said():
    def seconds(at_once: int) -> float:
        began = time.monotonic()
        outcomes = simulator().run(
            [{"deed": "naps", "x": x} for x in range(6)], {"latency_ns": "ns"}, owner="tool", at_once=at_once
        )
        assert outcomes["latency_ns"].tolist() == [x / 1000 for x in range(6)]
        return time.monotonic() - began

    assert seconds(1) > 6 * 0.3 > 1.4 > seconds(6)


def test_no_shell_sees_an_argument(tmp_path):
    words = ("config.json", "$(touch owned)", "a b", "*", "`id`", "{{ x }};", "&&")
    asked = []
    report = JsonReport("stdout", {"latency_ns": lambda found: asked.append(found) or 1})
    run("tells_its_surroundings", arguments=words, reports=(report,))
    assert asked[0]["args"] == ["$(touch owned)", "a b", "*", "`id`", "5;", "&&"]
    assert Path(asked[0]["cwd"]).name == "run"
    assert Path(asked[0]["tmp"]).parent == Path(asked[0]["cwd"]).parent
    assert not Path(asked[0]["cwd"]).exists()


def test_a_config_that_cannot_be_rendered_fails_its_design_only():
    files = {"config.json": JsonFile({"deed": "{{ deed }}", "x": "{{ 10 // x }}"})}
    outcomes = simulator(files=files).run(
        [{"deed": "fine", "x": x} for x in (0, 2)], {"latency_ns": "ns"}, owner="tool"
    )
    assert outcomes.status.tolist() == ["failed", "ok"]
    assert outcomes.reason[0] == "config.json: ZeroDivisionError: integer division or modulo by zero"


def test_a_simulator_is_checked_when_it_is_made():
    with pytest.raises(ArgumentError, match="outside the folder"):
        simulator(files={"../config.json": CONFIG})
    with pytest.raises(ArgumentError, match="two reports tell it"):
        simulator(reports=(JsonReport("a", {"m": "x"}), JsonReport("b", {"m": "x"})))


class Untold(Tool):
    """Declares a metric that no report tells."""

    name = "untold"
    metrics = (Metric("latency_ns", "ns"), Metric("energy_pj", "pJ"))


def test_a_metric_that_no_report_tells_is_named():
    outcomes = Untold().evaluate([{"deed": "fine", "x": 1}])
    assert "no report tells energy_pj" in outcomes.reason[0]


def test_it_keeps_the_contract_also_in_worker_processes():
    check_problem(FineTool(at_once=2), designs=3)
    check_problem(FineTool(), designs=2, workers=2)
    assert pickle.loads(pickle.dumps(FineTool(at_once=2))).settings.at_once == 2


def test_in_a_worker_the_time_limit_ends_the_program_too(tmp_path):
    from cosearch.run.backend import BackendOptions

    x = random.SystemRandom().randrange(10**5, 10**6)
    with Evaluator(Tool(), options=BackendOptions(timeout_s=2)) as evaluator:
        outcomes = evaluator.evaluate(
            Tool.space.designs([{"deed": "forks_and_sleeps", "x": x}, {"deed": "fine", "x": 9}])
        )
    assert outcomes.status.tolist() == ["failed", "ok"]
    assert left_over(tmp_path, x) == []


class Missing(Tool):
    """Needs what nobody has."""

    name = "missing-tool"
    simulator = CommandSimulator(
        Program("no-such-tool-7", "apt install no-such-tool", "NO_SUCH_TOOL"), reports=Tool.simulator.reports
    )


def test_a_missing_program_is_said_with_how_to_get_it(monkeypatch, tmp_path):
    problem = Missing()
    why = (
        "program no-such-tool-7 is not installed; get it: apt install no-such-tool (or say where it is by "
        "--set program=PATH or the environment variable NO_SUCH_TOOL)"
    )
    assert problem.missing("external") == why
    for act in (
        lambda: problem.evaluate([problem.space.default()]),
        lambda: Study.create(problem, "random", budget=3),
        lambda: Evaluator(problem),
    ):
        with pytest.raises(UnavailableError) as error:
            act()
        assert str(error.value) == f"problem missing-tool is not available: {why}"
    monkeypatch.setenv("NO_SUCH_TOOL", str(tmp_path / "tool"))
    assert problem.missing("external").startswith(
        f"NO_SUCH_TOOL={tmp_path / 'tool'}: there is no such program"
    )
    (tmp_path / "tool").write_text("#!/bin/sh\necho hello\n")
    assert "is not executable: chmod +x" in problem.missing("external")
    (tmp_path / "tool").chmod(0o755)
    assert problem.missing("external") == ""


def test_what_is_installed_is_found_by_setting_then_variable_then_path(monkeypatch, tmp_path):
    for place in ("given", "variable", "path"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "mytool").write_text("")
        (tmp_path / place / "mytool").chmod(0o755)
    program = Program("mytool", "-", "MYTOOL")
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=os.pathsep)
    assert program.command() == [str(tmp_path / "path" / "mytool")]
    monkeypatch.setenv("MYTOOL", str(tmp_path / "variable" / "mytool"))
    assert program.command() == [str(tmp_path / "variable" / "mytool")]
    assert program.command(str(tmp_path / "given" / "mytool")) == [str(tmp_path / "given" / "mytool")]


def test_failures_that_differ_in_their_logs_are_counted_together():
    study = Study.create(Tool(program=command_tool.__file__), "random", budget=2, seed=1)
    designs = Tool.space.designs([{"deed": "exits", "x": x} for x in (1, 2)])
    study.enqueue(designs)
    data = study.run()
    assert set(data.outcomes.status) == {"failed"}
    ((kind, reason, count),) = reasons_of(study.data)
    assert (kind, count, reason.count("; log: ")) == ("failed", 2, 1)


def test_a_problem_is_searched_without_the_fidelity_that_is_missing():
    problem = TwoFidelities()
    assert [fidelity.name for fidelity in Task.of(problem).fidelities] == ["analytical"]
    assert problem.evaluate([{"deed": "fine", "x": 2000}])["latency_ns"].tolist() == [2.0]
    with pytest.raises(UnavailableError, match=r'at fidelity external .*pip install "cosearch\[no-such\]"'):
        Task.of(problem, "external")
    check_problem(problem, designs=2)


def test_more_settings_than_the_usual_ones_reach_the_templates(tmp_path):
    class Sized(CommandSettings):
        """Also a size."""

        size: int = 3

    class SizedTool(FineTool):
        """Multiplies."""

        name = "sized-tool"
        Settings = Sized
        simulator = simulator(
            files={"config.json": JsonFile({"deed": "fine", "x": "{{ x * settings.size }}"})}
        )

    assert SizedTool(size=7).evaluate([{"deed": "fine", "x": 1000}])["latency_ns"].tolist() == [7.0]
    assert json.loads(json.dumps(SizedTool(size=7).arguments)) == {"size": 7}
    assert At("x").which == "only"
