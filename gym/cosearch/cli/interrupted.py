"""A word about studies whose process ended without one: killed, or by a simulator's `os._exit`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cosearch.terminal import print_line

if TYPE_CHECKING:
    from cosearch.store import Store

MOST_LINES = 3


def resume_command(store: str, study: str) -> str:
    """How to go on with a study."""
    return shlex.join(["cosearch", "resume", store, study])


def warn_of_interrupted(store: Store, location: str, *, resumed: str | None = None) -> None:
    """Print a line on stderr for each study that ended without a word, or for the resumed one."""
    from cosearch.store.store import WITHOUT_A_WORD

    found = [s for s in store.studies() if (s.status, s.stopped_because) == ("interrupted", WITHOUT_A_WORD)]
    if resumed is not None:
        found = [study for study in found if study.name == resumed]
    for study in found[:MOST_LINES]:
        on = f"go on with: {resume_command(location, study.name)}" if resumed is None else "it goes on now"
        _warn(f"study {study.name} was interrupted ({WITHOUT_A_WORD}); {on}")
    if len(found) > MOST_LINES:
        _warn(
            f"and {len(found) - MOST_LINES} more studies were interrupted so (`cosearch studies` lists them)"
        )


def _warn(text: str) -> None:
    print_line(text, style="yellow", stderr=True)
