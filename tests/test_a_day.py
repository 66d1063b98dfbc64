"""The page `examples/a_day.md`: every file of it is written and every command run, part by part."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from plugin_install import install

PAGE = Path(__file__).parents[1] / "examples" / "a_day.md"
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def parts() -> dict[str, str]:
    """The text of each part by its heading."""
    _, *found = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize("title", parts())
def test_a_part_of_the_day_runs(title: str, tmp_path: Path) -> None:
    path = [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    commands = 0
    for language, file, text in BLOCK.findall(parts()[title]):
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text)
        if language != "console":
            continue
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "))
            commands += 1
            if words[:3] == ["pip", "install", "-e"]:
                install(tmp_path / words[3], tmp_path / "site")
                path.insert(0, str(tmp_path / words[3]))
                continue
            assert words[0] == "cosearch", f"no test runs {line}"
            done = subprocess.run(
                [sys.executable, "-m", "cosearch", *words[1:]],
                cwd=tmp_path,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert commands >= 2
