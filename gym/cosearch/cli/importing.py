"""`import`: evaluations that were made elsewhere, as what a search starts from."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from cosearch.arguments import assignment
from cosearch.bounded_files import opened
from cosearch.cli import options
from cosearch.cli.design_files import MOST_BYTES, MOST_DESIGNS, csv_columns
from cosearch.cli.options import KEPT, option
from cosearch.cli.output import print_json, print_line
from cosearch.cli.parquet_columns import column_units, read_columns
from cosearch.errors import ArgumentError, CosearchError, DesignError
from cosearch.quantities import count

if TYPE_CHECKING:
    from cosearch.past_evaluations import Past, Table
    from cosearch.problem import Problem
    from cosearch.store import StudyData

SUFFIXES = (".csv", ".parquet")


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv or .parquet file of evaluations.")],
    problem: Annotated[
        str | None,
        typer.Argument(
            metavar="[PROBLEM]",
            help="Whose parameters and metrics the columns are; default what an exported file says.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        str | None,
        option(
            "--store",
            metavar="PATH",
            help="A SQLite file (made if need be) or database URL. Needed.",
            panel=KEPT,
            show_default=False,
        ),
    ] = None,
    set_: options.Set = [],  # noqa: B006  typer copies it
    objective: options.Objectives = [],  # noqa: B006
    constraint: options.Constraints = [],  # noqa: B006
    hold: options.Hold = [],  # noqa: B006
    fidelity: options.Fidelity = None,
    name: Annotated[
        str | None,
        option(
            "--name", help="The study's; default FILE's, without its suffix.", panel=KEPT, show_default=False
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Take evaluations that were made elsewhere into a store, where searches of the problem start from them.

    Metrics need units, in the name of the column (latency_ns, latency_us) or behind it (gain [dB]); other
    units that fit are converted. Empty cells of objectives are failed designs.
    """
    from cosearch.run.imported import import_results
    from cosearch.store import Store

    if store is None:
        raise ArgumentError("name the store to import into: --store PATH")
    if file.suffix not in SUFFIXES:
        raise ArgumentError(f"{file}: expected {' or '.join(SUFFIXES)}, not {file.suffix or 'no suffix'}")
    digest = _digest(file)
    exported = _exported(file)
    if problem is None:
        if exported is None:
            raise ArgumentError(f"{file} does not say which problem it is of: name the PROBLEM")
        built = _problem_of(exported, file)
    else:
        built = options.build_problem(problem, set_, objective, constraint)
        built = built.hold(options.held_values(built.space, hold))
    options.check_fidelity(built, fidelity)
    chosen = fidelity or built.default_fidelity
    try:
        past = _past(built, file, chosen) if exported is None else _past_of(built, exported, chosen)
    except DesignError as error:
        raise DesignError(f"{file}: {error}") from None
    except CosearchError as error:
        raise ArgumentError(f"{file}: {error}") from None
    source = {"file": file.name, "sha256": digest}
    with Store.open(store, create=True) as opened_store:
        record = import_results(
            opened_store,
            built,
            past.results,
            name or file.stem,
            source,
            _command(file, built, store, name, set_, hold),
        )
    ok = int(past.results.outcomes.ok.sum())
    if json:
        print_json({"store": store, "study": asdict(record), "ok": ok, "notes": past.notes})
        return
    for note in past.notes:
        print_line(note, style="yellow", stderr=True)
    found = f"{count(len(past.results), 'evaluation')} of {built.name}, {ok} ok"
    print_line(f"imported {found}, into {store} as study {record.name}")
    words = ["cosearch", "search", built.name]
    for flag, values in (("--set", record.problem_arguments), ("--hold", record.space.get("held", {}))):
        words += [word for name, value in values.items() for word in (flag, assignment(name, value))]
    words += ["--store", store]
    print_line(f"a search of {built.name} with the same settings starts from them: {shlex.join(words)}")


def _command(
    file: Path, problem: Problem, store: str, name: str | None, set_: list[str], hold: list[str]
) -> str:
    """The command that imports the file again."""
    words = ["cosearch", "import", str(file), problem.name]
    words += [word for text in set_ for word in ("--set", text)]
    words += [word for text in hold for word in ("--hold", text)]
    words += ["--store", store] + ([] if name is None else ["--name", name])
    return shlex.join(words)


def _digest(file: Path) -> str:
    try:
        with opened(file, MOST_BYTES) as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError as error:
        raise ArgumentError(f"cannot read {file}: {error.strerror or error}") from None


def _exported(file: Path) -> list[StudyData] | None:
    """The studies of a file that `cosearch export` wrote, else None."""
    from cosearch.export.formats import MANIFEST_SUFFIX
    from cosearch.export.loading import load_studies

    if file.suffix == ".csv":
        if not file.with_name(file.name + MANIFEST_SUFFIX).is_file():
            return None
    else:
        import pyarrow
        import pyarrow.parquet

        try:
            if b"cosearch" not in (pyarrow.parquet.read_schema(file).metadata or {}):
                return None
        except (pyarrow.ArrowException, OSError):
            return None  # whoever reads it says why
    return load_studies(file)


def _problem_of(studies: list[StudyData], file: Path) -> Problem:
    from cosearch.run.recorded import problem_of

    names = list(dict.fromkeys(study.record.problem for study in studies))
    if len(names) != 1:
        raise ArgumentError(f"{file} has studies of {', '.join(names)}: name the PROBLEM")
    return problem_of(studies[0].record)


def _past_of(problem: Problem, studies: list[StudyData], fidelity: str) -> Past:
    """The evaluations of exported studies that are of this problem."""
    import numpy as np

    from cosearch.past_evaluations import Past, distinct
    from cosearch.run.trial import Results
    from cosearch.run.warm_start import known_results
    from cosearch.settings import settings_key

    notes: list[str] = []
    parts = []
    own = settings_key(problem.Settings, problem.arguments)
    for study in studies:
        record = study.record
        same = settings_key(problem.Settings, record.problem_arguments) == own
        if record.problem != problem.name:
            notes.append(f"study {record.name} is of {record.problem} and left out")
        elif not same or record.workload_digest != problem.workload_digest:
            notes.append(
                f"study {record.name} is of other settings ({record.problem_arguments}) and left out"
            )
        else:
            parts.append(known_results(problem, fidelity, study))
    if not parts:
        raise ArgumentError(f"it holds nothing of {problem.name} with these settings: {'; '.join(notes)}")
    together = Results.concat(parts)
    numbered = Results.of(
        together.designs, together.outcomes, fidelity=np.asarray(together.fidelity), seed=together.seed
    )
    return Past(distinct(numbered, notes), notes)


def _past(problem: Problem, file: Path, fidelity: str) -> Past:
    from cosearch.past_evaluations import past_evaluations

    try:
        with opened(file, MOST_BYTES) as stream:
            table = _read_csv(stream) if file.suffix == ".csv" else _read_parquet(stream)
    except UnicodeDecodeError:
        raise ArgumentError("it is not a text file") from None
    return past_evaluations(problem, table, fidelity)


def _read_csv(stream: IO[bytes]) -> Table:
    from cosearch.past_evaluations import Table

    return Table(csv_columns(stream), {})


def _read_parquet(stream: IO[bytes]) -> Table:
    from cosearch.past_evaluations import Table

    columns = read_columns(stream, lambda name: True, MOST_DESIGNS)
    return Table(columns, column_units(stream))
