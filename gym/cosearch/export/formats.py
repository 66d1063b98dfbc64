"""The formats of `cosearch export`, and writing each so that no half file is ever seen."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosearch.errors import ArgumentError, unknown_name
from cosearch.export.manifest import manifest
from cosearch.export.table import csv_column, study_table
from cosearch.store import StudyData

MANIFEST_SUFFIX = ".manifest.json"  # beside a CSV file, which has no place for one


@dataclass(frozen=True)
class EpisodesAsked:
    """How studies become episodes: for Minari only.

    Attributes:
        formulation: as in `gymnasium.make(..., formulation=...)`: "oneshot" or "sequential".
        reward: as in `gymnasium.make(..., reward=...)`.
    """

    formulation: str = "oneshot"
    reward: str = "weighted_sum"


@dataclass(frozen=True)
class Format:
    """A format: the suffix of its files, what it is for, and who writes it."""

    suffix: str
    summary: str
    write: Callable[[Sequence[StudyData], Path, EpisodesAsked], int]


def write_studies(
    studies: Sequence[StudyData], path: str | Path, format_: str, episodes: EpisodesAsked | None = None
) -> int:
    """Write studies with their manifest.

    Args:
        studies: read from a store.
        path: the file, or for Minari the folder; what is there is replaced once all is written.
        format_: one of `FORMATS`.
        episodes: for Minari.

    Returns:
        How many evaluations were written.

    Raises:
        UnknownNameError: for an unknown format.
        ArgumentError: if it cannot be written; what was there before is then still there.
    """
    if format_ not in FORMATS:
        raise unknown_name("format", format_, FORMATS)
    return FORMATS[format_].write(studies, Path(path), episodes or EpisodesAsked())


def _write_parquet(studies: Sequence[StudyData], path: Path, episodes: EpisodesAsked) -> int:
    import pyarrow.parquet

    table = study_table(studies).replace_schema_metadata({"cosearch": json.dumps(manifest(studies))})
    _in_place(path, lambda part: pyarrow.parquet.write_table(table, part))
    return int(table.num_rows)


def _write_csv(studies: Sequence[StudyData], path: Path, episodes: EpisodesAsked) -> int:
    import pyarrow.csv

    table = study_table(studies)
    names = [
        csv_column(field.name, (field.metadata or {}).get(b"unit", b"").decode()) for field in table.schema
    ]
    text = json.dumps(manifest(studies), indent=1)
    beside = path.with_name(path.name + MANIFEST_SUFFIX)
    _in_place(path, lambda part: pyarrow.csv.write_csv(table.rename_columns(names), part))
    _in_place(beside, lambda part: part.write_text(text, encoding="utf-8"))
    return int(table.num_rows)


def _write_minari(studies: Sequence[StudyData], path: Path, episodes: EpisodesAsked) -> int:
    from cosearch.export.minari_dataset import write_episodes

    written: list[int] = []

    def write(part: Path) -> None:
        written.append(write_episodes(studies, part, episodes.formulation, episodes.reward))
        _write_parquet(studies, part / "evaluations.parquet", episodes)

    _in_place(path, write)
    return written[0]


def _write_optuna(studies: Sequence[StudyData], path: Path, episodes: EpisodesAsked) -> int:
    from cosearch.export.optuna_study import write_journal

    _in_place(path, lambda part: write_journal(studies, part))
    return sum(len(data.designs) for data in studies)


FORMATS = {
    "parquet": Format("parquet", "a table with types and units", _write_parquet),
    "csv": Format("csv", "a table as text, its manifest beside it", _write_csv),
    "minari": Format("minari", "episodes for offline reinforcement learning", _write_minari),
    "optuna": Format("journal", "a journal that optuna and optuna-dashboard read", _write_optuna),
}


def format_of(path: Path) -> str | None:
    """The format that the suffix of a file stands for; None for none."""
    return next((name for name, one in FORMATS.items() if path.suffix == f".{one.suffix}"), None)


def _in_place(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the file or folder, and put it in place at the end."""
    part = path.with_name(f".{path.name}.part")
    _remove(part)
    try:
        write(part)
        if path.is_dir():
            shutil.rmtree(path)
        part.replace(path)
    except OSError as error:
        raise ArgumentError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        _remove(part)


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
