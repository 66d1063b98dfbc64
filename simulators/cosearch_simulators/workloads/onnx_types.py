"""The types and shapes of what ONNX nodes give: by the rules of their operators, else as the file tells.

Standard operators have rules in `onnx`; those of other domains are taken for a standard one, or compute the
shapes of what they give when they are translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import Tensor
from cosearch_simulators.workloads.onnx_axes import Open, Sizes
from cosearch_simulators.workloads.onnx_inference import (
    STANDARD_DOMAINS,
    Inferred,
    Known,
    inferred,
    is_floating,
    is_known,
)
from cosearch_simulators.workloads.onnx_operators import OWN_SHAPES
from cosearch_simulators.workloads.onnx_precision import rounded_kind
from cosearch_simulators.workloads.onnx_tables import AT_MOST, SAME_SHAPE

if TYPE_CHECKING:
    from onnx import NodeProto

FLOAT, INT32 = 1, 6
WHOLE = (6, 7, 9)
"""ONNX's numbers of these types."""

SHAPED_AS = {
    "ConvInteger": ("Conv", (0, 1)),
    "QLinearConv": ("Conv", (0, 3)),
    "MatMulInteger": ("MatMul", (0, 1)),
    "MatMulInteger16": ("MatMul", (0, 1)),
    "QLinearMatMul": ("MatMul", (0, 3)),
    "FusedConv": ("Conv", (0, 1)),
    **{
        name: (name, None)
        for name in ("Gelu", "GridSample", "LayerNormalization", "Pad", "Range", "Trilu", "Unique")
    },
}
"""Operators with the shapes of a standard one, and which of their inputs that takes, as floating-point."""

MISMATCHES = ("unsupported type", "inconsistent type")
"""What `onnx` says of types that an operator does not take."""


class Types:
    """Finds types, with what is known of the model.

    Args:
        opsets: versions of the operators, by domain.
        sizes: of the axes that the file leaves open.
    """

    def __init__(self, opsets: Mapping[str, int], sizes: Sizes) -> None:
        self._opsets = opsets
        self._sizes = sizes

    def of(
        self, node: NodeProto, given: list[Known | None], told: Mapping[str, Sequence[Open] | None]
    ) -> list[Inferred]:
        """The types of a node's outputs; their shapes are left out where translation finds them.

        Args:
            node: of any domain.
            given: its inputs.
            told: the shapes that the file tells, by name.

        Raises:
            WorkloadError: a shape cannot be found.
            onnx.shape_inference.InferenceError: the inputs do not fit the operator.
        """
        import onnx

        kind, standard = node.op_type, node.domain in STANDARD_DOMAINS
        there = [known for known in given if known is not None]
        first = there[0] if there else Known(Tensor((), ()))
        if any(one.name == "channels_last" and one.i for one in node.attribute) and "Conv" in kind:
            raise WorkloadError("its channels come last: use the file from before its layout was optimised")
        known = is_known(node.domain)
        if kind in SAME_SHAPE and known:
            return [Inferred(first.kind, first.shape)] * len(node.output)
        if kind in ("QuantizeLinear", "DequantizeLinear") and known:
            return [Inferred(rounded_kind(node, given), first.shape)]
        if kind in OWN_SHAPES and known:
            floats = (known.kind for known in there if is_floating(known.kind))
            own = first.kind if kind.startswith(("QLinear", "QGemm")) else next(floats, first.kind)
            return [Inferred(own, None)] * len(node.output)
        types: list[Inferred] = []
        problem: Exception | None = None
        try:
            types = self._by_rule(node, given)
        except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
            problem = error
        if types and types[0].shape is not None:
            return types
        types = types or [Inferred(first.kind, None)] * len(node.output)
        shapes = [self._told(told.get(name)) for name in node.output]
        if shapes and shapes[0] is not None and (problem is None or not standard):
            return [Inferred(one.kind, shape) for one, shape in zip(types, shapes, strict=True)]
        if problem is not None:
            raise problem
        if kind in AT_MOST and standard:
            numbers = [None if one is None else one.number for one in given]
            most = AT_MOST[kind]([() if one is None else one.shape for one in given], numbers)
            return [Inferred(one.kind, most) for one in types]
        if standard and onnx.defs.has(kind):
            raise WorkloadError(
                f"the shape of {node.output[0]!r} cannot be inferred: an attribute is missing, or it depends "
                "on what is computed; give the sizes that it comes from"
            )
        shape = next((one.shape for one in there if isinstance(one.value, Tensor)), first.shape)
        return [Inferred(one.kind, shape) for one in types]

    def _by_rule(self, node: NodeProto, given: list[Known | None]) -> list[Inferred]:
        import onnx

        kind, standard = node.op_type, node.domain in STANDARD_DOMAINS
        if kind in SHAPED_AS and is_known(node.domain) and not (standard and SHAPED_AS[kind][0] == kind):
            return self._as_standard(node, given)
        if standard and onnx.defs.has(kind):
            return self._inferred(node, given)
        if onnx.defs.has(kind, node.domain):
            return inferred(node, given, self._opsets.get(node.domain, 1), node.domain)
        return []

    def _as_standard(self, node: NodeProto, given: list[Known | None]) -> list[Inferred]:
        import onnx

        kind, places = SHAPED_AS[node.op_type]
        schema = onnx.defs.get_schema(kind)
        taken = [place for place in places or range(schema.max_input) if place < len(given)]
        names, values = [node.input[place] for place in taken], [given[place] for place in taken]
        alike = onnx.helper.make_node(kind, names, list(node.output)[: schema.max_output])
        alike.attribute.extend(one for one in node.attribute if one.name in schema.attributes)
        if places:
            values = [known and replace(known, kind=FLOAT, number=None) for known in values]
        found = inferred(alike, values, max(self._opsets[""], schema.since_version))
        own = INT32 if "Integer" in node.op_type else next(k.kind for k in given if k is not None)
        return [Inferred(own, one.shape) for one in found]

    def _inferred(self, node: NodeProto, given: list[Known | None]) -> list[Inferred]:
        """The types of a standard operator's outputs; some files give it types that it does not take."""
        import onnx

        try:
            return inferred(node, given, self._opsets[""])
        except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
            if not any(words in str(error) for words in MISMATCHES):
                raise
        floats = [k if k is None or k.kind in WHOLE else replace(k, kind=FLOAT, number=None) for k in given]
        first = next(known.kind for known in given if known is not None)
        return [Inferred(first, one.shape) for one in inferred(node, floats, self._opsets[""])]

    def _told(self, axes: Sequence[Open] | None) -> tuple[int, ...] | None:
        shape = None if axes is None else self._sizes.of(axes)
        return None if shape is None or any(size < 1 for size in shape) else shape
