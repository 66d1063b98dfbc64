"""The logs of runs that failed: what was run, on which files, and the end of what it printed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosearch.command_simulator.execution import Run
from cosearch.command_simulator.reports import STDERR, STDOUT

FOLDER_VARIABLE = "COSEARCH_LOGS"
KEPT_LOGS = 50  # of each problem; the oldest go first
KEPT_BYTES = 256 * 1024  # of the end of what was printed
KEPT_CONFIG = 64 * 1024  # characters of each file that it read
TAIL_LINES, TAIL_CHARACTERS = 3, 300


def log_folder(owner: str) -> Path:
    """Where the logs of a problem are: in $COSEARCH_LOGS, else below the user's state folder."""
    given = os.environ.get(FOLDER_VARIABLE)
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(given or os.path.join(state, "cosearch", "logs")).expanduser() / owner


def printed(run: Run, most: int = KEPT_BYTES) -> str:
    """The end of what a run printed, stdout before stderr; what is no UTF-8 is replaced."""
    return "\n".join(text for name in (STDOUT, STDERR) if (text := _end_of(run.folder / name, most)))


def tail(run: Run) -> str:
    """The last lines that a run printed, on one line: of stderr, if it printed there."""
    text = _end_of(run.folder / STDERR, 8192).strip() or _end_of(run.folder / STDOUT, 8192).strip()
    lines = ["".join(c for c in line.strip() if c.isprintable()) for line in text.splitlines()]
    return " / ".join([line for line in lines if line][-TAIL_LINES:])[-TAIL_CHARACTERS:]


def keep_log(
    owner: str, run: Run, design: Mapping[str, Any], files: Mapping[str, str], why: str
) -> Path | None:
    """Write the log of a failed run and forget the oldest; None where it cannot be written."""
    parts = [
        f"reason: {why}",
        f"command: {shlex.join(run.command)}",
        f"design: {json.dumps(design, default=str)}",
        f"seconds: {run.seconds:.3f}",
        *(f"--- {name}\n{text[:KEPT_CONFIG]}" for name, text in files.items()),
        *(f"--- {name} (its end)\n{_end_of(run.folder / name, KEPT_BYTES)}" for name in (STDOUT, STDERR)),
    ]
    folder = log_folder(re.sub(r"[^\w.-]", "_", owner))
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{run.token[-12:]}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(parts) + "\n", encoding="utf-8", errors="replace")
        for old in sorted(folder.glob("*.log"))[:-KEPT_LOGS]:
            with contextlib.suppress(OSError):
                old.unlink()
    except OSError:
        return None
    return path


def _end_of(path: Path, most: int) -> str:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
