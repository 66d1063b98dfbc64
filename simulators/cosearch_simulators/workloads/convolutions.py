"""What becomes of convolutions over one to three axes, also transposed."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.importing import Importer, Value
from cosearch_simulators.workloads.operators import Convolution, TransposedConvolution
from cosearch_simulators.workloads.volumes import Convolution3d


def convolution(
    importer: Importer,
    name: str,
    x: Tensor,
    weights: Value,
    bias: Value | None,
    shape: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """A convolution of weights (out, in / groups, kernel...); one axis is rows of one column.

    `padding` is before all axes, then after all axes.
    """
    axes = _axes(name, x)
    if weights.shape[1] * groups != x.shape[1]:
        expected = f"{weights.shape[1]} x {groups} groups"
        raise WorkloadError(f"{name}: the weights are for {expected} channels, the input has {x.shape[1]}")
    kind: Any = Convolution3d if axes == 3 else Convolution
    operator = kind(
        name=name,
        precision=importer.builder.precision,
        in_channels=x.shape[1],
        out_channels=weights.shape[0],
        in_size=_two(x.shape[2:]),
        kernel=_two(weights.shape[2:]),
        stride=_two(stride),
        padding=(*_two(padding[:axes], 0), *_two(padding[axes:], 0)),
        dilation=_two(dilation),
        groups=groups,
        batch=x.shape[0],
    )
    return importer.weighted(operator, x, weights, bias, shape)


def transposed_convolution(
    importer: Importer,
    name: str,
    x: Tensor,
    weights: Value,
    bias: Value | None,
    shape: Sequence[int],
    *,
    stride: Sequence[int],
    groups: int,
) -> Tensor:
    """A transposed convolution of weights (in, out / groups, kernel...); of three axes, two are rows."""
    _axes(name, x)
    apart = all(step >= reach for step, reach in zip(stride, weights.shape[2:], strict=True))
    operator = TransposedConvolution(
        name=name,
        precision=importer.builder.precision,
        in_channels=x.shape[1],
        out_channels=weights.shape[1] * groups,
        in_size=_rows(x.shape[2:]),
        out_size=_rows(shape[2:]),
        kernel=_rows(weights.shape[2:]),
        stride=_rows(stride) if apart or len(stride) < 3 else (1, 1),  # patches overlap along one of them
        groups=groups,
        batch=x.shape[0],
    )
    return importer.weighted(operator, x, weights, bias, shape)


def _axes(name: str, x: Tensor) -> int:
    axes = len(x.shape) - 2
    if axes not in (1, 2, 3):
        raise WorkloadError(
            f"{name}: convolutions have one to three axes besides batch and channels, the input has the "
            f"shape {x.shape}"
        )
    return axes


def _two(sizes: Sequence[int], missing: int = 1) -> tuple[int, ...]:
    """One size an axis; a sequence has one column."""
    return (sizes[0], missing) if len(sizes) == 1 else tuple(sizes)


def _rows(sizes: Sequence[int]) -> tuple[int, int]:
    """Rows and columns; a volume's depth is more rows."""
    return (sizes[0], 1) if len(sizes) == 1 else (prod(sizes[:-1]), sizes[-1])
