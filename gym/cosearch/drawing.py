"""How a page gets the pictures of a problem unharmed.

An author returns Plotly traces without colours; the page gives them its own, light or dark. Whatever goes
wrong in drawing becomes one line in the page, never the end of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosearch.errors import CosearchError, ProblemError
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.run.isolated_call import call_isolated

MAX_BYTES = 4_000_000  # of one picture's data: a page of a few designs stays one that can be sent by mail


@dataclass(frozen=True)
class Drawn:
    """What became of the pictures of one design: those that can be shown, and why others are missing."""

    pictures: tuple[Picture, ...] = ()
    missing: tuple[str, ...] = ()


def draws_pictures(problem: Problem) -> bool:
    """Whether the problem has pictures of its designs at all."""
    return type(problem).pictures is not Problem.pictures


def drawn_pictures(problem: Problem, design: Mapping[str, Any], *, timeout_s: float | None = None) -> Drawn:
    """The pictures of a design as plain data; never an exception of the problem's.

    A problem that is `isolated`, or has a time limit, draws in a process of its own.
    """
    if not problem.isolated and timeout_s is None:
        return _draw(problem, design)
    try:
        drawn: Drawn = call_isolated(problem, _draw, dict(design), timeout_s=timeout_s)
    except CosearchError as error:
        return Drawn(missing=(str(error),))
    return drawn


def _draw(problem: Problem, design: Mapping[str, Any]) -> Drawn:
    pictures: list[Picture] = []
    missing: list[str] = []
    try:
        for picture in problem.pictures(design):  # of a generator, what came before the error is shown
            try:
                pictures.append(_plain_picture(picture))
            except ProblemError as error:
                missing.append(str(error))
    except (Exception, SystemExit) as error:  # the author's simulator may raise anything
        missing.append(_one_line(error))
    return Drawn(tuple(pictures), tuple(missing))


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _plain_picture(picture: Any) -> Picture:
    """The picture with values that JSON knows; `ProblemError` says why it is none."""
    if not isinstance(picture, Picture):
        raise ProblemError(f"expected a cosearch.Picture, not a {type(picture).__name__}")
    name = repr(str(picture.title))
    if not all(isinstance(trace, Mapping) for trace in picture.traces) or not isinstance(
        picture.layout, Mapping
    ):
        raise ProblemError(f"picture {name}: expected traces and layout as dicts")
    try:
        plain = replace(
            picture,
            title=str(picture.title),
            caption=str(picture.caption),
            caution=str(picture.caution),
            traces=[_plain(trace) for trace in picture.traces],
            layout=_plain(picture.layout),
        )
    except TypeError as error:
        raise ProblemError(f"picture {name}: {error}") from None
    size = len(json.dumps([plain.traces, plain.layout]))
    if size > MAX_BYTES:
        raise ProblemError(
            f"picture {name}: its data takes {size / 1e6:.1f} MB, more than {MAX_BYTES / 1e6:g}"
        )
    return plain


def _plain(value: Any) -> Any:
    """The value with numpy's types as Python's, and None for a number that is not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"expected plain values and numpy arrays, not a {type(value).__name__}")
