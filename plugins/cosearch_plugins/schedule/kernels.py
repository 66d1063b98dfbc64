"""The kernels: their loops, inputs, exact result by NumPy, and how NumPy's BLAS computes them.

All numbers are float32. `matmul` is C[m, n] = A[m, k] B[k, n]; `conv` a convolution of one image, without
padding and with stride 1; `attention` softmax(Q K' / sqrt(depth)) V for each head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Kernel:
    """One computation of fixed sizes.

    Attributes:
        name: `matmul`, `conv` or `attention`.
        sizes: by name, as the generated programs know them.
        tiled: the loops that a schedule cuts and orders, each with its size.
        rows_of: the loop whose iterations a register block has as rows.
        columns: iterations of the loop that vectors run along.
        flop: floating-point operations.
    """

    name: str
    sizes: Mapping[str, int]
    tiled: Mapping[str, int]
    rows_of: str
    columns: int
    flop: float

    def inputs(self) -> list[Array]:
        """Random inputs, the same in every process."""
        draw = np.random.default_rng(7)
        return [draw.standard_normal(shape).astype(np.float32) for shape in self.shapes]

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the inputs."""
        z = self.sizes
        if self.name == "matmul":
            return [(z["M"], z["K"]), (z["K"], z["N"])]
        if self.name == "conv":
            return [(z["C"], z["P"] + z["R"] - 1, z["Q"] + z["S"] - 1), (z["F"], z["C"], z["R"], z["S"])]
        return [(z["H"], z["L"], z["D"])] * 3

    def exact(self) -> NDArray[np.float64]:
        """The result in double precision."""
        return _COMPUTED[self.name](self, *(one.astype(np.float64) for one in self.inputs()))

    def by_blas(self) -> Callable[[], Any]:
        """The computation as one would write it in NumPy, where matrix products are BLAS's."""
        given = self.inputs()
        return lambda: _COMPUTED[self.name](self, *given)


def kernel_of(name: str, **asked: int) -> Kernel:
    """A kernel by its name and sizes.

    Args:
        name: `matmul`, `conv` or `attention`.
        **asked: sizes in words, those of the kernel.
    """
    if name == "matmul":
        z = {"M": asked["rows"], "N": asked["columns"], "K": asked["depth"]}
        flop = 2.0 * z["M"] * z["N"] * z["K"]
        return Kernel(name, z, {"m": z["M"], "n": z["N"], "k": z["K"]}, "m", z["N"], flop)
    if name == "conv":
        z = {
            "F": asked["filters"],
            "C": asked["channels"],
            "P": asked["image"],
            "Q": asked["image"],
            "R": asked["window"],
            "S": asked["window"],
        }
        flop = 2.0 * float(np.prod(list(z.values())))
        return Kernel(name, z, {"f": z["F"], "p": z["P"], "c": z["C"]}, "f", z["Q"], flop)
    z = {"H": asked["heads"], "L": asked["sequence"], "D": asked["head_size"]}
    softmax = 5.0  # compare, subtract, exponentiate, add, divide
    flop = z["H"] * z["L"] * z["L"] * (4.0 * z["D"] + softmax)
    return Kernel(name, z, {"h": z["H"], "q": z["L"], "k": z["L"]}, "q", min(z["L"], z["D"]), flop)


def _matmul(kernel: Kernel, a: Any, b: Any) -> Any:
    return a @ b


def _conv(kernel: Kernel, image: Any, weights: Any) -> Any:
    """As a product with the image's windows, which are copied out."""
    z = kernel.sizes
    windows = np.lib.stride_tricks.sliding_window_view(image, (z["R"], z["S"]), axis=(1, 2))
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(z["C"] * z["R"] * z["S"], z["P"] * z["Q"])
    return (weights.reshape(z["F"], -1) @ columns).reshape(z["F"], z["P"], z["Q"])


def _attention(kernel: Kernel, q: Any, k: Any, v: Any) -> Any:
    scores = q @ k.transpose(0, 2, 1)
    scores *= 1.0 / np.sqrt(kernel.sizes["D"]).astype(q.dtype)
    scores -= scores.max(axis=2, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=2, keepdims=True)
    return scores @ v


_COMPUTED: dict[str, Callable[..., Any]] = {"matmul": _matmul, "conv": _conv, "attention": _attention}
