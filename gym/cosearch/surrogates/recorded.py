"""What the studies of a store teach: designs and metrics at one fidelity, each once, with who asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SurrogateError, unknown_name
from cosearch.outcomes import Outcomes
from cosearch.space import Designs
from cosearch.store import StudyData
from cosearch.surrogates.naming import as_measured
from cosearch.surrogates.surrogate import Origin, metrics_of

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Recorded:
    """Evaluations of one problem at one fidelity.

    Attributes:
        origin: what they are of.
        designs: n designs, each once.
        values: their metrics, (n, m); NaN where a design is not valid.
        agents: who asked for each, (n,).
    """

    origin: Origin
    designs: Designs
    values: Matrix
    agents: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.designs)

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which designs are valid, (n,)."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    def take(self, rows: NDArray[Any]) -> Recorded:
        """Some of them, by number or mask."""
        designs = self.designs[np.flatnonzero(rows) if rows.dtype == bool else rows]
        return replace(self, designs=designs, values=self.values[rows], agents=self.agents[rows])

    @classmethod
    def of(cls, studies: Sequence[StudyData], fidelity: str | None = None) -> Recorded:
        """The evaluations of studies.

        Args:
            studies: of one problem with the same arguments.
            fidelity: at which; default the studies' own.

        Raises:
            SurrogateError: for studies that do not belong together, or metrics without a unit.
            UnknownNameError: for a fidelity that the problem lacks.
        """
        first = studies[0].record
        for study in studies[1:]:
            _check_alike(study, studies[0])
        for metric in first.metrics:
            if not metric.get("unit"):
                raise SurrogateError(
                    f"study {first.name!r} does not say the unit of {metric['name']}; "
                    'a number without one has the unit "1"'
                )
        names = [one["name"] for one in first.fidelities] or [first.fidelity]
        fidelity = fidelity or first.fidelity
        if fidelity not in names:
            raise unknown_name(f"fidelity of problem {first.problem}", fidelity, names)
        metrics = metrics_of(first.metrics)
        columns = [name for name, _ in metrics]
        rows = [np.flatnonzero(study.fidelity == fidelity) for study in studies]
        space = studies[0].space
        index = np.concatenate([s.designs.index[r] for s, r in zip(studies, rows, strict=True)])
        outcomes = Outcomes.concat(
            [s.outcomes.take(r).with_metrics(columns) for s, r in zip(studies, rows, strict=True)]
        )
        agents = np.concatenate(
            [np.full(len(r), s.record.agent, dtype=object) for s, r in zip(studies, rows, strict=True)]
        ).astype(str)
        _, once = np.unique(index, axis=0, return_index=True)
        once = np.sort(once)
        designs = space.from_index(index[once])
        allowed = space.allowed(designs)  # what a rule forbids needs no model
        once, designs = once[allowed], designs[np.flatnonzero(allowed)]
        values = np.stack([outcomes.metrics[name] for name in columns], axis=1)
        values[~outcomes.ok] = np.nan
        origin = Origin(
            first.problem,
            first.problem_version,
            *as_measured(first.problem_arguments, first.workload_digest),
            metrics,
            fidelity,
            studies=tuple(
                {"name": s.record.name, "agent": s.record.agent, "designs": len(r)}
                for s, r in zip(studies, rows, strict=True)
            ),
            evaluation_s=_evaluation_s(studies),
        )
        return cls(origin, designs, values[once], agents[once])


def _check_alike(study: StudyData, first: StudyData) -> None:
    here, there = study.record, first.record
    arguments, digest = as_measured(here.problem_arguments, here.workload_digest)
    others, other_digest = as_measured(there.problem_arguments, there.workload_digest)
    pairs: list[tuple[str, Any, Any]] = [
        ("problem", here.problem, there.problem),
        ("version of the problem", here.problem_version, there.problem_version),
        ("arguments of the problem", arguments, others),
        ("workload", digest, other_digest),
        ("metrics", metrics_of(here.metrics), metrics_of(there.metrics)),
        ("fidelity", here.fidelity, there.fidelity),
        ("design space", study.space.parameters, first.space.parameters),
    ]
    for what, mine, other in pairs:
        if mine != other:
            shown = "" if what in ("workload", "design space") else f": {mine} and {other}"
            raise SurrogateError(
                f"studies {here.name!r} and {there.name!r} differ in the {what}{shown}; "
                "name the studies that belong together"
            )


def _evaluation_s(studies: Sequence[StudyData]) -> float:
    """What an evaluation took on average, by the studies' own clock."""
    spent = sum(max(s.record.seconds - s.record.agent_seconds, 0.0) for s in studies)
    return spent / max(1, sum(len(s.designs) for s in studies))
