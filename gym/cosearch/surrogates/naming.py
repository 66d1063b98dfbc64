"""How a problem's surrogate is called in arguments, fidelities and digests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SURROGATE = "surrogate"
"""The argument of a problem, and the fidelity that it adds."""
DIGEST_MARK = "+surrogate:"


def as_measured(arguments: Mapping[str, Any], digest: str, fidelity: str = "") -> tuple[dict[str, Any], str]:
    """Arguments and digest of a study less its surrogate, which changes no number of the other fidelities.

    Args:
        arguments: the problem's.
        digest: the workload's.
        fidelity: at the surrogate's own, arguments and digest stay as they are.
    """
    if fidelity == SURROGATE:
        return dict(arguments), digest
    kept = {name: value for name, value in arguments.items() if name != SURROGATE}
    return kept, digest.partition(DIGEST_MARK)[0]
