"""Two ways to run the command line, in this process and as a user does; both see somebody else's plugins."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cosearch.cli import run
from cosearch.registry import Registry, registry

PLUGIN_SOURCES = Path(__file__).parent / "plugins"


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    def assert_error(self, *fragments: str, code: int = 2) -> None:
        """One line on stderr that has these fragments, nothing on stdout, and the exit code."""
        assert self.code == code, (self.out, self.err)
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        assert self.err.endswith("\n")
        assert "Traceback" not in self.err
        for fragment in fragments:
            assert fragment in self.err


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip leaves it: modules, and metadata with their entry points."""
    folder = tmp_path_factory.mktemp("site")
    for module, name in (("toy_plugin", "toy"), ("broken_plugin", "broken"), ("rude_plugin", "rude")):
        shutil.copy(PLUGIN_SOURCES / f"{module}.py", folder)
        metadata = folder / f"cosearch_{name}-4.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: cosearch-{name}\nVersion: 4.2\n")
        (metadata / "entry_points.txt").write_text(f"[cosearch]\n{name} = {module}\n")
    return folder


@pytest.fixture
def cli(
    builtin: Callable[..., Result], site_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run a command in this process, with the plugins of somebody else only."""
    monkeypatch.syspath_prepend(str(site_folder))
    monkeypatch.setenv("COSEARCH_PLUGINS", "toy,broken")
    seen = Registry()
    seen.load_entry_points()
    for name, value in vars(seen).items():
        monkeypatch.setattr(registry(), name, value)
    return builtin


@pytest.fixture
def builtin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process, with what comes with cosearch."""
    monkeypatch.delenv("COSEARCH_DEBUG", raising=False)

    def invoke(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return invoke


@pytest.fixture
def environment(site_folder: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has installed the plugins."""
    path = os.pathsep.join(
        [str(site_folder), *([os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else [])]
    )
    return os.environ | {"PYTHONPATH": path, "COSEARCH_PLUGINS": "toy,broken", "TMPDIR": str(tmp_path)}


@pytest.fixture
def command(environment: dict[str, str], tmp_path: Path) -> Callable[..., Result]:
    """Run a command as a user does: its own process, in an empty folder."""

    def invoke(*arguments: object, **options: Any) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "cosearch.cli", *map(str, arguments)],
            env=environment | options.pop("env", {}),
            cwd=options.pop("cwd", tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return invoke


def _heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(environment, tmp_path):
    """Start a command as a user does and leave it running, at the head of a process group of its own."""
    started = []

    def begin(*arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "cosearch.cli", *map(str, arguments)],
            env=environment | (env or {}),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Whoever runs the tests in the background may have them ignored, which children inherit.
            preexec_fn=_heed_signals,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
