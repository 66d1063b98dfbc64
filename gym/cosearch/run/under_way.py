"""What is under way, as JSON values in a study's state: so a resumed study can run it again."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from cosearch.errors import CosearchError
from cosearch.run.trial import Proposals
from cosearch.space import DesignSpace


def as_state(proposals: Proposals) -> dict[str, Any]:
    """Proposals as JSON values."""
    fidelity, seed = proposals.fidelities(""), proposals.seeds(0)
    return {
        "designs": base64.b64encode(np.ascontiguousarray(proposals.designs.packed()).tobytes()).decode(),
        "fidelity": fidelity.tolist(),
        "seed": seed.tolist(),
    }


def from_state(space: DesignSpace, state: Any) -> Proposals:
    """The inverse of `as_state`; nothing where the state says nothing, or nothing that can be read."""
    nothing = Proposals(space.designs([]))
    if not isinstance(state, dict):
        return nothing
    try:
        raw = np.frombuffer(base64.b64decode(state["designs"]), dtype=space.key_dtype)
        designs = space.designs_from_packed(raw.reshape(-1, len(space)))
        return Proposals(designs, np.array(state["fidelity"]), state["seed"]) if len(designs) else nothing
    except (KeyError, TypeError, ValueError, CosearchError):
        return nothing
