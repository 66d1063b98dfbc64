"""Pictures of a network on its accelerator: the chain of its layers, and what each of them takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.pictures import PALETTE, Picture

if TYPE_CHECKING:
    from cosearch_simulators.networks.networks import Networks
    from cosearch_simulators.workloads.loop_nest import LoopNest

MOST_BANDS = 30
"""Stages whose borders are drawn."""


@dataclass(frozen=True)
class Layer:
    """A layer as it is drawn.

    Attributes:
        kind: what colours stand for.
        kernel: rows x columns, or "" where it has none or one number.
        width: output channels.
        words: all of it, for the pointer.
        stage: number of the part of the network that it belongs to.
    """

    kind: str
    kernel: str
    width: int
    words: str
    stage: int


def drawn_layers(networks: Networks, stages: Sequence[str]) -> list[Layer]:
    """The layers of the first network, in the order in which they run."""
    from cosearch_simulators.networks.batch import CONSTANT

    first = slice(0, int(networks.start[1]))
    constant = networks.table.rows[networks.layer[first], CONSTANT] == 1
    stage = networks.stage[first].tolist()
    found = zip(networks.nests(0), constant.tolist(), stage, strict=True)
    return [drawn_layer(nest, weights, number, stages[number]) for nest, weights, number in found]


def drawn_layer(nest: LoopNest, constant: bool, stage: int, part: str) -> Layer:
    """A loop nest in the words of networks.

    Args:
        nest: of the layer.
        constant: whether its second operand is weights, not another layer's output.
        stage: number of the part of the network.
        part: its name.
    """
    groups, _, out, into, rows, columns, down, across = nest.sizes
    width = groups * out
    shape = f"{groups * into} to {width} channels, {rows} x {columns} outputs"
    if not constant:
        words = f"{groups} products of {rows * columns} x {into} and {into} x {out}"
        return Layer("matrix product", "", width, f"{part}: {words}", stage)
    if (down, across) != (1, 1):
        kernel = f"{down}x{across}"
        grouped = groups > 1
        kind = f"depthwise {kernel}" if grouped and out == into == 1 else f"convolution {kernel}"
        stride = "" if nest.stride == (1, 1) else f", stride {nest.stride[0]}"
        parts = f", {groups} groups" if grouped and kind.startswith("conv") else ""
        return Layer(kind, kernel, width, f"{part}: {kind}{stride}{parts}, {shape}", stage)
    kind = "on a vector" if rows == columns == 1 else "pointwise"
    return Layer(kind, "", width, f"{part}: {kind}, {shape}", stage)


def network_picture(
    layers: Sequence[Layer],
    weight_bits: NDArray[np.int64],
    activation_bits: NDArray[np.int64],
    caution: str = "",
) -> Picture:
    """The network as a chain of layers: how wide each is, its kernel, and the bits it runs with.

    Args:
        layers: in the order in which they run.
        weight_bits: of each stage, (stages,).
        activation_bits: (stages,).
        caution: why to read it with care.
    """
    stage = np.array([layer.stage for layer in layers])
    place = np.arange(1, len(layers) + 1)
    kinds = list(dict.fromkeys(layer.kind for layer in layers))
    traces: list[Mapping[str, Any]] = []
    for number, kind in enumerate(kinds):
        rows = [i for i, layer in enumerate(layers) if layer.kind == kind]
        traces.append(
            {
                "type": "bar",
                "name": kind,
                "x": place[rows],
                "y": [layers[i].width for i in rows],
                "width": 0.85,
                "text": [layers[i].kernel for i in rows],
                "textposition": "outside",
                "customdata": [layers[i].words for i in rows],
                "hovertemplate": "layer %{x}, %{customdata}<extra></extra>",
                "marker": {"color": PALETTE[number % len(PALETTE)]},
            }
        )
    for number, (name, bits) in enumerate((("weights", weight_bits), ("activations", activation_bits))):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"bits of {name}",
                "x": place,
                "y": bits[stage],
                "yaxis": "y2",
                "line": {"shape": "hvh", "dash": ("solid", "dot")[number], "width": 2},
                "hovertemplate": f"%{{y}} bits of {name}<extra></extra>",
            }
        )
    borders = np.flatnonzero(np.diff(stage)) + 1.5
    lines = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            **{"x0": at, "x1": at, "y0": 0, "y1": 1},
            "line": {"width": 0.5, "dash": "dot", "color": "#888888"},
        }
        for at in borders[:MOST_BANDS].tolist()
    ]
    widths = [layer.width for layer in layers]
    span = [float(np.log10(min(widths) / 2)), float(np.log10(max(widths) * 2))]  # bars of a log axis need one
    widest = int(np.argmax(widths))
    return Picture(
        "The network, layer by layer",
        f"{len(layers)} layers in {len(np.unique(stage))} stages, which dotted lines part; the widest is "
        f"layer {widest + 1} with {layers[widest].width:,} channels. "
        f"{_bits_in_words(stage, weight_bits, activation_bits)}",
        traces,
        {
            "height": 460,
            "barmode": "overlay",
            "shapes": lines,
            "xaxis": {"title": {"text": "layer, in the order in which they run"}, "anchor": "y2"},
            "yaxis": {
                "title": {"text": "output channels"},
                "type": "log",
                "domain": [0.3, 1.0],
                "range": span,
            },
            "yaxis2": {"title": {"text": "bits"}, "domain": [0.0, 0.2], "rangemode": "tozero"},
        },
        caution=caution,
        min_width=700,
    )


def costs_picture(
    layers: Sequence[Layer],
    latency_ns: NDArray[np.float64],
    utilisation: NDArray[np.float64],
    busy: float,
) -> Picture:
    """How long each layer takes, and how busy the array is meanwhile.

    Args:
        layers: L of them.
        latency_ns: (L,), what operators without multiplications take included.
        utilisation: (L,) from 0 to 1, while its multiplications run.
        busy: the share of the units over the whole time.
    """
    place = np.arange(1, len(layers) + 1)
    total = float(latency_ns.sum())
    slowest = int(latency_ns.argmax())
    words = [layer.words for layer in layers]
    return Picture(
        "Time and utilisation of the accelerator, layer by layer",
        f"{total / 1e3:,.1f} us in all; layer {slowest + 1} takes {latency_ns[slowest] / total:.1%} of it, "
        f"the most ({words[slowest]}). Over the whole time {busy:.1%} of the units are busy. Where a bar "
        "is high and the mark below it low, the array does not fit the layer, or waits for the memory.",
        [
            {
                "type": "bar",
                "name": "latency",
                "x": place,
                "y": latency_ns / 1e3,
                "customdata": words,
                "hovertemplate": "layer %{x}, %{customdata}: %{y:.4g} us<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "utilisation",
                "x": place,
                "y": utilisation,
                "yaxis": "y2",
                "customdata": words,
                "hovertemplate": "layer %{x}, %{customdata}: %{y:.1%} busy<extra></extra>",
            },
        ],
        {
            "height": 460,
            "xaxis": {"title": {"text": "layer, in the order in which they run"}, "anchor": "y2"},
            "yaxis": {"title": {"text": "latency [us]"}, "domain": [0.42, 1.0]},
            "yaxis2": {
                "title": {"text": "utilisation"},
                "domain": [0.0, 0.33],
                "range": [0, 1.05],
                "tickformat": ".0%",
            },
        },
        min_width=700,
    )


def _bits_in_words(
    stage: NDArray[np.int64], weight_bits: NDArray[np.int64], activation_bits: NDArray[np.int64]
) -> str:
    used = np.unique(stage)
    pairs = {(int(w), int(a)) for w, a in zip(weight_bits[used], activation_bits[used], strict=True)}
    if len(pairs) == 1:
        ((weights, activations),) = pairs
        return f"Weights have {weights} bits, activations {activations}."
    return "Bits differ by stage."
