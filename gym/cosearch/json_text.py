"""JSON that a user wrote: what Python's reader would pass over in silence is refused."""

from __future__ import annotations

import json
from typing import Any

from cosearch.errors import ArgumentError


def json_value(text: str) -> Any:
    """What a text holds as JSON.

    Raises:
        JSONDecodeError: it is no JSON.
        ArgumentError: it is, but gives a name twice, of which JSON keeps the last, is nested too deeply, or
            has a number of thousands of digits.
    """
    try:
        return json.loads(text, object_pairs_hook=_unrepeated)
    except RecursionError:
        raise ArgumentError("the value is nested too deeply") from None
    except (ArgumentError, json.JSONDecodeError):
        raise
    except ValueError as error:
        raise ArgumentError(str(error)) from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ArgumentError(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return found
