"""What users write as YAML or JSON, such as accelerators: reading, writing, and errors of one line."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_yaml import YAML_BYTES, parse_yaml
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError, shown


class Document(BaseModel):
    """A model whose fields are all known and whose values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


DocumentType = TypeVar("DocumentType", bound=Document)


def parse(model: type[DocumentType], data: Any, where: str = "") -> DocumentType:
    """The document in these JSON values.

    Args:
        model: its class.
        data: JSON values.
        where: what the error's line starts with, such as a file's name.

    Raises:
        ConfigurationError: a field is missing, unknown or has a bad value; names the field and the value.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        line = _line(model, first)
        raise ConfigurationError(f"{where}: {line}" if where else line) from error


def read(model: type[DocumentType], path: Path) -> DocumentType:
    """The document in a file, YAML or JSON.

    Raises:
        ConfigurationError: the file cannot be read, is no YAML, or `parse` rejects it.
    """
    return parse(model, load(path), str(path))


def load(path: Path) -> Any:
    """What a file holds, YAML or JSON.

    Raises:
        ConfigurationError: the file cannot be read or is no YAML, gives a key twice, or is too deep or too
            large once its aliases stand for what they name.
    """
    try:
        return parse_yaml(read_text(path, YAML_BYTES))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except ConfigurationError as error:
        joined = " " if str(error).startswith("is no") else ": "
        raise ConfigurationError(f"{path}{joined}{error}") from error


def write(document: Document, path: Path) -> None:
    """Write a document without defaults, as JSON where the name ends so, else as YAML."""
    data = document.model_dump(mode="json", exclude_defaults=True)
    is_json = path.suffix == ".json"
    path.write_text(json.dumps(data, indent=2) + "\n" if is_json else yaml.safe_dump(data, sort_keys=False))


def _line(model: type[BaseModel], error: Any) -> str:
    *path, last = error["loc"] or ("",)
    if last == "[key]":  # a mapping's key, not its value
        place = ".".join(str(part) for part in path[:-1])
        return f"{place}: unknown key {shown(error['input'])}, {_expected(error)}"
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        fields = _model_at(model, error["loc"][:-1]).model_fields
        return f"unknown field {place}{hint(error['loc'][-1], fields)}"
    if error["type"] == "missing":
        return f"{place} is missing"
    if error["type"] == "model_type":
        expected = ", ".join(_model_at(model, error["loc"]).model_fields)
        line = f"expected the fields {expected}, got {shown(error['input'])}"
        return f"{place}: {line}" if place else line
    message = error["msg"].removeprefix("Value error, ")
    if not place:
        return message
    value = error["input"]
    if error["type"] == "value_error" and isinstance(value, BaseModel | dict):
        return f"{place}: {message}"
    return f"{place}: {_expected(error) or message[0].lower() + message[1:]}, got {shown(value)}"


_EXPECTED = {
    "literal_error": "expected {expected}",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a mapping",
    "string_type": "expected a text",
    "string_too_short": "expected a text that is not empty",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "expected a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "expected a number"),
    "finite_number": "expected a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), "expected true or false"),
    "too_short": "expected a list that is not empty",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
}
"""Kinds of pydantic's errors in the words of who writes YAML."""


def _expected(error: Any) -> str:
    context = error.get("ctx", {})
    whole = {key: int(value) for key, value in context.items() if isinstance(value, float) and value % 1 == 0}
    return _EXPECTED.get(error["type"], "").format(**context | whole)


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that a path of field names and positions leads to."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = next(iter(_models_in(model.model_fields[part].annotation)), model)
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models_in(part)]
