"""A PostgreSQL server of the tests' own, in a temporary folder, that can be stopped and started."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

# It has no port: clients come by a socket in its folder, which only this machine sees.
OPTIONS = "-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
USERS = ("postgres", "nobody")  # it refuses to be root


def binaries() -> Path | None:
    """Where `initdb` and `pg_ctl` are: on the path, or where Debian has them."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return debian[-1].parent if debian else None


def why_not() -> str:
    """Why there can be no server here, or nothing."""
    if binaries() is None:
        return "PostgreSQL's server is not installed (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _user() is None:
        return f"PostgreSQL refuses to run as root, and there is no user {' or '.join(USERS)}"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "PostgreSQL's driver is not installed: pip install 'cosearch[postgresql]'"
    return ""


def _user() -> pwd.struct_passwd | None:
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class PrivateServer:
    """A server that is made and started, until `remove`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="cosearch-pg-", dir="/tmp"))
        self._names = itertools.count(1)
        user = _user() if os.geteuid() == 0 else None
        self._as = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        if user is not None:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._call(
            "initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"
        )
        self.start()

    def _call(self, program: str, *arguments: str) -> None:
        where = binaries()
        assert where is not None
        done = subprocess.run(
            [str(where / program), "-D", str(self.folder / "data"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **self._as,  # type: ignore[call-overload]
        )
        assert done.returncode == 0, done.stdout

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = OPTIONS.format(folder=self.folder)
        arguments = ("-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")
        for _ in range(50):
            with contextlib.suppress(AssertionError):  # after a kill its children end a moment later
                self._call("pg_ctl", *arguments)
                return
            time.sleep(0.2)
        self._call("pg_ctl", *arguments)

    def stop(self) -> None:
        """Shut it down: connections are closed at once."""
        self._call("pg_ctl", "-w", "-t", "60", "-m", "fast", "stop")

    def kill(self) -> None:
        """End it as a crash would; it recovers when it is started again."""
        os.kill(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def new_database(self) -> str:
        """The URL of an empty database."""
        import psycopg

        name = f"base_{os.getpid()}_{next(self._names)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def _dsn(self, base: str) -> str:
        return f"host={self.folder} user=postgres dbname={base}"

    def remove(self) -> None:
        """End it and remove its folder."""
        with contextlib.suppress(OSError):
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        time.sleep(0.3)  # its children end when they see that it is gone, and one may write a last word
        shutil.rmtree(self.folder, ignore_errors=True)
