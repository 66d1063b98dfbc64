"""Copies between arrays of one shape, compiled.

An assignment to a slice does the same, but numba compiles its broadcasting and the text of its errors with
every one of them, which is seconds.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit


@njit(nogil=True, error_model="numpy")
def copy_row(target, source):
    """Copy a vector."""
    for i in range(target.shape[0]):
        target[i] = source[i]


@njit(nogil=True, error_model="numpy")
def copy_rows(target, source):
    """Copy a matrix."""
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] = source[i, j]
