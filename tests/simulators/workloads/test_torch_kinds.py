"""Kinds of PyTorch modules, against PyTorch's FLOP counter, its parameters, and counts on paper."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.from_torch import from_torch
from cosearch_simulators.workloads.importing import UnknownOperatorWarning


class Function(nn.Module):
    """A function of tensors, with parameters of these shapes after its inputs."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([nn.Parameter(torch.rand(shape)) for shape in shapes])

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs, *self.weights)


def counted(module: nn.Module, *inputs: torch.Tensor) -> tuple[int, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = from_torch(module, inputs)
    return found.macs, found.parameters


@pytest.mark.parametrize(
    ("function", "shapes", "weights"),
    [
        (lambda a, b: a @ b, [(2, 1, 5, 6), (1, 3, 6, 7)], []),
        (lambda a, b: torch.einsum("...ij,...jk->...ik", a, b), [(2, 3, 4, 5), (2, 3, 5, 6)], []),
        (lambda a, w: torch.einsum("...i,oi", a, w), [(2, 3, 4)], [(5, 4)]),
        (lambda a, b, c: torch.baddbmm(c, a, b), [(2, 3, 4), (2, 4, 5), (2, 3, 5)], []),
        (lambda a, w, b: torch.addmm(b, a, w), [(3, 4)], [(4, 5), (3, 5)]),
        (lambda x, w: functional.conv3d(x, w, padding=1), [(1, 3, 8, 16, 16)], [(8, 3, 3, 3, 3)]),
        (lambda x, w, b: functional.conv1d(x, w, b, groups=2), [(2, 4, 9)], [(6, 2, 3), (6,)]),
        (lambda x, w: functional.conv_transpose3d(x, w, stride=2), [(1, 3, 4, 4, 4)], [(3, 5, 2, 2, 2)]),
    ],
)
def test_products_are_those_of_the_flop_counter(function, shapes, weights):
    module, inputs = Function(function, *weights), [torch.rand(shape) for shape in shapes]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    assert counted(module, *inputs) == (
        counter.get_total_flops() // 2,
        sum(p.numel() for p in module.parameters()),
    )


@pytest.mark.parametrize(
    ("function", "shapes", "macs"),
    [
        (lambda a, b: torch.mv(a, b), [(3, 4), (4,)], 12),
        (lambda a, b: torch.addbmm(torch.zeros(3, 5), a, b), [(2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
        (lambda a, b: torch.tensordot(a, b, dims=2), [(3, 4, 5), (4, 5, 6)], 3 * 20 * 6),
        (lambda a, b: torch.inner(a, b), [(3, 4), (5, 4)], 60),
        (lambda a, b: torch.cdist(a, b), [(3, 4), (5, 4)], 60),
    ],
)
def test_products_on_paper(function, shapes, macs: int):
    assert counted(Function(function), *(torch.rand(shape) for shape in shapes)) == (macs, 0)


WITHOUT_MACS: list[Callable[[torch.Tensor], Any]] = [
    lambda x: torch.topk(x, 2)[0],
    lambda x: torch.cumsum(x, 1),
    lambda x: functional.glu(x, 1),
    lambda x: functional.selu(x) + functional.mish(x) + functional.celu(x),
    lambda x: torch.linalg.vector_norm(x, dim=1),
    lambda x: functional.interpolate(x[None, None], scale_factor=2, mode="bicubic"),
    lambda x: x.new_zeros(3, 6) + x + torch.arange(6),
    lambda x: torch.sort(x, 1)[0] + torch.argsort(x, 1),
    lambda x: x.max(1)[0] + x.min(1).values + x.max(),
    lambda x: torch.std(x, 1) + torch.var(x, 1),
    lambda x: torch.logsumexp(x, 1) + x.prod(1),
    lambda x: torch.tril(x[:, :3]) + torch.triu(x[:, :3]),
    lambda x: functional.one_hot((x > 0).long(), 3),
    lambda x: torch.scatter_add(x, 1, (x > 0).long(), x),
    lambda x: x.index_fill(1, torch.tensor([0]), 0.0).masked_fill(x > 0, 0).nan_to_num(),
    lambda x: torch.view_as_real(torch.polar(x, x)).sum(2) + torch.remainder(x, 2).floor(),
    lambda x: torch.diff(x, dim=1),
    lambda x: functional.hardshrink(x) + functional.softsign(x) + functional.logsigmoid(x),
    lambda x: functional.normalize(x, dim=1) + functional.pad(x, (1, 0))[:, 1:],
    lambda x: torch.stack(torch.meshgrid(x[0], x[1], indexing="ij")),
    lambda x: torch.where(torch.isnan(x) | (x > 1), x, -x).to(torch.int32) & 3,
]


@pytest.mark.parametrize("function", WITHOUT_MACS)
def test_operators_without_products_are_known(function):
    assert counted(Function(function), torch.rand(3, 6)) == (0, 0)


def test_an_unknown_operator_counts_as_traffic_with_a_warning():
    module = Function(lambda x, w: torch.linalg.inv(x) @ w, (4, 5))
    with pytest.warns(UnknownOperatorWarning, match="Function: unknown operators 'linalg_inv' .1, the first"):
        found = from_torch(module, torch.rand(4, 4))
    assert (found.macs, found.parameters) == (80, 20)
    with pytest.raises(WorkloadError, match="'linalg_inv'.*without strict they count"):
        from_torch(module, torch.rand(4, 4), strict=True)


@pytest.mark.parametrize(
    ("layer", "gates"),
    [(nn.LSTM(32, 64, 2), 4), (nn.GRU(32, 64, 2), 3), (nn.RNN(32, 64, 2), 1)],
)
def test_recurrent_layers(layer: nn.Module, gates: int):
    width = gates * 64
    macs = 10 * width * (32 + 64 + 64 + 64)
    assert counted(layer, torch.rand(10, 1, 32)) == (macs, sum(p.numel() for p in layer.parameters()))


def test_recurrent_layers_in_other_shapes():
    both = nn.GRU(4, 5, 2, bidirectional=True, batch_first=True, bias=False)
    macs = 3 * 7 * 2 * 15 * (4 + 5 + 10 + 5)
    assert counted(both, torch.rand(3, 7, 4)) == (macs, sum(p.numel() for p in both.parameters()))
    projected = nn.LSTM(4, 6, proj_size=3)
    macs = 7 * 2 * (24 * (4 + 3) + 6 * 3)
    assert counted(projected, torch.rand(7, 2, 4)) == (macs, sum(p.numel() for p in projected.parameters()))
    cell = nn.LSTMCell(4, 6)
    assert counted(cell, torch.rand(2, 4)) == (2 * 24 * 10, sum(p.numel() for p in cell.parameters()))


class Embedded(nn.Module):
    """A class token beside the patches and a position for each, as all vision transformers have."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.rand(1, 1, 6))
        self.places = nn.Parameter(torch.rand(1, 5, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.token, x], 1) + self.places


class Views(nn.Module):
    """A part that gives two views, of which the second is used by a part of the same name's kind."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = Embedded()
        self.part = Halves()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.part(self.embed(x))
        return self.linear(first) + self.linear(second)


class Halves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(6))
        self.shift = nn.Parameter(torch.rand(5, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = torch.cat([x * self.scale, self.shift.expand(1, 5, 6)], 1).chunk(2, 2)
        return a, b


def test_no_operator_is_lost_to_a_name_that_is_taken():
    module = Views()
    found = from_torch(module, torch.rand(1, 4, 6))
    assert found.parameters == sum(p.numel() for p in module.parameters())
    assert found.macs == 2 * 10 * 6
    assert len({operator.name for operator in found.operators}) == len(found.operators)


def test_the_parts_of_one_weight_count_once_each():
    """Attention of other keys than the query's splits its input projection into three."""
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    module = Function(lambda q, k: attention(q, k, k, need_weights=False)[0])
    module.attention = attention
    q, k = torch.rand(1, 3, 8), torch.rand(1, 5, 8)
    macs = (3 + 5 + 5) * 64 + 2 * 2 * 3 * 5 * 4 + 3 * 64
    assert counted(module, q, k) == (macs, sum(p.numel() for p in attention.parameters()))


def test_kernels_that_are_computed_or_kept_as_buffers_are_no_parameters():
    module = Function(lambda x, z, w: functional.conv2d(x, functional.conv2d(z, w)), (8, 3, 3, 3))
    assert counted(module, torch.rand(1, 8, 9, 9), torch.rand(4, 3, 4, 4)) == (
        4 * 4 * 8 * 27 + 4 * 64 * 32,
        216,
    )
    blur = nn.Conv2d(1, 1, 2, bias=False)
    kept = Function(lambda x: functional.conv2d(x, kept.kernel))
    kept.register_buffer("kernel", blur.weight.detach())
    assert counted(kept, torch.rand(1, 1, 4, 4)) == (36, 0)


def test_experts_share_the_rows_evenly():
    """Seven rows over four experts: three get two, one gets one; all matrices are moved."""
    offsets = torch.tensor([2, 4, 6, 7], dtype=torch.int32)
    module = Function(lambda x, w: torch._grouped_mm(x, w, offsets), (4, 16, 8))
    module = module.to(torch.bfloat16)
    found = from_torch(module, torch.rand(7, 16, dtype=torch.bfloat16))
    assert (found.macs, found.parameters) == (7 * 16 * 8, 4 * 16 * 8)
    assert sum(operator.tensor_elements["Weights"] for operator in found.matrix_operators) == 4 * 16 * 8


class Cache:
    """What some models give beside tensors."""

    def __init__(self, keys: torch.Tensor) -> None:
        self.keys = keys


def test_what_a_model_gives_beside_tensors_is_left_out():
    module = Function(lambda x, w: {"logits": x @ w, "cache": Cache(x)}, (4, 5))
    found = from_torch(module, torch.rand(3, 4))
    assert (found.macs, found.parameters) == (60, 20)


def test_inputs_are_given_by_name():
    class Named(nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                scaled = right * 2
            return left @ scaled

    found = from_torch(Named(), {"right": torch.rand(4, 5), "left": torch.rand(3, 4)})
    assert (found.macs, set(found.inputs)) == (60, {"left", "right"})


def test_rounded_weights_have_their_bits():
    class Rounded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("stored", torch.ones(5, 4, dtype=torch.int8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            import torch.ao.quantization.fx._decomposed

            operators = torch.ops.quantized_decomposed
            q = operators.quantize_per_tensor(x, 0.1, 0, -8, 7, torch.int8)
            x = operators.dequantize_per_tensor(q, 0.1, 0, -8, 7, torch.int8)
            weights = operators.dequantize_per_tensor(self.stored, 0.1, 0, -128, 127, torch.int8)
            return functional.linear(x, weights)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UnknownOperatorWarning)
        (linear,) = from_torch(Rounded(), torch.rand(3, 4)).operators
    assert (linear.precision.weight_bits, linear.precision.input_bits) == (8, 4)
