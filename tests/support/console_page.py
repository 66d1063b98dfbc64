"""Pages of documentation that are run: every file of them is written and every command is run, in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from plugin_install import install

BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run_page(text: str, folder: Path, *, timeout_s: float = 300) -> int:
    """Run a page in an empty folder, where cosearch is installed; returns how many commands it has.

    A command is a line of a `console` block; `cosearch`, `pip install -e`, `python` and `pytest` are known,
    each possibly after `NAME=VALUE`.
    """
    path = [str(folder / "site"), os.environ.get("PYTHONPATH", "")]
    commands = 0
    for language, file, block in BLOCK.findall(text):
        if file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(block)
        if language != "console":
            continue
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            commands += 1
            if words[:3] == ["pip", "install", "-e"]:
                install(folder / words[3], folder / "site")
                path.insert(0, str(folder / words[3]))
                continue
            own = {}
            while "=" in words[0]:
                name, _, own[name] = words.pop(0).partition("=")
            start = {"cosearch": ["-m", "cosearch"], "pytest": ["-m", "pytest"], "python": []}
            assert words[0] in start, f"no test runs {line}"
            done = subprocess.run(
                [sys.executable, *start[words[0]], *words[1:]],
                cwd=folder,
                env=os.environ | own | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                timeout=timeout_s,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return commands
