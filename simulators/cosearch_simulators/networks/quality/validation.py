"""Predictors against measured networks that they have not learned: what `cosearch validate networks` does.

A folder has published tables, in whatever format `Table` reads. Of each that is known here, its columns are
learned from 80 % of its networks and judged on the others. Where beside `NAME.parquet` there is a file
`NAME.held_out.parquet` (or `.csv` both), the whole first is learned and the second judged, less the networks
that are in the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cosearch_simulators.core.validation.table import ValidationRow, ValidationTable
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.judging import Judgement
from cosearch_simulators.networks.quality.predictor import fit, split
from cosearch_simulators.networks.quality.table import Table, UnknownTableError
from cosearch_simulators.networks.quality.units import named_metric

LEARNED = 0.8
HELD_OUT = ".held_out"
SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True)
class Bar:
    """What a predictor of one column must reach on networks that it has not learned.

    Attributes:
        kind: of learner.
        kendall: least rank correlation.
        rmse: most, in the column's unit.
        relative_rmse: most, of the measured numbers.
    """

    kind: str = "gaussian-process"
    kendall: float | None = None
    rmse: float | None = None
    relative_rmse: float | None = None


JUDGED: Mapping[str, Mapping[str, Bar]] = {
    "ofa-mbv3": {"imagenet_top1": Bar(kendall=0.95, rmse=0.11)},
    "mnasnet": {
        "val_top1": Bar("blend", kendall=0.92),
        "latency_vck190": Bar(relative_rmse=0.022),
    },
    "nasbench-macro": {"mean_acc": Bar()},
}
"""By family and column; a table that has none of a family's columns is passed over."""


@dataclass(frozen=True)
class PredictedRow(ValidationRow):
    """One column of one table.

    Attributes:
        learned: how many networks were learned.
        refused: how many of the others have a choice that no learned network has, and are not judged.
        kendall: rank correlation (tau-b) on the others.
        required_kendall: the least that is allowed; None: for information.
        rmse: root of the mean squared error, in the metric's unit.
        required_rmse: the most that is allowed.
        relative_rmse: of the errors over the measured numbers.
        required_relative_rmse: the most that is allowed.
        coverage: share of the measured numbers within the predicted 90 % intervals.
    """

    learned: int = 0
    refused: int = 0
    kendall: float = 0.0
    required_kendall: float | None = None
    rmse: float = 0.0
    required_rmse: float | None = None
    relative_rmse: float = 0.0
    required_relative_rmse: float | None = None
    coverage: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether rank and errors are as required."""
        least = -1.0 if self.required_kendall is None else self.required_kendall
        bounds = ((self.rmse, self.required_rmse), (self.relative_rmse, self.required_relative_rmse))
        return self.kendall >= least and all(most is None or value <= most for value, most in bounds)


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """Learn and judge every known column of a folder's tables.

    Raises:
        SimulatorError: there is no table of a known family in the folder, or one is broken.
    """
    jobs = list(_jobs(folder))
    if not jobs:
        known = ", ".join(f"{family} ({', '.join(bars)})" for family, bars in JUDGED.items())
        raise SimulatorError(f"{folder} has no Parquet or CSV table of {known}")
    rows: list[ValidationRow] = []
    speed: dict[str, dict[str, float]] = {}
    for done, (learned, judged, column, bar) in enumerate(jobs):
        progress(done, len(jobs))
        begin = time.process_time()
        rows.append(held_against(learned, judged, column, bar))
        metric = rows[-1].metric
        speed[f"{learned.family.name} {metric}"] = {"seconds_of_a_core": time.process_time() - begin}
    progress(len(jobs), len(jobs))
    failures = [f"{row.group} {row.metric}" for row in rows if not row.passed]
    return ValidationTable("networks-quality", rows, speed, failures)


def held_against(learned: Table, judged: Table, column: str, bar: Bar | None = None) -> PredictedRow:
    """The row for a column that is learned from one table and judged on another.

    Raises:
        SimulatorError: a table lacks the column, or no network is left to be judged.
    """
    wanted = bar or Bar("blend")
    named = named_metric(column)
    metric = named[0] if named else column
    judged = new_networks(learned, judged)
    measured = judged.target(column)
    predictor = fit(learned, column, kind=wanted.kind)
    found = predictor.evaluate(judged.columns())
    ours, error = (next(iter(of.values())) for of in (found.metrics, found.standard_error))
    known = np.isfinite(measured) & np.isfinite(ours)
    if not known.any():
        raise SimulatorError(f"{judged.name}: no network has a {column} that can be predicted")
    judgement = Judgement.of(ours[known], measured[known], error[known])
    row = ValidationRow.of(learned.family.name, metric, ours[known], measured[known], bound=np.inf)
    return PredictedRow(
        **asdict(row),
        refused=int(np.count_nonzero(np.isfinite(measured) & (found.status > 0))),
        learned=int(np.isfinite(learned.targets[column]).sum()),
        kendall=judgement.kendall,
        required_kendall=wanted.kendall,
        rmse=judgement.rmse,
        required_rmse=wanted.rmse,
        relative_rmse=judgement.relative_rmse,
        required_relative_rmse=wanted.relative_rmse,
        coverage=judgement.coverage,
    )


def new_networks(learned: Table, judged: Table) -> Table:
    """The networks of a table that are not in the one that is learned.

    Raises:
        SimulatorError: they are of another family, or there is none.
    """
    if learned.family.name != judged.family.name:
        raise SimulatorError(
            f"{judged.name} has networks of {judged.family.name}, "
            f"{learned.name} those of {learned.family.name}"
        )
    known = {code.tobytes() for code in learned.codes}
    rows = np.array([code.tobytes() not in known for code in judged.codes])
    if not rows.any():
        raise SimulatorError(f"{judged.name} has no network that {learned.name} lacks")
    return judged.take(rows)


def _jobs(folder: Path) -> Iterator[tuple[Table, Table, str, Bar]]:
    for path in sorted(folder.iterdir()):
        if path.suffix not in SUFFIXES or path.stem.endswith(HELD_OUT):
            continue
        held = path.with_name(f"{path.stem}{HELD_OUT}{path.suffix}")
        try:
            table = Table.read(path)
        except UnknownTableError:
            if held.exists():
                raise
            continue  # a folder may have tables of other things
        columns = [name for name in JUDGED.get(table.family.name, {}) if name in table.targets]
        if not columns:
            continue
        learned, judged = (table, Table.read(held)) if held.exists() else split(table, LEARNED, seed=0)
        for column in columns:
            yield learned, judged, column, JUDGED[table.family.name][column]
