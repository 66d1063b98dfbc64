"""Evaluations that other studies of the same store have made already, for a study that may reuse them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, StoreError
from cosearch.outcomes import FAILED_CODE, Outcomes
from cosearch.problem import Problem
from cosearch.run.trial import Results
from cosearch.run.warm_start import known_results
from cosearch.settings import settings_key
from cosearch.space import Designs
from cosearch.store import Store, StudyRecord


class SharedResults:
    """What is known of a problem, by design, fidelity and seed; failed designs are run again.

    Args:
        results: of other studies of the problem.
    """

    def __init__(self, results: Iterable[Results] = ()) -> None:
        self._places: dict[tuple[bytes, str, int], tuple[int, int]] = {}
        self._parts: list[Outcomes] = []
        for part in results:
            kept = np.flatnonzero(part.outcomes.codes != FAILED_CODE)
            keys = zip(
                part.designs[kept].keys(), part.fidelity[kept].tolist(), part.seed[kept].tolist(), strict=True
            )
            for row, key in zip(kept.tolist(), keys, strict=True):
                self._places.setdefault(key, (len(self._parts), row))
            self._parts.append(part.outcomes)

    def __len__(self) -> int:
        return len(self._places)

    def known(
        self, designs: Designs, fidelity: NDArray[np.str_], seed: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which of n evaluations are known, shape (n,)."""
        if not self._places:
            return np.zeros(len(designs), dtype=bool)
        keys = zip(designs.keys(), fidelity.tolist(), seed.tolist(), strict=True)
        return np.array([key in self._places for key in keys], dtype=bool)

    def outcomes(self, designs: Designs, fidelity: NDArray[np.str_], seed: NDArray[np.int64]) -> Outcomes:
        """The outcomes of n evaluations that are known."""
        keys = zip(designs.keys(), fidelity.tolist(), seed.tolist(), strict=True)
        found = [self._places[key] for key in keys]
        return Outcomes.concat([self._parts[part].take(np.array([row])) for part, row in found])


def shared_results(store: Store, record: StudyRecord, problem: Problem) -> SharedResults:
    """What the other studies of a store have evaluated of this problem with these arguments."""
    arguments = settings_key(problem.Settings, record.problem_arguments)
    results = []
    for other in store.studies():
        same = (other.problem, other.problem_version, other.workload_digest, other.space_hash) == (
            record.problem, record.problem_version, record.workload_digest, record.space_hash
        )  # fmt: skip
        if (
            other.id == record.id
            or not same
            or settings_key(problem.Settings, other.problem_arguments) != arguments
        ):
            continue
        try:
            results.append(known_results(problem, record.fidelity, store.read(other)))
        except (ArgumentError, StoreError):  # other metrics, or damaged: nothing of it can be used
            continue
    return SharedResults(results)
