"""A tool's process: whatever a tool does, the job fails with a reason and nothing is left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cosearch.needs import UnavailableError
from cosearch_plugins.external import jobs, tool_process
from cosearch_plugins.external.jobs import close_all, run_jobs
from cosearch_plugins.external.tool_process import ToolError, ToolProcess
from cosearch_plugins.external.tools import PythonTool

BRIDGE = """
import os, subprocess, sys, time
def run(job):
    print("noise on standard output")
    what = job["do"]
    if what == "add":
        return job["a"] + job["b"]
    if what == "raise":
        raise ValueError("no such layer")
    if what == "exit":
        sys.exit(3)
    if what == "die":
        print("the file is broken", flush=True)
        os._exit(7)
    if what == "segfault":
        import ctypes
        ctypes.string_at(0)
    if what == "hang":
        child = subprocess.Popen(["sleep", "600"])
        open("child", "w").write(str(child.pid))
        time.sleep(600)
    if what == "eat":
        return len(bytearray(1 << 40))
    if what == "invalid":
        sys.stdout.buffer.write(b"\\xff\\xfe bad"); sys.stdout.flush()
        os._exit(1)
    if what == "pid":
        return os.getpid()
"""
TOOL = PythonTool("odd", "Odd", "odd-sim", "json", "1.0", extra="odd")


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PythonTool:
    shutil.copy(tool_process.BRIDGES / "serve.py", tmp_path)
    (tmp_path / "odd_bridge.py").write_text(BRIDGE)
    monkeypatch.setattr(tool_process, "BRIDGES", tmp_path)
    jobs._answers.clear()
    return TOOL


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("raise", "Odd: ValueError: no such layer"),
        ("exit", "Odd: SystemExit: 3"),
        ("die", "Odd ended with exit code 7: .*the file is broken"),
        ("segfault", "Odd was ended by SIGSEGV"),
        ("invalid", "Odd ended with exit code 1: .*bad"),
    ],
)
def test_a_tool_that_breaks_says_how_and_the_next_job_runs(odd: PythonTool, do: str, reason: str) -> None:
    process = ToolProcess(odd, timeout_s=30)
    try:
        with pytest.raises(ToolError, match=reason):
            process.run({"do": do})
        assert process.run({"do": "add", "a": 1, "b": 2}) == 3
    finally:
        process.close()


def test_memory_beyond_the_limit_is_refused(odd: PythonTool) -> None:
    process = ToolProcess(odd, timeout_s=30, memory_gib=1.0)
    with pytest.raises(ToolError, match="MemoryError"):
        process.run({"do": "eat"})
    process.close()


def test_a_tool_that_hangs_is_ended_with_its_children_and_its_folder(odd: PythonTool) -> None:
    process = ToolProcess(odd, timeout_s=30)
    process.run({"do": "pid"})
    process.timeout_s = 1.0
    scratch = Path(process._scratch)
    child = None
    with pytest.raises(ToolError, match="Odd gave no answer within 1 s"):
        process.run({"do": "hang"})
    assert not scratch.exists()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(scratch) in os.readlink(entry / "cwd"):
                    child = entry.name
            except OSError:
                continue
    assert child is None, "a process of the tool is left"


def test_answers_come_in_order_equal_jobs_run_once_and_the_process_is_kept(odd: PythonTool) -> None:
    work = [{"do": "add", "a": a, "b": 1} for a in (3, 1, 3)] + [{"do": "raise"}]
    try:
        answers = run_jobs(odd, work, workers=2)
        assert answers[:3] == [4, 2, 4]
        assert isinstance(answers[3], ToolError)
        first = run_jobs(odd, [{"do": "pid", "n": 1}])
        assert run_jobs(odd, [{"do": "pid", "n": 2}]) == first
    finally:
        close_all()
    time.sleep(0.05)
    assert not Path(f"/proc/{first[0]}").exists()


def test_a_tool_whose_study_is_killed_ends_and_takes_its_folder_along(
    odd: PythonTool, tmp_path: Path
) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from cosearch_plugins.external import tool_process\n"
        "from cosearch_plugins.external.tools import PythonTool\n"
        f"tool_process.BRIDGES = Path({str(tmp_path)!r})\n"
        "process = tool_process.ToolProcess(PythonTool('odd', 'Odd', 'odd', 'json', '1'), 30)\n"
        "print(process.run({'do': 'pid'}), process._scratch, flush=True)\n"
        "time.sleep(60)\n"
    )
    study = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert study.stdout is not None
    pid, scratch = study.stdout.readline().split()
    assert Path(scratch).is_dir()
    study.kill()
    study.wait()
    until = time.monotonic() + 20
    while time.monotonic() < until and (Path(scratch).exists() or Path(f"/proc/{pid}").exists()):
        time.sleep(0.05)
    assert not Path(scratch).exists()
    assert not Path(f"/proc/{pid}").exists()


def test_what_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = PythonTool("odd", "Odd", "odd-sim", "odd_sim_that_is_not_there", "1.0", extra="odd")
    with pytest.raises(UnavailableError, match=r"Odd is not installed: pip install 'cosearch\[odd\]'"):
        run_jobs(absent, [])
    monkeypatch.setenv("COSEARCH_ODD_PYTHON", "/no/such/python")
    assert "COSEARCH_ODD_PYTHON is '/no/such/python', which is no program" in absent.missing()
    monkeypatch.setenv("COSEARCH_ODD_PYTHON", sys.executable)
    assert "a Python without odd-sim" in absent.missing()
    monkeypatch.setenv("COSEARCH_ODD_PYTHON", sys.executable)
    assert TOOL.missing() == ""
