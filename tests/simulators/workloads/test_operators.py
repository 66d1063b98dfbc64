"""Operators against PyTorch's arithmetic and brute-force counts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import (
    BatchedMatrixMultiply,
    Convolution,
    Elementwise,
    Embedding,
    MatrixMultiply,
    Network,
    Precision,
    Reduction,
    TransposedConvolution,
)

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    groups = draw(st.integers(1, 3))
    kernel, dilation = draw(pairs), draw(pairs)
    padding = draw(st.tuples(*[st.integers(0, 2)] * 4))
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    in_size = tuple(
        draw(st.integers(max(1, reach[axis] - padding[axis] - padding[axis + 2]), 8)) for axis in (0, 1)
    )
    return Convolution(
        name="convolution",
        in_channels=groups * draw(st.integers(1, 2)),
        out_channels=groups * draw(st.integers(1, 2)),
        in_size=in_size,  # type: ignore[arg-type]
        kernel=kernel,
        stride=draw(pairs),
        padding=padding,
        dilation=dilation,
        groups=groups,
        batch=draw(st.integers(1, 2)),
        bias=draw(st.booleans()),
    )


@given(convolutions())
@settings(deadline=None, max_examples=60)
def test_a_convolution_has_pytorchs_sizes_and_parameters(convolution: Convolution):
    import torch

    layer = torch.nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel,
        convolution.stride,
        dilation=convolution.dilation,
        groups=convolution.groups,
        bias=convolution.bias,
    )
    top, left, bottom, right = convolution.padding
    x = torch.zeros(convolution.batch, convolution.in_channels, *convolution.in_size)
    y = layer(torch.nn.functional.pad(x, (left, right, top, bottom)))
    assert convolution.out_size == tuple(y.shape[2:])
    assert convolution.tensor_elements["Inputs"] == x.numel()
    assert convolution.tensor_elements["Outputs"] == y.numel()
    assert convolution.parameters == sum(p.numel() for p in layer.parameters())


@given(convolutions())
@settings(deadline=None, max_examples=60)
def test_a_convolutions_loops_count_its_products(convolution: Convolution):
    """Every output, channel of its group and filter position, one by one; the inputs stay in bounds."""
    macs, touched = 0, set()
    per_group = convolution.in_channels // convolution.groups
    outs_per_group = convolution.out_channels // convolution.groups
    rows, columns = convolution.out_size
    for n, k, p, q in itertools.product(
        range(convolution.batch), range(convolution.out_channels), range(rows), range(columns)
    ):
        for c, r, s in itertools.product(range(per_group), *map(range, convolution.kernel)):
            channel = k // outs_per_group * per_group + c
            row = p * convolution.stride[0] + r * convolution.dilation[0]
            column = q * convolution.stride[1] + s * convolution.dilation[1]
            touched.add((n, channel, row, column))
            macs += 1
    nest = convolution.loop_nest()
    assert nest.macs == convolution.macs == macs
    assert nest.tensor_sizes["Weights"] == convolution.tensor_elements["Weights"]
    assert nest.tensor_sizes["Outputs"] == convolution.tensor_elements["Outputs"]
    extent = tuple(max(index[axis] for index in touched) + 1 for axis in (2, 3))
    assert nest.input_extent == extent
    top, left, bottom, right = convolution.padding
    assert extent[0] <= convolution.in_size[0] + top + bottom
    assert extent[1] <= convolution.in_size[1] + left + right


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
    st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_a_transposed_convolution_has_pytorchs_parameters_and_flops(
    rows: int, columns: int, kernel: int, stride: int, groups: int, bias: bool
):
    import torch

    layer = torch.nn.ConvTranspose2d(2 * groups, groups, kernel, stride, groups=groups, bias=bias)
    x = torch.zeros(1, 2 * groups, rows, columns)
    y = layer(x)
    operator = TransposedConvolution(
        name="up",
        in_channels=2 * groups,
        out_channels=groups,
        in_size=(rows, columns),
        out_size=tuple(y.shape[2:]),
        kernel=(kernel, kernel),
        stride=(stride, stride),
        groups=groups,
        bias=bias,
    )
    assert operator.parameters == sum(p.numel() for p in layer.parameters())
    # every input pixel is multiplied by every filter position of every output channel of its group
    assert operator.macs == rows * columns * 2 * groups * 1 * kernel * kernel
    assert (operator.vector_operations == 0) == (stride >= kernel)


def test_matrices_count_like_their_sizes():
    linear = MatrixMultiply(name="fc", m=4, n=10, k=6, bias=True)
    assert (linear.macs, linear.parameters) == (240, 70)
    assert linear.tensor_bytes == {"Weights": 60 + 10 * 4, "Inputs": 24, "Outputs": 40}
    attention = BatchedMatrixMultiply(name="scores", batch=3, m=4, n=10, k=6)
    assert (attention.macs, attention.parameters) == (720, 0)
    assert attention.tensor_elements == {"Weights": 180, "Inputs": 72, "Outputs": 120}


def test_bits_round_up_to_bytes_and_each_operand_has_its_own():
    precision = Precision(weight_bits=3, input_bits=5, output_bits=16, accumulation_bits=20)
    linear = MatrixMultiply(name="fc", m=1, n=3, k=3, bias=True, precision=precision)
    assert linear.tensor_bytes == {
        "Weights": 11,
        "Inputs": 2,
        "Outputs": 6,
    }  # ceil(27 + 60), ceil(15), 48 bits
    assert linear.traffic_bytes == 19


def test_a_depthwise_convolution_is_one_with_a_group_a_channel():
    sizes = {"name": "dw", "in_channels": 8, "out_channels": 8, "in_size": (5, 5), "kernel": (3, 3)}
    assert Convolution(**sizes, groups=8).depthwise  # type: ignore[arg-type]
    assert Convolution(**sizes, groups=8).macs == 8 * 3 * 3 * 9  # type: ignore[arg-type]
    assert not Convolution(**sizes, groups=4).depthwise  # type: ignore[arg-type]


def test_vector_operators_count_their_formulas():
    relu = Elementwise(name="relu", function="relu", operands=(100,), elements=100)
    assert (relu.vector_operations, relu.macs, relu.loop_nest()) == (100, 0, None)
    scale = Elementwise(name="scale", function="multiply", operands=(100, 4), elements=100)
    assert (scale.vector_operations, scale.traffic_bytes) == (100, 204)
    pool = Reduction(name="pool", function="max_pool", in_elements=16, out_elements=4, window=9)
    assert pool.vector_operations == 36
    softmax = Reduction(name="softmax", function="softmax", in_elements=20, out_elements=20, window=5)
    assert softmax.vector_operations == 20 * 5  # maximum, subtract, exp, sum, divide
    table = Embedding(name="words", rows=1000, features=8, tokens=3)
    assert (table.parameters, table.traffic_bytes, table.vector_operations) == (8000, 24 + 3 + 24, 0)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: MatrixMultiply(name="fc", m=0, n=1, k=1),
            "MatrixMultiply 'fc': m must be at least 1, got 0",
        ),
        (
            lambda: Convolution(
                name="c", in_channels=6, out_channels=4, in_size=(3, 3), kernel=(1, 1), groups=4
            ),
            "in_channels 6 must be a multiple of groups 4",
        ),
        (
            lambda: Convolution(name="c", in_channels=1, out_channels=1, in_size=(3, 3), kernel=(5, 1)),
            "the kernel (5, 1) with dilation (1, 1) is larger than its input (3, 3)",
        ),
        (
            lambda: Convolution(
                name="c", in_channels=1, out_channels=1, in_size=(3, 3), kernel=(1, 1), padding=(0, -1, 0, 0)
            ),
            "padding must be at least 0",
        ),
        (
            lambda: Elementwise(name="e", function="rlu", operands=(1,), elements=1),
            "unknown function 'rlu'; did you mean 'relu'",
        ),
        (
            lambda: Reduction(name="r", function="maxpool", in_elements=1, out_elements=1, window=1),
            "unknown function 'maxpool'; did you mean 'max_pool'",
        ),
        (
            lambda: Precision(weight_bits=0),
            "precision: weight_bits must be a whole number of at least 1, got 0",
        ),
        (lambda: Precision(input_bits=2.5), "input_bits must be a whole number of at least 1, got 2.5"),
        (lambda: MatrixMultiply(name="fc", m="3", n=1, k=1), "m must be whole numbers, got '3'"),
        (lambda: MatrixMultiply(name="fc", m=1.5, n=1, k=1), "m must be whole numbers, got 1.5"),
        (
            lambda: Convolution(name="c", in_channels=1, out_channels=1, in_size=(3, 3), kernel=3),
            "kernel must be a tuple of 2 numbers, got 3",
        ),
        (
            lambda: Convolution(
                name="c", in_channels=1, out_channels=1, in_size=(3, 3), kernel=(1, 1), padding=(1, 1)
            ),
            "padding must be a tuple of 4 numbers, got (1, 1)",
        ),
        (
            lambda: BatchedMatrixMultiply(name="b", batch=2**20, m=2**20, n=2**20, k=2**20),
            "MACs overflow 64-bit counts",
        ),
    ],
)
def test_what_cannot_be_is_refused(build, message: str):
    with pytest.raises(WorkloadError) as refused:
        build()
    assert message in str(refused.value)


def test_a_network_checks_its_names_and_edges():
    first, second = (MatrixMultiply(name=name, m=1, n=1, k=1) for name in ("first", "second"))
    assert Network("ok", (first, second), (("input", "first"), ("first", "second"))).producers("second") == (
        "first",
    )
    with pytest.raises(WorkloadError, match="two operators or inputs are named 'first'"):
        Network("twice", (first, first))
    with pytest.raises(WorkloadError, match="'third', which is no operator"):
        Network("unknown", (first,), (("third", "first"),))
    with pytest.raises(WorkloadError, match="'second' feeds 'first' and must come before it"):
        Network("backwards", (first, second), (("second", "first"),))
