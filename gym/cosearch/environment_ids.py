"""How the Gymnasium ids of a problem are spelt."""

from __future__ import annotations


def env_id(name: str, version: int, *, multi_objective: bool = False) -> str:
    """The Gymnasium id, e.g. `cosearch/DramController-v1` for version 1 of the problem `dram-controller`."""
    camel = "".join(word[:1].upper() + word[1:] for word in name.split("-"))
    return f"cosearch/{'mo-' if multi_objective else ''}{camel}-v{version}"
