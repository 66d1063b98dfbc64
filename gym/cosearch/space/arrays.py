"""Arrays as users give them: the dtype and the shape that an encoding needs, or one clear line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.errors import DesignError
from cosearch.space.parameters import Positions


def as_integers(array: ArrayLike, width: int) -> Positions:
    """The array as int64 of shape (n, width); one row may be given as a vector.

    Raises:
        DesignError: a wrong shape, or numbers that are not integers.
    """
    values = np.asarray(array)
    if values.dtype.kind not in "iu" and values.size:
        raise DesignError(f"expected an array of integers, not of {values.dtype}")
    return as_rows(values, np.int64, width)


def as_rows(array: ArrayLike, dtype: type, width: int) -> NDArray[Any]:
    """The array with this dtype and shape (n, width); one row may be given as a vector.

    Raises:
        DesignError: a wrong shape, or entries that are not numbers.
    """
    try:
        values: NDArray[Any] = np.asarray(array, dtype=dtype)
    except (TypeError, ValueError):
        raise DesignError(f"expected an array of numbers of shape (n, {width})") from None
    if values.ndim == 1 and (width or not values.size):
        values = values[None, :]
    if values.ndim != 2 or values.shape[1] != width:
        raise DesignError(f"expected an array of shape (n, {width}) or ({width},), not {np.shape(values)}")
    return values
