"""Where a program is: by the user's setting, an environment variable, or on the path."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cosearch.needs import UnavailableError

PYTHON = "python"  # as an interpreter: the one that runs cosearch


@dataclass(frozen=True)
class Program:
    """A command-line program that a problem needs.

    Attributes:
        name: of the executable, as on the path; or a path, for one that comes with the plugin. A script is
            also found in the current folder.
        get: how to get it, in a line: a command, or an address.
        variable: the environment variable that may tell where it is.
        setting: the problem's setting that may tell where it is, which counts first.
        interpreter: what runs it, for a script: `("python",)` is the Python that runs cosearch.
    """

    name: str
    get: str
    variable: str = ""
    setting: str = "program"
    interpreter: Sequence[str] = ()

    def missing(self, given: str | None = None) -> str:
        """See `Need.missing`."""
        place, said = self._said(given)
        if self._found(said) is None:
            if place and os.path.isfile(said):
                return f"{place}{said} is not executable: chmod +x {said}"
            if place:
                return f"{place}{said}: there is no such program; get it: {self.get}"
            ways = [f"--set {self.setting}=PATH"] if self.setting else []
            ways += [f"the environment variable {self.variable}"] if self.variable else []
            where = f" (or say where it is by {' or '.join(ways)})" if ways else ""
            return f"program {self.name} is not installed; get it: {self.get}{where}"
        if self.interpreter and self._interpreter() is None:
            return f"program {self.name} needs {self.interpreter[0]}, which is not installed"
        return ""

    def command(self, given: str | None = None) -> list[str]:
        """The words that start it, absolute.

        Raises:
            UnavailableError: it is not there; how to get it.
        """
        if why := self.missing(given):
            raise UnavailableError(why)
        found = self._found(self._said(given)[1])
        return [*(self._interpreter() or ()), str(found)]

    def _said(self, given: str | None) -> tuple[str, str]:
        """Who tells where it is, in words, and what they tell."""
        if given:
            return f"--set {self.setting}=", os.path.expanduser(given)
        if self.variable and os.environ.get(self.variable):
            return f"{self.variable}=", os.path.expanduser(os.environ[self.variable])
        return "", self.name

    def _found(self, name: str) -> Path | None:
        if self.interpreter:  # a script need not be executable
            return Path(name).absolute() if os.path.isfile(name) else _on_path(name)
        return _on_path(name)

    def _interpreter(self) -> list[str] | None:
        if not self.interpreter:
            return []
        first, *rest = self.interpreter
        found = sys.executable if first == PYTHON else shutil.which(first)
        return None if found is None else [found, *rest]


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return None if found is None else Path(found).absolute()
