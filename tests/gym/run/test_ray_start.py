"""A Ray that never starts ends its study in time, and says so; Ray itself is not needed for it."""

from __future__ import annotations

import os
import subprocess
import sys

HANGS = """
import time
from types import SimpleNamespace
from cosearch import Resources
from cosearch.run.ray_backend import cluster
cluster.START_S = 1.0
cluster._quiet = lambda: SimpleNamespace(init=lambda **_: time.sleep(SECONDS))
cluster.Cluster(None, 1, Resources(), 0, {})
print("started")
"""


def start(seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", HANGS.replace("SECONDS", str(seconds))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_ray_that_hangs_at_its_start_is_ended_with_a_line():
    hung = start(50)
    assert hung.returncode == -9
    assert "Ray did not start within 1 s" in hung.stderr
    assert hung.stdout == ""


def test_one_that_starts_is_left_alone():
    good = start(0)
    assert "Ray did not start" not in good.stderr
    assert good.stdout == "started\n"
