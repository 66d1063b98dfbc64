"""Pages of documentation that are run: every file of a page is written and every command carried out."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def install(package: Path, site: Path) -> None:
    """What `pip install -e` leaves: the folder on the path, and the entry points."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["cosearch"].items()
    (metadata / "entry_points.txt").write_text("[cosearch]\n" + "".join(f"{k} = {v}\n" for k, v in points))


def run_page(page: str, folder: Path) -> int:
    """Write the files of a page into a folder and run its console blocks there; the number of commands."""
    path = [str(folder / "site"), os.environ.get("PYTHONPATH", "")]
    commands = 0
    for language, file, text in BLOCK.findall(page):
        if file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        if language != "console":
            continue
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "))
            commands += 1
            if words[:3] == ["pip", "install", "-e"]:
                install(folder / words[3], folder / "site")
                path.insert(0, str(folder / words[3]))
                continue
            assert words[0] == "cosearch", f"no test runs {line}"
            done = subprocess.run(
                [sys.executable, "-m", "cosearch", *words[1:]],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return commands
