"""The arguments of a problem, declared once: types, bounds, units, help, and which files they name.

A problem that takes arguments declares one frozen class:

    class CacheSettings(Settings):
        '''What the cache runs.'''

        ways: int = setting(4, "associativity", ge=1, le=64)
        trace: InputFile = setting("trace.txt", "path of the addresses")
        threads: int | None = setting(None, "designs simulated at once", ge=1, affects_results=False)

Constructor, command line, help, JSON, the comparison of studies, the digest of the files and the rebuilding
of a study all follow from it. How a value is converted and refused is in `declared_values`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from cosearch.declared_values import lenient, refusal, type_text
from cosearch.errors import ArgumentError, CosearchError, unknown_name


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


InputFile = Annotated[
    str,
    AfterValidator(absolute),
    NamesFiles(lambda path: [path]),
    WithJsonSchema({"type": "string", "format": "path"}),
]
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
    extra: dict[str, Any] = {"unit": unit, "affects_results": affects_results}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


class Settings(BaseModel):
    """The declared arguments of a problem; frozen."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        validate_default=True,
        allow_inf_nan=False,
        defer_build=True,  # at the first use: plugins are imported with cosearch
    )

    @field_validator("*", mode="wrap")
    @classmethod
    def _converted(cls, value: Any, validate: Callable[[Any], Any]) -> Any:
        return lenient(value, validate)

    @classmethod
    def read(cls, values: Mapping[str, Any], owner: str) -> Self:
        """Settings from values by name; text is converted (`"4"` to 4 for an int).

        Args:
            values: those that are given; the others have their defaults.
            owner: what the settings belong to, for messages: "problem dram-controller".

        Raises:
            UnknownNameError: for a name that is not declared, or a value that is none of the declared names.
            ArgumentError: for a value that its declaration does not admit, or one that is missing.
        """
        for name in values:
            if name not in cls.model_fields:
                raise unknown_name(f"argument of {owner}", name, cls.model_fields)
        missing = [n for n, f in cls.model_fields.items() if f.is_required() and n not in values]
        if missing:
            needed = [f"--set {name}=... ({cls.model_fields[name].description or name})" for name in missing]
            raise ArgumentError(f"{owner} needs {' '.join(needed)}")
        try:
            return cls(**values)
        except ValidationError as error:
            raise cls._refusal(error, values, owner) from None

    @classmethod
    def _refusal(cls, error: ValidationError, values: Mapping[str, Any], owner: str) -> CosearchError:
        errors = error.errors()
        if not errors[0]["loc"]:  # settings that do not go together
            cause = errors[0].get("ctx", {}).get("error")
            if isinstance(cause, CosearchError):
                return cause
            return ArgumentError(f"{owner}: {errors[0]['msg'].removeprefix('Value error, ')}")
        name = str(errors[0]["loc"][0])
        of_field = [one for one in errors if one["loc"][:1] == (name,)]
        value = values.get(name, errors[0]["input"])
        return refusal(of_field, cls.model_json_schema()["properties"][name], name, value, owner)

    def arguments(self) -> dict[str, Any]:
        """What was given, as JSON values from which `read` makes equal settings."""
        dumped = self.model_dump(mode="json", include=set(self.model_fields_set))
        return {name: dumped[name] for name in type(self).model_fields if name in dumped}

    def digest(self) -> str:
        """SHA-256 over the files that the settings name, "" if they name none.

        Raises:
            ArgumentError: if one cannot be read.
        """
        files = [
            (name, path)
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) is not None
            for mark in _marks(field)
            for path in mark.paths(value)
        ]
        if not files:
            return ""
        total = hashlib.sha256()
        for name, path in files:
            try:
                if not stat.S_ISREG(os.stat(path).st_mode):  # a device, or a pipe that was read already
                    raise ArgumentError(f"{name}: {path} is not a file")
                with open(path, "rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise ArgumentError(f"{name}: cannot read {path}: {error.strerror}") from None
        return total.hexdigest()


def _marks(field: FieldInfo) -> list[NamesFiles]:
    found = [one for one in field.metadata if isinstance(one, NamesFiles)]
    # in `InputFile | None` the mark is inside the union
    for part in getattr(field.annotation, "__args__", ()):
        found += [one for one in getattr(part, "__metadata__", ()) if isinstance(one, NamesFiles)]
    return found


@dataclass(frozen=True)
class SettingDescription:
    """One setting for people and for JSON.

    Attributes:
        name: as `--set` takes it.
        type: in words, with its bounds.
        required: whether it must be given.
        default: as a JSON value.
        description: what it is.
        unit: of a number.
        affects_results: whether it may change a number.
    """

    name: str
    type: str
    required: bool
    default: Any
    description: str
    unit: str
    affects_results: bool


def described(settings: type[Settings] | None) -> list[SettingDescription]:
    """What a problem's settings are, in order."""
    if settings is None:
        return []
    schemas = settings.model_json_schema()["properties"]
    return [
        SettingDescription(
            name,
            type_text(schemas[name]),
            field.is_required(),
            None if field.is_required() else _default(field),
            " ".join((field.description or "").split()),
            str(_extra(field).get("unit", "")),
            bool(_extra(field).get("affects_results", True)),
        )
        for name, field in settings.model_fields.items()
    ]


def settings_key(settings: type[Settings] | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that may change a number, with defaults: what two studies that are compared share.

    Args:
        settings: a problem's `Settings`; None if it has none, or is not installed.
        arguments: a study's, as JSON values; those of an earlier version may no longer be declared.
    """
    if settings is None:
        return dict(arguments)
    known = {name: value for name, value in arguments.items() if name in settings.model_fields}
    try:
        known = settings.read(known, "").model_dump(mode="json")
    except CosearchError:  # a file that is gone, a value that was once allowed
        known = {n: _default(f) for n, f in settings.model_fields.items() if not f.is_required()} | known
    without_effect = [
        n for n, f in settings.model_fields.items() if not _extra(f).get("affects_results", True)
    ]
    return {n: value for n, value in {**known, **arguments, **known}.items() if n not in without_effect}


def unusual(settings: type[Settings] | None, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that may change a number and are not the defaults, without the paths of files.

    It stays the same when a problem gets more settings, and on every machine.
    """
    known = settings_key(settings, arguments)
    fields = {} if settings is None else settings.model_fields
    return {
        name: value
        for name, value in known.items()
        if name not in fields or not (_names_a_file(fields[name], value) or _is_default(fields[name], value))
    }


def _is_default(field: FieldInfo, value: Any) -> bool:
    return not field.is_required() and bool(_default(field) == value)


def _names_a_file(field: FieldInfo, value: Any) -> bool:
    return value is not None and any(list(mark.paths(value)) for mark in _marks(field))


def _default(field: FieldInfo) -> Any:
    return to_jsonable_python(field.get_default(call_default_factory=True))


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
