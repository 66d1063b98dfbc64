"""JSON that users wrote: no name twice, no nesting without end, no number of thousands of digits."""

from __future__ import annotations

import json
import re
from typing import Any

MOST_DEPTH = 100
MOST_DIGITS = 1000
"""Of a whole number; the largest float has 309."""

_BRACKET = re.compile(r'"(?:[^"\\]+|\\.?)*+(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: str) -> Any:
    """The values that a JSON text holds.

    Raises:
        ValueError: it is no JSON, or hides something or could not be used; one short line.
    """
    check_depth(text)
    try:
        found = json.loads(text, object_pairs_hook=unrepeated, parse_int=whole_number)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels") from None
    if r"\ud" in text or r"\uD" in text:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text in it has half of a surrogate pair, which is no character") from None
    return found


def check_depth(text: str) -> None:
    """Raise `ValueError` if lists and objects are nested too deeply."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.finditer(text):
        first = bracket[0][0]
        depth += (first in "[{") - (first in "]}")
        if depth > MOST_DEPTH:
            raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels")


def whole_number(digits: str) -> int:
    """The number, for `json.loads`.

    Raises:
        ValueError: it has more than `MOST_DIGITS` digits.
    """
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits; expected {MOST_DIGITS} at most")
    return int(digits)


def unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, for `json.loads`: of a name that is given twice JSON keeps the last.

    Raises:
        ValueError: a name is given twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{name[:80]!r} is given twice")
            seen.add(name)
    return found
