"""How a matrix product lies on a systolic array: the one place where a fold's cycles and words are counted.

Sr by Sc by time T, cut into folds of R rows by C columns. The functions are arithmetic alone: compiled code
calls them with numbers, and the closed form with arrays.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

DATAFLOWS = ("os", "ws", "is")
"""Output-, weight- and input-stationary. A dataflow's number is its position."""

ROLES = np.array([[0, 1, 2], [2, 1, 0], [2, 0, 1]])
"""Which of M (output pixels), N (filters) and K (inputs of an output) is Sr, Sc and T, by dataflow."""

LOADS = np.array([0, 1, 1])
"""Whether something is loaded before a fold begins, one row a cycle."""


@register_jitable(nogil=True)
def fold_cycles(time, rows, columns, loads):
    """Cycles of a fold: operands enter skewed and results leave skewed."""
    return time + rows + columns - 2 + loads * rows


@register_jitable(nogil=True)
def moved_words(s_rows, s_columns, time, row_folds, column_folds):
    """Words between buffers and array: what enters the rows, what enters the columns, what stays.

    What enters comes again with every fold of the other side; so do partial sums that leave the columns.
    """
    return s_rows * time * column_folds, s_columns * time * row_folds, s_rows * s_columns
