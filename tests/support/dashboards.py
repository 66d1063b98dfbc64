"""A dashboard as a user starts it, and questions to it as a browser asks them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.outcomes import Outcomes
from cosearch.store import Store
from stored_studies import SPACE, record


class Served:
    """A running `cosearch dashboard`."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process, self.url = process, url

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status and the answer, JSON read, to GET, or to POST where there is a body."""
        request = urllib.request.Request(urllib.parse.urljoin(self.url, path))
        if body is not None:
            request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, kind, text = answer.status, answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            status, kind, text = error.code, error.headers.get_content_type(), error.read()
        return status, json.loads(text) if kind == "application/json" else text.decode()

    @property
    def origin(self) -> str:
        """What the page's own requests say they come from."""
        parts = urllib.parse.urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@contextlib.contextmanager
def served(store: Path | str, *options: object, env: dict[str, str] | None = None) -> Iterator[Served]:
    """Serve a store at any free port until the block ends."""
    words = ["dashboard", str(store), "--port", "0", "--json", *map(str, options)]
    process = subprocess.Popen(
        [sys.executable, "-m", "cosearch.cli", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | (env or {}),
    )
    assert process.stdout is not None
    text = ""
    while not text.endswith("}\n"):
        line = process.stdout.readline()
        assert line, "the dashboard has ended"
        text += line
    try:
        yield Served(process, json.loads(text)["url"])
    finally:
        process.terminate()
        process.wait(20)


def many(path: Path, n: int) -> None:
    """A store of one study with n evaluations that have a front."""
    rng = np.random.default_rng(0)
    with (
        Store.open(path, create=True) as store,
        store.writer(store.create_study(record("million", budget=n, constraints=[]))) as writer,
    ):
        for begin in range(0, n, 50_000):
            size = min(50_000, n - begin)
            at = np.arange(begin, begin + size) * 19 % 20_000_000
            designs = SPACE.from_index(np.stack([at % 1000, at // 1000 % 10000, at // 10_000_000], axis=1))
            x, y = at % 1000 / 1000, at // 1000 % 10000 / 10000
            metrics = {"latency_ns": x + 0.2 * rng.random(size), "energy_pj": (1 - x) ** 2 + y + 0.1}
            outcomes = Outcomes(metrics, np.zeros(size, dtype=np.int8))
            seconds = np.linspace(begin, begin + size, size) / 10_000
            rows = writer.append(np.arange(begin, begin + size), designs, outcomes, seconds=seconds)
            writer.tell(rows, {})
        writer.set_status("finished", "the budget is spent")
