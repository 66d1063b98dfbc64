"""`surrogate transfer`: how well a new device is predicted from a few of its measurements."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from cosearch.bounded_files import opened
from cosearch.cli import options
from cosearch.cli.output import print_json, print_line, print_table
from cosearch.cli.parquet_columns import read_columns
from cosearch.cli.progress import said_if_slow
from cosearch.errors import ArgumentError, DesignError, unknown_name

MOST_BYTES = 512 << 20
MOST_ROWS = 1_000_000
SUFFIXES = (".parquet", ".csv")


def transfer(
    table: Annotated[
        Path,
        typer.Option(
            "--table", metavar="FILE", help="Designs with the numbers of devices; .parquet or .csv."
        ),
    ],
    features: Annotated[
        str, typer.Option(metavar="A,B,...", help="Columns that describe a design, of names or numbers.")
    ],
    train: Annotated[
        str, typer.Option(metavar="A,B,...", help="Columns of devices that are measured on all designs.")
    ],
    target: Annotated[
        str, typer.Option(metavar="A,B,...", help="Columns of new devices, each of which is tried alone.")
    ],
    samples: Annotated[int, typer.Option(min=2, help="Measurements of a new device.")] = 10,
    seeds: Annotated[int, typer.Option(min=1, help="How often each is tried.")] = 20,
    at_random: Annotated[
        bool, typer.Option("--at-random", help="Draw the measured designs instead of choosing them.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Predict a new device from a few measurements, with what other devices teach, and say how well.

    Which designs are measured is chosen among 2,000 random ones, others for each seed. The new device's other
    numbers are used for the score alone.
    """
    from cosearch.surrogates.transfer import Transfer, judged

    wanted = {name: _names(text, f"--{name}") for name, text in
              (("features", features), ("train", train), ("target", target))}  # fmt: skip
    for name in wanted["target"]:
        if name in wanted["train"]:
            raise ArgumentError(f"--target {name} is a training device too; a new device must not be")
    for name in (*wanted["train"], *wanted["target"]):
        if name in wanted["features"]:
            raise ArgumentError(f"column {name} is a device and a feature; name it once")
    columns = _columns(table, [name for names in wanted.values() for name in names])
    devices = np.stack([_numbers(columns[name], name, table) for name in wanted["train"]], axis=1)
    known = np.isfinite(devices).all(axis=1)
    if not known.all():
        left_out = f"{int((~known).sum()):,} rows lack a number of a training device and are left out"
        print_line(left_out, style="yellow", stderr=True)
    rows = np.flatnonzero(known)
    described = [[columns[name][i] for i in rows] for name in wanted["features"]]
    targets = {name: _numbers(columns[name], name, table)[rows] for name in wanted["target"]}
    for name, numbers in targets.items():
        if np.isfinite(numbers).sum() <= samples + 1:
            raise ArgumentError(
                f"column {name} of {table.name} has {int(np.isfinite(numbers).sum())} numbers; "
                f"expected more than the {samples} samples"
            )
    with said_if_slow() as say:
        say(f"learning from {len(wanted['train'])} devices")
        learned = Transfer.of(described, devices[rows], samples)
        found: list[dict[str, Any]] = []
        for name, numbers in targets.items():
            say(f"predicting {name}")
            tries = judged(learned, numbers, seeds, at_random=at_random)
            ranks = np.array([one["spearman"] for one in tries])
            found.append(
                {
                    "target": name,
                    "spearman": float(ranks.mean()),
                    "spearman_sd": float(ranks.std()),
                    "spearman_least": float(ranks.min()),
                    "median_relative_error": float(np.mean([t["median_relative_error"] for t in tries])),
                    "seeds": tries,
                }
            )
    mean = float(np.mean([one["spearman"] for one in found]))
    if json:
        print_json(
            {
                "table": str(table),
                "designs": len(rows),
                "samples": samples,
                "chosen": not at_random,
                "scale": learned.link,
                "spread": {**learned.prior.spread, "noise": learned.prior.noise},
                "spearman": mean,
                "targets": found,
            }
        )
        return
    lines = [
        [
            one["target"],
            f"{one['spearman']:.4f}",
            f"{one['spearman_sd']:.4f}",
            f"{one['spearman_least']:.4f}",
            f"{100 * one['median_relative_error']:.1f} %",
        ]
        for one in found
    ]
    drawn = "drawn" if at_random else "chosen"
    print_table(
        f"{samples} {drawn} samples of {len(rows):,} designs, {seeds} times",
        ["device", "Spearman", "deviation", "least", "median error"],
        lines,
        right=["Spearman", "deviation", "least", "median error"],
    )
    print_line(f"mean Spearman {mean:.4f}")


def _names(text: str, option: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ArgumentError(f"{option} {text!r} names no column; expected A,B,...")
    return names


def _columns(path: Path, names: list[str]) -> dict[str, list[Any]]:
    """The named columns of a table."""
    if path.suffix not in SUFFIXES:
        raise ArgumentError(f"{path}: expected a table in {' or '.join(SUFFIXES)}")
    try:
        with opened(path, MOST_BYTES) as file:
            if path.suffix == ".csv":
                columns = _csv(file.read().decode("utf-8-sig"))
            else:
                columns = read_columns(file, lambda name: name in names, MOST_ROWS)
                missing = [name for name in names if name not in columns]
                if missing:
                    import pyarrow.parquet

                    file.seek(0)
                    raise unknown_name(
                        f"column of {path.name}", missing[0], pyarrow.parquet.read_schema(file).names
                    )
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ArgumentError(f"{path} is no text in UTF-8") from None
    except csv.Error as error:
        raise ArgumentError(f"{path}: {error}") from None
    except DesignError as error:
        raise ArgumentError(f"{path}: {str(error).replace('designs', 'rows')}") from None
    for name in names:
        if name not in columns:
            raise unknown_name(f"column of {path.name}", name, columns)
    if len(columns[names[0]]) < 4:
        raise ArgumentError(f"{path} has {len(columns[names[0]])} rows; expected many designs")
    return columns


def _csv(text: str) -> dict[str, list[Any]]:
    rows = list(csv.reader(io.StringIO(text)))
    header = rows[0] if rows else []
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise csv.Error(f"line {number} has {len(row)} cells, the header {len(header)}")
    return {name: _typed([row[j] for row in rows[1:]]) for j, name in enumerate(header)}


def _typed(cells: list[str]) -> list[Any]:
    """Cells as numbers, if all are."""
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return list(cells)


def _numbers(column: list[Any], name: str, path: Path) -> NDArray[np.float64]:
    """A column of numbers, NaN where there is none."""
    try:
        values = [np.nan if value is None or value == "" else float(value) for value in column]
    except (TypeError, ValueError):
        wrong = next(value for value in column if not _is_number(value))
        raise ArgumentError(f"column {name} of {path.name} holds {wrong!r:.60}; expected numbers") from None
    found = np.array(values, dtype=np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def _is_number(value: Any) -> bool:
    try:
        return value is None or value == "" or isinstance(float(value), float)
    except (TypeError, ValueError):
        return False
