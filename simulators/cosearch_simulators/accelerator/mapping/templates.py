"""Dataflow templates: which mappings a machine's wiring and control allow, as data.

A template says which loops may be spread along each axis of the array, which loops run innermost on the level
above it, and which tensor stays where. `Template.fault` judges a mapping, `Template.mapping` makes the
plainest one, `Template.admits` says whether an operator can run at all. Users give their own as YAML.
"""

from __future__ import annotations

from math import ceil, inf, prod
from typing import get_args

from pydantic import Field, model_validator

from cosearch_simulators.accelerator.mapping.mapping import LevelMapping, Loop, Mapping
from cosearch_simulators.accelerator.system.architecture import Architecture, StorageLevel, Tensor
from cosearch_simulators.core.names import hint
from cosearch_simulators.documents import Document
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LOOPS, RELEVANT, LoopNest

_ALL: tuple[Loop, ...] = get_args(Loop)


class Template(Document):
    """A dataflow.

    Attributes:
        name: for people.
        spatial: for each axis of the array, the loops that may be spread along it.
        stationary: the tensor that stays in the array while all loops that do not index it run; None for no
            such.
        innermost: loops that run first on the level above the array, innermost first, where they run there at
            all.
        needs: loops that an operator must have more than one iteration of.
        lacks: loops that an operator may have one iteration of only.
        largest_stride: of the output rows and columns; None for any.
        largest_dilation: of the filter; None for any.
    """

    name: str = Field(min_length=1)
    spatial: tuple[tuple[Loop, ...], ...] = Field(min_length=1)
    stationary: Tensor | None = None
    innermost: tuple[Loop, ...] = ()
    needs: tuple[Loop, ...] = ()
    lacks: tuple[Loop, ...] = ()
    largest_stride: int | None = Field(default=None, gt=0)
    largest_dilation: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Template:
        named = [(f"spatial.{axis}", loops) for axis, loops in enumerate(self.spatial)]
        named += [("innermost", self.innermost), ("needs", self.needs), ("lacks", self.lacks)]
        for field, loops in named:
            for loop in loops:
                if loops.count(loop) > 1:
                    raise ValueError(f"{field}: {loop} is named twice")
        for loop in self.needs:
            if loop in self.lacks:
                raise ValueError(f"no operator runs: needs and lacks both name {loop}")
        return self

    def admits(self, nest: LoopNest) -> str:
        """Why an operator cannot run, as one line; empty if it can."""
        for loop in self.needs:
            if nest.size(loop) == 1:
                return f"{self.name} needs an operator with more than one iteration of {loop}"
        for loop in self.lacks:
            if nest.size(loop) > 1:
                return f"{self.name} runs one iteration of {loop} only, the operator has {nest.size(loop)}"
        for what, values, largest in (
            ("stride", nest.stride, self.largest_stride),
            ("dilation", nest.dilation, self.largest_dilation),
        ):
            if max(values) > (largest or inf):
                return f"{self.name} runs a {what} of at most {largest}, the operator has {max(values)}"
        return ""

    def fault(self, mapping: Mapping, architecture: Architecture) -> str:
        """Why a mapping is not of this dataflow, as one line; empty if it is."""
        feeding = array_level(architecture)
        for entry in mapping.levels:
            for axis, loops in enumerate(entry.spatial):
                allowed = (
                    self.spatial[axis] if entry.level == feeding.name and axis < len(self.spatial) else ()
                )
                for loop, factor in loops.items():
                    if factor > 1 and entry.level == feeding.name and loop not in allowed:
                        return (
                            f"{self.name} spreads {', '.join(allowed) or 'nothing'} along axis {axis} of "
                            f"{entry.level}, not {loop}"
                        )
            if entry.level == feeding.name:
                running = [loop for loop in entry.order if entry.temporal.get(loop, 1) > 1]
                running += [
                    loop for loop in entry.temporal if loop not in entry.order and entry.temporal[loop] > 1
                ]
                first = [loop for loop in self._first() if loop in running]
                if set(running[: len(first)]) != set(first):
                    return f"{self.name} runs {', '.join(first)} innermost at {entry.level}, not {running[0]}"
        return ""

    def mapping(self, architecture: Architecture, nest: LoopNest) -> Mapping:
        """The plainest mapping: the array filled in the order of the loops, all else in the backing store.

        Raises:
            ConfigurationError: the template does not admit the operator.
        """
        reason = self.admits(nest)
        if reason:
            raise ConfigurationError(reason)
        feeding = array_level(architecture)
        left = dict(zip(LOOPS, nest.sizes, strict=True))
        axes: list[dict[Loop, int]] = []
        for axis, size in enumerate(feeding.array):
            axes.append({})
            for loop in self.spatial[axis] if axis < len(self.spatial) else ():
                factor = min(left[loop], size)
                if factor > 1:
                    axes[axis][loop] = factor
                    left[loop] = ceil(left[loop] / factor)
                    size //= factor
        first = self._first()
        order: tuple[Loop, ...] = (*first, *(loop for loop in _ALL if loop not in first))
        steps = {loop: factor for loop, factor in left.items() if factor > 1}
        outermost = architecture.levels[-1].name
        levels = [
            LevelMapping(
                level=level.name,
                spatial=tuple(axes) if level.name == feeding.name else (),
                temporal=steps if level.name == outermost else {},  # type: ignore[arg-type]
                order=order if level.name in (feeding.name, outermost) else (),
            )
            for level in architecture.levels
        ]
        return Mapping(levels=tuple(levels))

    def _first(self) -> tuple[Loop, ...]:
        """The loops that run first above the array: its own, then those the stationary tensor stays for."""
        still = [loop for loop in _ALL if self.stationary and loop not in RELEVANT[self.stationary]]
        return (*self.innermost, *(loop for loop in still if loop not in self.innermost))


def array_level(architecture: Architecture) -> StorageLevel:
    """The level with the largest array below it, which is what a dataflow is about."""
    return max(architecture.levels, key=lambda level: prod(level.array))


TEMPLATES = (
    # V. Sze et al.: "Efficient processing of deep neural networks", Proc. IEEE 105 (2017), 2295-2329, section
    # V.B names the dataflows by what stays in the array.
    Template(name="weight-stationary", spatial=(("K",), ("C", "R", "S")), stationary="Weights"),
    Template(name="output-stationary", spatial=(("P", "Q", "N"), ("K", "G")), stationary="Outputs"),
    Template(name="input-stationary", spatial=(("P", "Q"), ("C", "R", "S")), stationary="Inputs"),
    # Y.-H. Chen et al.: "Eyeriss: a spatial architecture", ISCA 2016: a row of the filter an element, rows of
    # outputs along the array.
    Template(
        name="row-stationary", spatial=(("P", "K"), ("R", "C", "K")), innermost=("Q", "S"), largest_dilation=1
    ),
    Template(
        name="eyeriss-like",
        spatial=(("P", "K", "G"), ("R", "C", "K")),
        innermost=("Q", "S"),
        largest_dilation=1,
    ),
    # NVDLA hardware architecture, "convolution pipeline": input channels along one axis, output channels
    # along the other.
    Template(name="nvdla-like", spatial=(("K",), ("C",)), stationary="Weights", innermost=("P", "Q")),
    # Z. Du et al.: "ShiDianNao", ISCA 2015: an element an output pixel, inputs shift from neighbour to
    # neighbour.
    Template(
        name="shidiannao-like",
        spatial=(("Q",), ("P",)),
        stationary="Outputs",
        innermost=("S", "R"),
        largest_dilation=1,
    ),
    # N. Jouppi et al.: "In-datacenter performance analysis of a tensor processing unit", ISCA 2017: the
    # matrix unit multiplies matrices, one group at a time.
    Template(
        name="tpu-like",
        spatial=(("K",), ("C", "R", "S")),
        stationary="Weights",
        innermost=("P", "Q", "N"),
        lacks=("G",),
    ),
)
"""The built-in templates."""


def template(name: str) -> Template:
    """A built-in template.

    Raises:
        ConfigurationError: there is none of this name.
    """
    for entry in TEMPLATES:
        if entry.name == name:
            return entry
    raise ConfigurationError(f"unknown template {name!r}{hint(name, [entry.name for entry in TEMPLATES])}")
