"""What a store holds of a study, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.space import Designs, DesignSpace


@dataclass(frozen=True)
class StudyRecord:
    """A study as the store describes it: everything that is needed to repeat it, and how far it is."""

    id: int
    name: str
    problem: str
    problem_version: int
    problem_arguments: dict[str, Any]
    workload_digest: str
    fidelity: str
    objectives: list[str]
    constraints: list[str]
    metrics: list[dict[str, str]]
    space: dict[str, Any]
    space_hash: str
    agent: str
    agent_settings: dict[str, Any]
    seed: int
    budget: int
    agent_budget: int  # the first budget: an agent may plan by it, so a later extension does not change it
    batch_size: int
    workers: int
    timeout_s: float | None
    memory_mb: int | None
    created_at: str
    versions: dict[str, str]
    host: dict[str, Any]
    command: str
    status: str = "running"
    stopped_because: str = ""
    evaluations: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class StudyData:
    """What a study found.

    Attributes:
        record: the study.
        space: its design space.
        designs: the n distinct designs that were evaluated: those that were told, in the order in which they
            first were, then those that a kill or a full disk kept from being told.
        outcomes: theirs.
        seconds: when each was evaluated, from the study's beginning, shape (n,).
        told: every tell in order, repeats included, as row numbers of `designs`.
        objectives: what was searched for.
        constraints: what had to be met.
    """

    record: StudyRecord
    space: DesignSpace
    designs: Designs
    outcomes: Outcomes
    seconds: NDArray[np.float64]
    told: NDArray[np.int64]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class StoredEvaluations:
    """Every evaluation of a study, told or not, in the order in which it was stored."""

    ids: NDArray[np.int64]
    keys: list[bytes]
    designs: Designs
    outcomes: Outcomes
    charged: NDArray[np.bool_]
    seconds: NDArray[np.float64]
