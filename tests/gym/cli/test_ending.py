"""Whatever ends a search: nothing that was evaluated is lost, no process is left, and somebody says so."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from watched_stores import read, wait_for_evaluations

TOY = ("search", "toy-cache", "--agent", "toy-walk", "--set", "delay_s=0.02", "--batch", 2)
RUDE = ("search", "rude", "--agent", "rude-walk", "--budget", 60, "--store", "s.db")
RUDE_ENV = {"COSEARCH_PLUGINS": "rude"}
LOST = "was interrupted (the process ended without a word)"


def descendants(pid: int) -> set[int]:
    """The processes that one has started, and they, and so on."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, unseen = set(), [pid]
    while unseen:
        parent = unseen.pop()
        children = {child for child, one in parents.items() if one == parent}
        found |= children
        unseen += children
    return found


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_ends_a_search_and_loses_nothing(start, command, tmp_path, number, code, workers):
    process = start(*TOY, "--budget", 150, "--workers", workers, "--store", "s.db")
    wait_for_evaluations(tmp_path / "s.db", 10)
    started = descendants(process.pid)
    assert len(started) >= workers - 1
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    (line,) = err.splitlines()
    counted = re.fullmatch(
        r"error: interrupted after (\d+) of 150 evaluations; "
        r"go on with: cosearch resume s\.db toy-cache-toy-walk-0",
        line,
    )
    assert "Traceback" not in out
    before = read(tmp_path / "s.db")
    assert before.record.status == "interrupted"
    assert len(before.designs) == int(counted[1]) >= 10
    deadline = time.monotonic() + 10
    while any(map(runs, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in started if runs(pid)]
    assert command("resume", "s.db", "--json").json["study"]["evaluations"] == 150
    after = read(tmp_path / "s.db")
    assert list(after.designs)[: len(before.designs)] == list(before.designs)
    np.testing.assert_array_equal(after.outcomes["gain"][: len(before.designs)], before.outcomes["gain"])


def test_a_signal_that_a_simulator_swallows_ends_the_search_all_the_same(start, tmp_path):
    process = start(*RUDE, "--set", "manner=swallows", env=RUDE_ENV)
    wait_for_evaluations(tmp_path / "s.db", 4)
    os.kill(process.pid, signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "error: interrupted after" in err
    assert read(tmp_path / "s.db").record.status == "interrupted"


def test_a_signal_outside_a_search_is_one_line(start):
    process = start("evaluate", "toy-cache", "--default", "--set", "delay_s=60")
    deadline = time.monotonic() + 60
    status = Path(f"/proc/{process.pid}/status")
    caught = 1 << (signal.SIGTERM - 1)
    while time.monotonic() < deadline:
        mask = int(re.search(r"SigCgt:\s*(\w+)", status.read_text())[1], 16)
        if mask & caught:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (143, "", "error: interrupted\n")


def test_a_signal_that_is_ignored_stays_so(environment, tmp_path):
    arguments = [*map(str, TOY), "--budget", "30", "--store", "s.db", "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cosearch.cli", *arguments],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # as nohup does
    )
    wait_for_evaluations(tmp_path / "s.db", 4)
    os.kill(process.pid, signal.SIGHUP)
    assert process.wait(timeout=60) == 0
    assert len(read(tmp_path / "s.db").designs) == 30


def test_a_simulator_that_ends_the_process_is_named_by_the_next_commands(command):
    ended = command(*RUDE, "--set", "manner=exits", "--name", "first", env=RUDE_ENV)
    assert ended.code == 0  # nobody is left to give another one
    assert ended.out == ""
    go_on = f"study first {LOST}; go on with: cosearch resume s.db first"
    listed = command("studies", "s.db", "--json", env=RUDE_ENV)
    assert listed.json[0]["status"] == "interrupted"
    assert go_on in listed.err.splitlines()
    assert go_on in command("report", "s.db", "--json", env=RUDE_ENV).err.splitlines()
    other = command(*RUDE[:-4], "--budget", 4, "--store", "s.db", "--json", env=RUDE_ENV)
    assert [line for line in other.err.splitlines() if LOST in line] == [go_on]
    resumed = command("resume", "s.db", "first", "--isolated", "--json", env=RUDE_ENV)
    assert resumed.json["study"]["status"] == "finished"
    assert resumed.json["counts"]["failed"] > 0
    assert f"study first {LOST}; it goes on now" in resumed.err.splitlines()
    assert LOST not in command("studies", "s.db", env=RUDE_ENV).err


def test_a_problem_whose_designs_all_break_the_contract_is_one_line(command):
    broken = command(*RUDE, "--set", "manner=breaks", env=RUDE_ENV)
    assert broken.code == 2
    lines = [line for line in broken.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "problem rude: breaks the contract of simulate: " in lines[0]
    assert "latncy" in lines[0]
    assert "Traceback" not in broken.err


def test_ctrl_c_while_plugins_are_imported_is_one_line(start, environment, site_folder, tmp_path):
    (tmp_path / "slow_plugin.py").write_text(
        "import pathlib, time\npathlib.Path('begun').touch()\ntime.sleep(60)\n"
    )
    (tmp_path / "slow-1.dist-info").mkdir()
    (tmp_path / "slow-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1\n")
    (tmp_path / "slow-1.dist-info" / "entry_points.txt").write_text("[cosearch]\nslow = slow_plugin\n")
    path = os.pathsep.join([str(tmp_path), environment["PYTHONPATH"]])
    process = start("problems", env={"PYTHONPATH": path, "COSEARCH_PLUGINS": "slow"})
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-signal.SIGINT, "", "error: interrupted\n")
