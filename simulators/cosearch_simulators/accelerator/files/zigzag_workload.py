"""ZigZag's workloads: layers as equations with the sizes of their loops, and who feeds whom."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from cosearch_simulators.accelerator.engines.zigzag.layer import read_layer
from cosearch_simulators.accelerator.files.documents import ZIGZAG_WORKLOAD, kind_of, load, refusal
from cosearch_simulators.accelerator.files.einsum import operator_of
from cosearch_simulators.errors import ConfigurationError, WorkloadError
from cosearch_simulators.workloads import Elementwise, Network, Operator, Precision, Reduction


def read_workload(path: Path | str) -> Network:
    """The network of a workload file.

    Raises:
        ConfigurationError: the file cannot be read or is something else.
        WorkloadError: a layer lacks a field or is none that is known; names the layer.
    """
    path = Path(path)
    content = load(path)
    if kind_of(content) != ZIGZAG_WORKLOAD:
        raise refusal(path, content, ZIGZAG_WORKLOAD)
    operators: dict[Any, Operator] = {}
    edges: list[tuple[str, str]] = []
    for number, raw in enumerate(content):
        where = f"{path}: layer {raw.get('id', number) if isinstance(raw, dict) else number}"
        if not isinstance(raw, dict):
            raise WorkloadError(f"{where} must be a mapping, got {raw!r:.60}")
        identity = raw.get("id", number)
        if not isinstance(identity, int | str):
            raise WorkloadError(f"{where}: id must be a number or a name, got {identity!r:.60}")
        if identity in operators:
            raise WorkloadError(f"{where}: two layers have this id")
        operator = _operator(raw, where, f"{raw.get('name') or raw.get('operator_type', 'layer')}_{identity}")
        sources = raw.get("operand_source") or {}
        fed = (
            [operators[s].name for s in sources.values() if isinstance(s, int | str) and s in operators]
            if isinstance(sources, dict)
            else []
        )
        edges += [(source, operator.name) for source in dict.fromkeys(fed)] or [("input", operator.name)]
        operators[identity] = operator
    return Network(path.stem, tuple(operators.values()), tuple(edges))


def _operator(raw: Mapping[str, Any], where: str, name: str) -> Operator:
    try:
        sizes = dict(zip(raw["loop_dims"], raw["loop_sizes"], strict=True))
        equation = str(raw["equation"]).replace(" ", "")
    except KeyError as error:
        raise WorkloadError(f"{where}: field {error} is missing") from None
    except (TypeError, ValueError):
        raise WorkloadError(f"{where}: loop_dims and loop_sizes must be lists of equal length") from None
    for loop, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise WorkloadError(
                f"{where}: loop {loop} must be a whole number of at least 1, got {size!r:.40}"
            )
    kind = str(raw.get("operator_type", "")).lower()
    precision = _precision(raw, where)
    if "pool" in kind:
        window = prod(size for loop, size in sizes.items() if str(loop).upper().startswith("F"))
        outputs = prod(sizes.values()) // window
        return Reduction(
            name=name,
            precision=precision,
            function="average_pool" if "av" in kind else "max_pool",
            in_elements=outputs * window,
            out_elements=outputs,
            window=window,
        )
    if "+=" not in equation:
        elements = prod(sizes.values())
        operands = max(equation.partition("=")[2].count("["), 1) and len(_operands(equation))
        return Elementwise(
            name=name,
            precision=precision,
            function="multiply" if "*" in equation else "add",
            operands=(elements,) * max(operands, 1),
            elements=elements,
        )
    raw_precision = {"W": 8, "I": 8, "O": 16, **(raw.get("operand_precision") or {})}
    named = {name for name in "ABIWO" if f"{name}[" in equation}
    raw_precision |= {name: 8 for name in named if name not in raw_precision}
    try:
        layer = read_layer({**raw, "equation": equation, "operand_precision": raw_precision, "name": name})
    except ConfigurationError as error:
        raise WorkloadError(f"{where}: {error}") from None
    first, *rest, output = layer.operands
    inputs = "I" if "I" in layer.operands else first
    weights = next((operand for operand in (first, *rest) if operand != inputs), None)
    if len(rest) > 1:
        raise WorkloadError(f"{where}: expected a product of two operands, got {equation}")
    try:
        return operator_of(
            name,
            layer.loops,
            layer.indices[weights] if weights else (),
            layer.indices[inputs],
            layer.indices[output],
            precision,
        )
    except WorkloadError as error:
        raise WorkloadError(f"{where}: {error}") from None


def _operands(equation: str) -> list[str]:
    right = equation.partition("=")[2]
    return [part for part in right.replace("*", "+").split("+") if "[" in part]


def _precision(raw: Mapping[str, Any], where: str) -> Precision:
    given = raw.get("operand_precision") or {}
    if not isinstance(given, dict):
        raise WorkloadError(f"{where}: operand_precision must be a mapping, got {given!r:.60}")
    bits = {name: value for name, value in given.items() if value}
    if not all(isinstance(value, int) for value in given.values()):
        raise WorkloadError(f"{where}: operand_precision must be whole numbers of bits, got {given!r:.60}")
    sums = bits.get("O", 32)
    try:
        return Precision(bits.get("W", 8), bits.get("I", 8), bits.get("O_final", sums), max(sums, 1))
    except WorkloadError as error:
        raise WorkloadError(f"{where}: {error}") from None
