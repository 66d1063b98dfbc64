"""Traced PyTorch modules against the built-in tables, PyTorch's own FLOP counter and its parameter counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import Embedding, MatrixMultiply, Network, Precision, network
from cosearch_simulators.workloads.from_torch import from_torch
from torch_models import Bert, Gpt2, MobileNetV2, ResNet18, UNet, VisionTransformer


def images(size: int, channels: int = 3) -> list[torch.Tensor]:
    return [torch.zeros(1, channels, size, size, device="meta")]


def words(length: int, count: int = 1) -> list[torch.Tensor]:
    return [torch.zeros(1, length, dtype=torch.long, device="meta") for _ in range(count)]


# built-in name and arguments, module, inputs; on the meta device, so that no weights are made
MODELS: dict[str, tuple[dict[str, int], Callable[[], nn.Module], Callable[[], Sequence[torch.Tensor]]]] = {
    "resnet18": ({}, ResNet18, lambda: images(224)),
    "mobilenet_v2": ({}, MobileNetV2, lambda: images(224)),
    "bert_base": ({"sequence_length": 128}, Bert, lambda: words(128, 2)),
    "vit_b_16": ({}, VisionTransformer, lambda: images(224)),
    "gpt2": ({"sequence_length": 64}, Gpt2, lambda: words(64)),
    "unet": ({}, UNet, lambda: images(572, 1)),
}


@pytest.fixture(scope="module", params=MODELS)
def imported(request: pytest.FixtureRequest) -> tuple[Network, Network, nn.Module, Sequence[torch.Tensor]]:
    arguments, build, inputs = MODELS[request.param]
    with torch.device("meta"):
        module = build().eval()
    return from_torch(module, inputs()), network(request.param, **arguments), module, inputs()


def test_parameters_are_pytorchs(imported):
    traced, table, module, _ = imported
    assert traced.parameters == table.parameters == sum(p.numel() for p in module.parameters())


def test_macs_are_those_of_pytorchs_flop_counter(imported):
    traced, table, module, inputs = imported
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    assert 2 * traced.macs == 2 * table.macs == counter.get_total_flops()


def test_matrix_operators_have_the_loops_of_the_table(imported):
    """The same loop nests as often; but for attention's projections, which may be one matrix or three."""
    projections = (".self_attn", ".qkv", ".out", ".attention.")

    def nests(built: Network) -> Counter[Any]:
        return Counter(
            operator.loop_nest()
            for operator in built.matrix_operators
            if not (
                isinstance(operator, MatrixMultiply) and any(part in operator.name for part in projections)
            )
        )

    traced, table, _, _ = imported
    assert nests(traced) == nests(table)


def test_vector_work_is_the_tables(imported):
    traced, table, _, _ = imported
    assert traced.vector_operations == pytest.approx(table.vector_operations, rel=0.02)


def test_every_operator_is_reached_from_an_input(imported):
    traced, *_ = imported
    reached = set(traced.inputs)
    for operator in traced.operators:
        producers = traced.producers(operator.name)
        assert all(producer in reached for producer in producers), operator.name
        assert producers or isinstance(operator, Embedding), operator.name
        reached.add(operator.name)


def test_names_are_the_modules_paths():
    with torch.device("meta"):
        traced = from_torch(ResNet18(), images(224))
    assert traced.operator("blocks.0.conv1").macs == network("resnet18").operator("layer1.0.conv1").macs
    assert traced.producers("blocks.0.bn1") == ("blocks.0.conv1",)


class Mixed(nn.Module):
    """Many operators at once, and a module that is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.up = nn.ConvTranspose2d(3, 6, 3, 2, 1, output_padding=1, groups=3)
        self.norm = nn.GroupNorm(2, 6)
        self.prelu = nn.PReLU()
        self.line = nn.Conv1d(8, 4, 3, padding="same", dilation=2)
        self.twice = nn.Linear(32, 32)
        self.scale = nn.Parameter(torch.ones(32))
        self.register_buffer("mask", torch.ones(32))

    def forward(self, image: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mixed, _ = self.attention(tokens, tokens, tokens)
        mixed = self.twice(torch.relu(self.twice(mixed * self.scale * self.mask)))
        image = self.prelu(self.norm(self.up(image)))
        gram = torch.einsum("bchw,bdhw->bcd", image, image)
        return mixed, gram, self.line(mixed)


def test_a_mixture_of_operators():
    module, inputs = Mixed(), (torch.zeros(2, 3, 5, 5), torch.zeros(2, 8, 32))
    traced = from_torch(module, inputs)
    assert traced.parameters == sum(p.numel() for p in module.parameters())
    linears = 2 * 8 * (3 * 32 * 32 + 32 * 32 + 2 * 32 * 32)  # projections, output, the shared layer twice
    attention = 2 * (2 * 4 * 8 * 8 * 8)
    up = 2 * 5 * 5 * 3 * 2 * 9
    gram = 2 * 6 * 6 * 100
    line = 2 * 4 * 32 * 8 * 3
    assert traced.macs == linears + attention + up + gram + line
    assert [operator.tied for operator in traced.operators if operator.name.startswith("twice")] == [
        False,
        True,
    ]


def test_precision_is_the_tensors_unless_it_is_given():
    half = nn.Linear(4, 3).half()
    x = torch.zeros(2, 4, dtype=torch.half)
    assert from_torch(half, [x]).operators[0].precision == Precision(16, 16, 16, 32)
    assert from_torch(half, [x], precision=Precision()).operators[0].precision == Precision()


def test_training_mode_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).train()
    module[0].eval()
    from_torch(module, [torch.zeros(1, 4)])
    assert [part.training for part in module.modules()] == [True, False, True]


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else 2 * x


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (Branching(), (3,), "torch.export cannot trace Branching: "),
        (nn.Linear(4, 3), (2, 5), "torch.export cannot trace Linear: "),
    ],
)
def test_what_cannot_be_imported_is_named_in_one_line(
    module: nn.Module, shape: tuple[int, ...], message: str, capfd: pytest.CaptureFixture[str]
):
    with pytest.raises(WorkloadError, match="^[^\n]*$") as refused:
        from_torch(module, [torch.zeros(shape)])
    assert message in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_single_input_needs_no_list():
    layer = nn.Conv2d(3, 4, 3)
    assert from_torch(layer, torch.zeros(1, 3, 8, 8)) == from_torch(layer, [torch.zeros(1, 3, 8, 8)])


def test_a_traced_program_is_its_module():
    layer = nn.Linear(4, 3)
    whole = from_torch(layer, torch.zeros(2, 4), name="linear")
    assert from_torch(torch.export.export(layer, (torch.zeros(2, 4),)), name="linear") == whole
    rows = torch.export.Dim("rows", min=2, max=64)
    open_rows = torch.export.export(layer, (torch.zeros(5, 4),), dynamic_shapes=({0: rows},))
    assert from_torch(open_rows, torch.zeros(2, 4), name="linear").macs == whole.macs == 24
    with pytest.raises(
        WorkloadError, match=r"^input 'input' has the open shape \(s\d+, 4\), give example_inputs$"
    ):
        from_torch(open_rows)
    with pytest.raises(WorkloadError, match="^Linear is not traced yet and needs example_inputs$"):
        from_torch(layer)
    with pytest.raises(WorkloadError, match=r"^expected a torch.nn.Module or an ExportedProgram, got int$"):
        from_torch(3, torch.zeros(1))  # type: ignore[arg-type]
