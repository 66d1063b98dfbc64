"""A product of two tensors with indices, as Timeloop and ZigZag state a layer, as one of our operators.

A loop is told by the tensors that it indexes: all three, a group; the weights and the output, an output
channel; both inputs, an input channel; an input and the output, a position. An index of the inputs that is a
sum of two loops, `stride * P + dilation * R`, slides a filter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
    Operator,
    Precision,
)
from cosearch_simulators.workloads.loop_nest import LARGEST_STEP

Index = tuple[tuple[int, str], ...]
"""One index of a tensor: the sum of factor times loop."""


def operator_of(
    name: str,
    sizes: Mapping[str, int],
    weights: Sequence[Index],
    inputs: Sequence[Index],
    outputs: Sequence[Index],
    precision: Precision | None = None,
) -> Operator:
    """The operator that multiplies and adds up so.

    Args:
        name: of the operator.
        sizes: iterations of each loop.
        weights: its indices.
        inputs: its indices.
        outputs: its indices.
        precision: bits of each operand.

    Raises:
        WorkloadError: an index of the inputs that is no window, or too large a step.
    """
    precision = precision or Precision()
    of = [{loop for index in tensor for _, loop in index} for tensor in (weights, inputs, outputs)]
    windows: list[tuple[tuple[int, str], tuple[int, str]]] = []
    for index in inputs:
        if len(index) > 1:
            across = [term for term in index if term[1] in of[2]]
            along = [term for term in index if term[1] not in of[2]]
            if len(across) != 1 or len(along) != 1:
                text = " + ".join(f"{factor} {loop}" for factor, loop in index)
                raise WorkloadError(f"{name}: the index {text} of the inputs is no window over one loop")
            windows.append((across[0], along[0]))
    slid = {loop for window in windows[:2] for _, loop in window}
    classes = {"G": 1, "N": 1, "K": 1, "C": 1}
    for loop, size in sizes.items():
        if loop not in slid:
            in_weights, in_inputs, in_outputs = (loop in tensor for tensor in of)
            if not in_outputs:
                place = "C"
            elif in_weights == in_inputs:
                place = "G" if in_weights else "K"
            else:
                place = "K" if in_weights else "N"
            classes[place] *= size
    if not windows:
        if classes["G"] == 1:
            return MatrixMultiply(
                name=name, precision=precision, m=classes["N"], n=classes["K"], k=classes["C"]
            )
        return BatchedMatrixMultiply(
            name=name,
            precision=precision,
            batch=classes["G"],
            m=classes["N"],
            n=classes["K"],
            k=classes["C"],
        )
    pairs = [
        (sizes[across], sizes[along], stride, dilation) for (stride, across), (dilation, along) in windows[:2]
    ]
    pairs += [(1, 1, 1, 1)] * (2 - len(pairs))
    (p, r, stride_p, dilation_r), (q, s, stride_q, dilation_s) = pairs
    if max(stride_p, stride_q, dilation_r, dilation_s) > LARGEST_STEP:
        raise WorkloadError(f"{name}: strides and dilations must be at most {LARGEST_STEP}")
    return Convolution(
        name=name,
        precision=precision,
        in_channels=classes["G"] * classes["C"],
        out_channels=classes["G"] * classes["K"],
        in_size=(_extent(p, r, stride_p, dilation_r), _extent(q, s, stride_q, dilation_s)),
        kernel=(r, s),
        stride=(stride_p, stride_q),
        dilation=(dilation_r, dilation_s),
        groups=classes["G"],
        batch=classes["N"],
    )


def _extent(positions: int, window: int, stride: int, dilation: int) -> int:
    return (positions - 1) * stride + (window - 1) * dilation + 1
