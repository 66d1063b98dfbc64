"""The Ray cluster of a study: one that answers at an address, or one of its own on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cosearch.errors import ArgumentError, ProblemError
from cosearch.outcomes import bounded
from cosearch.resources import Resources
from cosearch.run import keeper

# How long a machine may take to answer, and Ray itself, which needs a moment to be loaded.
CONNECT_S = 5.0
ANSWER_S = 25.0
JOIN = "import sys, ray; ray.init(sys.argv[1], log_to_driver=False, logging_level='ERROR'); ray.shutdown()"
# How long a cluster of one's own may take to start. Ray waits for it in C++, where neither a signal nor a
# thread of this process can interrupt it, so another process watches.
START_S = 180.0
WATCH = """
import os, select, signal, sys
if not select.select([sys.stdin], [], [], float(sys.argv[1]))[0]:
    print(sys.argv[3], file=sys.stderr, flush=True)
    os.kill(int(sys.argv[2]), signal.SIGKILL)
"""
# Room in shared memory for the problem and results, beside the problem's own size.
STORE_BYTES = 200 * 2**20
# A socket's path has room for about a hundred characters, and Ray's own part of it takes 66.
LONGEST_FOLDER = 36
MEBIBYTE = 1 << 20

_answered: set[str] = set()


def check_ray(address: str | None) -> None:
    """Say early what would keep a study from its cluster, within half a minute.

    Args:
        address: `auto`, HOST:PORT, or None for a cluster of the study's own.

    Raises:
        ArgumentError: if Ray is not installed, or no cluster answers there.
    """
    spec = importlib.util.find_spec("ray")
    if spec is None or spec.origin is None:
        raise ArgumentError("backend ray needs Ray: pip install 'cosearch[ray]'")
    if address is None or address in _answered:
        return
    if _is_connected():
        _check_same(address)
        return
    if address == "auto":
        named = os.environ.get("RAY_ADDRESS", "auto")
        if named != "auto":
            check_ray(named)
            return
    else:
        _connect(address)
    _try_to_join(address)
    _answered.add(address)


def _is_connected() -> bool:
    """Whether this process belongs to a cluster already."""
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


def _check_same(address: str) -> None:
    """Raise where this process belongs to another cluster; hosts have many names: ports tell them apart."""
    import ray

    joined = ray.get_runtime_context().gcs_address
    if address != "auto" and address.rpartition(":")[2] != joined.rpartition(":")[2]:
        raise ArgumentError(
            f"this process belongs to the Ray cluster at {joined} already: leave the address {address} out, "
            "or call ray.shutdown() first"
        )


def _connect(address: str) -> None:
    if "://" in address:
        raise ArgumentError(
            f"ray address {address!r}: a study joins its cluster, so run it on one of the cluster's machines "
            "(`ray start --address=HOST:6379` makes this one of them) with --ray-address auto"
        )
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})", address)
    if found is None or not 0 < int(found[3]) < 65536:
        raise ArgumentError(f"ray address {address!r}: expected auto, or HOST:PORT such as 10.0.0.1:6379")
    try:
        socket.create_connection((found[1] or found[2], int(found[3])), timeout=CONNECT_S).close()
    except (OSError, UnicodeError) as error:
        why = f"no answer within {CONNECT_S:g} s" if isinstance(error, TimeoutError) else _text(error)
        raise _no_cluster(address, why) from None


def _try_to_join(address: str) -> None:
    """Join in a process that can be ended: here a silent address takes two minutes, and ends this one."""
    command = [sys.executable, "-c", JOIN, address]
    try:
        done = subprocess.run(
            command, timeout=ANSWER_S, capture_output=True, text=True, errors="replace", env=_with_token()
        )
    except subprocess.TimeoutExpired:
        raise _no_cluster(address, f"what is there did not answer Ray within {ANSWER_S:g} s") from None
    if done.returncode:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "it gave up")
        none = address == "auto" and "Could not find any running Ray" in done.stderr
        raise _no_cluster(address, "none runs on this machine" if none else message_of(last)[:300])


def _no_cluster(address: str, why: str) -> ArgumentError:
    start = "--head" if address == "auto" else f"--head --port={address.rpartition(':')[2]}"
    return ArgumentError(
        f"no Ray cluster answers at {address} ({why}); start one there with `ray start {start}`, "
        "or leave --ray-address out for one of the study's own on this machine"
    )


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """End this process, with a line, where Ray does not start in time; what was told is in the store."""
    line = (
        f"cosearch: Ray did not start within {START_S:g} s and cannot be interrupted, so this process was "
        "ended; start the command again, or resume the study if it had begun"
    )
    command = [sys.executable, "-I", "-S", "-c", WATCH, str(START_S), str(os.getpid()), line]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield  # leaving closes the pipe, which ends the watch


class Cluster:
    """A cluster that this process has joined, or started.

    Args:
        address: as `check_ray` takes it.
        workers: trials that run at once.
        resources: of each.
        content_bytes: how large the problem is.
        variables: of the environment of one's own workers.

    Raises:
        ProblemError: if Ray does not start.

    Attributes:
        own: whether it was started here, and ends with the last study of this process that uses it.
        variables: of the environment that all its workers have.
    """

    _users = 0
    _joined = False
    _folder: Path | None = None
    _keeper: subprocess.Popen[bytes] | None = None
    variables: Mapping[str, str] = {}

    def __init__(
        self,
        address: str | None,
        workers: int,
        resources: Resources,
        content_bytes: int,
        variables: Mapping[str, str],
    ) -> None:
        self.address = address
        self._left = False
        if not _is_connected():
            try:
                with _signals_kept():
                    if address is None:
                        Cluster.variables = dict(variables)
                        with _environment(variables):
                            self._start(workers, resources, content_bytes)
                    else:
                        self._join(address)
            except (Exception, SystemExit) as error:  # Ray gives up by leaving
                self._remove_folder()
                raise ProblemError(f"Ray could not be started: {message_of(error)}") from None
            Cluster._joined = True
        Cluster._users += 1
        self.own = Cluster._folder is not None

    def _start(self, workers: int, resources: Resources, content_bytes: int) -> None:
        base = tempfile.gettempdir()
        base = base if len(base) <= LONGEST_FOLDER - len("/cosearch-12345678") else "/tmp"
        Cluster._folder = folder = Path(tempfile.mkdtemp(prefix="cosearch-", dir=base))
        Cluster._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(folder), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        with _watched():
            _quiet().init(
                address="local",  # whatever RAY_ADDRESS says
                num_cpus=max(1, math.ceil(workers * resources.cpus)),
                object_store_memory=STORE_BYTES + 2 * content_bytes,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                _temp_dir=str(folder),
            )

    def _join(self, address: str) -> None:
        ray = _quiet()
        _show_token()
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")

    def lacks(self, resources: Resources) -> str:
        """What no machine of the cluster has enough of for one evaluation, or nothing."""
        import ray

        wanted = {
            "CPU": resources.cpus,
            "GPU": resources.gpus,
            "memory": float(resources.memory_mb * MEBIBYTE),
            **resources.custom,
        }
        wanted = {name: amount for name, amount in wanted.items() if amount}
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(has.get(name, 0) >= amount for name, amount in wanted.items()) for has in machines):
            return ""
        most = {name: max((has.get(name, 0.0) for has in machines), default=0.0) for name in wanted}
        return ", ".join(
            f"{amount / MEBIBYTE:.0f} MB of memory" if name == "memory" else f"{amount:g} {name}"
            for name, amount in most.items()
        )

    def leave(self) -> None:
        """Leave the cluster; one of our own ends. A second time does nothing."""
        if self._left:
            return
        self._left = True
        Cluster._users -= 1
        if Cluster._users or not Cluster._joined:
            return
        Cluster._joined = False
        with contextlib.suppress(Exception), _signals_kept():
            import ray

            ray.shutdown()
        self._remove_folder()

    @staticmethod
    def _remove_folder() -> None:
        if Cluster._keeper is not None and Cluster._keeper.stdin is not None:
            with contextlib.suppress(OSError):
                Cluster._keeper.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                Cluster._keeper.wait(keeper.GRACE_S + keeper.PATIENCE_S)
        if Cluster._folder is not None:
            shutil.rmtree(Cluster._folder, ignore_errors=True)
        Cluster._folder = Cluster._keeper = None
        Cluster.variables = {}


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables for what is started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray answers SIGTERM itself once it is started; here the study does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_token() -> dict[str, str]:
    """The environment, in which Ray shows the token that machines share; for `auto` it does anyway."""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    with contextlib.suppress(OSError):
        if os.environ.get("RAY_AUTH_TOKEN") or Path(path).is_file():
            return {"RAY_AUTH_MODE": "token", **os.environ}
    return dict(os.environ)


def _show_token() -> None:
    """The same for this process, which may have imported Ray already."""
    with contextlib.suppress(ImportError, AttributeError):  # an older Ray has no tokens
        from ray._private.authentication import authentication_token_setup as tokens

        tokens.logger.setLevel("ERROR")
        tokens.maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def _quiet() -> Any:
    """Ray, which reports to nobody, and prints nothing between the study's own words."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray._private import worker

    worker._worker_logs_enabled = False
    return ray


def message_of(error: object) -> str:
    """The line of one of Ray's messages that says most, without its colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return bounded(plain.splitlines()[0] if plain else type(error).__name__)


def _text(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
