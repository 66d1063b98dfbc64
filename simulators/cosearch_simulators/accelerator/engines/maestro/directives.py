"""The directive language: text into typed directives, and those into the arrays that batches are made of.

    TemporalMap(1,1) K;        each step takes 1 element of K, the next one moves on by 1
    SpatialMap(Sz(R),1) Y;     the units of this level take Sz(R) rows each, 1 apart
    Cluster(8, P);             what follows happens inside clusters of 8 PEs

The last map of a level moves first. Y' and X' count output rows and columns; they become Y and X with the
filter's overhang and the stride. A size above its dimension's is one tile. See Kwon et al., MICRO 2019,
section 3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.engines.maestro.layer import FILTER_OF, Layer
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import SimulatorError


@dataclass(frozen=True)
class Map:
    """SpatialMap or TemporalMap: a unit's elements of a dimension in a step, and how far it moves on."""

    dimension: str
    size: int
    offset: int
    spatial: bool = False


@dataclass(frozen=True)
class Cluster:
    """Everything after it happens inside a cluster of this many PEs or clusters."""

    size: int


Directive = Map | Cluster

_DIRECTIVE = re.compile(r"(\w+)\s*\(\s*([^;]*?)\s*\)\s*(\w+'?)?$")
_NAMES = ("SpatialMap", "TemporalMap", "Cluster")


def parse_directives(text: str, layer: Layer) -> tuple[Directive, ...]:
    """The directives of a dataflow's text for a layer.

    Args:
        text: directives, each ended by a semicolon; `//` starts a comment.
        layer: gives `Sz(...)` its value, and its dimensions are those that may be named.

    Example:
        >>> gemm = Layer.of("GEMM", {"M": 8, "N": 8, "K": 4})
        >>> parse_directives("SpatialMap(1,1) M; TemporalMap(Sz(K),Sz(K)) K;", gemm)[1]
        Map(dimension='K', size=4, offset=4, spatial=False)

    Raises:
        SimulatorError: something that is no directive, an unknown dimension, or a size below 1.
    """
    plain = re.sub(r"//[^\n]*", "", text)
    directives: list[Directive] = []
    for number, part in enumerate((part.strip() for part in plain.split(";")), start=1):
        if not part:
            continue
        match = _DIRECTIVE.match(part)
        if match is None or match[1] not in _NAMES:
            meant = hint(part.split("(")[0].strip(), _NAMES)
            raise SimulatorError(f"directive {number}: {part!r} is none{meant}")
        arguments = [argument.strip() for argument in match[2].split(",")]
        if len(arguments) != 2:
            raise SimulatorError(
                f"directive {number}: {part!r} must have two arguments, got {len(arguments)}"
            )
        if match[1] == "Cluster":
            if match[3] or arguments[1] not in ("P", "L"):
                raise SimulatorError(f"directive {number}: expected Cluster(size, P), got {part!r}")
            directives.append(Cluster(_value(arguments[0], layer, number)))
            continue
        size, offset = (_value(argument, layer, number) for argument in arguments)
        name = match[3] or ""
        if name.removesuffix("'") not in layer.dimensions or (
            name.endswith("'") and name[0] not in FILTER_OF
        ):
            raise SimulatorError(
                f"directive {number}: unknown dimension {name!r}, "
                f"{layer.kind} has {', '.join(layer.dimensions)}"
            )
        directives.append(Map(name, size, offset, match[1] == "SpatialMap"))
    return tuple(directives)


def _value(text: str, layer: Layer, number: int) -> int:
    """A number, or the size of a dimension."""
    named = re.fullmatch(r"Sz\s*\(\s*(\w+)\s*\)", text)
    if named is not None:
        if named[1] not in layer.dimensions:
            raise SimulatorError(
                f"directive {number}: {text} names no dimension of {layer.kind}, "
                f"which has {', '.join(layer.dimensions)}"
            )
        return layer.size(named[1])
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise SimulatorError(
            f"directive {number}: expected a size from 1 to 999999999 or Sz(dimension), got {text!r}"
        )
    return int(text)


@dataclass(frozen=True)
class Dataflows:
    """A batch of dataflows of one layer, as arrays.

    Attributes:
        maps: (dataflow, level, place, 4): number of the dimension (-1 for no map), 1 for SpatialMap, size,
            offset.
        clusters: (dataflow, level - 1): units of each level but the outermost.
    """

    maps: NDArray[np.int64]
    clusters: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.maps)

    @classmethod
    def of(cls, layer: Layer, dataflows: Sequence[Sequence[Directive]]) -> Dataflows:
        """The arrays of dataflows with the same number of levels.

        Raises:
            SimulatorError: their numbers of levels differ, or an unknown dimension.
        """
        levels = [_levels(directives) for directives in dataflows]
        depths = {len(one) for one, _ in levels}
        if len(depths) > 1:
            raise SimulatorError(f"dataflows of one batch must have as many levels, got {sorted(depths)}")
        depth = max(depths, default=1)
        places = max((len(level) for one, _ in levels for level in one), default=1)
        maps = np.full((len(dataflows), depth, max(places, 1), 4), -1, np.int64)
        clusters = np.ones((len(dataflows), depth - 1), np.int64)
        for flow, (one, sizes) in enumerate(levels):
            clusters[flow] = sizes
            for level, written in enumerate(one):
                for place, item in enumerate(_in_inputs(written, layer)):
                    if item.dimension not in layer.dimensions:
                        raise SimulatorError(
                            f"unknown dimension {item.dimension!r}, "
                            f"{layer.kind} has {', '.join(layer.dimensions)}"
                        )
                    dimension = layer.dimensions.index(item.dimension)
                    maps[flow, level, place] = (dimension, item.spatial, item.size, item.offset)
        return cls(maps, clusters)

    @classmethod
    def parse(cls, layer: Layer, text: str) -> Dataflows:
        """One dataflow from its text."""
        return cls.of(layer, [parse_directives(text, layer)])


def _levels(directives: Sequence[Directive]) -> tuple[list[list[Map]], list[int]]:
    """The maps of each level, and the size of each cluster."""
    levels: list[list[Map]] = [[]]
    sizes = []
    for directive in directives:
        if isinstance(directive, Cluster):
            levels.append([])
            sizes.append(directive.size)
        else:
            levels[-1].append(directive)
    return levels, sizes


def _in_inputs(maps: Sequence[Map], layer: Layer) -> list[Map]:
    """The maps with output rows and columns turned into the input rows and columns that they need."""
    changed = []
    sizes = {item.dimension: item.size for item in maps}
    for item in maps:
        if not item.dimension.endswith("'"):
            changed.append(item)
            continue
        name = item.dimension[0]
        window = sizes.get(FILTER_OF[name], layer.size(FILTER_OF[name]))
        stride = layer.stride["XY".index(name)]
        size = (item.size - 1) * stride + window
        changed.append(Map(name, size, min(item.offset * stride, size), item.spatial))
    return changed
