"""JSON that a user wrote: what Python's reader would pass over in silence is refused."""

from __future__ import annotations

import json
import re
from reprlib import Repr
from typing import Any

from cosearch.errors import ArgumentError

MOST_DEPTH = 100
MOST_DIGITS = 1000
"""Of a whole number; the largest float has 309."""

_BRACKET = re.compile(r'"(?:[^"\\]+|\\.?)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def json_value(text: str) -> Any:
    """What a text holds as JSON.

    Raises:
        JSONDecodeError: it is no JSON.
        ArgumentError: it is, but gives a name twice, of which JSON keeps the last, is nested too deeply, or
            has a number of thousands of digits or half of a surrogate pair.
    """
    _check_depth(text)
    try:
        found = json.loads(text, object_pairs_hook=_unrepeated, parse_int=_whole_number)
    except RecursionError:
        raise ArgumentError("the value is nested too deeply") from None
    except (ArgumentError, json.JSONDecodeError):
        raise
    except ValueError as error:
        raise ArgumentError(str(error)) from None
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ArgumentError("a text has half of a surrogate pair, which is no character") from None
    return found


def _check_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.finditer(text):
        first = bracket[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > MOST_DEPTH:
            raise ArgumentError(f"the value is nested too deeply, more than {MOST_DEPTH} levels")


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ArgumentError(f"a number has {len(digits):,} digits; expected {MOST_DIGITS} at most")
    return int(digits)


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ArgumentError(f"{name[:80]!r} is given twice")
            seen.add(name)
    return found


_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = 80


def shown(value: Any) -> str:
    """A value as it is quoted in a message: of a long one its begin and its end."""
    try:
        return _short.repr(value)
    except ValueError:  # Python writes no whole number of thousands of digits
        return "a number of thousands of digits"
