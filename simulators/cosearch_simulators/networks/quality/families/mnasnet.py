"""MnasNet's space as Accel-NASBench has it: seven blocks of inverted bottlenecks (arXiv:2404.08005)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.quality.families.family import Family, Raw
from cosearch_simulators.networks.quality.families.layers import Count, convolution, squeeze_excite

BLOCKS = 7
EXPANSIONS, KERNELS = (1, 4, 6), (3, 5)
LAYERS = tuple((1, 2, 3, 4) if block == 5 else (1, 2, 3) for block in range(BLOCKS))
WIDTHS = (16, 24, 40, 80, 112, 192, 320)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
STEM_WIDTH, HEAD_WIDTH, CLASSES, RESOLUTION = 32, 1280, 1000, 224
SQUEEZED = 4
"""Of a layer's expanded channels, one in so many."""


class MnasNet(Family):
    """Networks of Accel-NASBench."""

    name = "mnasnet"
    values = (
        {f"expansion_{block + 1}": EXPANSIONS for block in range(BLOCKS)}
        | {f"kernel_{block + 1}": KERNELS for block in range(BLOCKS)}
        | {f"layers_{block + 1}": LAYERS[block] for block in range(BLOCKS)}
        | {f"squeeze_excite_{block + 1}": (0, 1) for block in range(BLOCKS)}
    )

    def features(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Values and their one-hots, products within a block, MACs and parameters by block and in all."""
        numbers = self.numbers(codes)
        expansion, kernel, layers, squeeze = np.split(numbers, 4, axis=1)
        products = [expansion * layers, kernel * layers, expansion * kernel * layers]
        products += [expansion * squeeze, layers * squeeze, squeeze * expansion * layers]
        macs, params = self._counts(codes)
        totals = [part.sum(1, keepdims=True) for part in (expansion, kernel, layers, squeeze)]
        totals += [np.log(part.sum(1, keepdims=True)) for part in (macs, params)]
        parts = [self.one_hot(codes), numbers, *products, *totals, macs / 1e6, params / 1e6]
        return np.concatenate(parts, axis=1)

    def free_statistics(self, codes: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Multiply-accumulates and weights (biases and batch normalisation with them)."""
        macs, params = self._counts(codes)
        return {"macs": macs.sum(1), "params": params.sum(1)}

    def reads(self, names: frozenset[str]) -> bool:
        """Accel-NASBench's columns, `block0_e` and on."""
        return {f"block{block}_{part}" for block in range(BLOCKS) for part in ("e", "k", "l", "se")} <= names

    def designs_of(self, table: Raw) -> dict[str, NDArray[Any]]:
        """Blocks are numbered from 0 there, from 1 here."""
        named = {"expansion": "e", "kernel": "k", "layers": "l", "squeeze_excite": "se"}
        return {
            f"{ours}_{block + 1}": table[f"block{block}_{theirs}"]
            for ours, theirs in named.items()
            for block in range(BLOCKS)
        }

    def _counts(self, codes: NDArray[np.int64]) -> Count:
        """By part of the network: stem, seven blocks, head; each (n, 9)."""
        n = len(codes)
        expansion, kernel, layers, squeeze = np.split(self.numbers(codes), 4, axis=1)
        side = np.full(n, RESOLUTION / 2)
        counts = [convolution(side**2, 3, 3, STEM_WIDTH)]
        inputs = STEM_WIDTH
        for block in range(BLOCKS):
            outputs = WIDTHS[block]
            before, side = side, np.ceil(side / STRIDES[block])
            first = _layer(
                before, side, inputs, outputs, *(a[:, block] for a in (expansion, kernel, squeeze))
            )
            other = _layer(side, side, outputs, outputs, *(a[:, block] for a in (expansion, kernel, squeeze)))
            more = layers[:, block] - 1
            counts.append(Count(*(a + more * b for a, b in zip(first, other, strict=True))))
            inputs = outputs
        head = convolution(side**2, 1, inputs, HEAD_WIDTH)
        classes = HEAD_WIDTH * CLASSES
        counts.append(Count(head.macs + classes, head.params + classes + CLASSES))
        return Count(*(np.stack([np.zeros(n) + c[i] for c in counts], axis=1) for i in range(2)))


def _layer(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    inputs: int,
    outputs: int,
    expansion: NDArray[np.float64],
    kernel: NDArray[np.float64],
    squeeze: NDArray[np.float64],
) -> Count:
    """One inverted bottleneck; without expansion it is a separable convolution."""
    wide = inputs * expansion
    expanded = convolution(before**2, 1, inputs, wide)
    parts = [
        Count(*(part * (expansion > 1) for part in expanded)),
        convolution(after**2, kernel, 1, wide),
        convolution(after**2, 1, wide, outputs),
        Count(*(part * squeeze for part in squeeze_excite(wide, np.maximum(1, inputs // SQUEEZED)))),
    ]
    return Count(*(sum(part[i] for part in parts) for i in range(2)))  # type: ignore[arg-type]
