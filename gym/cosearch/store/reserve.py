"""Room beside a store for the evaluations that its disk refuses: a small file of zeros, made in good time.

    STORE.ID.reserve    a first line, the study as one line of JSON, then for each block its length and the
                        row number of its first evaluation as u8, and its bytes; a length of 0 ends it

While nothing was refused the file is all zeros. What does not fit goes to a private folder, which the line of
JSON names. None of it was told to the agent, and the next writer of the study takes it into the store.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cosearch.errors import StoreError
from cosearch.store.records import StudyRecord

ROOM = 2**20
MAGIC = b"cosearch reserve 1\n"
_FRAME = struct.Struct("<QQ")
_MOST = 2**32


@dataclass(frozen=True)
class Refused:
    """A block that the store could not take: its bytes, and the row number that its first evaluation had."""

    payload: bytes
    first: int


class Reserve:
    """The reserve of a study that is being written."""

    def __init__(self, location: str, record: StudyRecord) -> None:
        self._path, self._record = reserve_path(location, record), record
        self._descriptor: int | None = None
        self._used = False
        with contextlib.suppress(
            OSError
        ):  # without room for a reserve, or in a folder that is no more, do without
            self._path.unlink(missing_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(self._descriptor, 0, ROOM)
            else:
                os.write(self._descriptor, bytes(ROOM))

    def keep(self, refused: Refused) -> Path | None:
        """Keep a block, durably; where, or None if there is no room anywhere."""
        content = _header(self._record) + _FRAME.pack(len(refused.payload), refused.first) + refused.payload
        if self._write(content):
            return self._path
        folder = None
        with contextlib.suppress(OSError):
            folder = Path(tempfile.mkdtemp(prefix="cosearch-"))  # 0700
            elsewhere = folder / self._path.name
            with elsewhere.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if self._write(_header(self._record, elsewhere=elsewhere)):  # else nobody would find it
                return elsewhere
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return None

    def _write(self, content: bytes) -> bool:
        if self._descriptor is None:
            return False
        with contextlib.suppress(OSError):
            content += bytes(_FRAME.size)
            view, at = memoryview(content), 0
            while at < len(view):
                at += os.pwrite(self._descriptor, view[at:], at)
            os.fsync(self._descriptor)
            self._used = True
            return True
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, bytes(len(MAGIC)), 0)
        return False

    def close(self) -> None:
        """Remove the file, unless it holds something."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            if not self._used:
                with contextlib.suppress(OSError):
                    self._path.unlink()


def reserve_path(location: str, record: StudyRecord) -> Path:
    """Where the reserve of a study is."""
    return Path(f"{Path(location).resolve()}.{record.id}.reserve")


def holds_something(location: str, record: StudyRecord) -> bool:
    """Whether evaluations wait that the store of a study could not take."""
    try:
        return _read(reserve_path(location, record), _owners(Path(location))).startswith(MAGIC)
    except StoreError:
        return False


def waiting(location: str, record: StudyRecord) -> tuple[list[Refused], list[Path]]:
    """The blocks that wait for a study, and the files to remove when they are stored.

    Raises:
        StoreError: if there is a file in the reserve's place that this user did not write for this study.
    """
    path = reserve_path(location, record)
    if not os.path.lexists(path):
        return [], []
    content = _read(path, _owners(Path(location)))
    if not content.strip(b"\0"):
        return [], [path]
    header, blocks = _parse(path, content, record)
    elsewhere = header.get("elsewhere")
    if not isinstance(elsewhere, str):
        return blocks, [path]
    other = Path(elsewhere)
    try:
        folder = other.parent.lstat()
    except OSError:
        raise StoreError(
            f"{other}, where evaluations wait, is gone; delete {path} to go on without them"
        ) from None
    if not stat.S_ISDIR(folder.st_mode) or folder.st_mode & 0o077 or folder.st_uid != os.geteuid():
        raise StoreError(f"{other.parent} is no private folder; delete {path} to go on without it")
    return _parse(other, _read(other, {os.geteuid()}), record)[1], [other, other.parent, path]


def remove(paths: list[Path]) -> None:
    """Remove what `waiting` named."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


def _owners(store: Path) -> set[int]:
    owners = {os.geteuid()}
    with contextlib.suppress(OSError):
        owners.add(store.stat().st_uid)
    return owners


def _read(path: Path, owners: set[int]) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in owners or found.st_size > _MOST:
            raise StoreError(f"{path} was not written for this store; move it away to go on without it")
        return file.read()


def _header(record: StudyRecord, elsewhere: Path | None = None) -> bytes:
    said = {"study": record.id, "name": record.name, "created_at": record.created_at}
    if elsewhere is not None:
        said["elsewhere"] = str(elsewhere)
    return MAGIC + json.dumps(said).encode() + b"\n"


def _parse(path: Path, content: bytes, record: StudyRecord) -> tuple[dict[str, object], list[Refused]]:
    damaged = StoreError(f"{path}, where evaluations wait, is damaged; delete it to go on without them")
    if not content.startswith(MAGIC) or (end := content.find(b"\n", len(MAGIC))) < 0:
        raise damaged
    try:
        header = json.loads(content[len(MAGIC) : end])
        mine = (header["study"], header["name"], header["created_at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged from None
    if mine != (record.id, record.name, record.created_at):
        raise StoreError(
            f"{path} holds evaluations of another study ({header['name']!r} of {header['created_at']}); "
            "move it away to go on without them"
        )
    blocks: list[Refused] = []
    at = end + 1
    while at + _FRAME.size <= len(content):
        length, first = _FRAME.unpack_from(content, at)
        if not length:
            break
        at += _FRAME.size
        if at + length > len(content) or first >= 2**62:
            raise damaged
        blocks.append(Refused(content[at : at + length], first))
        at += length
    return header, blocks
