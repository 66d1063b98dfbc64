"""What there is to say about the studies of a store, before it becomes a page, a terminal report or JSON.

Studies of one problem with the same arguments, workload files, fidelity, objectives and constraints can be
compared: they form a `Comparison`, with one reference point, one pool of distinct designs and one combined
Pareto front.
"""

from __future__ import annotations

import functools
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import feasible, minimised, violations
from cosearch.outcomes import FAILED_CODE, INFEASIBLE_CODE, STATUSES, Outcomes
from cosearch.pareto import pareto_mask, reference_point
from cosearch.quantities import Scale
from cosearch.report.importance import Importance, parameter_importance
from cosearch.report.volumes import UnitBox
from cosearch.space import Designs
from cosearch.store import StudyData, StudyRecord

Reason = tuple[str, str, int]  # kind (infeasible, failed or constraint), reason, number of designs


@dataclass(frozen=True)
class StudyResult:
    """One study, as it is compared with others.

    Attributes:
        data: the study.
        label: the agent's name, with the settings in which it differs from other studies of that agent.
        minimised: objectives, smaller is better, NaN where infeasible or failed, shape (n, m).
        feasible: which designs are ok and meet every constraint, shape (n,).
        front: which designs are on the study's own Pareto front, shape (n,).
        combined_front: which of them are on the front of all compared studies, shape (n,).
        checkpoints: numbers of evaluations at which the hypervolume is known, ascending, the last one n.
        shares: the hypervolume at these, as a share of that of all compared studies.
    """

    data: StudyData
    label: str
    minimised: NDArray[np.float64]
    feasible: NDArray[np.bool_]
    front: NDArray[np.bool_]
    combined_front: NDArray[np.bool_]
    checkpoints: NDArray[np.int64]
    shares: NDArray[np.float64]

    @property
    def share(self) -> float:
        """The hypervolume of everything that the study found, as a share of that of all compared studies."""
        return float(self.shares[-1]) if len(self.shares) else 0.0

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """How many designs were evaluated, feasible, rejected, over a constraint, failed, on the front."""
        outcomes = self.data.outcomes
        return {
            "evaluations": len(outcomes),
            "feasible": int(self.feasible.sum()),
            "infeasible": int((outcomes.codes == INFEASIBLE_CODE).sum()),
            "violates_constraints": int((outcomes.ok & ~self.feasible).sum()),
            "failed": int((outcomes.codes == FAILED_CODE).sum()),
            "pareto_designs": int(self.front.sum()),
            "on_combined_front": int(self.combined_front.sum()),
        }

    def reasons(self, most: int = 5) -> list[Reason]:
        """The most frequent reasons why designs are not feasible."""
        return reasons_of(self.data, most)


@dataclass(frozen=True)
class Comparison:
    """Studies that can be compared.

    The pool holds every distinct design once, as the first study that evaluated it found it.

    Attributes:
        results: one for each study, in the order of the store.
        reference: the reference point of every hypervolume here, minimised, shape (m,).
        designs: the pool, N designs.
        outcomes: theirs.
        source: the number of the study that each comes from, shape (N,).
        minimised: as in `StudyResult`, shape (N, m).
        feasible: shape (N,).
        front: which designs are on the combined Pareto front, shape (N,).
        hypervolume: of the combined front, in the product of the objectives' units; infinite where that is
            beyond what a number can hold.
        elsewhere: how many evaluations were made at other fidelities, by name; they are left out.
    """

    results: Sequence[StudyResult]
    reference: NDArray[np.float64]
    designs: Designs
    outcomes: Outcomes
    source: NDArray[np.int64]
    minimised: NDArray[np.float64]
    feasible: NDArray[np.bool_]
    front: NDArray[np.bool_]
    hypervolume: float
    elsewhere: Mapping[str, int] = field(default_factory=dict)

    @property
    def first(self) -> StudyData:
        """The oldest study, for all that the studies have in common."""
        return self.results[0].data

    @property
    def title(self) -> str:
        """The problem, its arguments and what is held."""
        record = self.first.record
        settings = [f"{name}={_text(value)}" for name, value in record.problem_arguments.items()]
        settings += [f"{name} held at {_text(value)}" for name, value in record.space.get("held", {}).items()]
        return ", ".join([f"{record.problem} v{record.problem_version}", *settings, record.fidelity])

    @property
    def goal(self) -> str:
        """The objectives and the constraints."""
        objectives = [f"{objective.direction} {objective.metric}" for objective in self.first.objectives]
        return ", ".join([*objectives, *map(str, self.first.constraints)])

    @property
    def goal_metrics(self) -> list[str]:
        """The metrics that are objectives or constrained, in that order."""
        objectives, constraints = self.first.objectives, self.first.constraints
        return list(dict.fromkeys([*(o.metric for o in objectives), *(c.metric for c in constraints)]))

    @property
    def other_metrics(self) -> list[str]:
        """The metrics that the search did not look at."""
        return [name for name in self.outcomes.metrics if name not in self.goal_metrics]

    @property
    def labels(self) -> list[str]:
        """The distinct labels of the studies, in order."""
        return list(dict.fromkeys(result.label for result in self.results))

    def unit(self, metric: str) -> str:
        """The unit of a metric; empty where it is a plain number."""
        unit = next((m["unit"] for m in self.first.record.metrics if m["name"] == metric), "")
        return "" if unit == "1" else unit

    def scale(self, metric: str) -> Scale:
        """How the values of a metric are shown, everywhere alike, as suits those of the front."""
        return self._scales[metric]

    @functools.cached_property
    def _scales(self) -> dict[str, Scale]:
        rows = self.front_rows if len(self.front_rows) else np.flatnonzero(self.outcomes.ok)
        ok = self.outcomes.ok
        return {
            name: Scale.of(self.unit(name), column[rows], float(np.abs(column[ok]).max(initial=0.0)))
            for name, column in self.outcomes.metrics.items()
        }

    @functools.cached_property
    def front_rows(self) -> NDArray[np.int64]:
        """The rows of the combined front in the pool, sorted by the objectives, the best first."""
        rows = np.flatnonzero(self.front)
        return rows[np.lexsort(self.minimised[rows].T[::-1])]

    @functools.cached_property
    def front_points(self) -> list[tuple[int, int]]:
        """Of the designs of the front with equal objectives the first's row, and how many more there are."""
        equal: dict[tuple[float, ...], list[int]] = {}
        for row in self.front_rows.tolist():
            equal.setdefault(tuple(self.minimised[row].tolist()), []).append(row)
        return [(rows[0], len(rows) - 1) for rows in equal.values()]

    @functools.cached_property
    def importances(self) -> list[Importance | None]:
        """The importance of the parameters for each objective; None where nothing can be said."""
        return [
            parameter_importance(self.first.space, self.designs, o.metric, self.outcomes[o.metric])
            for o in self.first.objectives
        ]

    def reasons(self, most: int | None = 5) -> list[Reason]:
        """The most frequent reasons of all studies why designs are not feasible."""
        total: Counter[tuple[str, str]] = Counter()
        for result in self.results:
            total += _reasons(result.data)
        return [(*key, n) for key, n in total.most_common(most)]

    def evaluate_command(self, row: int) -> str:
        """The command that evaluates a design of the pool again."""
        record = self.first.record
        words = ["cosearch", "evaluate", record.problem]
        for name, value in record.problem_arguments.items():
            words += ["--set", f"{name}={_text(value)}"]
        words += ["--fidelity", record.fidelity, "--design", json.dumps(self.designs[row])]
        return shlex.join(words)


WITHOUT_EFFECT = ("threads",)
"""Arguments of problems that change how long an evaluation takes, and no number."""


def compare(studies: Sequence[StudyData]) -> list[Comparison]:
    """The studies in groups that can be compared, each group where its first study stands."""
    groups: dict[str, list[StudyData]] = {}
    for study in studies:
        groups.setdefault(group_key(study.record), []).append(study)
    return [_compare_group(group) for group in groups.values()]


def _elsewhere(studies: Sequence[StudyData]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for study in studies:
        total.update(study.elsewhere)
    return dict(total)


def group_key(record: StudyRecord) -> str:
    """What two studies must have in common to be compared."""
    arguments = {k: v for k, v in record.problem_arguments.items() if k not in WITHOUT_EFFECT}
    shared = [
        record.problem, record.problem_version, arguments, record.workload_digest,
        record.fidelity, record.objectives, record.constraints, record.space,
    ]  # fmt: skip
    return json.dumps(shared, sort_keys=True, default=str)


def _compare_group(studies: Sequence[StudyData]) -> Comparison:
    elsewhere = _elsewhere(studies)
    studies = [study.own() for study in studies]
    objectives, constraints = studies[0].objectives, studies[0].constraints
    meets = [feasible(constraints, study.outcomes) for study in studies]
    points = [minimised(objectives, study.outcomes) for study in studies]
    for part, mask in zip(points, meets, strict=True):
        part[~mask] = np.nan
    own = [pareto_mask(part) for part in points]
    fronts = [part[mask] for part, mask in zip(points, own, strict=True)]
    reference = reference_point(objectives, fronts)
    together = np.concatenate(fronts)
    shared = [mask.copy() for mask in own]
    ends = np.cumsum([len(front) for front in fronts])
    for mask, on_shared in zip(shared, np.split(pareto_mask(together), ends[:-1]), strict=True):
        mask[mask] = on_shared
    unit = UnitBox.around(together, reference)
    whole = unit.hypervolume(together)
    labels = _labels(studies)
    results = [
        StudyResult(
            study, labels[k], points[k], meets[k], own[k], shared[k], *unit.curve(points[k], fronts[k], whole)
        )
        for k, study in enumerate(studies)
    ]
    rows = _distinct(studies)
    outcomes = Outcomes.concat([study.outcomes for study in studies])
    pooled = results[0].minimised if rows is None else np.concatenate(points)[rows]
    everything = slice(None) if rows is None else rows
    return Comparison(
        results=results,
        reference=reference,
        designs=studies[0].designs if rows is None else Designs.concat([s.designs for s in studies])[rows],
        outcomes=outcomes if rows is None else outcomes.take(rows),
        source=np.repeat(np.arange(len(studies)), [len(study.designs) for study in studies])[everything],
        minimised=pooled,
        feasible=np.concatenate(meets)[everything],
        front=np.concatenate(shared)[everything],
        hypervolume=whole * unit.volume if whole else 0.0,
        elsewhere=elsewhere,
    )


def _distinct(studies: Sequence[StudyData]) -> NDArray[np.int64] | None:
    """The rows of all studies' designs, one after the other, in which one appears first; None for all."""
    if len(studies) == 1:
        return None
    index = np.concatenate([study.designs.index for study in studies])
    packed = index.astype(studies[0].space.key_dtype, order="C")
    keys = packed.view(np.dtype((np.void, packed.dtype.itemsize * packed.shape[1]))).ravel()
    return np.sort(np.unique(keys, return_index=True)[1])


def reasons_of(data: StudyData, most: int = 5) -> list[Reason]:
    """The most frequent reasons why a study's designs are not feasible."""
    return [(*key, n) for key, n in _reasons(data).most_common(most)]


def _reasons(data: StudyData) -> Counter[tuple[str, str]]:
    outcomes, bad = data.outcomes, ~data.outcomes.ok
    pairs = Counter(zip(outcomes.codes[bad].tolist(), map(str, outcomes.reason[bad].tolist()), strict=True))
    counter = Counter({(STATUSES[code], reason): n for (code, reason), n in pairs.items()})
    missed = violations(data.constraints, outcomes)[outcomes.ok] > 0
    for constraint, n in zip(data.constraints, missed.sum(axis=0).tolist(), strict=True):
        if n:
            counter["constraint", f"{constraint} is not met"] = n
    return counter


def _labels(studies: Sequence[StudyData]) -> list[str]:
    """The agent of each study, with the settings in which the studies of one agent differ."""
    settings: dict[str, list[Mapping[str, Any]]] = {}
    for study in studies:
        settings.setdefault(study.record.agent, []).append(study.record.agent_settings)
    labels = []
    for study in studies:
        agent, own = study.record.agent, study.record.agent_settings
        others = settings[agent]
        names = dict.fromkeys(name for other in others for name in other)
        differ = [name for name in names if len({_text(other.get(name)) for other in others}) > 1]
        shown = ", ".join(f"{name}={_text(own[name])}" for name in differ if name in own)
        labels.append(f"{agent} ({shown})" if shown else agent)
    return labels


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
