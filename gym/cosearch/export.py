"""Studies as one table, one row for each evaluation, for pandas, polars, R or a spreadsheet.

Columns: `study`, `position` (the order of telling, from 0), the parameters (empty where inactive), the
metrics (empty where the status is not `ok`), their standard errors where there are any, `status`, `reason`,
`feasible`, `pareto` (on the front of its study), `fidelity`, `evaluation_seed` and `seconds`. A value that is
no number, boolean or text, such as a permutation, is JSON text.

In Parquet a column's role and unit are in its metadata and the studies' records in the file's. A CSV file
has the unit in the name of the column, where the metric's name does not end with it already.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.objectives import feasible, minimised
from cosearch.pareto import pareto_mask
from cosearch.space import Parameter

if TYPE_CHECKING:
    import pyarrow

    from cosearch.store import StudyData

FIRST_COLUMNS = ("study", "position")
LAST_COLUMNS = ("status", "reason", "feasible", "pareto", "fidelity", "evaluation_seed", "seconds")


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
    own = [name for name in table.column_names if name not in (*FIRST_COLUMNS, *LAST_COLUMNS)]
    table = table.select([*FIRST_COLUMNS, *own, *LAST_COLUMNS])
    return table.replace_schema_metadata({"cosearch": json.dumps([asdict(data.record) for data in studies])})


def write_parquet(studies: Sequence[StudyData], path: Path) -> None:
    """Write the table as a Parquet file.

    Raises:
        ArgumentError: if the file cannot be written; what was there before is then still there.
    """
    import pyarrow.parquet

    table = study_table(studies)
    _write(path, lambda part: pyarrow.parquet.write_table(table, part))


def write_csv(studies: Sequence[StudyData], path: Path) -> None:
    """Write the table as a CSV file.

    Raises:
        ArgumentError: if the file cannot be written; what was there before is then still there.
    """
    import pyarrow.csv

    table = study_table(studies)
    names = [
        csv_column(field.name, (field.metadata or {}).get(b"unit", b"").decode()) for field in table.schema
    ]
    _write(path, lambda part: pyarrow.csv.write_csv(table.rename_columns(names), part))


WRITERS: dict[str, Callable[[Sequence[StudyData], Path], None]] = {"parquet": write_parquet, "csv": write_csv}


def csv_column(name: str, unit: str) -> str:
    """The name of a column in a CSV file: `latency_ns` for ns, but `gain [dB]`."""
    suffix = unit.lower().replace("/", "_per_").replace("^", "")
    return name if unit in ("", "1") or name.lower().endswith(suffix) else f"{name} [{unit}]"


def cell_text(value: Any) -> str:
    """A parameter's value as the text of a cell: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _one_table(data: StudyData) -> pyarrow.Table:
    import pyarrow

    n = len(data.designs)
    metrics = {metric["name"]: metric for metric in data.record.metrics}
    columns: list[tuple[str, Any, dict[str, str]]] = [
        ("study", pyarrow.array([data.record.name] * n, pyarrow.string()), {}),
        ("position", np.arange(n), {}),
        *((p.name, _parameter_column(p, data), {"role": "parameter"}) for p in data.space.parameters),
        *(
            (name, pyarrow.array(column, from_pandas=True), {"role": "metric", "unit": metrics[name]["unit"]})
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


def _write(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside the file and put it in place at the end, so that no half file is ever seen."""
    part = path.with_name(f".{path.name}.part")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        raise ArgumentError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
