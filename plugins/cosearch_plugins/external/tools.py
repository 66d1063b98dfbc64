"""The foreign tools: what each is called, the interpreter that runs it, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

from cosearch.needs import UnavailableError

ASKED_S = 60.0


@dataclass(frozen=True)
class PythonTool:
    """A tool that is a Python package. Its bridge runs in a process of its own.

    Attributes:
        name: on the command line, and of its bridge.
        title: what its authors call it.
        package: on PyPI.
        module: what is imported.
        version: the one that the bridge was written for.
        extra: of cosearch that installs it; empty where it cannot live beside cosearch's own packages.
        needs: of its interpreter, in words, where it has no extra.
    """

    name: str
    title: str
    package: str
    module: str
    version: str
    extra: str = ""
    needs: str = ""

    @property
    def variable(self) -> str:
        """The environment variable that names its interpreter."""
        return f"COSEARCH_{self.name.upper()}_PYTHON"

    @property
    def how(self) -> str:
        """How to get it."""
        other = f"set {self.variable} to a Python that has {self.package}=={self.version}"
        if self.extra:
            return f"pip install 'cosearch[{self.extra}]', or {other}"
        return f"{other} ({self.needs})" if self.needs else other

    @property
    def interpreter(self) -> str:
        """The Python that runs it: that of the environment variable, else this one."""
        return os.environ.get(self.variable) or sys.executable

    setting: ClassVar[str] = ""

    def missing(self, given: str | None = None) -> str:
        """See `cosearch.needs.Need.missing`; nothing is imported."""
        named = os.environ.get(self.variable)
        if not named:
            if importlib.util.find_spec(self.module) is None:
                return f"{self.title} is not installed: {self.how}"
            return ""
        path = shutil.which(named)
        if path is None:
            return f"{self.variable} is {named!r}, which is no program; name a Python that has {self.package}"
        if not _has(path, self.module):
            return f"{self.variable} is {named!r}, a Python without {self.package}: " + (
                self.needs or f"{named} -m pip install {self.package}=={self.version}"
            )
        return ""

    def require(self) -> None:
        """Raise where it cannot be run.

        Raises:
            UnavailableError: with how to get it.
        """
        if reason := self.missing():
            raise UnavailableError(reason)


@cache
def _has(interpreter: str, module: str) -> bool:
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    try:
        done = subprocess.run(
            [interpreter, "-c", asked],
            capture_output=True,
            timeout=ASKED_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


ZIGZAG = PythonTool("zigzag", "ZigZag", "zigzag-dse", "zigzag", "3.9.1", extra="zigzag")
SCALESIM = PythonTool("scalesim", "SCALE-Sim", "scalesim", "scalesim", "3.0.0", extra="scalesim")
GENZ = PythonTool("genz", "GenZ", "genz-llm", "GenZ", "0.0.16", extra="genz")
AICONFIGURATOR = PythonTool(
    "aiconfigurator",
    "AIConfigurator",
    "aiconfigurator-core",
    "aiconfigurator_core",
    "0.12.0",
    extra="aiconfigurator",
)
ACCELFORGE = PythonTool(
    "accelforge",
    "AccelForge",
    "accelforge",
    "accelforge",
    "1.0.467",
    needs="it needs Python 3.12 or newer for its hwcomponents",
)

RAMULATOR = PythonTool(
    "ramulator",
    "Ramulator",
    "ramulator",
    "ramulator",
    "2.1",
    needs="build it from https://github.com/CMU-SAFARI/ramulator2",
)

PYTHON_TOOLS = {tool.name: tool for tool in (ZIGZAG, SCALESIM, ACCELFORGE, GENZ, AICONFIGURATOR)}
"""By name."""
