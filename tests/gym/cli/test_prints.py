"""Stdout is the command's own: what plugins print, by whatever way, goes to stderr."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

ENV = {"COSEARCH_PLUGINS": "rude"}
COMMANDS = [
    ("search", "rude", "--agent", "rude-walk", "--budget", "12", "--json"),
    ("search", "rude", "--agent", "rude-walk", "--budget", "12", "--workers", "2", "--json"),
    ("evaluate", "rude", "--default", "--json"),
    ("evaluate", "rude", "--default", "--isolated", "--json"),
    ("describe", "rude", "--json"),
    ("problems", "--json"),
    ("check", "rude", "--json"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_json_stays_json_whatever_a_plugin_prints(command, arguments):
    done = command(*arguments, env=ENV)
    json.loads(done.out)
    for way in ("print", "write", "puts", "echo"):
        assert f"{way} import" in done.err
        assert f"{way} exit" in done.err


def test_what_c_code_holds_back_is_not_lost_in_a_search(command):
    done = command(*COMMANDS[0], env=ENV)
    for where in ("build", "ask", "simulate", "tell"):
        for way in ("print", "write", "puts", "echo"):
            assert f"{way} {where}" in done.err


def test_tables_stay_tables_too(command):
    shown = command("describe", "rude", env=ENV)
    assert shown.out.startswith("rude (version ")
    assert command("--version", env=ENV).out.startswith("cosearch ")
    assert "Usage" in command("search", "--help", env=ENV).out


def test_a_flood_of_prints_is_cut(command):
    done = command("evaluate", "rude", "--default", "--set", "manner=floods", "--json", env=ENV)
    assert done.json["rows"][0]["status"] == "ok"
    assert 1_000_000 < len(done.err) < 1_100_000
    assert "printed more than 1000000 characters; the rest is left out" in done.err


def test_closed_streams_are_no_error(environment):
    line = f"{sys.executable} -m cosearch.cli describe toy-cache --json"
    for closed in (">&-", ">&- 2>&-", "2>&-"):
        done = subprocess.run(
            ["sh", "-c", f"{line} {closed}"], env=environment, capture_output=True, timeout=60
        )
        assert done.returncode == 0, (closed, done.stderr)
        assert done.stderr == b""


def test_a_full_disk_behind_stdout_is_one_line(environment):
    line = f"{sys.executable} -m cosearch.cli describe toy-cache --json > /dev/full"
    done = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "error: No space left on device\n"


def test_a_table_has_the_width_of_its_terminal(environment):
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 61, 0, 0))
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "cosearch.cli", "describe", "toy-cache"],
        env=environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=child,
        stderr=subprocess.PIPE,
    )
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(parent)
    process.communicate(timeout=60)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown.decode())
    table = text.partition("Metrics")[2].partition("Arguments")[0].splitlines()
    assert 50 < max(map(len, table)) <= 61
