"""What a study found, for people who work in Python: the best design, the front, a table, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch.space import Design, Designs
from cosearch.store import Store, StudyData, StudyRecord

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


class Found(NamedTuple):
    """Some designs and what they gave."""

    designs: Designs
    outcomes: Outcomes


class Best(NamedTuple):
    """One design and its metrics, in their units."""

    design: Design
    metrics: dict[str, float]


class Findings:
    """What can be asked of a study at any time, also while it runs and after it was taken up again."""

    store: Store
    record: StudyRecord

    @property
    def data(self) -> StudyData:
        """Everything that the store has of the study."""
        return self.store.read(self.store.study(self.record.name))

    @property
    def best(self) -> Best | None:
        """The best feasible design for the one objective; None while there is none.

        Raises:
            ArgumentError: with several objectives, of which none is the best.
        """
        data = self.data
        if len(data.objectives) > 1:
            raise ArgumentError(
                f"study {self.record.name!r} has {len(data.objectives)} objectives, "
                "so no design is the best: ask for pareto_front()"
            )
        found = _feasible(data)
        if len(found.designs) == 0:
            return None
        row = int(minimised(data.objectives, found.outcomes)[:, 0].argmin())
        return Best(found.designs[row], found.outcomes.row(row))

    def pareto_front(self) -> Found:
        """The feasible designs that no other beats in all objectives, the best in the first one first."""
        data = self.data
        found = _feasible(data)
        values = minimised(data.objectives, found.outcomes)
        rows = np.flatnonzero(pareto_mask(values)) if len(values) else np.zeros(0, dtype=np.int64)
        rows = rows[np.argsort(values[rows, 0], kind="stable")]
        return Found(found.designs[rows], found.outcomes.take(rows))

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each evaluation: parameters, metrics, status, reason, fidelity, seed and seconds.

        The units of the metrics are in its `attrs["units"]`.

        Raises:
            ArgumentError: if pandas is not installed.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise ArgumentError("to_dataframe needs pandas: pip install pandas") from None
        data = self.data
        columns: dict[str, Any] = {}
        for name in data.space.names:
            column, active = data.designs.column(name), data.designs.active(name)
            values = column.tolist() if column.ndim == 1 else [tuple(row) for row in column.tolist()]
            if not active.all():
                values = [value if one else None for value, one in zip(values, active, strict=True)]
            columns[name] = values
        columns |= data.outcomes.metrics
        columns |= {"status": data.outcomes.status, "reason": data.outcomes.reason}
        columns |= {"fidelity": data.fidelity, "seed": data.seed, "seconds": data.seconds}
        frame = pd.DataFrame(columns)
        frame.attrs["units"] = {metric["name"]: metric["unit"] for metric in self.record.metrics}
        return frame

    def plot_front(self) -> go.Figure:
        """The designs and their Pareto front."""
        from cosearch.report.figures import front_figure

        return front_figure([self.data])

    def plot_history(self) -> go.Figure:
        """The hypervolume, or the best value of a single objective, against evaluations."""
        from cosearch.report.figures import history_figure

        return history_figure([self.data])

    def plot_importance(self) -> go.Figure:
        """How much each parameter matters for each objective."""
        from cosearch.report.figures import importance_figure

        return importance_figure(self.data)


def _feasible(data: StudyData) -> Found:
    """The feasible designs at the study's own fidelity."""
    rows = np.flatnonzero(feasible(data.constraints, data.outcomes) & data.at_study_fidelity)
    return Found(data.designs[rows], data.outcomes.take(rows))
