"""What a store holds of a study, as plain records."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import StoreError
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.space import Designs, DesignSpace
from cosearch.store.rescores import Rescore

# What changes while a study runs, and so has a column of its own.
CHANGING = ("id", "name", "status", "stopped_because", "evaluations", "seconds")


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A study as the store describes it: everything that is needed to repeat it, and how far it is.

    Attributes:
        fidelities: the problem's, in order: name, cost and description of each.
        fidelity: the study's own.
        agent_budget: the first budget: an agent may plan by it, so a later extension does not change it.
        options: how the study runs, as JSON.
        evaluations: how many cost budget.
        agent_seconds: processor time that the agent took to ask and to be told.
        agent_proposals: how many proposals it made in that time.
        reused: evaluations that were taken from other studies of the store, at no cost.
    """

    id: int
    name: str
    problem: str
    problem_version: int
    problem_arguments: dict[str, Any]
    workload_digest: str = ""
    fidelities: list[dict[str, Any]] = field(default_factory=list)
    fidelity: str
    objectives: list[str]
    constraints: list[str] = field(default_factory=list)
    metrics: list[dict[str, Any]]
    space: dict[str, Any]
    space_hash: str
    agent: str
    agent_settings: dict[str, Any] = field(default_factory=dict)
    seed: int
    budget: int
    agent_budget: int
    batch_size: int = 1
    workers: int = 1
    timeout_s: float | None = None
    memory_mb: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    created_at: str
    versions: dict[str, str] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    agent_seconds: float = 0.0
    agent_proposals: int = 0
    reused: int = 0
    status: str = "running"
    stopped_because: str = ""
    evaluations: int = 0
    seconds: float = 0.0

    def description(self) -> str:
        """What never changes, as JSON."""
        return json.dumps({k: v for k, v in asdict(self).items() if k not in CHANGING})

    @classmethod
    def of(cls, description: object, **changing: Any) -> StudyRecord:
        """A record from its description as JSON and what changes; unknown fields are ignored.

        Raises:
            StoreError: if the description is no JSON, or lacks a field, or a field has a wrong type.
        """
        values = {**json_object(description, "its description"), **changing}
        for each in fields(cls):
            if each.name not in values:
                if each.default is MISSING and each.default_factory is MISSING:
                    raise StoreError(f"its description lacks {each.name!r}")
                continue
            kind = str(each.type)
            if not _IS[kind](values[each.name]):
                raise StoreError(f"its {each.name} is no {kind}")
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})


@dataclass(frozen=True)
class DamagedStudy:
    """A study that cannot be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class StudyData:
    """What a study found.

    Attributes:
        record: the study.
        space: its design space.
        designs: the n evaluations' designs: those that were told, in the order in which they first were, then
            those that a kill or a full disk kept from being told. A design is there once for each fidelity
            and seed at which it was evaluated.
        outcomes: theirs.
        fidelity: at which each was evaluated, shape (n,).
        seed: of each evaluation, shape (n,).
        seconds: when each was evaluated, from the study's beginning, shape (n,).
        told: every tell in order, repeats included, as row numbers of `designs`.
        objectives: what was searched for.
        constraints: what had to be met.
        rescores: what second judges said of its front.
        account: what the agent says that it did and why, a line each.
    """

    record: StudyRecord
    space: DesignSpace
    designs: Designs
    outcomes: Outcomes
    fidelity: NDArray[np.str_]
    seed: NDArray[np.int64]
    seconds: NDArray[np.float64]
    told: NDArray[np.int64]
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    rescores: tuple[Rescore, ...] = ()
    account: tuple[str, ...] = ()

    @property
    def at_study_fidelity(self) -> NDArray[np.bool_]:
        """Which evaluations are at the study's own fidelity, shape (n,): those can be compared."""
        return np.asarray(self.fidelity == self.record.fidelity, dtype=bool)

    def own(self) -> StudyData:
        """The study without its evaluations at other fidelities, which cannot be compared with its own."""
        kept = self.at_study_fidelity
        if kept.all():
            return self
        rows = np.flatnonzero(kept)
        told = self.told[kept[self.told]]
        return replace(
            self,
            designs=self.designs[rows],
            outcomes=self.outcomes.take(rows),
            fidelity=self.fidelity[rows],
            seed=self.seed[rows],
            seconds=self.seconds[rows],
            told=np.searchsorted(rows, told),
        )

    @property
    def elsewhere(self) -> dict[str, int]:
        """How many evaluations there are at each fidelity other than the study's own."""
        names, counts = np.unique(self.fidelity[~self.at_study_fidelity], return_counts=True)
        return dict(zip(names.tolist(), counts.tolist(), strict=True))


@dataclass(frozen=True)
class StoredEvaluations:
    """Every evaluation of a study, told or not, in the order in which it was stored.

    Attributes:
        row: by which tells name it, int64, shape (n,); they count up from 0.
        designs: the designs.
        outcomes: theirs.
        charged: whether each cost budget.
        fidelity: at which it was evaluated, shape (n,).
        seed: of the evaluation.
        number: of the trial, in the order of asking.
        seconds: since the study began, pauses left out.
    """

    row: NDArray[np.int64]
    designs: Designs
    outcomes: Outcomes
    charged: NDArray[np.bool_]
    fidelity: NDArray[np.str_]
    seed: NDArray[np.int64]
    number: NDArray[np.int64]
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)


def json_object(text: object, what: str) -> dict[str, Any]:
    """A JSON object from its text, or as a driver has read it already.

    Raises:
        StoreError: if it is none.
    """
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else text
    except (ValueError, RecursionError):
        raise StoreError(f"{what} is no JSON") from None
    if not isinstance(found, dict):
        raise StoreError(f"{what} is no JSON object")
    return found


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return _whole(value) or isinstance(value, float)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in value
    )


_IS: dict[str, Callable[[object], bool]] = {
    "int": _whole,
    "str": lambda value: isinstance(value, str),
    "float": _number,
    "float | None": lambda value: value is None or _number(value),
    "int | None": lambda value: value is None or _whole(value),
    "list[str]": _texts,
    "list[dict[str, Any]]": _objects,
    "dict[str, Any]": lambda value: isinstance(value, dict),
    "dict[str, str]": lambda value: isinstance(value, dict),
}
