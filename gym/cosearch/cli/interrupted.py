"""A word about studies that are damaged, or whose process ended without one: killed, or by `os._exit`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from cosearch.terminal import print_line

if TYPE_CHECKING:
    from cosearch.store import Store

MOST_LINES = 3
ISOLATE = "a simulator that ends its process costs one design only with --isolated"


def resume_command(store: str, study: str) -> str:
    """How to go on with a study."""
    return shlex.join(["cosearch", "resume", store, study])


def warn_of_interrupted(store: Store, location: str, *, but: str = "", only: str = "") -> None:
    """Print a line on stderr for each study that ended without a word.

    Args:
        store: the store.
        location: of the store, as the user named it.
        but: a study that has just been made.
        only: the one that is being resumed.
    """
    from cosearch.run.recorded import IMPORTED
    from cosearch.store.store import REFUSED, WITHOUT_A_WORD

    imports = {s.name for s in store.studies() if s.agent == IMPORTED}
    reasons = {
        s.name: s.stopped_because
        for s in store.studies()
        if s.status == "interrupted" and s.stopped_because in (REFUSED, WITHOUT_A_WORD)
    }
    found = [name for name in reasons if name == only or (not only and name != but)]
    for name in found[:MOST_LINES]:
        on = "it goes on now" if only else f"go on with: {resume_command(location, name)}"
        if name in imports:
            on = "run `cosearch import` again to complete it"
        _warn(f"study {name} was interrupted ({reasons[name]}); {on}")
    if any(reasons[name] == WITHOUT_A_WORD for name in found):
        _warn(ISOLATE)
    if len(found) > MOST_LINES:
        _warn(
            f"and {len(found) - MOST_LINES} more studies were interrupted so (`cosearch studies` lists them)"
        )


def warn_of_damaged(store: Store, location: str) -> None:
    """Print a line on stderr for each study of which not even the description can be read."""
    for study in store.damaged:
        _warn(f"study {study.name!r} in {location} is damaged and left out: {study.reason}")


def _warn(text: str) -> None:
    print_line(text, style="yellow", stderr=True)
