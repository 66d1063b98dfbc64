"""Predictors: learned from a table, for networks that it lacks, with an error that was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.families import Family
from cosearch_simulators.networks.quality.judging import Judgement, calibration_factor
from cosearch_simulators.networks.quality.learners import LEARNERS, Learner, MlpEnsemble, Residual
from cosearch_simulators.networks.quality.result import Columns, Quality, QualityResult
from cosearch_simulators.networks.quality.table import Table
from cosearch_simulators.networks.quality.units import PERCENT, Unit, named_metric

LEAST_ROWS = 20
FREE_STATISTICS = "free-statistics"
PRETRAINED_ON = 1000
HELD_OUT = 0.2
BLOCK = 64
"""Designs are predicted in whole blocks, so that a design's number is the same in every batch."""

DECIMALS = 7
"""Significant decimals of a prediction, far below its error."""


Fitting = Callable[[NDArray[np.float64], NDArray[np.float64]], Learner]


@dataclass(frozen=True, eq=False)
class Target:
    """One metric of a predictor.

    Attributes:
        metric: its name.
        unit: its unit.
        learner: what learned it; of the logarithm where `logarithmic`.
        logarithmic: whether it is learned, and its error grows, by factors.
        factor: of the learner's spread, to a standard error.
        judged: on held-out rows.
    """

    metric: str
    unit: str
    learner: Learner
    logarithmic: bool
    factor: float
    judged: Judgement | None


class Predictor(Quality):
    """Metrics that were learned from a table.

    Args:
        family: whose networks it knows.
        targets: one for each metric.
        seen: of each parameter which of its values the table has; a design with another is infeasible.
        name: of the source.
        table: what it was learned from, for `source`.
    """

    def __init__(
        self,
        family: Family,
        targets: Sequence[Target],
        seen: Sequence[NDArray[np.bool_]],
        *,
        name: str,
        table: str,
    ) -> None:
        self.family, self.targets, self._seen = family, tuple(targets), list(seen)
        self.name = name
        self.metrics = {target.metric: target.unit for target in targets}
        self.source = f"predictor of networks of {family.name}, learned from {table}: " + "; ".join(
            _described(target) for target in targets
        )

    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """Predict; designs outside the table's values are infeasible."""
        self.checked_fidelity(fidelity)
        codes, problems = self.family.codes(columns)
        for i, (name, known) in enumerate(self.family.values.items()):
            outside = (codes[:, i] >= 0) & ~self._seen[i][np.maximum(codes[:, i], 0)]
            for row in np.flatnonzero(outside):
                values = ", ".join(str(v) for v, is_seen in zip(known, self._seen[i], strict=True) if is_seen)
                problems[row] = problems[row] or (
                    f"{name} {known[codes[row, i]]} is outside of what {self.name} has learned: {values}"
                )
        good = np.array([not text for text in problems])
        found = {target.metric: np.full(len(codes), np.nan) for target in self.targets}
        errors = {target.metric: np.full(len(codes), np.nan) for target in self.targets}
        if good.any():
            features = _in_blocks(self.family.features(codes[good]))
            for target in self.targets:
                mean, spread = (v[: int(good.sum())] for v in target.learner.predict(features))
                mean, error = _rounded(mean), _rounded(spread * target.factor)
                if target.logarithmic:
                    mean = _rounded(np.exp(mean))
                    error = error * mean
                elif target.unit == PERCENT.name:
                    mean = np.clip(mean, PERCENT.least, PERCENT.most)
                found[target.metric][good], errors[target.metric][good] = mean, error
        return QualityResult.of(found, problems, errors)

    def seen(self, parameter: str) -> NDArray[np.bool_]:
        """Which of a parameter's values, in the family's order, it has learned."""
        return self._seen[list(self.family.values).index(parameter)]

    def learned(self, parameter: str) -> tuple[Any, ...]:
        """The values of a parameter that it has learned."""
        return tuple(
            value
            for value, known in zip(self.family.values[parameter], self.seen(parameter), strict=True)
            if known
        )

    def judge(self, table: Table | str | Path, target: str, metric: str | None = None) -> Judgement:
        """Hold it against measured networks that it has not learned, less those that it refuses.

        Args:
            table: the networks.
            target: the table's column.
            metric: ours; None: the one that the column's name stands for, or the only one.
        """
        rows = table if isinstance(table, Table) else Table.read(table)
        named = named_metric(target)
        ours = metric or (named[0] if named and named[0] in self.metrics else next(iter(self.metrics)))
        found = self.evaluate(rows.columns())
        known = found.status == 0
        if not known.any():
            raise SimulatorError(f"{self.name} can predict no network of {rows.name}: {found.reason[0]}")
        return Judgement.of(found[ours][known], rows.target(target)[known], found.standard_error[ours][known])


def fit(
    table: Table | str | Path | Mapping[str, NDArray[Any]],
    target: str | Sequence[str],
    *,
    kind: str = "blend",
    seed: int = 0,
    inputs: Sequence[str] | None = None,
    check: bool = True,
    unit: Unit | None = None,
    begin: Predictor | str | None = None,
) -> Predictor:
    """A predictor of a table's columns.

    Args:
        table: a `Table`, the path of a Parquet or CSV file, or columns.
        target: the column or columns to predict.
        kind: "trees", "mlp", "gaussian-process", or "blend" of the first and third.
        seed: of the split and of what is random in learning.
        inputs: the columns that describe a network, where they are of no known family.
        check: whether a fifth of the networks is held out first, to know the error and to calibrate the
            standard errors; the predictor then learns them too.
        unit: of the targets, where their names do not say it.
        begin: what learning begins with. A predictor whose features are the first of these, such as one of
            full precision where bits are added (APQ's transfer): of two "mlp" the weights are taken over, as
            APQ does, other kinds learn what the predictor leaves over. "free-statistics", of kind "mlp": MACs
            and parameters of random networks (FBNetV3's pretraining).

    Returns:
        The predictor; its `targets` have the judgement on the held-out networks.

    Raises:
        SimulatorError: the table is broken, has fewer than `LEAST_ROWS` networks, or there is no such column
            or kind.

    Example:
        ```python
        predictor = fit("my_table.parquet", "top1")
        predictor.judge("other_rows.parquet", "top1").kendall
        ```
    """
    if kind not in LEARNERS:
        raise SimulatorError(unknown("kind of predictor", kind, LEARNERS))
    known = _as_table(table, inputs)
    names = [target] if isinstance(target, str) else list(target)
    features = known.family.features(known.codes)
    fitted = _fitting(kind, known.family, features.shape[1], seed, begin)
    targets = [_learned(known, features, name, fitted, seed, check, unit) for name in names]
    return Predictor(
        known.family, targets, seen_values(known), name=f"{kind} on {known.name}", table=known.name
    )


def seen_values(table: Table) -> list[NDArray[np.bool_]]:
    """Of each parameter, which of its values active layers of the table have."""
    return [
        np.isin(np.arange(len(known)), table.codes[:, i])
        for i, known in enumerate(table.family.values.values())
    ]


def split(table: Table, share: float, seed: int) -> tuple[Table, Table]:
    """A table's networks in two at random: the share, and the others; no network is in both."""
    order = np.random.default_rng(seed).permutation(len(table))
    count = round(share * len(table))
    return table.take(np.sort(order[:count])), table.take(np.sort(order[count:]))


def _as_table(table: Table | str | Path | Mapping[str, NDArray[Any]], inputs: Sequence[str] | None) -> Table:
    if isinstance(table, Table):
        return table
    if isinstance(table, (str, Path)):
        return Table.read(table, inputs=inputs)
    return Table.of(table, inputs=inputs)


def _fitting(kind: str, family: Family, width: int, seed: int, begin: Predictor | str | None) -> Fitting:
    """What makes a learner of features and target."""
    if begin is None:
        return lambda features, target: LEARNERS[kind].fit(features, target, seed=seed)
    if isinstance(begin, str):
        if begin != FREE_STATISTICS:
            raise SimulatorError(unknown("beginning", begin, [FREE_STATISTICS]))
        if kind != MlpEnsemble.kind:
            raise SimulatorError(f"only predictors of kind 'mlp' begin with {FREE_STATISTICS}, not {kind!r}")
        first = pretrained(family, seed)
        return lambda features, target: MlpEnsemble.fit(features, target, seed=seed, begin=first)
    base = begin.targets[0].learner
    some = begin.family.columns(np.zeros((1, len(begin.family.values)), np.int64))
    before = begin.family.features(begin.family.codes(some)[0]).shape[1]
    if not set(begin.family.values) <= set(family.values) or before > width:
        raise SimulatorError(f"{begin.name} is no predictor of a part of the parameters of {family.name}")
    if isinstance(base, MlpEnsemble) and kind == MlpEnsemble.kind:
        return lambda features, target: MlpEnsemble.fit(features, target, seed=seed, begin=base)
    of = LEARNERS[kind]
    return lambda features, target: Residual.on(base, before, of, features, target, seed=seed)


def pretrained(family: Family, seed: int = 0) -> MlpEnsemble:
    """An ensemble that has learned the free statistics of `PRETRAINED_ON` random networks.

    Raises:
        SimulatorError: nothing is known of the family's networks without running them.
    """
    rng = np.random.default_rng(seed)
    drawn = {name: rng.choice(np.array(known), PRETRAINED_ON) for name, known in family.values.items()}
    codes, _ = family.codes(drawn)
    statistics = family.free_statistics(codes)
    if not statistics:
        raise SimulatorError(f"networks of {family.name} have no free statistics")
    known = np.stack([np.log1p(values) for values in statistics.values()], axis=1)
    return MlpEnsemble.pretrain(family.features(codes), known, seed=seed)


def _learned(
    table: Table,
    features: NDArray[np.float64],
    column: str,
    fitted: Fitting,
    seed: int,
    check: bool,
    unit: Unit | None,
) -> Target:
    named = named_metric(column)
    metric, known_unit = named if named else (column, unit or Unit("1", -np.inf))
    values = table.target(column, known_unit)
    rows = np.flatnonzero(np.isfinite(values))
    if len(rows) < LEAST_ROWS:
        raise SimulatorError(
            f"{table.name}: {column} has {len(rows)} networks, at least {LEAST_ROWS} are needed"
        )
    logarithmic = known_unit not in (PERCENT,) and bool((values[rows] > 0).all()) and named is not None
    wanted = np.log(values) if logarithmic else values
    factor, judged = 1.0, None
    if check:
        order = np.random.default_rng(seed).permutation(rows)
        held, learned = np.split(order, [round(HELD_OUT * len(order))])
        trial = fitted(features[learned], wanted[learned])
        mean, spread = trial.predict(features[held])
        # One half of the held-out rows calibrates, the other judges.
        half = len(held) // 2
        factor = calibration_factor((mean - wanted[held])[:half], spread[:half])
        shown = np.exp(mean) if logarithmic else mean
        error = factor * spread * (shown if logarithmic else 1.0)
        whole = Judgement.of(shown, values[held])
        judged = Judgement(
            **{
                **vars(whole),
                "coverage": Judgement.of(shown[half:], values[held][half:], error[half:]).coverage,
            }
        )
    learner = fitted(features[rows], wanted[rows])
    return Target(metric, known_unit.name, learner, logarithmic, factor, judged)


def _described(target: Target) -> str:
    if target.judged is None:
        return f"{target.metric} ({target.learner.kind}, not judged)"
    found = target.judged
    error = f"{found.relative_rmse:.1%}" if target.logarithmic else f"{found.rmse:.3g} {target.unit}"
    return (
        f"{target.metric} ({target.learner.kind}; on {found.rows} held-out networks Kendall tau "
        f"{found.kendall:.3f}, RMSE {error})"
    )


def _in_blocks(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows, and the last one again until blocks are full."""
    missing = -len(features) % BLOCK
    return np.concatenate([features, np.repeat(features[-1:], missing, axis=0)]) if missing else features


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """To `DECIMALS` of their size, since the last bits depend on how a matrix is cut."""
    size = 10.0 ** (DECIMALS - np.ceil(np.log10(np.maximum(np.abs(values), 1e-300))))
    return np.asarray(np.round(values * size) / size)
