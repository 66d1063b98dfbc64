"""The text: the sources of Python's standard library, which every machine has, or a file of the user's."""

from __future__ import annotations

import hashlib
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError

LEAST_BYTES = 100_000
HELD_OUT_SHARE = 0.05
# Tests are not everywhere, and the rest is other people's code or written by a machine.
LEFT_OUT = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "ensurepip",
    "__pycache__",
}


@dataclass(frozen=True, eq=False)
class Corpus:
    """Bytes to learn and bytes to be judged by.

    Attributes:
        name: what it is.
        train: uint8.
        held_out: uint8, never trained on.
    """

    name: str
    train: NDArray[np.uint8]
    held_out: NDArray[np.uint8]

    @property
    def digest(self) -> str:
        """Of both parts: another version of Python has other sources."""
        return hashlib.sha256(self.train.tobytes() + b"|" + self.held_out.tobytes()).hexdigest()[:16]


@cache
def standard_library() -> Corpus:
    """The standard library's modules by path; one file in twenty is held out, by the hash of its path."""
    root = Path(sysconfig.get_paths()["stdlib"])
    parts: dict[bool, list[bytes]] = {True: [], False: []}
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        place = path.relative_to(root)
        if not LEFT_OUT.intersection(place.parts):
            hashed = int.from_bytes(hashlib.sha256(place.as_posix().encode()).digest()[:4], "big")
            parts[hashed / 2**32 < HELD_OUT_SHARE].append(path.read_bytes())
    train, held_out = (np.frombuffer(b"".join(parts[held]), np.uint8) for held in (False, True))
    if min(len(train), len(held_out)) < LEAST_BYTES:
        raise ConfigurationError(
            f"{root} has too few Python sources to train on ({len(train):,} bytes): set text=FILE"
        )
    return Corpus("the sources of Python's standard library", train, held_out)


def read_text(path: str | Path) -> Corpus:
    """A file, of any bytes: the last twentieth is held out.

    Raises:
        ConfigurationError: it cannot be read or is too short.
    """
    try:
        content = np.frombuffer(Path(path).read_bytes(), np.uint8)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    if len(content) < LEAST_BYTES:
        raise ConfigurationError(
            f"{path}: {len(content):,} bytes of text, at least {LEAST_BYTES:,} are needed"
        )
    held = int(len(content) * (1 - HELD_OUT_SHARE))
    return Corpus(str(path), content[:held], content[held:])
