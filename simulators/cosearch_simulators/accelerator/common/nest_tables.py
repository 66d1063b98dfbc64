"""How architectures, nests, costs and faults are laid out in the arrays of the compiled evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np

CAPACITY, READ_BANDWIDTH, WRITE_BANDWIDTH, FANOUT_X, FANOUT_Y, MULTICAST, REDUCTION = range(7)
READ_PJ, WRITE_PJ, WIDTH, SHARED_BANDWIDTH, LEVEL_COLUMNS = 7, 10, 13, 16, 17
"""Columns of a level's row: words an instance (infinite for the backing store), words a cycle and instance,
instances of the level below (or MACs) along X and Y, whether its network multicasts and reduces, from
`READ_PJ` and `WRITE_PJ` the energy of an element of each tensor, from `WIDTH` how many of the level's words
an element of each tensor is (0.5 for 8 bits in words of 16), and whether reads and writes take turns."""

MAC_PJ, MACS_A_CYCLE, CONSTANTS = 0, 1, 2
"""Positions in the constants of an architecture: energy of a multiply-accumulate, how many a unit does a
cycle."""

SIZES, STRIDE, DILATION, NEST_COLUMNS = 0, 8, 10, 12
"""Columns of a nest's row: iterations of the eight loops, stride and dilation of rows and columns."""

READS, FILLS, UPDATES, TILE = range(4)
"""Last axis of the counts: elements in all instances; `TILE` is the elements that one instance holds."""

CYCLES, COMPUTE_CYCLES, ENERGY_PJ, UTILISATION, FILL_DRAIN_CYCLES, MACS, RESULTS = range(7)
"""Positions in the result."""

VALID, BAD_FACTOR, BAD_ORDER, NOT_COVERED, FANOUT_EXCEEDED = range(5)
NOT_ALLOWED, NOTHING_FEEDS, BUFFER_OVERFLOW, COUNT_OVERFLOW, FAULTS = range(5, 10)
"""What `cost_of` returns; `evaluation.reason_of` puts it into words with the three numbers of `fault`."""

NONE: Any = np.int64(-1)
FIRST: Any = np.int64(0)
OUTPUTS: Any = np.int64(2)
"""No level or loop, the first level or position, and the number of that tensor, where the compiled evaluation
gives them to a function: numba would compile it once more for a plain literal."""

TIMELOOP, FILL_AND_DRAIN = 1, 2
"""Options, to be added up.

`TIMELOOP`: a window that comes back is taken to have been at its second position, not at its last (Timeloop
    walks
two iterations of each loop and extrapolates, which matters where two loops of one input axis follow each
other), and cycles are rounded up as they come out of its divisions, one too many here and there.

`FILL_AND_DRAIN`: the first tiles' way to the MACs and the last outputs' way back are added to the cycles."""

LARGEST_EXACT = 2.0**53
"""Counts are float64: integers up to here are exact."""

TENSORS_OF = np.array([7, 6, 5, 3, 6, 6, 3, 3], np.int64)
"""Which tensors a loop indexes, by bit: Weights 1, Inputs 2, Outputs 4; in the order of LOOPS."""

AXIS_OF = np.array([-1, -1, -1, -1, 0, 1, 0, 1], np.int64)
"""The input's rows (0) move with P and R, its columns (1) with Q and S; other loops have axes of their
own."""
