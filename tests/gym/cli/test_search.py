"""`search` and `resume`: what they say, what they keep, and that a stopped study loses nothing."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cosearch.cli.options import held_values
from cosearch.space import Categorical, DesignSpace, Integer
from cosearch.store import Store
from watched_stores import read, wait_for_evaluations

SEARCH = ("search", "toy-cache", "--agent", "toy-walk")
SLOW = ("--set", "delay_s=0.02", "--batch", "2")


def test_a_search_says_what_it_found(cli):
    found = cli(*SEARCH, "--budget", 80, "--seed", 3, "--json").json
    assert found["store"] is None
    assert found["study"]["name"] == "toy-cache-toy-walk-3"
    assert found["study"]["evaluations"] == 80
    assert found["study"]["status"] == "finished"
    assert found["study"]["stopped_because"] == "the budget is spent"
    assert sum(found["counts"][status] for status in ("ok", "infeasible", "failed")) >= 80
    assert found["hypervolume"] > 0
    front = [(row["metrics"]["latency_ns"], -row["metrics"]["gain"]) for row in found["pareto"]]
    assert front == sorted(front)
    for a in front:  # no design of a front is better than another in everything
        assert not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in front)
    for row in found["pareto"]:
        assert row["metrics"]["area_mm2"] <= 60


def test_a_search_says_it_as_a_table_and_where_it_is_kept(cli, tmp_path):
    kept = cli(*SEARCH, "--budget", 60, "--store", tmp_path / "s.db")
    assert kept.code == 0
    assert "Pareto front of latency_ns:min, gain:max" in kept.out
    assert "hypervolume" not in kept.out  # a number that no other run could be held against
    wishes = ("--objective", "latency_ns:min:reference=1e6", "--objective", "gain:max:reference=-50")
    assert "hypervolume" in cli(*SEARCH, "--budget", 60, *wishes).out
    assert f"study toy-cache-toy-walk-0 is in {tmp_path}/s.db" in kept.out
    assert f"cosearch report {tmp_path}/s.db" in kept.out
    lost = cli(*SEARCH, "--budget", 5)
    assert "nothing is kept: add --store" in lost.out


def test_options_reach_problem_and_agent_and_are_recorded(cli, tmp_path):
    wishes = ("--objective", "gain:max:reference=0.5", "--constraint", "area_mm2<=30")
    arguments = ("--set", "workload=zipf", "--set", "scale=2.5", "--agent-set", "stride=4")
    study = cli(
        *(*SEARCH, "--budget", 7, "--seed", 5, *wishes, *arguments, "--fidelity", "cycle", "--batch", 3),
        *("--name", "mine", "--store", tmp_path / "s.db", "--json"),
    ).json["study"]
    assert study["name"] == "mine"
    assert study["objectives"] == ["gain:max:reference=0.5"]
    assert study["constraints"] == ["area_mm2<=30"]
    assert study["problem_arguments"] == {"workload": "zipf", "scale": 2.5}
    assert study["agent_settings"] == {"stride": 4}
    assert (study["fidelity"], study["batch_size"], study["seed"], study["budget"]) == ("cycle", 3, 5, 7)


def test_a_held_parameter_keeps_its_value_and_makes_another_space(cli, tmp_path):
    path = tmp_path / "s.db"
    wishes = ("--hold", "policy=none", "--hold", "prefetch=1", "--hold", 'order=["k", "n", "m"]')
    cli(*SEARCH, "--budget", 20, "--store", path)
    cli(*SEARCH, "--budget", 20, *wishes, "--name", "held", "--store", path)
    resumed = cli("resume", path, "held", "--budget", 40, "--json").json
    assert resumed["compared_with"] == []
    whole = cli(
        *SEARCH, "--budget", 40, "--batch", 5, *wishes, "--name", "whole", "--store", path, "--json"
    ).json
    assert whole["compared_with"] == ["held"]
    assert resumed["pareto"] == whole["pareto"]
    with Store.open(path) as store:
        designs = list(store.read(store.study("held")).designs)
    assert len(designs) == 40
    for design in designs:
        assert (design["policy"], design["prefetch"], design["order"]) == ("none", 1, ("k", "n", "m"))
        assert "ways" not in design
    words = shlex.split(whole["study"]["command"])
    assert cli(*words[1:], "--json").json["pareto"] == whole["pareto"]
    titles = [line for line in cli("report", path).out.splitlines() if line.startswith("toy-cache v3, ")]
    assert titles == [
        "toy-cache v3, cycle",
        'toy-cache v3, policy held at none, prefetch held at 1, order held at ["k", "n", "m"], cycle',
    ]
    assert cli("export", path, "held", "-o", tmp_path / "t.csv").code == 0
    again = cli("evaluate", "toy-cache", "--designs", tmp_path / "t.csv", "--json").json["rows"]
    assert [row["design"]["banks"] for row in again] == [design["banks"] for design in designs]
    assert cli("report", path, "held", "--html", tmp_path / "r.html").code == 0


@pytest.mark.parametrize("agent", ["nsga2", "qlognehvi", "sobol", "maskable-ppo"])
def test_every_agent_searches_a_space_with_held_parameters(builtin, agent):
    arguments = ("two-spheres", "--agent", agent, "--budget", 12, "--hold", "x=3", "--hold", "shape=square")
    found = builtin("search", *arguments, "--json").json
    assert found["study"]["evaluations"] == 12
    for row in found["pareto"]:
        assert (row["design"]["x"], row["design"]["shape"]) == (3, "square")
        assert row["metrics"]["left"] == 2 * (64 + row["design"]["y"] ** 2)


def test_the_name_of_a_value_may_look_like_a_number():
    space = DesignSpace([Categorical("size", ["1", "2"]), Integer("banks", 1, 4)])
    assert held_values(space, ["size=1", "banks=2"]) == {"size": "1", "banks": 2}


def test_the_recorded_command_repeats_the_study(command, tmp_path):
    first = command(
        *SEARCH,
        "--budget",
        20,
        "--set",
        "scale=2.5",
        "--objective",
        "latency_ns",
        "--store",
        "a.db",
        "--json",
    ).json
    words = shlex.split(first["study"]["command"])
    assert words[0] == "cosearch"
    again = command(*words[1:], "--json", cwd=tmp_path).json
    assert again["pareto"] == first["pareto"]
    assert again["study"]["name"] == first["study"]["name"] + "-2"


def test_the_same_seed_finds_the_same_and_another_one_something_else(cli):
    def front(seed):
        return cli(*SEARCH, "--budget", 30, "--seed", seed, "--json").json["pareto"]

    assert front(1) == front(1)
    assert front(1) != front(2)


def test_workers_find_what_one_process_finds(command):
    one = command(*SEARCH, "--budget", 20, "--json").json
    two = command(*SEARCH, "--budget", 20, "--workers", 2, "--deterministic", "--json").json
    assert two["pareto"] == one["pareto"]


def test_a_failing_simulator_does_not_stop_a_search(cli):
    counts = cli(*SEARCH, "--budget", 60, "--set", "nan_above_banks=30", "--json").json["counts"]
    assert counts["failed"] > 5
    assert counts["ok"] > 5


def test_hypervolumes_of_comparable_studies_of_a_store_have_one_reference_point(cli, tmp_path):
    path = tmp_path / "s.db"
    cli(*SEARCH, "--budget", 40, "--name", "other-goal", "--objective", "area_mm2:min", "--store", path)
    found = [cli(*SEARCH, "--budget", 40, "--seed", s, "--store", path, "--json").json for s in (0, 1)]
    assert found[0]["compared_with"] == []
    assert found[1]["compared_with"] == ["toy-cache-toy-walk-0"]
    again = [cli("resume", path, f"toy-cache-toy-walk-{s}", "--json").json for s in (0, 1)]
    (_, group) = cli("report", path, "--json").json
    for study, reported in zip(again, group["studies"], strict=True):
        assert study["reference_point"] == group["reference_point"]
        assert study["hypervolume"] == pytest.approx(reported["hypervolume"])
    (corner,) = re.findall(
        r"what all of them found together: .*, reference point (.*)", cli("report", path).out
    )
    numbers = [float(text) for text in re.findall(r"-?[\d.]+(?= ns| dB)", corner)]
    assert numbers == pytest.approx(list(group["reference_point"].values()), rel=0.01)


def test_of_designs_with_equal_objectives_one_is_shown_and_all_are_kept(cli, tmp_path):
    path = tmp_path / "s.db"
    # the area is that of banks and ways, so many designs have the smallest
    arguments = ("--budget", 600, "--objective", "area_mm2:min", "--store", path)
    kept = cli(*SEARCH, *arguments, "--json").json["pareto"]
    assert len(kept) >= 2
    shown = cli("resume", path).out
    assert f"{len(kept)} designs with the same values" in shown
    assert shown.count(f"+{len(kept) - 1}") == 1
    report = cli("report", path)
    assert report.out.count(f"+{len(kept) - 1}") == 1
    assert len(cli("report", path, "--json").json[0]["pareto"]) == len(kept)


def test_a_search_without_a_feasible_design_says_the_most_frequent_reasons(cli):
    wishes = ("--constraint", "area_mm2<=0.5", "--constraint", "gain>=1000", "--set", "nan_above_banks=40")
    arguments = (*SEARCH, "--budget", 80, *wishes)
    reasons = json.loads(cli(*arguments, "--json").out)["reasons"]
    assert len(reasons) >= 4  # "no power at all" and a rule of the space are among the others
    counted = [entry["designs"] for entry in reasons]
    assert counted == sorted(counted, reverse=True)
    said = cli(*arguments)
    assert said.code == 1
    assert "none of 35 designs is feasible: area_mm2<=0.5 is not met" in said.err
    lines = said.out.splitlines()
    assert lines[0] == "no feasible design was found"
    n = counted[0]
    assert lines[1] == f"{n} designs: area_mm2<=0.5 is not met"
    assert lines[2] == f"{n} designs: gain>=1000 is not met"
    assert any(line.endswith("designs failed: metric latency_ns is nan") for line in lines[3:6])


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(cli, monkeypatch):
    monkeypatch.setattr("cosearch.progress_display.LINE_EVERY_S", 0.0)
    lines = cli(*SEARCH, "--budget", 20).err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("5/20 evaluations, best latency_ns")  # the first batch may have compiled
    assert re.fullmatch(
        r"20/20 evaluations, [\d.e+]+/s, best latency_ns [\d.]+ ns, best gain [\d.]+ dB, "
        r"\d+ infeasible, \d+ failed",
        lines[-1],
    )
    assert cli(*SEARCH, "--budget", 20, "--quiet").err == ""
    assert cli(*SEARCH, "--budget", 20, "--json").err == ""


def test_progress_is_a_live_panel_on_a_terminal(environment, tmp_path):
    parent, child = pty.openpty()
    arguments = [*SEARCH, "--budget", "100", *SLOW]
    process = subprocess.Popen(
        [sys.executable, "-m", "cosearch.cli", *arguments],
        env=environment | {"TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=child,
        stdin=subprocess.DEVNULL,
    )
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not piece:
            break
        shown += piece
    out, _ = process.communicate(timeout=60)
    os.close(parent)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "Pareto front of" in out.decode()
    for fragment in ("evaluations/s", "best latency_ns (min)", "best gain (max)", "left"):
        assert fragment in text
    done = [int(count) for count in re.findall(r"(\d+)/100", text)]
    assert len(set(done)) > 2
    assert done == sorted(done)


def test_ctrl_c_says_how_to_go_on_and_loses_nothing(start, command, tmp_path):
    process = start(*SEARCH, "--budget", 120, "--store", "s.db", *SLOW)
    wait_for_evaluations(tmp_path / "s.db", 10)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    last = err.splitlines()[-1]
    assert re.fullmatch(
        r"error: interrupted after \d+ of 120 evaluations; "
        r"go on with: cosearch resume s\.db toy-cache-toy-walk-0",
        last,
    )
    assert "Traceback" not in out + err
    before = read(tmp_path / "s.db")
    assert before.record.status == "interrupted"
    assert len(before.designs) >= 10
    resumed = command("resume", "s.db", "toy-cache-toy-walk-0", "--json").json
    assert resumed["study"]["evaluations"] == 120
    after = read(tmp_path / "s.db")
    assert list(after.designs)[: len(before.designs)] == list(before.designs)
    np.testing.assert_array_equal(after.outcomes["gain"][: len(before.designs)], before.outcomes["gain"])


def test_ctrl_c_with_workers_is_as_quiet(start, tmp_path):
    process = start(*SEARCH, "--budget", 300, "--workers", 2, "--store", "s.db", *SLOW)
    wait_for_evaluations(tmp_path / "s.db", 4)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.count("\n") == 1
    assert "go on with" in err


def test_ctrl_c_without_a_store_still_shows_what_was_found(start, environment, tmp_path):
    environment["TOY_STARTED"] = str(tmp_path / "started")
    process = start(*SEARCH, "--budget", 100000, "--set", "delay_s=0.001")
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(2.5)  # a busy machine needs a while to its first designs
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Pareto front of" in out
    assert "nothing is kept without --store" in err


def test_a_killed_search_goes_on_as_if_it_had_not_been_killed(start, command, tmp_path):
    command(*SEARCH, "--budget", 120, "--store", "whole.db")
    process = start(*SEARCH, "--budget", 120, "--store", "s.db", *SLOW[:2])
    wait_for_evaluations(tmp_path / "s.db", 20)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    stopped = read(tmp_path / "s.db")
    assert 20 <= len(stopped.designs) < 120
    assert command("resume", "s.db", "--quiet").code == 0
    resumed, whole = read(tmp_path / "s.db"), read(tmp_path / "whole.db")
    assert list(resumed.designs) == list(whole.designs)
    np.testing.assert_array_equal(resumed.outcomes["latency_ns"], whole.outcomes["latency_ns"])
    assert resumed.record.status == "finished"


def test_resume_with_a_larger_budget(cli, tmp_path):
    path = tmp_path / "s.db"
    cli(*SEARCH, "--budget", 10, "--store", path)
    found = cli("resume", path, "--budget", 25, "--json").json
    assert found["study"]["evaluations"] == 25
    cli("resume", path, "--budget", 5).assert_error("budget of 25", "can only be raised")


def test_resuming_a_finished_study_changes_nothing(cli, tmp_path):
    path = tmp_path / "s.db"
    first = cli(*SEARCH, "--budget", 10, "--store", path, "--json").json
    assert cli("resume", path, "--json").json["pareto"] == first["pareto"]


def test_a_second_process_that_writes_to_the_study_is_refused(start, command, tmp_path):
    process = start(*SEARCH, "--budget", 3000, "--store", "s.db", *SLOW)
    wait_for_evaluations(tmp_path / "s.db", 4)
    command("resume", "s.db").assert_error("toy-cache-toy-walk-0", "another process")
    assert process.poll() is None
    listed = command("studies", "s.db", "--json").json  # reading is always possible
    assert listed[0]["status"] == "running"
    other = command(
        *SEARCH, "--budget", 5, "--seed", 1, "--store", "s.db", "--json"
    )  # and so is another study
    assert other.json["study"]["evaluations"] == 5
    assert process.poll() is None


def test_two_searches_in_one_store_at_once(start, tmp_path):
    processes = [start(*SEARCH, "--budget", 60, "--seed", seed, "--store", "s.db", *SLOW) for seed in (0, 1)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    with Store.open(tmp_path / "s.db") as store:
        assert sorted((study.seed, study.evaluations) for study in store.studies()) == [(0, 60), (1, 60)]


@pytest.mark.parametrize(
    ("arguments", "fragments"),
    [
        (("search", "toy-cash", "--agent", "toy-walk"), ("problem 'toy-cash'", "did you mean 'toy-cache'?")),
        (("search", "toy-cache", "--agent", "toy-wlk"), ("agent 'toy-wlk'", "did you mean 'toy-walk'?")),
        ((*SEARCH, "--set", "workload=zip"), ("workload 'zip'", "did you mean 'zipf'?")),
        ((*SEARCH, "--set", "worklod=zipf"), ("'worklod'", "did you mean 'workload'?")),
        ((*SEARCH, "--set", "scale=big"), ("scale must be a number", "'big'")),
        ((*SEARCH, "--set", "scale=-1"), ("toy-cache", "scale must be positive, not -1")),
        ((*SEARCH, "--set", "scale"), ("--set 'scale'", "expected NAME=VALUE")),
        ((*SEARCH, "--set", "scale=1", "--set", "scale=2"), ("'scale'", "twice")),
        ((*SEARCH, "--set", "trace=/no/such/trace"), ("/no/such/trace", "No such file")),
        ((*SEARCH, "--agent-set", "strid=1"), ("'strid'", "did you mean 'stride'?")),
        ((*SEARCH, "--agent-set", "stride=99"), ("'stride'", "99", "1 to 9")),
        ((*SEARCH, "--hold", "polcy=lru"), ("parameter 'polcy'", "did you mean 'policy'?")),
        ((*SEARCH, "--hold", "policy=lur"), ("'policy': 'lur'", "the nearest is 'lru'")),
        ((*SEARCH, "--hold", "banks=99"), ("'banks': 99", "the nearest is 64")),
        (
            (*SEARCH, "--hold", "policy=none", "--hold", "ways=2"),
            ("'ways' cannot be held", "policy at 'none'"),
        ),
        (
            (*SEARCH, "--hold", "ways=8", "--hold", "banks=64", "--hold", "policy=lru"),
            ('no allowed design with ways=8, banks=64, policy="lru"',),
        ),
        ((*SEARCH, "--hold", "policy"), ("--hold 'policy'", "expected NAME=VALUE")),
        ((*SEARCH, "--objective", "latency:min"), ("metric 'latency'", "did you mean 'latency_ns'?")),
        ((*SEARCH, "--objective", "latency_ns:down"), ("min or max", "'down'")),
        ((*SEARCH, "--objective", "gain:max", "--objective", "gain:min"), ("only once",)),
        ((*SEARCH, "--constraint", "aera_mm2<=3"), ("metric 'aera_mm2'", "did you mean 'area_mm2'?")),
        ((*SEARCH, "--constraint", "area_mm2<3"), ("METRIC<=NUMBER",)),
        ((*SEARCH, "--constraint", "area_mm2<=nan"), ("finite",)),
        ((*SEARCH, "--fidelity", "cycel"), ("fidelity", "did you mean 'cycle'?")),
        ((*SEARCH, "--seed", "-1"), ("--seed", "-1")),
        ((*SEARCH, "--workers", "0"), ("--workers", "0")),
        (
            (*SEARCH, "--workers", "2", "--backend", "inline"),
            ("inline cannot", "several workers", "processes"),
        ),
        ((*SEARCH, "--backend", "nonsense"), ("backend 'nonsense'", "inline, processes", "pip install")),
        ((*SEARCH, "--backend", "inlin"), ("backend 'inlin'", "did you mean 'inline'?")),
        ((*SEARCH, "--time-limit", "0"), ("--time-limit", "'0'")),
        ((*SEARCH, "--time-limit", "nan"), ("--time-limit", "'nan'")),
        ((*SEARCH, "--timeout-s", "0"), ("--timeout-s", "'0'")),
        ((*SEARCH, "--memory-mb", "0"), ("--memory-mb", "'0'")),
        ((*SEARCH, "--target", "nonsense"), ("target 'nonsense'", "METRIC<=NUMBER")),
        ((*SEARCH, "--target", "latency<=5"), ("'latency'", "did you mean 'latency_ns'?")),
        ((*SEARCH, "--evaluation-seed", "3"), ("toy-cache draws no random numbers",)),
        ((*SEARCH, "--evaluation-seed", "-1"), ("--evaluation-seed", "'-1'")),
        ((*SEARCH, "--buget", "9"), ("No such option", "--budget")),
        (("serch", "toy-cache"), ("No such command 'serch'", "Did you mean 'search'?")),
    ],
)
def test_wrong_words_are_one_line_with_the_nearest_right_one(cli, arguments, fragments):
    budget = () if "--buget" in arguments or arguments[0] == "serch" else ("--budget", "5")
    cli(*arguments, *budget).assert_error(*fragments)


def test_wrong_words_are_one_line_for_a_user(command):
    command("search", "toy-cash", "--agent", "toy-walk", "--budget", 5).assert_error(
        "did you mean 'toy-cache'?"
    )
    command(*SEARCH).assert_error("--budget")
    command(*SEARCH, "--budget", "many").assert_error("--budget", "'many'")


def test_a_search_that_cannot_begin_leaves_no_store(cli, tmp_path):
    for wrong in (
        ("--agent", "toy-wlk"),
        ("--agent-set", "stride=99"),
        ("--set", "scale=-1"),
        ("--backend", "nonsense"),
        ("--backend", "inline", "--isolated"),
        ("--target", "nonsense"),
        ("--fidelity", "cycel"),
    ):
        assert cli(*SEARCH, "--budget", 5, "--store", tmp_path / "s.db", *wrong).code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_malformed_workload_names_file_line_and_what_was_expected(command, tmp_path):
    (tmp_path / "bad.trace").write_text("12\n34\n0xZZ\n")
    command(*SEARCH, "--budget", 5, "--set", "trace=bad.trace").assert_error(
        "bad.trace, line 3", "expected an address", "'0xZZ'"
    )


def test_a_name_that_is_taken_is_one_line(cli, tmp_path):
    path = tmp_path / "s.db"
    assert cli(*SEARCH, "--budget", 5, "--store", path, "--name", "mine").code == 0
    cli(*SEARCH, "--budget", 5, "--store", path, "--name", "mine").assert_error(
        "'mine'", "resume", "another name"
    )
    assert json.loads(cli("studies", path, "--json").out)[0]["evaluations"] == 5


def test_a_bug_is_one_line_with_exit_code_1_and_a_traceback_on_request(command):
    broken = ("describe", "toy-cache", "--set", "nan_above_banks=5")
    env = {"TOY_BUG": "1"}
    command(*broken, env=env).assert_error("ZeroDivisionError", "COSEARCH_DEBUG=1", code=1)
    assert "Traceback" in command(*broken, env=env | {"COSEARCH_DEBUG": "1"}).err


def test_a_reader_that_goes_away_is_no_error(environment):
    line = f"{shlex.quote(sys.executable)} -m cosearch.cli describe toy-cache --json | head -c 1"
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
