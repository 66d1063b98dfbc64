"""What a program reports, read into metrics: JSON, YAML, CSV, and any text by regular expressions."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from cosearch.bounded_files import opened
from cosearch.command_simulator.units import converted
from cosearch.errors import CosearchError, hint, shown
from cosearch.outcomes import reason_of
from cosearch.unit_dimensions import UnitError

STDOUT, STDERR = "stdout", "stderr"  # as the file of a report: what the program prints
LONGEST_REPORT = 256 << 20  # bytes
QUANTITY = re.compile(
    r"\s*(?P<value>[+-]?(?:\d[\d_,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:nan|inf|infinity))"
    r"\s*(?P<unit>\S.*?)?\s*",
    re.IGNORECASE,
)
Which = Literal["only", "first", "last", "sum", "mean"]


class ReportError(CosearchError, ValueError):
    """A report that is not there, cannot be read, or does not say what it should."""


@dataclass(frozen=True)
class At:
    """Where a report tells a metric.

    Attributes:
        place: the path in a JSON or YAML document (`timing.phases[0].total`), a CSV's column, a regular
            expression whose first group (or the one named `value`) is the number and whose group `unit`, if
            it has one, is the unit; or a function that finds the number, or number and unit, in the document,
            the rows or the text.
        unit: of the number, where the report does not tell; default the metric's own.
        unit_at: where the report tells the unit: a path, or a column.
        which: of several rows or matches; `only` refuses several.
        where: of a CSV: the rows that count, {column: text}.
    """

    place: str | Callable[[Any], Any]
    unit: str = ""
    unit_at: str = ""
    which: Which = "only"
    where: Mapping[str, str] = field(default_factory=dict)


class Report(Protocol):
    """One file that a run leaves, or what it prints."""

    @property
    def metrics(self) -> Sequence[str]:
        """The names that it tells."""

    def read(self, folder: Path, units: Mapping[str, str]) -> dict[str, float]:
        """The metrics of a run that ended, in their units.

        Args:
            folder: where it ran.
            units: the unit of each metric.

        Raises:
            ReportError: what is missing or wrong.
        """


@dataclass(frozen=True)
class _Report:
    """A report that is one file.

    Attributes:
        file: its path in the folder of the run; `stdout` or `stderr` for what the program prints.
        fields: where each metric is told.
    """

    file: str
    fields: Mapping[str, str | Callable[[Any], Any] | At]
    kind: ClassVar[str] = ""

    @property
    def metrics(self) -> Sequence[str]:
        """See `Report.metrics`."""
        return tuple(self.fields)

    def read(self, folder: Path, units: Mapping[str, str]) -> dict[str, float]:
        """See `Report.read`."""
        document = self._document(_text(folder, self.file))
        return {
            name: self._number(document, at if isinstance(at, At) else At(at), name, units.get(name, ""))
            for name, at in self.fields.items()
        }

    def _number(self, document: Any, at: At, metric: str, wanted: str) -> float:
        try:
            if callable(at.place):
                try:
                    found = [at.place(document)]
                except CosearchError:
                    raise
                except Exception as error:  # the author's function may raise anything
                    raise ReportError(f"does not say it: {reason_of(error)}") from None
            else:
                found = self._found(document, at)
            numbers = [_in_unit(value, at.unit, wanted) for value in found]
        except (ReportError, UnitError) as error:
            raise ReportError(f"{_named(self.file)}: {metric}: {error}") from None
        if at.which == "only" and len(numbers) > 1:
            raise ReportError(
                f"{_named(self.file)}: {metric}: {at.place!r} is there {len(numbers)} times; the plugin's "
                "author says which counts: which='last', say"
            )
        total = sum(numbers)
        which = {"sum": total, "mean": total / len(numbers), "last": numbers[-1]}
        return which.get(at.which, numbers[0])

    def _document(self, text: str) -> Any:
        return text

    def _found(self, document: Any, at: At) -> list[Any]:
        """The values at a place, at least one: numbers, texts, or pairs of these and a unit."""
        raise NotImplementedError


class JsonReport(_Report):
    """A JSON document."""

    def _document(self, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReportError(f"{_named(self.file)} is no JSON: {error}") from None

    def _found(self, document: Any, at: At) -> list[Any]:
        value = _at_path(document, str(at.place))
        return [(value, str(_at_path(document, at.unit_at))) if at.unit_at else value]


class YamlReport(JsonReport):
    """A YAML document."""

    def _document(self, text: str) -> Any:
        import yaml

        try:
            return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ReportError(f"{_named(self.file)} is no YAML: {reason_of(error)}") from None


class CsvReport(_Report):
    """A table with a line of headings; spaces around headings and cells do not count."""

    def _document(self, text: str) -> Any:
        rows = list(csv.reader(io.StringIO(text), skipinitialspace=True))
        rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
        if not rows:
            raise ReportError(f"{_named(self.file)} is empty")
        heads, *body = rows
        return [dict(zip(heads, row, strict=False)) for row in body] or [dict.fromkeys(heads, "")][:0]

    def _found(self, document: Any, at: At) -> list[Any]:
        if not document:
            raise ReportError("the table has no rows")
        for column in (at.place, *at.where, *([at.unit_at] if at.unit_at else [])):
            if column not in document[0]:
                raise ReportError(f"there is no column {column!r}{hint(column, document[0])}")
        rows = [row for row in document if all(row.get(c) == text for c, text in at.where.items())]
        if not rows:
            raise ReportError(f"no row has {' and '.join(f'{c} {text!r}' for c, text in at.where.items())}")
        short = [row for row in rows if at.place not in row]
        if short:
            raise ReportError(f"a row ends before column {at.place!r}; the table may be cut")
        return [(row[at.place], row.get(at.unit_at, "")) if at.unit_at else row[at.place] for row in rows]


class RegexReport(_Report):
    """Any text: each metric by a regular expression; `^` and `$` are the ends of a line."""

    def _found(self, document: Any, at: At) -> list[Any]:
        pattern = re.compile(str(at.place), re.MULTILINE)
        found = []
        for match in pattern.finditer(document):
            groups = match.groupdict()
            value = groups["value"] if "value" in groups else match[1] if pattern.groups else match[0]
            found.append((value, groups["unit"]) if groups.get("unit") else value)
        if not found:
            raise ReportError(f"nothing matches {at.place!r}")
        return found


def _text(folder: Path, file: str) -> str:
    path = folder / file
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ReportError(f"{_named(file)} is no file")
    try:
        with opened(path, LONGEST_REPORT) as opened_file:
            return opened_file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        raise ReportError(f"it wrote no {file}") from None
    except OSError as error:
        raise ReportError(f"{_named(file)}: {error.strerror}") from None


def _named(file: str) -> str:
    return {STDOUT: "what it printed", STDERR: "what it printed to stderr"}.get(file, file)


def _at_path(document: Any, path: str) -> Any:
    """The value at `a.b[0].c`; a key that has dots itself is found too."""
    found, rest, been = document, path, ""
    while rest:
        if index := re.match(r"\[(-?\d+)\]\.?", rest):
            try:
                found = found[int(index[1])] if isinstance(found, list) else _absent(been, rest)
            except IndexError:
                raise ReportError(
                    f"{been or 'the list'} has {len(found)} items; there is no {index[0]}"
                ) from None
            been, rest = been + index[0].rstrip("."), rest[index.end() :]
            continue
        if not isinstance(found, Mapping):
            _absent(been, rest)
        keys = [key for key in map(str, found) if re.match(re.escape(key) + r"(\.|\[|$)", rest)]
        if not keys:
            missing = re.split(r"[.\[]", rest, maxsplit=1)[0]
            raise ReportError(f"there is no {(been + '.' + missing).lstrip('.')!r}{hint(missing, found)}")
        key = max(keys, key=len)
        found = {str(k): v for k, v in found.items()}[key]
        been, rest = f"{been}.{key}".lstrip("."), rest[len(key) :].removeprefix(".")
    return found


def _absent(been: str, rest: str) -> Any:
    raise ReportError(
        f"there is no {rest!r} in {been!r}, which is one value" if been else f"there is no {rest!r}"
    )


def _in_unit(found: Any, unit: str, wanted: str) -> float:
    """A number in the metric's unit; what the value itself says of its unit counts first."""
    value, said = found if isinstance(found, tuple) else (found, "")
    if isinstance(value, str):
        quantity = QUANTITY.fullmatch(value)
        if quantity is None:
            raise ReportError(f"it is {shown(value)}, not a number")
        said = said or quantity["unit"] or ""
        value = _number(quantity["value"])
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ReportError(f"it is {shown(value)}, not a number")
    return converted(float(value), said or unit or wanted, wanted)


def _number(text: str) -> float:
    if "," in text and not re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        raise ReportError(f"{text!r} may be read as two numbers: a comma is taken between thousands only")
    try:
        return float(text.replace(",", ""))
    except ValueError:
        raise ReportError(f"it is {text!r}, not a number") from None
