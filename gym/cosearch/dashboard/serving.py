"""Binding an address and serving the page there until Ctrl-C."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from collections.abc import Callable
from urllib.parse import urlencode

from cosearch.errors import ArgumentError
from cosearch.store import Store

MISSING = "the dashboard needs starlette and uvicorn: pip install 'cosearch[dashboard]'"
LEAST_TOKEN = 8  # characters


def serve(
    location: str, host: str, port: int, token: str | None, *, read_only: bool, ready: Callable[[str], None]
) -> None:
    """Serve a store until Ctrl-C.

    Args:
        location: of the store.
        host: to bind; anything but a loopback address needs a token.
        port: to bind; 0 for any that is free.
        token: that requests need; None for one that is made up where one is needed.
        read_only: whether nothing can be enqueued.
        ready: called with the address to open, once somebody answers there.

    Raises:
        ArgumentError: if the port is in use, the host is none of this machine, or the extra is not installed.
        StoreError: if there is no store that can be read.
    """
    try:
        import uvicorn

        from cosearch.dashboard.app import Dashboard
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "starlette", "anyio"):
            raise
        raise ArgumentError(MISSING) from None
    with Store.open(location) as store:
        shown, path = store.location, store.path
        store.studies()
    writable = not read_only and (path is None or os.access(path, os.W_OK))
    if token is not None and len(token) < LEAST_TOKEN:
        raise ArgumentError(f"a token must have at least {LEAST_TOKEN} characters")
    listening = _bound(host, port)
    try:
        address = listening.getsockname()
        if token is None and not _is_loopback(address[0]):
            token = secrets.token_urlsafe(24)
        dashboard = Dashboard(location, shown, token or "", writable=writable)
        name = _name(host, address[0])
        url = f"http://{name}:{address[1]}/" + (f"?{urlencode({'token': token})}" if token else "")
        config = uvicorn.Config(
            dashboard.app(),
            log_level="error",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
        )

        class Server(uvicorn.Server):
            """One that says when it answers."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(url)

        Server(config).run(sockets=[listening])
    finally:
        listening.close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError, OverflowError):
        raise ArgumentError(
            f"{host!r} is no address of this machine; expected 127.0.0.1 or 0.0.0.0"
        ) from None
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(64)
    except OSError as error:
        made.close()
        if error.errno == 98 or "in use" in str(error):
            raise ArgumentError(
                f"port {port} is in use (another dashboard?); choose one with --port, or --port 0 for any"
            ) from None
        raise ArgumentError(f"cannot serve at {host}:{port}: {error.strerror or error}") from None
    return made


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _name(host: str, address: str) -> str:
    """What to open in a browser for an address that was bound."""
    bound = ipaddress.ip_address(address.partition("%")[0])
    if bound.is_unspecified:
        return socket.gethostname()
    name = host if not bound.is_loopback or host == "localhost" else address
    return f"[{name}]" if ":" in name else name
