"""The study's end of the channel to a worker: messages that never make the study wait for either side."""

from __future__ import annotations

import pickle
import socket
from typing import Any

from cosearch.run.worker import HEADER, MAGIC

CHUNK = 1 << 20


class Channel:
    """Pickled messages, as `worker.py` describes them, over a socket that does not block.

    Attributes:
        unsent: what the system has not taken yet.
    """

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self.socket = ours
        self.unsent = memoryview(b"")
        self._heard = bytearray()
        self._ended = False

    def fileno(self) -> int:
        """For selectors."""
        return self.socket.fileno()

    def send(self, message: Any) -> None:
        """Send a message as far as the system takes it; `flush` sends the rest."""
        body = pickle.dumps(message, protocol=5)
        self.unsent = memoryview(bytes(self.unsent) + HEADER.pack(MAGIC, len(body)) + body)
        self.flush()

    def flush(self) -> None:
        """Send what is left, as far as the system takes it."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # nobody is there any more: the reader will notice
            self.unsent = memoryview(b"")

    def receive(self) -> Any:
        """The next message if it is there in full, else None.

        Raises:
            EOFError: there will be no more.
            Exception: whatever bytes that are no message make pickle raise.
        """
        while not self._ended and not self._complete():
            try:
                part = self.socket.recv(CHUNK)
            except BlockingIOError:
                return None
            except OSError:
                part = b""
            self._ended = not part
            self._heard += part
        if not self._complete():
            raise EOFError
        end = HEADER.size + self._length()
        with memoryview(self._heard) as heard:
            message = pickle.loads(heard[HEADER.size : end])
        del self._heard[:end]
        return message

    def _length(self) -> int:
        magic, length = HEADER.unpack_from(self._heard)
        if magic != MAGIC:
            raise ValueError("no message")
        return int(length)

    def _complete(self) -> bool:
        return len(self._heard) >= HEADER.size and len(self._heard) >= HEADER.size + self._length()

    def close(self) -> None:
        """Close our end."""
        self.socket.close()
