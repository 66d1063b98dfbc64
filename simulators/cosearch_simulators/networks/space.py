"""A space of networks: parameters as data, and from columns of designs to operators, sizes and features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.networks import LayerTable, Networks, collect
from cosearch_simulators.networks.parameters import Columns, Parameter, length_of, read_columns

if TYPE_CHECKING:
    from cosearch_simulators.workloads import Network

CHUNK = 4096
"""Designs that are built at once: so many that the arrays stay in the caches' reach."""

Reader = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Block:
    """A part of a family's networks whose shapes depend on its own choices alone.

    Attributes:
        choices: {what is chosen: the parameter}, such as {"kernel": "kernel_1_2"}.
        depth: the parameter that says how many blocks its stage has; "" for a block that is always there.
        number: of the block in its stage, from 1.
    """

    choices: Mapping[str, str]
    depth: str = ""
    number: int = 1


class NetworkSpace(ABC):
    """A family of networks.

    Attributes:
        name: of the family.
        parameters: what may be chosen.
        stages: names of the parts of a network that may have precisions of their own.
        chosen_blocks: {how names of its operators begin: block}, of families that `Supernet` is made of.
        source: where it was published.

    Example:
        >>> from cosearch_simulators.networks.spaces import network_space
        >>> space = network_space("ofa-mobilenet-v3")
        >>> columns = {parameter.name: [parameter.start] for parameter in space.parameters}
        >>> int(space.macs(columns)[0]), int(space.parameters_of(columns)[0])
        (121278672, 3410792)
    """

    name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    parameters: tuple[Parameter, ...] = ()
    stages: tuple[str, ...] = ("network",)
    chosen_blocks: Mapping[str, Block] = {}

    @abstractmethod
    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """Add the operators of n networks.

        Args:
            builder: takes them.
            columns: n values of each parameter, all of which the parameter can have.
            active: where each parameter matters.
        """

    @cached_property
    def table(self) -> LayerTable:
        """Every distinct layer that was seen so far."""
        return LayerTable()

    def networks(self, columns: Columns) -> Networks:
        """The networks of n designs.

        Args:
            columns: {parameter: n values}.

        Raises:
            ConfigurationError: a column is missing, unknown or of another length.
        """
        number = length_of(columns, self.parameters)
        arrays = {name: np.asarray(column) for name, column in columns.items()}
        parts = []
        for first in range(0, max(number, 1), CHUNK):
            part = {name: column[first : first + CHUNK] for name, column in arrays.items()}
            read, active, problems = read_columns(part, self.parameters)
            builder = BatchBuilder(min(CHUNK, number - first))
            builder.faults = problems
            self.build(builder, read, active)
            parts.append(collect(builder, self.table, len(self.stages)))
        return Networks.concat(parts) if len(parts) > 1 else parts[0]

    def network(self, design: Mapping[str, Any]) -> Network:
        """One design as a network of `workloads`: operators by name, and which feeds which.

        Args:
            design: {parameter: value}; what is left out has its default.

        Raises:
            ConfigurationError: an unknown parameter, or a design that is no network.
        """
        from cosearch_simulators.networks.operators import network_of

        columns = {one.name: [design.get(one.name, one.start)] for one in self.parameters}
        columns |= {name: [value] for name, value in design.items() if name not in columns}
        length_of(columns, self.parameters)
        read, active, problems = read_columns(columns, self.parameters)
        builder = BatchBuilder(1)
        builder.faults = problems
        self.build(builder, read, active)
        if builder.faults[0]:
            raise ConfigurationError(builder.faults[0])
        return network_of(builder, self.name)

    def macs(self, columns: Columns) -> NDArray[np.float64]:
        """(n,) multiply-accumulates."""
        return self.networks(columns).macs

    def parameters_of(self, columns: Columns) -> NDArray[np.float64]:
        """(n,) trained numbers, those of normalisations included."""
        return self.networks(columns).parameters

    def peak_activation_elements(self, columns: Columns) -> NDArray[np.float64]:
        """(n,) the most activation elements alive at once, in the order of the operators."""
        return self.networks(columns).peak_elements

    @property
    def feature_names(self) -> tuple[str, ...]:
        """What the columns of `features` are."""
        sizes = ("log10_macs", "log10_parameters", "log10_peak_elements", "layers")
        names: list[str] = []
        for parameter in self.parameters:
            if parameter.ordered:
                names.append(parameter.name)
            else:
                names += [f"{parameter.name}={value}" for value in parameter.values]
        return (*sizes, *names)

    def features(self, columns: Columns) -> NDArray[np.float64]:
        """(n, k) cheap descriptors: sizes of the network, and every choice, 0 where it does not matter."""
        networks = self.networks(columns)
        sizes = [np.log10(np.maximum(column, 1.0)) for column in (networks.macs, networks.parameters)]
        sizes += [
            np.log10(np.maximum(networks.peak_elements, 1.0)),
            np.diff(networks.start).astype(np.float64),
        ]
        read, active, _ = read_columns(columns, self.parameters)
        choices: list[NDArray[np.float64]] = []
        for parameter in self.parameters:
            column, matters = read[parameter.name], active[parameter.name]
            if parameter.ordered:
                choices.append(np.where(matters, column, 0).astype(np.float64))
            else:
                choices += [
                    np.where(matters, column == value, False).astype(np.float64) for value in parameter.values
                ]
        return np.column_stack([*sizes, *choices])


def staged(names: Sequence[str], values: tuple[Any, ...], **others: Any) -> tuple[Parameter, ...]:
    """Parameters that differ in their names alone."""
    return tuple(Parameter(name, values, **others) for name in names)
