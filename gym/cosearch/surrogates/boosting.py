"""The model `gbdt`: gradient-boosted trees, and one table of all that they say where that is small enough.

A parameter whose values change nothing that the trees predict is left out, and the trees are grown again
without it: simulators have many, and without them the table is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.surrogates.trees import Trees, joined

Matrix = NDArray[np.float64]
Bins = list[NDArray[np.float64]]

MOST_BINS = 255
CHECK_SHARE = 0.2  # of the designs, by which sizes of trees are compared and idle inputs found
IDLE = (0.02, 0.005)  # standard deviations by which permuting an input changes predictions, if it may be idle
WORSE = 1.05  # by so much the error may grow when idle inputs are left out,
SMALL = 0.003  # and to so many standard deviations in any case


@dataclass(frozen=True)
class Growth:
    """How trees are grown; see `growing.boosted`."""

    rounds: int
    rate: float
    leaves: int
    least: int
    shrink: float


GROWTHS = (
    Growth(300, 0.1, 31, 1, 0.0),
    Growth(300, 0.1, 31, 4, 1.0),
    Growth(300, 0.08, 8, 2, 0.5),
    Growth(400, 0.06, 3, 2, 0.5),
)
STOP = 1e-9


@dataclass(frozen=True)
class BoostedTrees:
    """Boosted trees, one sum for each of m outputs.

    Attributes:
        base: what each sum starts with, (m,).
        trees: the trees.
    """

    base: Matrix
    trees: Trees
    name: ClassVar[str] = "gbdt"
    most_designs: ClassVar[int] = 1_000_000

    @classmethod
    def fit(cls, inputs: Matrix, outputs: Matrix, seed: int) -> BoostedTrees:
        """Fit to n designs: inputs (n, inputs), standardised outputs (n, m)."""
        return cls(*grow(inputs, outputs, seed))

    def predict(self, inputs: Matrix) -> tuple[Matrix, None]:
        """The outputs, (n, m); it has no spread of its own."""
        return total((self.base, self.trees), inputs), None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        return {"base": self.base, **self.trees.arrays()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]], inputs: int, outputs: int) -> BoostedTrees:
        """The inverse of `arrays`; `ValueError` for what is no such model."""
        base = np.asarray(arrays["base"], dtype=np.float64)
        if base.shape != (outputs,):
            raise ValueError("its trees are of other metrics")
        return cls(base, Trees.of_arrays(arrays, inputs, outputs))


def grow(inputs: Matrix, outputs: Matrix, seed: int) -> tuple[Matrix, Trees]:
    """Boosted trees of n designs, one sum for each of m outputs: what each starts with, and the trees.

    Args:
        inputs: (n, inputs).
        outputs: standardised, (n, m).
        seed: of the rows by which sizes are compared.
    """
    n = len(inputs)
    order = np.random.default_rng(seed).permutation(n)
    check, rest = order[: max(1, int(CHECK_SHARE * n))], order[max(1, int(CHECK_SHARE * n)) :]
    if len(rest) < 4:
        return grown(inputs, outputs, GROWTHS[-1])
    tried = {growth: grown(inputs[rest], outputs[rest], growth) for growth in GROWTHS}
    errors = {growth: _error(model, inputs[check], outputs[check]) for growth, model in tried.items()}
    best = min(errors, key=errors.__getitem__)
    changes = _changes(tried[best], inputs[check], seed)
    for most in IDLE:
        idle = changes < most
        if not idle.any() or idle.all():
            continue
        fewer = np.where(idle, 0.0, inputs)
        without = grown(fewer[rest], outputs[rest], best)
        if _error(without, fewer[check], outputs[check]) <= max(WORSE * errors[best], SMALL):
            return grown(fewer, outputs, best)
    return grown(inputs, outputs, best)


def total(model: tuple[Matrix, Trees], inputs: Matrix) -> Matrix:
    """What a model says, (n, m)."""
    base, trees = model
    return base + trees.total(inputs, len(base))


def grown(inputs: Matrix, outputs: Matrix, growth: Growth) -> tuple[Matrix, Trees]:
    """Trees of one size: what each sum starts with, and the trees."""
    from cosearch.surrogates.growing import boosted

    cuts = [_cuts(column) for column in inputs.T]
    binned = np.stack(
        [np.searchsorted(c, column, side="left") for c, column in zip(cuts, inputs.T, strict=True)], axis=1
    ).astype(np.uint8)
    bins = np.array([len(c) + 1 for c in cuts])
    base = outputs.mean(axis=0)
    parts = []
    for column in range(outputs.shape[1]):
        target = np.ascontiguousarray(outputs[:, column] - base[column])
        roots, feature, cut, left, right, value = boosted(
            *(binned, bins, target, growth.rounds, growth.rate, growth.leaves, growth.least),
            *(growth.shrink, STOP),
        )
        threshold = np.zeros(len(feature), dtype=np.float32)
        for j, c in enumerate(cuts):
            mine = feature == j
            threshold[mine] = c[cut[mine]]
        output = np.full(len(roots), column, dtype=np.int32)
        parts.append(Trees(roots, output, feature, threshold, left, right, value[:, None]))
    return base, joined(parts)


def _cuts(column: Matrix) -> NDArray[np.float64]:
    """Between which values an input is told apart: all neighbours, or quantiles of many."""
    known = np.unique(column.astype(np.float32)).astype(np.float64)
    if len(known) > MOST_BINS + 1:
        known = np.unique(np.quantile(known, np.linspace(0, 1, MOST_BINS + 1), method="nearest"))
    return (known[1:] + known[:-1]) / 2


def _error(model: tuple[Matrix, Trees], inputs: Matrix, outputs: Matrix) -> float:
    return float(np.sqrt(((total(model, inputs) - outputs) ** 2).mean()))


def _changes(model: tuple[Matrix, Trees], inputs: Matrix, seed: int) -> NDArray[np.float64]:
    """By how much predictions change where the values of one input are permuted, (inputs,)."""
    rng = np.random.default_rng(seed)
    before = total(model, inputs)
    found = np.zeros(inputs.shape[1])
    for j in range(inputs.shape[1]):
        mixed = inputs.copy()
        mixed[:, j] = mixed[rng.permutation(len(mixed)), j]
        found[j] = np.sqrt(((total(model, mixed) - before) ** 2).mean(axis=0)).max()
    return found
