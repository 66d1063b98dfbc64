"""The columns of a Parquet file as Python values; a small file may stand for any number of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import IO, Any

from cosearch.errors import DesignError

MOST_VALUES = 20_000_000
"""Of a column, those of lists counted one by one."""

MOST_BYTES = 512 << 20
"""Of a column's values once they are unpacked."""

_FIXED_BYTES = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}


def read_columns(file: IO[bytes], wanted: Callable[[str], bool], most_rows: int) -> dict[str, list[Any]]:
    """The wanted columns of a table.

    Raises:
        DesignError: it is no Parquet file, is damaged, or holds more than is read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(file)
        schema = table.schema_arrow
        if table.metadata.num_rows > most_rows:
            raise DesignError(
                f"the file holds more than {most_rows:,} designs, the most that is read; split it"
            )
        check_names(schema.names)
        names = [name for name in schema.names if wanted(name)]
        texts = [n for n in names if pyarrow.types.is_string(t := schema.field(n).type) or _is_text(t)]
        if sum(table.metadata.row_group(g).total_byte_size for g in range(table.num_row_groups)) > MOST_BYTES:
            raise DesignError(f"the file unpacks to more than {MOST_BYTES >> 20} MiB; split it")
        # Holds nothing, and raises for what is damaged; the metadata of a damaged column end the process.
        table.scan_contents(batch_size=4096)
        _check_sizes(table.metadata, names, texts)
        # Texts stay numbers of a dictionary until it is known how long they are in all.
        table = pyarrow.parquet.ParquetFile(file, read_dictionary=texts)
        return {name: _values(table.read([name]).column(0), name) for name in names}
    except pyarrow.ArrowInvalid as error:
        kind = "not a Parquet file" if "magic bytes" in str(error) or "Parquet" in str(error) else "damaged"
        raise DesignError(f"{kind}: {_line(error)}" if kind == "damaged" else kind) from None
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError) as error:
        if isinstance(error, DesignError):
            raise
        raise DesignError(f"damaged Parquet file: {_line(error)}") from None


def column_units(file: IO[bytes]) -> dict[str, str]:
    """The units that columns say in their metadata."""
    import pyarrow.parquet

    file.seek(0)
    schema = pyarrow.parquet.read_schema(file)
    units = {
        field.name: (field.metadata or {}).get(b"unit", b"").decode(errors="replace") for field in schema
    }
    return {name: unit for name, unit in units.items() if unit}


def check_names(names: Sequence[str]) -> None:
    """Raise `DesignError` if two columns have one name."""
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DesignError(f"column {twice[:80]!r} is given twice")


def _is_text(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_large_string(kind) or pyarrow.types.is_binary(kind))


def _check_sizes(metadata: Any, names: Sequence[str], texts: Sequence[str]) -> None:
    """Refuse columns that unpack to too much; those of texts alone are counted by `_values`."""
    values: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            name = chunk.path_in_schema.partition(".")[0]
            values[name] += chunk.num_values
            if name not in texts:
                # within a list a text may be as long as all that is stored, each time
                fixed = _FIXED_BYTES.get(chunk.physical_type, chunk.total_uncompressed_size)
                sizes[name] += chunk.num_values * fixed
    for name in names:
        if values[name] > MOST_VALUES or sizes[name] > MOST_BYTES:
            raise DesignError(f"column {name[:80]!r} may unpack to too much; write it as text or as .jsonl")


def _values(column: Any, name: str) -> list[Any]:
    import pyarrow
    import pyarrow.compute

    if pyarrow.types.is_dictionary(column.type):
        lengths = (
            pyarrow.compute.sum(pyarrow.compute.binary_length(part.dictionary).take(part.indices)).as_py()
            for part in column.chunks
        )
        if sum(length or 0 for length in lengths) > MOST_BYTES:
            raise DesignError(f"column {name[:80]!r} holds more than {MOST_BYTES >> 20} MiB of text")
    found: list[Any] = column.to_pylist()
    return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
