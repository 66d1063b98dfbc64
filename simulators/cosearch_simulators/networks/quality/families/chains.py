"""Families whose networks are a chain of choices, and tables that bring parameters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError, shown
from cosearch_simulators.networks.quality.families.family import Family, Raw

FBNET_BLOCKS = ("k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip")
MACRO_LAYERS = ("identity", "mbconv_e3_k3", "mbconv_e6_k5")


class FbNet(Family):
    """FBNet's 22 layers of nine candidate blocks (arXiv:1812.03443), numbered as in HELP's tables."""

    name = "fbnet"
    values = MappingProxyType({f"block_{layer + 1}": FBNET_BLOCKS for layer in range(22)})

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Blocks one-hot, how often each block is there in all and by position's third."""
        onehot = self.one_hot(codes).reshape(len(codes), 22, -1)
        thirds = [onehot[:, part].sum(1) for part in (slice(0, 7), slice(7, 15), slice(15, 22))]
        return np.concatenate([onehot.reshape(len(codes), -1), onehot.sum(1), *thirds], axis=1)

    def reads(self, names: frozenset[str]) -> bool:
        """HELP's columns b0 to b21."""
        return {f"b{layer}" for layer in range(22)} <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """Numbers 0 to 8 as names."""
        named = np.array([*FBNET_BLOCKS, "unknown"], object)
        return {
            name: named[np.where((code := np.asarray(table[f"b{layer}"], np.int64)) < 0, 9, code.clip(-1, 9))]
            for layer, name in enumerate(self.values)
        }


class NasBenchMacro(Family):
    """NAS-Bench-Macro's eight layers of three candidates (arXiv:2103.11922)."""

    name = "nasbench-macro"
    values = MappingProxyType({f"layer_{layer + 1}": MACRO_LAYERS for layer in range(8)})

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Layers one-hot, pairs of neighbours one-hot, how often each candidate is there in each stage."""
        onehot = self.one_hot(codes).reshape(len(codes), 8, 3)
        pairs = (onehot[:, :-1, :, None] * onehot[:, 1:, None, :]).reshape(len(codes), -1)
        stages = [onehot[:, part].sum(1) for part in (slice(0, 2), slice(2, 5), slice(5, 8), slice(0, 8))]
        return np.concatenate([onehot.reshape(len(codes), -1), pairs, *stages], axis=1)

    def reads(self, names: frozenset[str]) -> bool:
        """A column `arch` of eight digits, with `mean_acc`."""
        return {"arch", "mean_acc"} <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """Digits 0 to 2 as names."""
        rows = []
        for row, text in enumerate(table["arch"].tolist()):
            if len(str(text)) != 8 or not set(str(text)) <= set("012"):
                raise ConfigurationError(f"row {row}: arch must be eight digits 0 to 2, got {shown(text)}")
            rows.append([MACRO_LAYERS[int(digit)] for digit in str(text)])
        return dict(zip(self.values, np.array(rows, object).T, strict=True))


class OwnColumns(Family):
    """Networks of a user's table: each column is a parameter, its values those that stand in the table.

    Args:
        inputs: the columns that describe a network.
        table: where their values are taken from.
    """

    name = "own"

    def __init__(self, inputs: Sequence[str], table: Raw) -> None:
        found = {name: sorted(set(table[name].tolist()), key=lambda v: (str(type(v)), v)) for name in inputs}
        self.values = {name: tuple(known) for name, known in found.items()}
        self._numeric = [
            name for name, known in self.values.items() if all(isinstance(v, (int, float)) for v in known)
        ]

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Numbers as they are; names, and numbers of few values, one-hot too."""
        parts = []
        for i, (name, known) in enumerate(self.values.items()):
            if name in self._numeric:
                parts.append(np.array(known, np.float64)[codes[:, [i]]])
            if name not in self._numeric or len(known) <= 12:
                parts.append((codes[:, [i]] == np.arange(len(known))).astype(np.float64))
        return np.concatenate(parts, axis=1)

    def reads(self, names: frozenset[str]) -> bool:
        """A table that has all its columns."""
        return set(self.values) <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """The columns themselves."""
        return {name: table[name] for name in self.values}
