"""Reading an export back: the studies as they were, for whoever has the file and not the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, CosearchError
from cosearch.export.cells import cell_values, typed_values
from cosearch.export.columns import study_of
from cosearch.export.formats import FORMATS, MANIFEST_SUFFIX, format_of
from cosearch.export.manifest import read_manifest
from cosearch.export.table import csv_column, metric_column
from cosearch.outcomes import Outcomes
from cosearch.store import StudyData, StudyRecord
from cosearch.store.reading import space_of

if TYPE_CHECKING:
    import pyarrow


MOST_BYTES = 8 << 30


def load_studies(path: str | Path) -> list[StudyData]:
    """The studies of an export of any format, equal to those that were exported.

    Raises:
        ArgumentError: it is no export of cosearch, or is damaged, or its manifest is missing.
    """
    path = Path(path)
    format_ = format_of(path)
    readers: dict[str, Callable[[Path], list[StudyData]]] = {
        "parquet": _load_parquet,
        "csv": _load_csv,
        "minari": lambda folder: _load_parquet(folder / "evaluations.parquet"),
        "optuna": _load_journal,
    }
    if format_ is None:
        suffixes = ", ".join(f".{one.suffix}" for one in FORMATS.values())
        raise ArgumentError(f"{path}: expected {suffixes}, not {path.suffix or 'no suffix'}")
    try:
        return readers[format_](path)
    except CosearchError:
        raise
    except OSError as error:
        why = " ".join((error.strerror or str(error)).split())
        raise ArgumentError(f"cannot read {path}: {why}") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ArgumentError(f"{path} is damaged ({type(error).__name__})") from None


def _load_parquet(path: Path) -> list[StudyData]:
    import pyarrow
    import pyarrow.parquet

    try:
        metadata = pyarrow.parquet.read_metadata(path)
        groups = range(metadata.num_row_groups)
        if sum(metadata.row_group(k).total_byte_size for k in groups) > MOST_BYTES:
            raise ArgumentError(f"{path} unpacks to more than {MOST_BYTES >> 30} GiB")
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException:
        raise ArgumentError(f"{path} is no Parquet file, or is damaged") from None
    text = (table.schema.metadata or {}).get(b"cosearch")
    if text is None:
        raise ArgumentError(f"{path} has no manifest of `cosearch export`")
    records, told = read_manifest(text, path)
    return _studies(table, records, told, path, typed_values, lambda name, unit: name)


def _load_csv(path: Path) -> list[StudyData]:
    import pyarrow
    import pyarrow.csv

    beside = path.with_name(path.name + MANIFEST_SUFFIX)
    if not beside.is_file():
        raise ArgumentError(
            f"{path} has no manifest beside it ({beside.name}), which `cosearch export` writes"
        )
    records, told = read_manifest(beside.read_text(encoding="utf-8"), beside)
    text, real = pyarrow.string(), pyarrow.float64()
    kinds = {
        "study": text,
        "status": text,
        "reason": text,
        "fidelity": text,
        "evaluation_seed": pyarrow.int64(),
    }
    for record in records:
        space = space_of(record)
        kinds |= dict.fromkeys(space.names, text)
        for metric in record.metrics:
            for name in (metric_column(space, metric["name"]), f"{metric['name']}_standard_error"):
                kinds[csv_column(name, metric["unit"])] = real
    try:
        table = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
    except pyarrow.ArrowException as error:
        raise ArgumentError(f"{path} is damaged: {' '.join(str(error).split())[:200]}") from None
    return _studies(table, records, told, path, cell_values, csv_column)


def _load_journal(path: Path) -> list[StudyData]:
    from cosearch.export.optuna_study import read_journal

    return read_journal(path)


def _studies(
    table: pyarrow.Table,
    records: Sequence[StudyRecord],
    told: Sequence[NDArray[np.int64]],
    path: Path,
    values: Callable[..., list[Any]],
    named: Callable[[str, str], str],
) -> list[StudyData]:
    """The studies of a table, in which they stand one after the other."""
    import pyarrow.compute

    try:
        whose = table.column("study")
        parts = [table.filter(pyarrow.compute.equal(whose, record.name)) for record in records]
        if sum(len(part) for part in parts) != len(table):
            raise ArgumentError(f"{path} holds rows of no study of its manifest")
        return [
            _study(part, record, order, path, values, named)
            for part, record, order in zip(parts, records, told, strict=True)
        ]
    except KeyError as error:
        raise ArgumentError(f"{path} is damaged: it has no column {error.args[0]!r}") from None


def _study(
    part: pyarrow.Table,
    record: StudyRecord,
    told: NDArray[np.int64],
    path: Path,
    values: Callable[..., list[Any]],
    named: Callable[[str, str], str],
) -> StudyData:
    space = space_of(record)
    columns = {name: values(space, name, part.column(name).to_pylist()) for name in space.names}
    present = set(part.column_names)

    def numbers(name: str, unit: str) -> NDArray[np.float64]:
        column = part.column(named(name, unit)).to_numpy(zero_copy_only=False)
        return np.array(column, dtype=np.float64)

    errors = {
        metric["name"]: numbers(f"{metric['name']}_standard_error", metric["unit"])
        for metric in record.metrics
        if named(f"{metric['name']}_standard_error", metric["unit"]) in present
    }
    took = named("evaluation_seconds", "s")
    outcomes = Outcomes(
        {m["name"]: numbers(metric_column(space, m["name"]), m["unit"]) for m in record.metrics},
        part.column("status").to_pylist(),
        part.column("reason").to_pylist(),
        # of several studies in one table, those that have none have empty columns
        standard_error={name: column for name, column in errors.items() if not np.isnan(column).all()},
        seconds=numbers("evaluation_seconds", "s")
        if took in present and part.column(took).null_count < len(part)
        else None,
    )
    fidelity, seed = part.column("fidelity").to_pylist(), part.column("evaluation_seed").to_pylist()
    how = fidelity, seed, part.column(named("seconds", "s")).to_pylist()
    return study_of(record, told, columns, outcomes, how, path)
