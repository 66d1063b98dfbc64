"""The arguments of a problem, declared once: types, bounds, units, help, and which files they name.

A problem that takes arguments declares one frozen class:

    class CacheSettings(Settings):
        '''What the cache runs.'''

        ways: int = setting(4, "associativity", ge=1, le=64)
        trace: InputFile = setting("trace.txt", "path of the addresses")
        threads: int | None = setting(None, "designs simulated at once", ge=1, affects_results=False)

Constructor, command line, help, JSON, the comparison of studies, the digest of the files and the rebuilding of
a study all follow from it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cosearch.errors import ArgumentError, CosearchError, unknown_name

LONGEST_VALUE = 80  # characters of a wrong value that a message repeats


@dataclass(frozen=True)
class NamesFiles:
    """Marks a field whose value names files: the study notices when one of them changes.

    Attributes:
        paths: the paths that a value names, possibly none.
    """

    paths: Callable[[Any], Iterable[str]]


def absolute(path: str) -> str:
    """A path as it is from any folder, since a study is resumed from any."""
    return str(Path(path).expanduser().absolute())


InputFile = Annotated[str, AfterValidator(absolute), NamesFiles(lambda path: [path])]
"""The path of a file that is read: made absolute, and hashed into the study's digest."""


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    affects_results: bool = True,
    **bounds: Any,
) -> Any:
    """A field of `Settings`.

    Args:
        default: the value where none is given; `...` where one must be.
        description: for help and listings.
        unit: of a number.
        affects_results: false for what leaves the numbers alone, such as a number of threads: studies that
            differ in it only are compared as equals.
        **bounds: as pydantic's `Field` takes them: ge, le, gt, lt, min_length, pattern, ...
    """
    extra = {"unit": unit, "affects_results": affects_results}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


class Settings(BaseModel):
    """The declared arguments of a problem; frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @classmethod
    def read(cls, values: Mapping[str, Any], owner: str) -> Self:
        """Settings from values by name; text is converted (`"4"` to 4 for an int).

        Args:
            values: those that are given; the others have their defaults.
            owner: what the settings belong to, for messages: "problem dram-controller".

        Raises:
            UnknownNameError: for a name that is not declared.
            ArgumentError: for a value that its declaration does not admit, or one that is missing.
        """
        checked: dict[str, Any] = {}
        for name, value in values.items():
            if name not in cls.model_fields:
                raise unknown_name(f"argument of {owner}", name, cls.model_fields)
            field = cls.model_fields[name]
            # the annotation of a field holds neither its bounds nor its validators: they are its metadata
            declared: Any = field.annotation
            for one in field.metadata:
                declared = Annotated[declared, one]
            checked[name] = convert(declared, name, value, owner)
        missing = [n for n, f in cls.model_fields.items() if f.is_required() and n not in checked]
        if missing:
            raise ArgumentError(f"{owner} needs {' '.join(f'--set {n}=...' for n in missing)}")
        try:
            return cls(**checked)
        except ValidationError as error:
            first = error.errors()[0]
            cause = first.get("ctx", {}).get("error")
            if isinstance(cause, CosearchError):
                raise cause from None
            place = ".".join(str(part) for part in first["loc"])
            raise ArgumentError(f"{owner}: {place + ': ' if place else ''}{_message(first)}") from None

    def arguments(self) -> dict[str, Any]:
        """What was given, as JSON values from which `read` makes equal settings."""
        given = sorted(self.model_fields_set, key=list(type(self).model_fields).index)
        dumped = self.model_dump(mode="json", include=set(given))
        return {name: dumped[name] for name in given}

    def digest(self) -> str:
        """SHA-256 over the files that the settings name, "" if they name none.

        Raises:
            ArgumentError: if one cannot be read.
        """
        files = [path for name, field in type(self).model_fields.items() for path in self._files(name, field)]
        if not files:
            return ""
        total = hashlib.sha256()
        for path in files:
            try:
                with open(path, "rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise ArgumentError(f"cannot read {path}: {error.strerror}") from None
        return total.hexdigest()

    def _files(self, name: str, field: FieldInfo) -> list[str]:
        value = getattr(self, name)
        if value is None:
            return []
        return [path for mark in _marks(field) for path in mark.paths(value)]


def _marks(field: FieldInfo) -> list[NamesFiles]:
    found = [one for one in field.metadata if isinstance(one, NamesFiles)]
    # in `InputFile | None` the mark is inside the union
    for part in getattr(field.annotation, "__args__", ()):
        found += [one for one in getattr(part, "__metadata__", ()) if isinstance(one, NamesFiles)]
    return found


@dataclass(frozen=True)
class SettingDescription:
    """One setting for people and for JSON."""

    name: str
    type: str
    default: Any
    required: bool
    description: str
    unit: str
    affects_results: bool


def described(settings: type[Settings] | None) -> list[SettingDescription]:
    """What a problem's settings are, in order."""
    if settings is None:
        return []
    found = []
    for name, field in settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = None if field.default is PydanticUndefined else field.get_default(call_default_factory=True)
        found.append(
            SettingDescription(
                name,
                _type_text(field),
                default,
                field.is_required(),
                field.description or "",
                str(extra.get("unit", "")),
                bool(extra.get("affects_results", True)),
            )
        )
    return found


def convert(declared: Any, name: str, value: Any, owner: str) -> Any:
    """A value as its declared type.

    Raises:
        ArgumentError: if the type does not admit it.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(declared)
    if isinstance(value, np.generic):
        value = value.item()
    try:
        try:
            # true is no number, though Python would take it for 1
            return adapter.validate_python(value, strict=isinstance(value, bool) or None)
        except ValidationError as error:
            if not isinstance(value, bool | int | float):
                raise
            try:
                return adapter.validate_python(json.dumps(value))  # text that looks like a number
            except ValidationError:
                raise error from None
    except ValidationError as error:
        # Of a union each kind has its own.
        first, *others = dict.fromkeys(_message(found) for found in error.errors())
        problem = ", or ".join([first, *(other.removeprefix("Input should be ") for other in others)])
        shown = repr(value)
        shown = shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}..."
        raise ArgumentError(f"{owner}: argument {name}={shown} is not valid: {problem}") from None


def _message(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


def _type_text(field: FieldInfo) -> str:
    """The type as a user reads it, with its bounds."""
    schema = TypeAdapter(field.annotation).json_schema()
    text = _schema_text(schema)
    for metadata in field.metadata:
        for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
            if (bound := getattr(metadata, name, None)) is not None:
                text += f" {sign} {bound}"
    return text


_TYPE_NAMES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "array": "list",
    "object": "object",
}


def _schema_text(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(json.dumps(value).strip('"') for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_schema_text(one) for one in schema["anyOf"]))
    return _TYPE_NAMES.get(str(schema.get("type")), "any value")
