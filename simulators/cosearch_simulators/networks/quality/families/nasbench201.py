"""NAS-Bench-201's cell: four nodes, an operation on each of its six edges (arXiv:2001.00326)."""

from __future__ import annotations

import re
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError, shown
from cosearch_simulators.networks.quality.families.family import Family, Raw

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ("e10", "e20", "e21", "e30", "e31", "e32")
"""From the second digit's node to the first one's."""

NONE, SKIP = 0, 1
CONVOLUTIONS = (2, 3)
PATHS = (("e30",), ("e10", "e31"), ("e20", "e32"), ("e10", "e21", "e32"))
"""All ways from the input, node 0, to the output, node 3."""

CELLS, WIDTHS, SIDES = 5, (16, 32, 64), (32, 16, 8)
_TEXT = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")


class NasBench201(Family):
    """The 15,625 cells of NAS-Bench-201."""

    name = "nasbench201"
    values = MappingProxyType({f"op_{edge}": OPERATIONS for edge in EDGES})

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Graph features: edges one-hot, every path's operations one-hot, and sums over paths.

        A path with a `none` on it carries nothing and counts as absent (BANANAS' path encoding,
        arXiv:1910.11858, with sums).
        """
        parts = [self.one_hot(codes)]
        open_paths, deep, skips = [], [], []
        for path in PATHS:
            steps = codes[:, [EDGES.index(edge) for edge in path]]
            is_open = (steps != NONE).all(1)
            kinds = [np.where(is_open, (steps == kind).sum(1), 0) for kind in range(1, len(OPERATIONS))]
            parts.append(np.stack(kinds, axis=1))
            number = steps @ len(OPERATIONS) ** np.arange(len(path))
            if len(path) < 3:  # the 64 operations of the longest path are left to its sums
                parts.append(number[:, None] == np.arange(len(OPERATIONS) ** len(path)))
            open_paths.append(is_open)
            deep.append(np.where(is_open, np.isin(steps, CONVOLUTIONS).sum(1), 0))
            skips.append(is_open & (steps == SKIP).all(1))
        depth = np.stack(deep, axis=1)
        totals = [np.stack(open_paths, axis=1).sum(1), depth.max(1), depth.sum(1), np.any(skips, axis=0)]
        statistics = self.free_statistics(codes)
        totals += [np.log1p(statistics["macs"]), np.log1p(statistics["params"])]
        parts += [np.stack(totals, axis=1), np.stack([(codes == k).sum(1) for k in range(5)], axis=1)]
        return np.concatenate([np.asarray(part, np.float64) for part in parts], axis=1)

    def free_statistics(self, codes: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Multiply-accumulates on CIFAR-10 and weights, from the operations' own counts."""
        conv1, conv3 = (codes == 2).sum(1), (codes == 3).sum(1)
        macs = np.full(len(codes), 3 * 9 * WIDTHS[0] * SIDES[0] ** 2 + WIDTHS[2] * 10, np.float64)
        params = np.full(len(codes), 3 * 9 * 16 + 2 * 16 + 2 * 64 + 64 * 10 + 10, np.float64)
        for width, side in zip(WIDTHS, SIDES, strict=True):
            weights = width * width * (conv1 + 9 * conv3)
            macs += CELLS * weights * side**2
            params += CELLS * (weights + 2 * width * (conv1 + conv3))
        for (narrow, wide), side in zip(pairwise(WIDTHS), SIDES[1:], strict=True):
            weights = 9 * narrow * wide + 9 * wide * wide + narrow * wide
            macs += weights * side**2
            params += weights + 4 * wide
        return {"macs": macs, "params": params}

    def reads(self, names: frozenset[str]) -> bool:
        """Tables with `arch_str`, or with the six edges as numbers or names."""
        return "arch_str" in names or set(self.values) <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """From the edges where they are there, else from the architecture's text."""
        if set(self.values) <= table.keys():
            found = {}
            for name in self.values:
                column = np.asarray(table[name])
                if column.dtype.kind in "iuf":
                    whole = np.clip(np.nan_to_num(column, nan=-1), -1, len(OPERATIONS)).astype(np.int64)
                    named = np.array([*OPERATIONS, "unknown"], object)
                    column = named[np.where((whole < 0) | (whole != column), len(OPERATIONS), whole)]
                found[name] = column
            return found
        rows = []
        for row, text in enumerate(table["arch_str"].tolist()):
            match = _TEXT.fullmatch(str(text))
            if match is None:
                raise ConfigurationError(f"row {row}: {shown(text)} is no cell of NAS-Bench-201")
            rows.append(match.groups())
        return dict(zip(self.values, np.array(rows, object).T, strict=True))
