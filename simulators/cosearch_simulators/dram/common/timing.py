"""Codes of the commands, and the cycle that never comes."""

from __future__ import annotations

import numpy as np

from cosearch_simulators.dram.common.rules import COMMANDS

ACT, PREPB, PREAB, RD, RDA, WR, WRA, REFAB = range(8)
REFPB, REFSB, PDEA, PDXA, PDEP, PDXP, SREFEN, SREFEX = range(8, len(COMMANDS))
COMMAND_COUNT = len(COMMANDS)
NEVER = np.int64(1) << np.int64(62)
