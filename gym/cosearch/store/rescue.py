"""Keeps evaluations that the store could not take (a full disk), so that a resumed study finds them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.outcomes import Outcomes
from cosearch.space import Designs, DesignSpace
from cosearch.store.records import StudyRecord
from cosearch.store.store import Store


def rescue_path(store: Store, study: StudyRecord) -> Path:
    """Where evaluations of this study are kept while its store cannot take them."""
    identity = f"{Path(store.location).resolve()}\n{study.name}\n{study.created_at}"
    return (
        Path(tempfile.gettempdir())
        / f"cosearch-rescue-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.jsonl"
    )


def save(
    path: Path,
    keys: list[bytes],
    designs: Designs,
    outcomes: Outcomes,
    charged: NDArray[np.bool_],
    seconds: float,
) -> bool:
    """Append evaluations to the file at `path`; whether that worked."""
    lines = [
        json.dumps(
            {
                "key": key.hex(),
                "design": design,
                "metrics": outcomes.row(i),
                "status": str(outcomes.status[i]),
                "reason": str(outcomes.reason[i]),
                "charged": bool(charged[i]),
                "seconds": seconds,
            }
        )
        for i, (key, design) in enumerate(zip(keys, designs, strict=True))
    ]
    with contextlib.suppress(OSError):
        with path.open("a") as file:
            file.write(
                "".join("\n" + line for line in lines) + "\n"
            )  # an earlier line may have been cut short
            file.flush()
            os.fsync(file.fileno())
        return True
    return False


def restore(path: Path, store: Store, study: StudyRecord, stored_keys: set[bytes]) -> int:
    """Move what the file holds into the store and remove the file; how many evaluations that were."""
    if not path.exists():
        return 0
    rows: list[dict[str, Any]] = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):  # a line that was cut short
            row = json.loads(line)
            if bytes.fromhex(row["key"]) not in stored_keys:
                rows.append(row)
    if rows:
        space = DesignSpace.from_dict(study.space, drop_functions=True)
        reason = np.empty(len(rows), dtype=object)
        reason[:] = [row["reason"] for row in rows]
        names = [metric["name"] for metric in study.metrics]
        store.add_evaluations(
            study,
            [bytes.fromhex(row["key"]) for row in rows],
            space.designs([row["design"] for row in rows]),
            Outcomes(
                {name: np.array([row["metrics"][name] for row in rows]) for name in names},
                np.array([row["status"] for row in rows], dtype="<U10"),
                reason,
            ),
            np.array([row["charged"] for row in rows]),
            rows[-1]["seconds"],
        )
    path.unlink()
    return len(rows)
