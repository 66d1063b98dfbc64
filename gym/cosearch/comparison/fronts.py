"""Known fronts: what a hypervolume is a share of, and within which bounds, whatever the studies found.

A plugin keeps them in a folder `known_fronts` beside its modules, one file for each problem; an entry of it
is for one choice of arguments, objectives and constraints. `finding.py` makes them.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.objectives import Constraint, Objective
from cosearch.pareto import hypervolume, hypervolume_curve
from cosearch.problem import Problem
from cosearch.registry import registry
from cosearch.settings import unusual
from cosearch.surrogates.naming import as_measured

if TYPE_CHECKING:
    from cosearch.store import StudyRecord

FOLDER = "known_fronts"

Key = dict[str, Any]


@dataclass(frozen=True)
class KnownFront:
    """The best that is known of a problem.

    Attributes:
        ideal: the best value of each objective, minimised, shape (m,).
        reference: the worst that counts, minimised, shape (m,).
        volume: of the front, as a share of the box between the two.
        exact: whether every allowed design was evaluated, so that nothing is better.
        obtained: how it was found, in words.
    """

    ideal: NDArray[np.float64]
    reference: NDArray[np.float64]
    volume: float
    exact: bool
    obtained: str

    def share(self, minimised: NDArray[np.float64]) -> float:
        """The normalised hypervolume of n points, shape (n, m): 1 is the known front's.

        Above 1 where they beat a front that is not exact.
        """
        return hypervolume(self._in_box(minimised), np.ones(len(self.ideal))) / self.volume

    def curve(self, minimised: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
        """The normalised hypervolume of the first k points, for every k in `at`; NaN rows do not count."""
        unit = self._in_box(minimised)
        whole = hypervolume_curve(unit, ~np.isnan(unit).any(axis=1), np.ones(len(self.ideal)), at)
        return whole / self.volume

    def _in_box(self, minimised: NDArray[np.float64]) -> NDArray[np.float64]:
        unit: NDArray[np.float64] = (minimised - self.ideal) / (self.reference - self.ideal)
        return unit


def known_front(of: Problem | StudyRecord) -> KnownFront | None:
    """The front that the problem's plugin keeps for these arguments, objectives and constraints, if it does.

    Args:
        of: a problem, or what a store says of a study of one.
    """
    cls: type[Problem] | None
    if isinstance(of, Problem):
        cls, key = type(of), key_of_problem(of)
    else:
        cls, key = registry().problems.get(of.problem), key_of_record(of)
    if cls is None:
        return None
    return _entry_with(front_file(cls), json.dumps(key, sort_keys=True))


def key_of_problem(problem: Problem, fidelity: str | None = None) -> Key:
    """What an entry must have in common with a problem to be about it."""
    return _key(
        type(problem),
        problem.version,
        problem.arguments,
        problem.workload_digest,
        fidelity or problem.default_fidelity,
        problem.objectives,
        problem.constraints,
        problem.space.hash(),
    )


def key_of_record(record: StudyRecord) -> Key:
    """As `key_of_problem`, of what a store says of a study."""
    return _key(
        registry().problems.get(record.problem),
        record.problem_version,
        record.problem_arguments,
        record.workload_digest,
        record.fidelity,
        [Objective.parse(text) for text in record.objectives],
        [Constraint.parse(text) for text in record.constraints],
        record.space_hash,
    )


def _key(
    cls: type[Problem] | None,
    version: int,
    arguments: Mapping[str, Any],
    digest: str,
    fidelity: str,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    space_hash: str,
) -> Key:
    arguments, digest = as_measured(arguments, digest, fidelity)
    return {
        "version": version,
        "arguments": unusual(cls.Settings if cls else None, arguments),
        "workload_digest": digest,
        "fidelity": fidelity,
        "objectives": [f"{o.metric}:{o.direction}" for o in objectives],
        "constraints": sorted(map(str, constraints)),
        "space_hash": space_hash,
    }


def front_file(cls: type[Problem]) -> Path | None:
    """Where a problem's fronts are kept: beside its module, or beside a package that this is in."""
    for folder in _folders(cls):
        path = folder / FOLDER / f"{cls.name}.json"
        if path.is_file():
            return path
    return None


def new_front_file(cls: type[Problem]) -> Path:
    """Where they are to be kept: beside the outermost package of the problem's module.

    Raises:
        ArgumentError: for a problem that was defined in no file.
    """
    folders = _folders(cls)
    if not folders:
        raise ArgumentError(f"problem {cls.name} was defined in no file: there is no place to keep its front")
    return front_file(cls) or folders[-1] / FOLDER / f"{cls.name}.json"


def _folders(cls: type[Problem]) -> list[Path]:
    """The folders of the problem's module and of the packages around it, the innermost first."""
    try:
        folder = Path(inspect.getfile(cls)).parent
    except (TypeError, OSError):
        return []
    depth = cls.__module__.count(".") if cls.__module__ in sys.modules else 0
    return [folder, *list(folder.parents)[: max(depth - 1, 0)]]


def read_entries(path: Path) -> list[dict[str, Any]]:
    """The entries of a file of fronts.

    Raises:
        ArgumentError: it is none.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArgumentError(f"cannot read the known fronts in {path}: {error}") from None
    if not isinstance(found, list) or not all(isinstance(e, dict) and "points" in e for e in found):
        raise ArgumentError(f"cannot read the known fronts in {path}: it holds no list of fronts")
    return found


def entry_key(entry: Mapping[str, Any]) -> Key:
    """What an entry is about."""
    names = ["version", "arguments", "workload_digest", "fidelity", "objectives", "constraints", "space_hash"]
    return {name: entry[name] for name in names}


def as_front(entry: Mapping[str, Any]) -> KnownFront:
    """A front from its entry, which has values as the metrics have them."""
    signs = np.array([1.0 if text.endswith(":min") else -1.0 for text in entry["objectives"]])
    points = signs * np.array([point["values"] for point in entry["points"]], dtype=np.float64)
    return KnownFront(
        ideal=points.min(axis=0),
        reference=signs * np.array(entry["reference"], dtype=np.float64),
        volume=float(entry["hypervolume"]),
        exact=bool(entry["exact"]),
        obtained=str(entry["obtained"]),
    )


@functools.lru_cache(maxsize=256)
def _entry_with(path: Path | None, key: str) -> KnownFront | None:
    if path is None:
        return None
    for entry in read_entries(path):
        if json.dumps(entry_key(entry), sort_keys=True) == key:
            return as_front(entry)
    return None
