"""What every command of `cosearch` has: stdout is its own, whatever plugins print meanwhile."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from cosearch.run.printing import PrintsToStderr
from cosearch.terminal import answers_apart


class Command(TyperCommand):
    """A command whose answer alone goes to stdout; of what plugins print, stderr gets a megabyte."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run it."""
        with answers_apart(PrintsToStderr("a plugin")):
            return super().invoke(ctx)
