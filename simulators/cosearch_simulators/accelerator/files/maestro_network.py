"""MAESTRO's networks (`.m`): layers with their dimensions in the words of its language.

`Constant NAME VALUE;` names a number. A layer is CONV, DSCONV (depthwise), NGCONV (groups), TRCONV
(transposed; its stride is 2 where none is given, as MAESTRO takes it), GEMM, BMM or POOL. Y and X are the
input's rows and columns, padding included; without them Y' and X' the output's. C of an NGCONV counts the
channels of all groups where the groups divide it, as in MAESTRO's ResNeXt50. Dataflows are read over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cosearch_simulators.accelerator.files.chains import chain
from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
    Network,
    Operator,
    Reduction,
    TransposedConvolution,
)

KINDS = ("CONV", "DSCONV", "NGCONV", "TRCONV", "GEMM", "BMM", "POOL")
_TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|[A-Za-z_][\w.\-]*'?|\d+(?:\.\d+)?|[{}():;,]|\S", re.DOTALL)
_DEFAULT_TRANSPOSED_STRIDE = 2


@dataclass
class _Layer:
    name: str
    line: int
    kind: str = ""
    sizes: dict[str, str] = field(default_factory=dict)
    stride: dict[str, str] = field(default_factory=dict)


def read_network(path: Path | str) -> Network:
    """The network of a file.

    Raises:
        WorkloadError: the file cannot be read or has no network, or a layer has an unknown type, no size, or
            a symbol that is no constant; names the layer and its line.
    """
    path = Path(path)
    try:
        text = read_text(path)
    except OSError as error:
        raise WorkloadError(f"cannot read {path}: {error.strerror}") from None
    name, constants, layers = _parse(text, path)
    if not layers:
        if re.search(r"^\s*(NumPEs|num_pes|L1Size|NoC_BW)\b", text, re.MULTILINE):
            raise WorkloadError(f"{path} is a hardware file of MAESTRO, not a network")
        if "Dataflow" in text:
            raise WorkloadError(f"{path} is a dataflow of MAESTRO, not a network with layers")
        raise WorkloadError(f"{path}: expected a MAESTRO network with layers, found none")
    return chain(name or path.stem, [_operator(layer, constants, path) for layer in layers])


def _parse(text: str, path: Path) -> tuple[str, dict[str, str], list[_Layer]]:
    tokens = [
        (match[0], text.count("\n", 0, match.start()) + 1)
        for match in _TOKEN.finditer(text)
        if not match[0].startswith(("//", "/*"))
    ]
    name, constants, layers = "", {}, list[_Layer]()
    position = depth = 0
    while position < len(tokens):
        word, line = tokens[position]
        follows = [token for token, _ in tokens[position + 1 : position + 3]]
        if word in "{}":
            depth += 1 if word == "{" else -1
        elif word == "Constant" and len(follows) == 2:
            constants[follows[0]] = follows[1]
            position += 2
        elif word == "Network" and follows:
            name = follows[0] if follows[0] != "{" else ""
        elif word == "Layer" and follows and depth <= 1:
            layers.append(_Layer(follows[0] if follows[0] != "{" else f"layer{len(layers)}", line))
        elif word == "Type" and layers and follows[:1] == [":"] and len(follows) == 2:
            layers[-1].kind = follows[1].upper()
            position += 2
        elif word in ("Dimensions", "Stride") and layers:
            entries = _block(tokens, position + 1, path)
            position += 1 + sum(1 for _ in _until_brace(tokens, position + 1))
            (layers[-1].sizes if word == "Dimensions" else layers[-1].stride).update(entries)
            continue
        position += 1
    return name, constants, layers


def _until_brace(tokens: list[tuple[str, int]], start: int) -> Iterator[tuple[str, int]]:
    for token in tokens[start:]:
        yield token
        if token[0] == "}":
            return


def _block(tokens: list[tuple[str, int]], start: int, path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    words = [token for token, _ in _until_brace(tokens, start) if token not in "{},;"]
    words = words[1:] if words[:1] == [":"] else words
    line = tokens[min(start, len(tokens) - 1)][1]
    for place in range(0, len(words), 3):
        part = words[place : place + 3]
        if len(part) != 3 or part[1] != ":":
            raise WorkloadError(f"{path}:{line}: expected `NAME: size`, found `{' '.join(part)}`")
        found[part[0]] = part[2]
    return found


def _operator(layer: _Layer, constants: Mapping[str, str], path: Path) -> Operator:
    where = f"{path}:{layer.line}: layer {layer.name}"
    if layer.kind not in KINDS:
        kind = layer.kind or "none"
        raise WorkloadError(f"{where}: unknown type {kind!r}, expected {', '.join(KINDS)}{hint(kind, KINDS)}")

    def number(text: str, field_name: str) -> int:
        value = constants.get(text, text)
        if not re.fullmatch(r"\d{1,18}", value) or int(value) < 1:
            meant = hint(text, list(constants)) if not text[:1].isdigit() else ""
            raise WorkloadError(
                f"{where}: {field_name} must be a whole number from 1 or a constant, got {text!r}{meant}"
            )
        return int(value)

    sizes = {name: number(text, name) for name, text in layer.sizes.items()}

    def size(name: str, missing: int | None = None) -> int:
        found = sizes.get(name, missing)
        if found is None:
            raise WorkloadError(f"{where}: Dimensions have no {name}, only {', '.join(sizes) or 'nothing'}")
        return found

    name = layer.name
    if layer.kind == "GEMM":
        return MatrixMultiply(name=name, m=size("M"), n=size("N"), k=size("K"))
    if layer.kind == "BMM":
        return BatchedMatrixMultiply(name=name, batch=size("B", 1), m=size("M"), n=size("N"), k=size("K"))
    usual = _DEFAULT_TRANSPOSED_STRIDE if layer.kind == "TRCONV" else 1
    stride = tuple(
        number(layer.stride[axis], f"Stride {axis}") if axis in layer.stride else usual for axis in "YX"
    )
    kernel = size("R", 1), size("S", 1)
    in_size = tuple(
        size(axis, (size(f"{axis}'") - 1) * step + window if f"{axis}'" in sizes else None)
        for axis, step, window in zip("YX", stride, kernel, strict=True)
    )
    for axis, extent, window in zip("YX", in_size, kernel, strict=True):
        if extent < window and layer.kind != "TRCONV":
            raise WorkloadError(f"{where}: {axis} is {extent}, less than the filter's {window}")
    channels, batch = size("C", 1), size("N", 1)
    rows_columns = in_size[0], in_size[1]
    steps = stride[0], stride[1]
    if layer.kind == "POOL":
        outputs = [(extent - w) // s + 1 for extent, w, s in zip(in_size, kernel, stride, strict=True)]
        return Reduction(
            name=name,
            function="max_pool",
            in_elements=batch * channels * in_size[0] * in_size[1],
            out_elements=batch * channels * outputs[0] * outputs[1],
            window=kernel[0] * kernel[1],
        )
    if layer.kind == "TRCONV":
        return TransposedConvolution(
            name=name,
            in_channels=channels,
            out_channels=size("K"),
            in_size=rows_columns,
            out_size=((in_size[0] - 1) * steps[0] + kernel[0], (in_size[1] - 1) * steps[1] + kernel[1]),
            kernel=kernel,
            stride=steps,
            batch=batch,
        )
    groups, filters = 1, size("K", 1)
    if layer.kind == "DSCONV":
        groups, filters = channels, 1
    elif layer.kind == "NGCONV":
        groups = size("G", 1)
        channels = channels if channels % groups == 0 else channels * groups
    return Convolution(
        name=name,
        in_channels=channels,
        out_channels=groups * filters,
        in_size=rows_columns,
        kernel=kernel,
        stride=steps,
        groups=groups,
        batch=batch,
    )
