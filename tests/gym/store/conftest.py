"""Where a store may be: in a file, or on a PostgreSQL server that is the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql_server import PrivateServer, why_not


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PrivateServer]:
    """A server in a temporary folder."""
    if reason := why_not():
        pytest.skip(reason)
    server = PrivateServer()
    yield server
    server.remove()


@pytest.fixture(params=["file", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """The path or URL of a store that is not there yet."""
    if request.param == "file":
        return tmp_path / "study.db"
    return request.getfixturevalue("postgresql").new_database()
