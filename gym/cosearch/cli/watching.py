"""`dashboard`: the live page of a store."""

from __future__ import annotations

from typing import Annotated

import typer

from cosearch.cli import options
from cosearch.cli.output import print_json, print_line
from cosearch.terminal import stdout


def dashboard(
    store: options.StorePath,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to serve; other than this machine needs the token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8484,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            envvar="COSEARCH_DASHBOARD_TOKEN",
            help="What a browser must know; made up where one is needed.",
            show_default=False,
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Take no designs from the page.")] = False,
    json: options.Json = False,
) -> None:
    """Serve a page that follows the studies of a store while they run; Ctrl-C ends it."""
    from cosearch.dashboard.serving import serve

    def ready(url: str) -> None:
        if json:
            print_json({"url": url, "store": store})
        else:
            print_line(f"{store} is shown at {url} (Ctrl-C ends it)")
        stdout().flush()  # whoever reads it waits for it

    try:
        serve(store, host, port, token, read_only=read_only, ready=ready)
    except KeyboardInterrupt:  # the usual end
        return
