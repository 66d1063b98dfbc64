"""A simulator in C: compiled where it is first used, loaded through ctypes.

The shared object is kept in the user's cache folder by a hash of the source, the flags and the compiler, so
that it is compiled once for all worker processes, and again when the source changes.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cosearch.errors import CosearchError
from cosearch.needs import UnavailableError

COMPILERS = ("cc", "gcc", "clang")
COMPILING_S = 300


class CompileError(CosearchError, RuntimeError):
    """A source that the compiler refuses."""


@dataclass(frozen=True)
class CLibrary:
    """A source file in C and its functions; one of the `needs` of a problem.

    Attributes:
        source: the file.
        functions: by name the type of the result and the types of the arguments, as ctypes has them.
        flags: of the compiler.
        get: how to get a compiler.
    """

    source: Path
    functions: Mapping[str, tuple[Any, Sequence[Any]]] = field(default_factory=dict)
    flags: Sequence[str] = ("-O2",)
    get: str = "apt install gcc, brew install gcc, or name one in the environment variable CC"
    setting: ClassVar[str] = ""

    def __hash__(self) -> int:
        return hash((self.source, tuple(self.functions), tuple(self.flags)))

    def missing(self, given: str | None = None) -> str:
        """See `Need.missing`."""
        return "" if self._compiler() else f"a C compiler is not installed; get it: {self.get}"

    def load(self) -> ctypes.CDLL:
        """The library, compiled if it is not yet.

        Raises:
            UnavailableError: there is no compiler.
            CompileError: the compiler's first error.
        """
        return _loaded(self)

    def compiled(self) -> Path:
        """Where the shared object is, compiled if it is not yet."""
        compiler = self._compiler()
        if not compiler:
            raise UnavailableError(self.missing())
        try:
            text = self.source.read_bytes()
        except OSError as error:
            raise CompileError(f"cannot read {self.source}: {error.strerror}") from None
        made_of = [text, repr((compiler, self.flags, os.uname().machine)).encode()]
        name = f"{self.source.stem}-{hashlib.sha256(b''.join(made_of)).hexdigest()[:16]}.so"
        target = _cache() / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            self._compile(compiler, target)
        return target

    def _compile(self, compiler: Sequence[str], target: Path) -> None:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / target.name
            command = [*compiler, *self.flags, "-shared", "-fPIC", "-o", str(made), str(self.source), "-lm"]
            try:
                done = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=COMPILING_S,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise CompileError(f"{shlex.join(command)}: {error}") from None
            if done.returncode:
                lines = done.stderr.splitlines()
                first = next((line for line in lines if "error" in line), done.stderr.strip()[:200])
                raise CompileError(f"{compiler[0]} refuses {self.source.name}: {first}")
            os.replace(made, target)  # at once: another worker may be at it too

    def _compiler(self) -> list[str]:
        """The compiler's words; none if there is none."""
        if chosen := os.environ.get("CC"):
            first, *rest = shlex.split(chosen)
            return [found, *rest] if (found := shutil.which(first)) else []
        return next(([found] for name in COMPILERS if (found := shutil.which(name))), [])


@functools.cache
def _loaded(library: CLibrary) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(library.compiled()))
    for name, (result, arguments) in library.functions.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise CompileError(f"{library.source.name} has no function {name!r}") from None
        function.restype, function.argtypes = result, list(arguments)
    return loaded


def _cache() -> Path:
    """The folder of what was compiled, each user's own."""
    usual = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or usual).expanduser() / "cosearch" / "compiled"
