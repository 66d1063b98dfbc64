"""All networks of a family as one: every block with each of its choices, as tables of what it is made of.

That is what gradient search through a relaxation needs (H. Liu et al.: "DARTS", ICLR 2019; H. Cai et al.:
"ProxylessNAS", ICLR 2019; B. Wu et al.: "FBNet", CVPR 2019): the cost of a mixture of choices is the sum of
the choices' costs, each by its share. It is exact where a block's shapes depend on no other block's choices,
as in families whose stages have given widths; these say so by their `chosen_blocks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.batch import BIAS, BatchBuilder
from cosearch_simulators.networks.networks import Networks, collect, weight_elements
from cosearch_simulators.networks.parameters import read_columns
from cosearch_simulators.networks.space import Block, NetworkSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Supernet:
    """b blocks with c combinations of choices each; stem and head, which belong to none, count as blocks too.

    Attributes:
        kinds: what blocks choose among, {kind: values}; the combinations are their product, the last fastest.
        blocks: of each.
        stage: (b,) part of the network that each belongs to.
        networks: c networks of all blocks, one for each combination.
        block_of: (layers of all `networks`,) the block of each layer, in their order.
        macs: (b, c).
        weights: (b, c) elements.
        activations: (b, c) elements that matrix operators make.
        vector_elements: (b, c) that operators without multiplications read and write.
        biases: (b, c).
        parameters: (b, c) trained numbers.
    """

    kinds: Mapping[str, tuple[Any, ...]]
    blocks: tuple[Block, ...]
    stage: NDArray[np.int64]
    networks: Networks
    block_of: NDArray[np.int64]
    macs: Floats
    weights: Floats
    activations: Floats
    vector_elements: Floats
    biases: Floats
    parameters: Floats

    @classmethod
    def of(cls, family: NetworkSpace) -> Supernet:
        """The supernet of a family that has `chosen_blocks`."""
        values = {one.name: one.values for one in family.parameters}
        kinds = {
            kind: values[name]
            for block in family.chosen_blocks.values()
            for kind, name in block.choices.items()
        }
        combinations = list(product(*kinds.values()))
        columns: dict[str, Any] = {
            one.name: np.full(len(combinations), one.values[-1]) for one in family.parameters
        }
        for block in family.chosen_blocks.values():
            for place, kind in enumerate(kinds):
                if kind in block.choices:
                    columns[block.choices[kind]] = np.array([chosen[place] for chosen in combinations])
        read, active, _ = read_columns(columns, family.parameters)
        builder = BatchBuilder(len(combinations))
        family.build(builder, read, active)
        return _tables(family, builder, kinds)


def _tables(family: NetworkSpace, builder: BatchBuilder, kinds: Mapping[str, tuple[Any, ...]]) -> Supernet:
    found: dict[tuple[str, int], int] = {}
    places = []
    for slot in builder.slots:
        name = next((name for name in family.chosen_blocks if slot.name.startswith(f"{name}.")), "")
        places.append(found.setdefault((name, slot.stage), len(found)))
    networks = collect(builder, family.table, len(family.stages))
    rows = family.table.rows
    counts = {name: np.zeros((len(found), builder.number)) for name in ("made", "vectors", "trained")}
    matrix = [place for slot, place in zip(builder.slots, places, strict=True) if slot.row is not None]
    there = np.stack([slot.active for slot in builder.slots if slot.row is not None], axis=1)
    block_of = np.broadcast_to(np.array(matrix), there.shape)[there]
    for slot, place in zip(builder.slots, places, strict=True):
        constants = np.asarray(slot.constants)
        counts["trained"][place] += np.where(slot.active, constants, 0)
        if slot.row is not None:
            counts["made"][place] += np.where(slot.active, slot.output, 0)
        elif not slot.fused:
            moved = sum((x.elements for x in slot.inputs), slot.output + constants)
            counts["vectors"][place] += np.where(slot.active, moved, 0)
    network_of = np.repeat(np.arange(builder.number), np.diff(networks.start))

    def summed(of_layers: Floats) -> Floats:
        out = np.zeros((len(found), builder.number))
        np.add.at(out, (block_of, network_of), of_layers[networks.layer])
        return out

    weights, biases = summed(weight_elements(rows)), summed(rows[:, BIAS].astype(np.float64))
    return Supernet(
        kinds,
        tuple(family.chosen_blocks.get(name, _always(family)) for name, _ in found),
        np.array([stage for _, stage in found]),
        networks,
        block_of,
        summed(rows[:, :8].astype(np.float64).prod(axis=1)),
        weights,
        counts["made"],
        counts["vectors"],
        biases,
        weights + biases + counts["trained"],
    )


def _always(family: NetworkSpace) -> Block:
    """What belongs to no block depends on what all blocks have in common, such as the image's size."""
    common = set.intersection(*(set(block.choices.items()) for block in family.chosen_blocks.values()))
    return Block(dict(sorted(common)))
