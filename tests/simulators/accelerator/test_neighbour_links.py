"""Inputs from neighbours, against counting by hand; Timeloop's own numbers are in `test_timeloop`."""

from __future__ import annotations

from cosearch_simulators.accelerator.engines.timeloop.neighbour_links import Links, link_transfers
from cosearch_simulators.accelerator.mapping.mapping import Mapping
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.documents import parse
from cosearch_simulators.workloads.loop_nest import LoopNest

MACHINE = parse(
    Architecture,
    {
        "levels": [
            {"name": "Register", "capacity_words": 8},
            {"name": "Buffer", "capacity_words": 4096, "array": [8]},
            {"name": "DRAM", "kind": "dram"},
        ]
    },
)


def links(buffer: dict, nest: LoopNest, spread: str) -> Links | None:
    levels = [
        {"level": "Register"},
        {"level": "Buffer", "spatial": [{spread: 4}], **buffer},
        {"level": "DRAM", "temporal": {"K": 5}},
    ]
    mapping = parse(Mapping, {"levels": levels})
    return link_transfers(MACHINE, nest, mapping.pack(MACHINE), ([spread], []))


def test_a_filter_that_slides_over_spread_outputs_moves_inputs_to_the_neighbour() -> None:
    # Four elements want inputs p + r. At each of the two steps of R, three want what their neighbour had and
    # one does not: instead of four words the buffer gives one, for each of the 5 output channels. At the 4
    # changes of the channel R returns, by Timeloop's lights from its second iteration, and three have it from
    # the other neighbour.
    nest = LoopNest.of({"K": 5, "P": 4, "R": 3})
    found = links({"temporal": {"R": 3}}, nest, "P")
    words = 5 * 2 * 3 + 4 * 3
    assert found == Links(child=0, parent=1, carried_words=words, spared_words=words)


def test_a_stride_that_leaves_no_overlap_moves_nothing() -> None:
    nest = LoopNest.of({"K": 5, "P": 4, "R": 3}, stride=(5, 1))
    assert links({"temporal": {"R": 3}}, nest, "P") is None


def test_channels_move_nothing() -> None:
    assert links({"temporal": {"R": 3}}, LoopNest.of({"K": 5, "C": 4, "R": 3}), "C") is None
