"""Studies as one table, one row for each evaluation, for pandas, polars, R or a spreadsheet.

Columns: `study`, `position` (the order of telling, from 0), the parameters (empty where inactive), the
metrics (empty where the status is not `ok`), their standard errors where there are any, `status`, `reason`,
`feasible`, `pareto` (on the front of its study), `fidelity`, `evaluation_seed` and `seconds`. A value that is
no number, boolean or text, such as a permutation, is JSON text.

`evaluation_seconds` is there where it was measured how long each design took. In Parquet a column's role and
unit are in its metadata. A CSV file has the unit in the name of the column, where the metric's name does not
end with it already.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.export.cells import cell_text
from cosearch.objectives import feasible, minimised
from cosearch.pareto import pareto_mask
from cosearch.space import Parameter

if TYPE_CHECKING:
    import pyarrow

    from cosearch.store import StudyData

FIRST_COLUMNS = ("study", "position")
LAST_COLUMNS = (
    *("status", "reason", "feasible", "pareto", "fidelity", "evaluation_seed", "seconds"),
    "evaluation_seconds",
)


def pareto_rows(data: StudyData) -> NDArray[np.bool_]:
    """Which designs of a study are feasible and on its Pareto front, at its own fidelity, shape (n,)."""
    values = minimised(data.objectives, data.outcomes)
    values[~(feasible(data.constraints, data.outcomes) & data.at_study_fidelity)] = np.nan
    return pareto_mask(values)


def study_table(studies: Sequence[StudyData]) -> pyarrow.Table:
    """The studies as one Arrow table; a column that a study does not have is null there.

    Raises:
        ArgumentError: if a study has two columns of one name, or studies differ in what a name holds.
    """
    import pyarrow

    try:
        table = pyarrow.concat_tables([_one_table(data) for data in studies], promote_options="permissive")
    except pyarrow.ArrowException as error:
        raise ArgumentError(f"these studies do not fit in one table, export one at a time: {error}") from None
    last = [name for name in LAST_COLUMNS if name in table.column_names]
    own = [name for name in table.column_names if name not in (*FIRST_COLUMNS, *LAST_COLUMNS)]
    return table.select([*FIRST_COLUMNS, *own, *last])


def metric_column(space: Container[str], name: str) -> str:
    """The name of a metric's column, which a parameter of the same name keeps for itself."""
    return f"{name} (metric)" if name in space else name


def csv_column(name: str, unit: str) -> str:
    """The name of a column in a CSV file: `latency_ns` for ns, but `gain [dB]`."""
    suffix = unit.lower().replace("/", "_per_").replace("^", "")
    return name if unit in ("", "1") or name.lower().endswith(suffix) else f"{name} [{unit}]"


def _one_table(data: StudyData) -> pyarrow.Table:
    import pyarrow

    n = len(data.designs)
    metrics = {metric["name"]: metric for metric in data.record.metrics}
    columns: list[tuple[str, Any, dict[str, str]]] = [
        ("study", pyarrow.array([data.record.name] * n, pyarrow.string()), {}),
        ("position", np.arange(n), {}),
        *((p.name, _parameter_column(p, data), {"role": "parameter"}) for p in data.space.parameters),
        *(
            (
                metric_column(data.space, name),
                pyarrow.array(column, from_pandas=True),
                {"role": "metric", "unit": metrics[name]["unit"]},
            )
            for name, column in data.outcomes.metrics.items()
        ),
        *(
            (
                f"{name}_standard_error",
                pyarrow.array(column, from_pandas=True),
                {"unit": metrics[name]["unit"]},
            )
            for name, column in data.outcomes.standard_error.items()
        ),
        ("status", pyarrow.array(data.outcomes.status.tolist(), pyarrow.string()), {}),
        ("reason", pyarrow.array([str(reason) for reason in data.outcomes.reason], pyarrow.string()), {}),
        ("feasible", feasible(data.constraints, data.outcomes), {}),
        ("pareto", pareto_rows(data), {}),
        ("fidelity", pyarrow.array(data.fidelity.tolist(), pyarrow.string()), {}),
        ("evaluation_seed", data.seed, {}),
        ("seconds", data.seconds, {"unit": "s"}),
    ]
    if data.outcomes.seconds is not None:
        took = pyarrow.array(data.outcomes.seconds, from_pandas=True)
        columns.append(("evaluation_seconds", took, {"unit": "s"}))
    names = [name for name, _, _ in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ArgumentError(
            f"study {data.record.name!r}: two columns of the table would be named {twice[0]!r}"
        )
    arrays = [pyarrow.array(values) for _, values, _ in columns]
    fields = [
        pyarrow.field(name, array.type, metadata=metadata)
        for (name, _, metadata), array in zip(columns, arrays, strict=True)
    ]
    return pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))


def _parameter_column(parameter: Parameter, data: StudyData) -> pyarrow.Array:
    import pyarrow

    column, inactive = data.designs.column(parameter.name), ~data.designs.active(parameter.name)
    if column.dtype != object and column.ndim == 1:
        return pyarrow.array(column, mask=inactive)
    texts = [cell_text(value) for value in column.tolist()]
    return pyarrow.array(texts, pyarrow.string(), mask=inactive)
