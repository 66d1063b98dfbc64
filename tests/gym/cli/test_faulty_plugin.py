"""A plugin that misbehaves in every way, searched as a user does: each fault costs its design and no more."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cosearch.store import Store
from plugin_install import install_module

PLUGIN = Path(__file__).parent / "plugins" / "faulty_plugin.py"
LATE = r"took longer than 1\.5 s"
SAYS = {
    "raises": "RuntimeError: bank 7 is used twice",
    "returns_more_rows": r"breaks the contract of simulate: it returned 1000 rows of .* for 1 design of",
    "returns_another_metric": r"breaks the contract of simulate: it returned 1 rows of \['latncy_ns'\]",
    "returns_nan": "metric latency_ns is nan",
    "returns_a_text": "breaks the contract of simulate: metric 'latency_ns' is not a column of numbers",
    "returns_nothing": "breaks the contract of simulate: it returned nothing",
    "sleeps_for_ever": LATE,
    "eats_memory": r"MemoryError.*the memory limit is 300 MB|used \d+ MB of memory.*the limit is 300 MB",
    "forks_children": LATE,
    "segfaults": r"the worker process died \(signal SIGSEGV\)",
    "leaves_by_exit": r"the worker process died \(exit code 3\); it last printed: licence server: no answer",
    "prints_no_utf8": r"the worker process died \(exit code 4\); it last printed: caf",
    "leaves_a_folder": "RuntimeError: no space in results",
}
HARMLESS = ("nothing", "prints_a_gigabyte")
IN_PROCESS = ("raises", "returns_more_rows", "returns_another_metric", "returns_nan", "returns_a_text")


def cosearch(folder: Path, *words: str) -> str:
    """What a command prints to a user who has installed the plugin; nothing of it is left."""
    site, temporary = folder / "site", folder / "tmp"
    install_module(site, "faulty", PLUGIN.read_text())
    temporary.mkdir()
    path = [str(site), *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])]
    own = {
        "PYTHONPATH": os.pathsep.join(path),
        "COSEARCH_PLUGINS": "faulty,builtin-agents,builtin-backends",
        "TMPDIR": str(temporary),
    }
    command = [sys.executable, "-m", "cosearch", *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | own, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    left = [path.name for path in temporary.iterdir()]
    assert left == [], left
    assert running("sleep", "700000") == running("sleep", "700001") == 0
    return done.stdout


def running(*words: str) -> int:
    """How many processes were started with these words."""
    wanted = b"".join(word.encode() + b"\0" for word in words)
    found = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += path.read_bytes() == wanted
    return found


def outcomes(store: Store) -> dict[str, list[tuple[str, str]]]:
    """By deed the status and the reason of each design."""
    data = store.read(store.study(None))
    found: dict[str, list[tuple[str, str]]] = {}
    for i in range(len(data.designs)):
        row = (str(data.outcomes.status[i]), str(data.outcomes.reason[i]))
        found.setdefault(data.designs[i]["deed"], []).append(row)
    return found


@pytest.fixture(scope="module")
def isolated(tmp_path_factory) -> dict[str, list[tuple[str, str]]]:
    folder = tmp_path_factory.mktemp("isolated")
    limits = ("--isolated", "--timeout-s", "1.5", "--memory-mb", "300", "--workers", "2")
    cosearch(
        folder, "search", "faulty", "--agent", "exhaustive", "--budget", "100", "--store", "s.db", *limits
    )
    return outcomes(Store.open(folder / "s.db"))


@pytest.mark.parametrize("deed", SAYS)
def test_a_fault_costs_its_design_and_says_why(isolated, deed):
    assert len(isolated[deed]) == 2
    for status, reason in isolated[deed]:
        assert status == "failed"
        assert re.match(SAYS[deed], reason), reason


def test_what_is_no_fault_is_none(isolated):
    assert isolated["nothing"] == [("ok", "")] * 2
    # a slow disk may not take a gigabyte in time
    assert all(status == "ok" or re.match(LATE, reason) for status, reason in isolated["prints_a_gigabyte"])


def test_every_fault_was_tried(isolated):
    source = ast.parse(PLUGIN.read_text())
    deeds = [node.name for node in source.body if isinstance(node, ast.FunctionDef) and node.args.args]
    assert {*deeds, "nothing"} == set(isolated) == {*SAYS, *HARMLESS}


def test_faults_that_leave_the_process_alone_cost_no_other_design_of_their_batch(tmp_path):
    deeds = [deed for fault in IN_PROCESS for deed in ("nothing", fault, "nothing")]
    designs = [{"deed": deed, "x": 700_000 + k % 2} for k, deed in enumerate(deeds)]
    found = json.loads(cosearch(tmp_path, "evaluate", "faulty", "--design", json.dumps(designs), "--json"))
    for deed, row in zip(deeds, found["rows"], strict=True):
        assert row["status"] == ("ok" if deed == "nothing" else "failed")
        assert re.match(SAYS.get(deed, "$"), row["reason"]), row["reason"]
