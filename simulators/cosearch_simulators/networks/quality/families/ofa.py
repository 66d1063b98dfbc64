"""Once-for-All's MobileNetV3 (width 1.0, arXiv:1908.09791): five stages of 2 to 4 inverted bottlenecks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError, shown
from cosearch_simulators.networks.quality.families.family import Family, Raw
from cosearch_simulators.networks.quality.families.layers import (
    Count,
    convolution,
    divisible,
    squeeze_excite,
)

STAGES, LAYERS = 5, 4
DEPTHS = (2, 3, 4)
KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
RESOLUTIONS = tuple(range(128, 225, 4))
WIDTHS = (24, 40, 80, 112, 160)
STRIDES = (2, 2, 2, 1, 2)
HAS_SQUEEZE_EXCITE = (False, True, False, True, True)
STEM_WIDTH, EXPANDED_WIDTH, HEAD_WIDTH, CLASSES = 16, 960, 1280, 1000

_POSITIONS = [(stage, layer) for stage in range(STAGES) for layer in range(LAYERS)]


class OnceForAll(Family):
    """Sub-networks of Once-for-All's MobileNetV3."""

    name = "ofa-mbv3"
    values = (
        {"resolution": RESOLUTIONS}
        | {f"depth_{stage + 1}": DEPTHS for stage in range(STAGES)}
        | {f"kernel_{stage + 1}_{layer + 1}": KERNELS for stage, layer in _POSITIONS}
        | {f"expansion_{stage + 1}_{layer + 1}": EXPANSIONS for stage, layer in _POSITIONS}
    )

    def active(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Layers beyond their stage's depth are not active."""
        depth = codes[:, 1 : 1 + STAGES] + DEPTHS[0]
        inside = (np.arange(LAYERS) < depth[:, :, None]).reshape(len(codes), -1)
        always = np.ones((len(codes), 1 + STAGES), bool)
        return np.concatenate([always, inside, inside], axis=1)

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Values and their one-hots, sums by stage, and MACs and parameters by stage and in all."""
        n = len(codes)
        numbers = self.numbers(codes)
        depth, kernel, expansion = (
            numbers[:, 1:6],
            numbers[:, 6:26].reshape(n, STAGES, LAYERS),
            numbers[:, 26:].reshape(n, STAGES, LAYERS),
        )
        by_stage = [kernel.sum(2), expansion.sum(2), (kernel * expansion).sum(2), depth]
        macs, params = self._counts(codes)
        return np.concatenate(
            [
                self.one_hot(codes)[:, len(RESOLUTIONS) :],
                numbers,
                *by_stage,
                np.stack([part.sum(1) for part in by_stage], axis=1),
                macs / 1e6,
                np.log(macs.sum(1, keepdims=True)),
                params / 1e6,
                np.log(params.sum(1, keepdims=True)),
            ],
            axis=1,
        )

    def free_statistics(self, codes: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Multiply-accumulates and weights (biases and batch normalisation with them)."""
        macs, params = self._counts(codes)
        return {"macs": macs.sum(1), "params": params.sum(1)}

    def reads(self, names: frozenset[str]) -> bool:
        """Tables of DyNAS-T and HELP, with lists of kernels, expansions and depths."""
        return {"ks", "e", "d", "r"} <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """`ks`, `e`, `d` as JSON lists of 20, 20 and 5; `r` as a number or a list of one."""
        kernel, expansion = (_lists(table, name, STAGES * LAYERS) for name in ("ks", "e"))
        depth, resolution = _lists(table, "d", STAGES), _lists(table, "r", 1)
        designs = {"resolution": resolution[:, 0]}
        designs |= {f"depth_{stage + 1}": depth[:, stage] for stage in range(STAGES)}
        for i, (stage, layer) in enumerate(_POSITIONS):
            designs[f"kernel_{stage + 1}_{layer + 1}"] = kernel[:, i]
            designs[f"expansion_{stage + 1}_{layer + 1}"] = expansion[:, i]
        return designs

    def _counts(self, codes: NDArray[np.int64]) -> Count:
        """By part of the network: stem, five stages, head; each (n, 7)."""
        n, numbers = len(codes), self.numbers(codes)
        side = np.ceil(numbers[:, 0] / 2)
        parts = [
            convolution(side**2, 3, 3, STEM_WIDTH),
            convolution(side**2, 3, 1, STEM_WIDTH),
            convolution(side**2, 1, STEM_WIDTH, STEM_WIDTH),
        ]
        columns = [_total(parts, n)]
        inputs = STEM_WIDTH
        for stage in range(STAGES):
            parts = []
            for layer in range(LAYERS):
                position = stage * LAYERS + layer
                kernel, expansion = numbers[:, 6 + position], numbers[:, 26 + position]
                active = kernel > 0
                wide = divisible(np.maximum(inputs * expansion, 8))
                before = side
                if layer == 0:
                    side = np.ceil(side / STRIDES[stage])
                block = [
                    convolution(before**2, 1, inputs, wide),
                    convolution(side**2, kernel, 1, wide),
                    convolution(side**2, 1, wide, WIDTHS[stage]),
                ]
                if HAS_SQUEEZE_EXCITE[stage]:
                    block.append(squeeze_excite(wide, divisible(wide // 4)))
                parts += [Count(one.macs * active, one.params * active) for one in block]
                inputs = WIDTHS[stage]
            columns.append(_total(parts, n))
        mixed, classes = (np.array([size]) for size in (EXPANDED_WIDTH * HEAD_WIDTH, HEAD_WIDTH * CLASSES))
        parts = [
            convolution(side**2, 1, inputs, EXPANDED_WIDTH),
            Count(mixed, mixed),
            Count(classes, classes + CLASSES),
        ]
        columns.append(_total(parts, n))
        return Count(*(np.stack([column[i] for column in columns], axis=1) for i in range(2)))


def _total(parts: list[Count], n: int) -> Count:
    macs, params = (np.zeros(n) + sum(one[i] for one in parts) for i in range(2))
    return Count(macs, params)


def _lists(table: Raw, name: str, length: int) -> NDArray[np.int64]:
    """A column of JSON lists, or of one number each, as an (n, length) array."""
    rows: list[list[int]] = []
    for row, value in enumerate(table[name].tolist()):
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            found = None
        found = found if isinstance(found, list) else [found]
        if len(found) != length or not all(isinstance(one, (int, float)) for one in found):
            raise ConfigurationError(
                f"row {row}: {name} must be a list of {length} numbers, got {shown(value)}"
            )
        rows.append([int(one) for one in found])
    return np.array(rows, np.int64).reshape(len(rows), length)
