"""Looking into a store while a command writes to it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cosearch.store import Store, StudyData


def wait_for_evaluations(path: Path, count: int, seconds: float = 60.0) -> None:
    """Until the only study of the store has been told of this many designs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.exists():
            try:
                with Store.open(path) as store:
                    if store.studies() and store.study().evaluations >= count:
                        return
            except Exception:
                pass  # the store is just being made
        time.sleep(0.02)
    pytest.fail(f"fewer than {count} evaluations after {seconds} s")


def read(path: Path) -> StudyData:
    """The only study of the store."""
    with Store.open(path) as store:
        return store.read(store.study())
