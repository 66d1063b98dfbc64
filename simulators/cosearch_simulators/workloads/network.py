"""A network: its operators in the order they can run, and which feeds which.

Reshaping, transposing, slicing and concatenating are no operators: the data stay where they are and the next
operator addresses them differently, so its producers are all that the data come from.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.operators import (
    Convolution,
    MatrixMultiply,
    Operator,
    Precision,
    TransposedConvolution,
)
from cosearch_simulators.workloads.vector_operators import Elementwise
from cosearch_simulators.workloads.volumes import Convolution3d

WITH_BIAS = Convolution | Convolution3d | TransposedConvolution | MatrixMultiply


@dataclass(frozen=True)
class OperatorGroup:
    """Operators of a network that are equal but for their names, so that one result serves all.

    Attributes:
        operator: the first of them.
        names: of all of them, in the network's order.
    """

    operator: Operator
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.names)


@dataclass(frozen=True)
class Network:
    """Operators and the edges between them.

    Attributes:
        name: of the network.
        operators: every one comes after those that feed it.
        edges: (producer, consumer) by name; a producer is an operator or one of `inputs`.
        inputs: names of the tensors that come from outside.

    Example:
        >>> from cosearch_simulators.workloads import network
        >>> resnet = network("resnet18")
        >>> resnet.macs, resnet.parameters, len(resnet.operators), len(resnet.unique())
        (1814073344, 11689512, 68, 28)

    Raises:
        WorkloadError: two operators of one name, or an edge whose producer does not come before its consumer.
    """

    name: str
    operators: tuple[Operator, ...]
    edges: tuple[tuple[str, str], ...] = ()
    inputs: tuple[str, ...] = ("input",)

    def __post_init__(self) -> None:
        order = dict.fromkeys(self.inputs, -1)
        for place, operator in enumerate(self.operators):
            if operator.name in order:
                raise WorkloadError(
                    f"network {self.name!r}: two operators or inputs are named {operator.name!r}"
                )
            order[operator.name] = place
        for producer, consumer in self.edges:
            for name in (producer, consumer):
                if name not in order:
                    raise WorkloadError(f"{self.name}: an edge names {name!r}, which is no operator or input")
            if order[producer] >= order[consumer]:
                raise WorkloadError(f"{self.name}: {producer!r} feeds {consumer!r} and must come before it")

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all operators."""
        return sum(operator.macs for operator in self.operators)

    @property
    def parameters(self) -> int:
        """Trained numbers of all operators."""
        return sum(operator.parameters for operator in self.operators)

    @property
    def vector_operations(self) -> int:
        """Vector operations of all operators."""
        return sum(operator.vector_operations for operator in self.operators)

    @property
    def traffic_bytes(self) -> int:
        """Bytes moved where no operator is fused with another."""
        return sum(operator.traffic_bytes for operator in self.operators)

    @property
    def matrix_operators(self) -> tuple[Operator, ...]:
        """Those with a loop nest."""
        return tuple(operator for operator in self.operators if operator.loop_nest() is not None)

    def operator(self, name: str) -> Operator:
        """The operator of this name; KeyError where there is none."""
        return self._by_name[name]

    def producers(self, name: str) -> tuple[str, ...]:
        """Operators and network inputs that feed an operator."""
        return self._producers.get(name, ())

    def consumers(self, name: str) -> tuple[str, ...]:
        """Operators that an operator or a network input feeds."""
        return self._consumers.get(name, ())

    def unique(self) -> tuple[OperatorGroup, ...]:
        """Equal operators together, in the order of the first of each."""
        groups: dict[Operator, list[Operator]] = defaultdict(list)
        for operator in self.operators:
            groups[replace(operator, name="")].append(operator)
        return tuple(
            OperatorGroup(members[0], tuple(member.name for member in members)) for members in groups.values()
        )

    def with_precision(self, precision: Precision) -> Network:
        """The same network with this precision in every operator."""
        return replace(
            self, operators=tuple(replace(operator, precision=precision) for operator in self.operators)
        )

    def fold_batch_norms(self) -> Network:
        """The network as it is deployed: a batch normalisation behind a matrix operator becomes its bias.

        A normalisation stays where its producer feeds others too, or is no matrix operator.
        """
        folded: dict[str, str] = {}
        for operator in self.operators:
            if isinstance(operator, Elementwise) and operator.function == "batch_norm":
                (producer,) = self.producers(operator.name) or ("",)
                source = self._by_name.get(producer)
                foldable = isinstance(source, WITH_BIAS)
                if foldable and self.consumers(producer) == (operator.name,):
                    folded[operator.name] = producer
        return replace(
            self,
            operators=tuple(
                _biased(operator) if operator.name in folded.values() else operator
                for operator in self.operators
                if operator.name not in folded
            ),
            edges=tuple(
                (folded.get(producer, producer), consumer)
                for producer, consumer in self.edges
                if consumer not in folded
            ),
        )

    @cached_property
    def _by_name(self) -> dict[str, Operator]:
        return {operator.name: operator for operator in self.operators}

    @cached_property
    def _producers(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for producer, consumer in self.edges:
            found[consumer] = (*found.get(consumer, ()), producer)
        return found

    @cached_property
    def _consumers(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for producer, consumer in self.edges:
            found[producer] = (*found.get(producer, ()), consumer)
        return found


def _biased(operator: Operator) -> Operator:
    """The operator with a bias, which is trained where it had none."""
    biased = replace(operator, bias=True)  # type: ignore[call-arg]
    if operator.trained is None:
        return biased
    return replace(biased, trained=operator.trained + biased.bias_elements - operator.bias_elements)
