"""The files that a program reads, made from a design: Jinja2 templates, and JSON or YAML by its structure.

A template knows the parameters by their names, and `design`, `settings`, `fidelity`, `seed` and `folder`. A
name that is not there is an error, never empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from cosearch.errors import CosearchError
from cosearch.outcomes import reason_of

WHOLE = re.compile(r"\s*\{\{(?P<expression>(?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


class ConfigError(CosearchError, ValueError):
    """A configuration that cannot be made of a design."""


class ConfigFile(Protocol):
    """What makes the text of a file."""

    def text(self, context: Mapping[str, Any]) -> str:
        """The file's text.

        Raises:
            ConfigError: what is missing or wrong.
        """


@dataclass(frozen=True)
class Template:
    """A text with `{{ ... }}` and `{% ... %}`, as Jinja2 reads them.

    Attributes:
        source: the text.
    """

    source: str

    @classmethod
    def of_file(cls, path: str | Path) -> Template:
        """The template that a file holds."""
        return cls(Path(path).read_text(encoding="utf-8"))

    def text(self, context: Mapping[str, Any]) -> str:
        """See `ConfigFile.text`."""
        return rendered(self.source, context)


@dataclass(frozen=True)
class _Structured:
    """A document whose texts are templates; a text that is one `{{ ... }}` becomes the value, a number say.

    Attributes:
        content: mappings, lists and plain values; or a function that makes them of the template's names.
    """

    content: Mapping[str, Any] | list[Any] | Callable[[Mapping[str, Any]], Any]

    def document(self, context: Mapping[str, Any]) -> Any:
        """The document with a design's values."""
        if callable(self.content):
            try:
                return self.content(context)
            except CosearchError:
                raise
            except Exception as error:  # the author's function may raise anything
                raise ConfigError(reason_of(error)) from None
        return _filled(self.content, context)


class JsonFile(_Structured):
    """A JSON document, see `content`."""

    def text(self, context: Mapping[str, Any]) -> str:
        """See `ConfigFile.text`."""
        document = self.document(context)
        try:
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise ConfigError(f"is no JSON: {error}") from None


class YamlFile(_Structured):
    """A YAML document, see `content`."""

    def text(self, context: Mapping[str, Any]) -> str:
        """See `ConfigFile.text`."""
        import yaml

        document = self.document(context)
        try:
            return str(yaml.safe_dump(document, sort_keys=False))
        except yaml.YAMLError as error:
            raise ConfigError(f"is no YAML: {reason_of(error)}") from None


def rendered(source: str, context: Mapping[str, Any]) -> str:
    """A template's text.

    Raises:
        ConfigError: for a template that is none, or a name that is not there.
    """
    import jinja2

    try:
        return _template(source).render(context)
    except jinja2.TemplateError as error:
        raise ConfigError(str(error)) from None
    except Exception as error:  # an expression such as 1 / ways raises what it likes
        raise ConfigError(reason_of(error)) from None


def _filled(content: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(content, Mapping):
        return {name: _filled(value, context) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_filled(value, context) for value in content]
    if not isinstance(content, str) or "{" not in content:
        return content
    whole = WHOLE.fullmatch(content)
    return _value(whole["expression"], context) if whole else rendered(content, context)


def _value(expression: str, context: Mapping[str, Any]) -> Any:
    import jinja2

    try:
        found = _expression(expression)(context)
    except jinja2.TemplateError as error:
        raise ConfigError(str(error)) from None
    except Exception as error:  # as above
        raise ConfigError(reason_of(error)) from None
    if isinstance(found, jinja2.Undefined):
        raise ConfigError(f"{expression.strip()!r} is not there")
    return list(found) if isinstance(found, tuple) else found


@lru_cache(maxsize=1)
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)


@lru_cache(maxsize=256)
def _template(source: str) -> Any:
    return _environment().from_string(source)


@lru_cache(maxsize=1024)
def _expression(source: str) -> Any:
    return _environment().compile_expression(source, undefined_to_none=False)
