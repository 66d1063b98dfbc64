"""A temporary folder and the keeper beside it, which ends what runs in it and removes it whatever happens."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cosearch.run import keeper


class WatchedFolder:
    """A folder that is gone when this process is, with the processes that were named to its keeper.

    Attributes:
        path: where it is.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self.path = Path(tempfile.mkdtemp(prefix="cosearch-"))
        self._keeper: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(self.path), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def will_start(self, token: str) -> None:
        """Say it before a group of processes is started: we may be killed before we know the group."""
        self._tell(f"{token} 0")

    def started(self, token: str, group: int) -> None:
        """Say that a group of processes runs, marked by the token in its environment."""
        self._tell(f"{token} {group}")

    def gone(self, token: str) -> None:
        """Say that it was ended."""
        self._tell(f"gone {token}")

    def close(self) -> None:
        """Let the keeper look for what is left, and remove the folder."""
        if self._owner != os.getpid():  # a copy of the process that a simulator or user forked
            return
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            with contextlib.suppress(OSError):
                self._keeper.stdin.close()
            try:
                self._keeper.wait(keeper.GRACE_S + keeper.PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._keeper.kill()
            self._keeper = None
        keeper.remove_folder(str(self.path))

    def _tell(self, line: str) -> None:
        if self._keeper is not None and self._keeper.stdin is not None:
            with contextlib.suppress(OSError):  # somebody killed it: whoever started them ends them
                os.write(self._keeper.stdin.fileno(), f"{line}\n".encode())
