"""A small language for a space of one's own: modules with choices in them, which compose to a network.

The idea is that of R. Negrinho, G. Gordon: "DeepArchitect: automatically designing and training deep
architectures", arXiv 1704.08792: a module has parameters, some of which are left open, and modules of
modules are modules. What is open becomes a parameter of the space, and matters only where its module is
there.

    own = compose(
        "own",
        (3, 32, 32),
        convolution(choice("stem", 8, 16), 3),
        repeat(
            choice("depth", 1, 2, 3),
            lambda i: residual(
                either(
                    f"kind_{i}",
                    plain=convolution(choice(f"filters_{i}", 16, 32), choice(f"kernel_{i}", 3, 5)),
                    inverted=inverted_bottleneck(16, expansion=choice(f"expansion_{i}", 3, 6)),
                )
            ),
        ),
        pool(2),
        dense(10),
    )
    own.parameters, own.networks(columns), own.macs(columns)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.networks.batch import BatchBuilder, Feature
from cosearch_simulators.networks.blocks import divisible, inverted_residual, squeeze_excite
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

When = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Choice:
    """A parameter that is left open. The same one in two places has the same value there."""

    name: str
    values: tuple[Any, ...]


def choice(name: str, *values: Any) -> Choice:
    """One of these values, numbers in ascending order or names."""
    if not values:
        raise ConfigurationError(f"choice {name!r} has nothing to choose from")
    return Choice(name, values)


Open = Any
"""A value, or a `Choice` of one."""


@dataclass(frozen=True)
class Module:
    """A part of a network.

    Attributes:
        choices: what is open in it, each with the conditions under which it matters inside of the module.
        add: puts its operators into a builder: takes builder, name, input and columns, returns the output.
    """

    choices: tuple[tuple[Choice, When], ...]
    add: Callable[[BatchBuilder, str, Feature, Reader], Feature]


def module(add: Callable[..., Feature], **values: Open) -> Module:
    """A module of one's own.

    Args:
        add: takes builder, name, input, and each of the values by name, as a number or a column.
        values: numbers, or choices.
    """
    choices: tuple[tuple[Choice, When], ...] = tuple(
        (value, {}) for value in values.values() if isinstance(value, Choice)
    )

    def run(builder: BatchBuilder, name: str, x: Feature, columns: Reader) -> Feature:
        return add(builder, name, x, **{key: _value(value, columns) for key, value in values.items()})

    return Module(choices, run)


def convolution(filters: Open, kernel: Open = 3, stride: Open = 1) -> Module:
    """A convolution with a folded normalisation."""

    def add(builder: BatchBuilder, name: str, x: Feature, **v: Any) -> Feature:
        return builder.convolution(name, x, v["filters"], v["kernel"], v["stride"])

    return module(add, filters=filters, kernel=kernel, stride=stride)


def depthwise(kernel: Open = 3, stride: Open = 1) -> Module:
    """A convolution of each channel by itself."""

    def add(builder: BatchBuilder, name: str, x: Feature, **v: Any) -> Feature:
        return builder.convolution(name, x, x.channels, v["kernel"], v["stride"], groups=x.channels)

    return module(add, kernel=kernel, stride=stride)


def inverted_bottleneck(
    filters: Open, kernel: Open = 3, stride: Open = 1, expansion: Open = 6, squeeze: Open = 0
) -> Module:
    """Expand, filter each channel, squeeze to 1/4 where asked for, project, and add where shapes agree."""

    def add(builder: BatchBuilder, name: str, x: Feature, **v: Any) -> Feature:
        expanded = divisible(x.channels * v["expansion"])
        squeezed = divisible(expanded // 4) * np.asarray(v["squeeze"])
        return inverted_residual(
            *(builder, name, x),
            expanded=expanded,
            out=v["filters"],
            kernel=v["kernel"],
            stride=v["stride"],
            squeezed=squeezed,
        )

    return module(add, filters=filters, kernel=kernel, stride=stride, expansion=expansion, squeeze=squeeze)


def attention(ratio: Open = 4) -> Module:
    """The channels weighted by a small network over their means, with 1 / ratio of them inside."""

    def add(builder: BatchBuilder, name: str, x: Feature, **v: Any) -> Feature:
        return squeeze_excite(builder, name, x, np.maximum(x.channels // v["ratio"], 1))

    return module(add, ratio=ratio)


def pool(size: Open = 2) -> Module:
    """A pooling of windows side by side."""
    return module(lambda b, name, x, size: b.pool(name, x, size, size), size=size)


def dense(features: Open) -> Module:
    """A fully connected layer over the mean of each channel."""

    def add(builder: BatchBuilder, name: str, x: Feature, **v: Any) -> Feature:
        return builder.linear(name, builder.global_average(f"{name}.mean", x), v["features"])

    return module(add, features=features)


def chain(*modules: Module) -> Module:
    """One after the other."""

    def add(builder: BatchBuilder, name: str, x: Feature, columns: Reader) -> Feature:
        for number, each in enumerate(modules, 1):
            x = each.add(builder, f"{name}.{number}", x, columns)
        return x

    return Module(tuple(entry for each in modules for entry in each.choices), add)


def residual(inside: Module) -> Module:
    """The input is added where shapes agree."""

    def add(builder: BatchBuilder, name: str, x: Feature, columns: Reader) -> Feature:
        return builder.add(f"{name}.add", x, inside.add(builder, name, x, columns))

    return Module(inside.choices, add)


def optional(name: str, inside: Module) -> Module:
    """There or not: a parameter of this name says "yes" or "no"."""
    return either(name, no=chain(), yes=inside)


def either(name: str, **modules: Module) -> Module:
    """One of several modules: a parameter of this name says which."""
    picked = Choice(name, tuple(modules))
    choices: list[tuple[Choice, When]] = [(picked, {})]
    for key, each in modules.items():
        choices += _under(each.choices, name, (key,))

    def add(builder: BatchBuilder, label: str, x: Feature, columns: Reader) -> Feature:
        found = x
        for key, each in modules.items():
            there = columns[name] == key
            with builder.only(there):
                found = builder.where(there, each.add(builder, f"{label}.{key}", x, columns), found)
        return found

    return Module(tuple(choices), add)


def repeat(times: Choice, make: Callable[[int], Module]) -> Module:
    """Some modules one after the other; `make(i)` is the i-th, from 1, with choices of its own."""
    modules = [make(number) for number in range(1, max(times.values) + 1)]
    choices: list[tuple[Choice, When]] = [(times, {})]
    for number, each in enumerate(modules, 1):
        enough = tuple(value for value in times.values if value >= number)
        choices += (
            each.choices if len(enough) == len(times.values) else _under(each.choices, times.name, enough)
        )

    def add(builder: BatchBuilder, name: str, x: Feature, columns: Reader) -> Feature:
        for number, each in enumerate(modules, 1):
            there = columns[times.name] >= number
            with builder.only(there):
                x = builder.where(there, each.add(builder, f"{name}.{number}", x, columns), x)
        return x

    return Module(tuple(choices), add)


class Composed(NetworkSpace):
    """A space that was composed."""

    source = "composed by its user"

    def __init__(self, name: str, shape: tuple[int, int, int], whole: Module) -> None:
        self.name = name  # type: ignore[misc]
        self.shape, self.whole = shape, whole
        self.parameters = tuple(_parameters(whole.choices))

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators."""
        self.whole.add(builder, self.name, builder.input(*self.shape), columns)


def compose(name: str, shape: tuple[int, int, int], *modules: Module) -> Composed:
    """A space of networks.

    Args:
        name: of the space.
        shape: channels, rows and columns of the input.
        modules: one after the other.

    Raises:
        ConfigurationError: two choices of one name have different values.
    """
    return Composed(name, shape, chain(*modules))


def _value(value: Open, columns: Reader) -> Any:
    return columns[value.name] if isinstance(value, Choice) else value


def _under(
    choices: tuple[tuple[Choice, When], ...], parent: str, values: tuple[Any, ...]
) -> list[tuple[Choice, When]]:
    """The choices, which matter only where the parent has one of the values."""
    return [(picked, {parent: values, **when}) for picked, when in choices]


def _parameters(choices: tuple[tuple[Choice, When], ...]) -> Iterator[Parameter]:
    """Each choice once; one in several places matters wherever one of them is, so by what they share."""
    uses: dict[str, list[tuple[Choice, When]]] = {}
    for picked, when in choices:
        uses.setdefault(picked.name, []).append((picked, when))
    for name, mine in uses.items():
        values = mine[0][0].values
        for other, _ in mine[1:]:
            if other.values != values:
                raise ConfigurationError(
                    f"two choices are named {name!r}, one of {values} and one of {other.values}"
                )
        shared = {
            parent: allowed
            for parent, allowed in mine[0][1].items()
            if all(when.get(parent) == allowed for _, when in mine)
        }
        yield Parameter(name, values, shared)
