"""From a tool's answers to results: a design that the tool broke on has failed, not been refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cosearch_plugins.external.tool_process import ToolError
from cosearch_simulators.accelerator.system.designs import ArrayDesigns, in_groups
from cosearch_simulators.core.result import FAILED, Result


def reasons_of(answers: Sequence[Any], layers: int) -> list[str]:
    """For each design, with so many answers, the first one's reason that is none."""
    return [
        next((str(one) for one in answers[start : start + layers] if isinstance(one, ToolError)), "")
        for start in range(0, len(answers), layers)
    ]


def judged(
    designs: ArrayDesigns,
    known: Sequence[str],
    keys: Any,
    run: Callable[[Any, ArrayDesigns, set[str]], Result],
) -> Result:
    """As `in_groups`; `run` also takes a set to which it adds the reasons that are a tool's failures."""
    failures: set[str] = set()
    found = in_groups(designs, known, keys, lambda key, mine: run(key, mine, failures))
    broken = np.array([reason in failures for reason in found.reason], bool)
    return replace(found, codes=np.where(broken, FAILED, found.codes).astype(np.int8))
