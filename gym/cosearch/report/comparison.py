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

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask, reference_point
from cosearch.quantities import Scale
from cosearch.registry import registry
from cosearch.report.importance import Importance, parameter_importance
from cosearch.report.study_result import Reason, StudyResult, all_reasons
from cosearch.report.volumes import UnitBox
from cosearch.settings import settings_key
from cosearch.space import Designs, DesignTable
from cosearch.store import StudyData, StudyRecord
from cosearch.surrogates.naming import as_measured


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
            total += all_reasons(result.data)
        return [(*key, n) for key, n in total.most_common(most)]

    def evaluate_command(self, row: int) -> str:
        """The command that evaluates a design of the pool again."""
        record = self.first.record
        words = ["cosearch", "evaluate", record.problem]
        for name, value in record.problem_arguments.items():
            words += ["--set", f"{name}={_text(value)}"]
        words += ["--fidelity", record.fidelity, "--design", json.dumps(self.designs[row])]
        return shlex.join(words)


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
    return json.dumps([*_goal(record), record.space], sort_keys=True, default=str)


def same_goal(first: StudyRecord, second: StudyRecord) -> bool:
    """Whether two studies can be compared but for what is held in their spaces."""
    mine, other = ({**record.space, "held": {}} for record in (first, second))
    return [*_goal(first), mine] == [*_goal(second), other]


def _goal(record: StudyRecord) -> list[Any]:
    problem = registry().problems.get(record.problem)  # a report needs no plugin, but it knows more with it
    given, digest = as_measured(record.problem_arguments, record.workload_digest, record.fidelity)
    arguments = settings_key(problem.Settings if problem else None, given)
    return [
        record.problem, record.problem_version, arguments, digest,
        record.fidelity, record.objectives, record.constraints,
    ]  # fmt: skip


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
    if len(studies) == 1 and (studies[0].seed == studies[0].seed[:1]).all():
        return None
    table = DesignTable(studies[0].space)
    return np.flatnonzero(np.concatenate([table.add(study.designs)[1] for study in studies]))


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
