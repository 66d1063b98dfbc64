"""Designs that somebody at the page wants evaluated: checked, and put where the study finds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cosearch.errors import ArgumentError, hint
from cosearch.store import Store, StudyData, live
from cosearch.store.reading import space_of

MOST_WAITING = 1000


def enqueue(
    location: str, study: str, design: dict[str, Any], fidelity: str, read: Callable[[str], StudyData]
) -> str:
    """Ask a study for a design; what becomes of it, in a line.

    Args:
        location: of the store.
        study: its name.
        design: {parameter: value}; values of parameters that it makes inactive are ignored.
        fidelity: empty for the study's own.
        read: gives what the study has found by now.

    Raises:
        CosearchError: if it is no design of the study's space, there is no such study, or the store cannot be
            written.
    """
    with Store.open(location) as store:
        record = store.study(study)
        space = space_of(record)
        designs = space.designs([_active(space, design)])
        if not space.allowed(designs)[0]:
            raise ArgumentError(f"the space forbids this design: {space.forbidden_reason(designs)[0]}")
        names = [one["name"] for one in record.fidelities] or [record.fidelity]
        if fidelity and fidelity not in names:
            raise ArgumentError(f"there is no fidelity {fidelity!r}{hint(fidelity, names)}")
        if len(live.asked(store, record)) >= MOST_WAITING:
            raise ArgumentError(f"study {study!r} was asked for {MOST_WAITING} designs already")
        data = read(study)
        known = (data.designs.index == designs.index[0]).all(axis=1)
        known &= data.fidelity == (fidelity or record.fidelity)
        if known.any():
            return f"known already: evaluation {int(np.argmax(known)) + 1} of the study"
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in designs[0].items()}
        number = live.enqueue(store, record, plain, "" if fidelity == record.fidelity else fidelity)
    if record.status == "running":
        return f"wish {number}: evaluated as soon as a worker is free, within the budget"
    more = "" if record.evaluations < record.budget else " --budget N, since its budget is spent"
    return f"wish {number}: evaluated when the study goes on (cosearch resume{more})"


def _active(space: Any, design: dict[str, Any]) -> dict[str, Any]:
    """The design without the parameters that it makes inactive, which a form has too."""
    unknown = next((name for name in design if name not in space), None)
    if unknown is not None:
        raise ArgumentError(f"the study has no parameter {unknown!r}{hint(unknown, space.names)}")
    columns = {
        name: [tuple(value) if isinstance(value, list) else value]
        for name, value in {**{p.name: p.default for p in space}, **design}.items()
    }
    found: dict[str, Any] = dict(space.designs(columns)[0])
    return found
