"""Timeloop's problems: a shape of dimensions and data spaces with the sizes of one layer.

The shape stands in the file; without one, or under the name `cnn-layer`, it is Timeloop's convolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from cosearch_simulators.accelerator.files.chains import chain
from cosearch_simulators.accelerator.files.documents import load, refusal
from cosearch_simulators.accelerator.files.einsum import Index, operator_of
from cosearch_simulators.bounded_yaml import parse_yaml
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError, WorkloadError
from cosearch_simulators.workloads import Network, Operator

CNN_LAYER: Mapping[str, Any] = {
    "name": "cnn-layer",
    "dimensions": ["R", "S", "P", "Q", "C", "K", "N"],
    "coefficients": [
        {"name": name, "default": 1} for name in ("Wstride", "Hstride", "Wdilation", "Hdilation")
    ],
    "data_spaces": [
        {"name": "Weights", "projection": [[["C"]], [["K"]], [["R"]], [["S"]]]},
        {
            "name": "Inputs",
            "projection": [
                [["N"]],
                [["C"]],
                [["R", "Wdilation"], ["P", "Wstride"]],
                [["S", "Hdilation"], ["Q", "Hstride"]],
            ],
        },
        {"name": "Outputs", "projection": [[["N"]], [["K"]], [["Q"]], [["P"]]], "read_write": True},
    ],
}
"""NVlabs/timeloop, problem-shapes/cnn-layer.yaml."""


def read_problem(path: Path | str) -> Network:
    """The layer of a problem file, as a network of one.

    Raises:
        ConfigurationError: the file cannot be read or is something else.
        WorkloadError: the problem lacks a size, or is no product of two tensors.
    """
    content = load(path)
    problem = content.get("problem") if isinstance(content, dict) else None
    if not isinstance(problem, dict):
        raise refusal(path, content, "a Timeloop problem")
    return chain(Path(path).stem, [problem_operator(problem, str(path))])


def problem_operator(problem: Mapping[str, Any], where: str) -> Operator:
    """The operator of a problem.

    Raises:
        WorkloadError: as `read_problem`.
    """
    shape = problem.get("shape", CNN_LAYER)
    if isinstance(shape, str):
        if shape.replace("_", "-").lower() not in ("cnn-layer", "conv", "cnn", "conv2d"):
            raise WorkloadError(
                f"{where}: problem.shape names {shape!r}; only cnn-layer is built in, write the shape itself"
            )
        shape = CNN_LAYER
    if not isinstance(shape, dict | Mapping):
        raise WorkloadError(f"{where}: problem.shape must be a mapping, got {shape!r:.60}")
    sizes_of = problem.get("instance", problem)
    if not isinstance(sizes_of, dict):
        raise WorkloadError(f"{where}: problem.instance must be a mapping, got {sizes_of!r:.60}")
    dimensions = _dimensions(shape, where)
    if not any(name in sizes_of for name in dimensions):
        raise WorkloadError(f"{where}: problem.instance has none of the dimensions {', '.join(dimensions)}")
    sizes = {name: _whole(sizes_of.get(name, 1), f"{where}: problem.instance.{name}") for name in dimensions}
    values = {}
    for entry in _mappings(shape.get("coefficients") or [], f"{where}: problem.shape.coefficients"):
        name = str(entry.get("name"))
        values[name] = _whole(sizes_of.get(name, entry.get("default", 1)), f"{where}: coefficient {name}")
    spaces = next((shape[k] for k in ("data_spaces", "data-spaces", "dataspaces") if k in shape), None)
    spaces = _mappings(spaces, f"{where}: problem.shape.data_spaces")
    for number, space in enumerate(spaces):
        if not isinstance(space.get("name"), str):
            raise WorkloadError(f"{where}: problem.shape.data_spaces[{number}] has no name")
    outputs = [s for s in spaces if s.get("read_write", s.get("read-write", False))]
    outputs = outputs or [s for s in spaces if "output" in str(s.get("name")).lower()]
    others = [space for space in spaces if space not in outputs]
    if len(outputs) != 1 or not 1 <= len(others) <= 2:
        raise WorkloadError(
            f"{where}: expected two data spaces that are read and one with read_write, found "
            f"{len(others)} and {len(outputs)}"
        )
    indices = {str(s["name"]): _projection(s, sizes, values, where) for s in spaces}
    names = [str(space["name"]) for space in others]
    weights = next((name for name in names if "weight" in name.lower() or "filter" in name.lower()), None)
    if weights is None and len(names) == 2:
        windows = [name for name in names if any(len(index) > 1 for index in indices[name])]
        weights = next((name for name in names if name not in windows), names[0]) if windows else names[1]
    inputs = next((name for name in names if name != weights), weights)
    assert inputs is not None
    try:
        return operator_of(
            str(problem.get("name") or shape.get("name") or Path(where).stem).replace(" ", "_"),
            sizes,
            indices[weights] if weights is not None and weights != inputs else (),
            indices[inputs],
            indices[str(outputs[0]["name"])],
        )
    except WorkloadError as error:
        raise WorkloadError(f"{where}: {error}") from None


def _dimensions(shape: Mapping[str, Any], where: str) -> list[str]:
    found = shape.get("dimensions")
    if isinstance(found, str):
        found = found.replace(",", " ").split()
    if not isinstance(found, list) or not found:
        raise WorkloadError(f"{where}: problem.shape.dimensions must be a list of names, got {found!r:.60}")
    return [str(name.get("name")) if isinstance(name, dict) else str(name) for name in found]


def _projection(
    space: Mapping[str, Any], sizes: Mapping[str, int], values: Mapping[str, int], where: str
) -> tuple[Index, ...]:
    name, projection = space.get("name"), space.get("projection")
    if isinstance(projection, str):
        try:
            projection = parse_yaml(projection)
        except ConfigurationError:
            projection = None
    if isinstance(projection, dict):  # index by name
        projection = list(projection.values())
    if not isinstance(projection, list):
        raise WorkloadError(f"{where}: data space {name}: projection must be a list, got {projection!r:.60}")
    found: list[Index] = []
    for index in projection:
        terms = []
        for term in index if isinstance(index, list) else [[index]]:
            loop, *factors = term if isinstance(term, list) and term else [term]
            if not isinstance(loop, str) or loop not in sizes:
                raise WorkloadError(
                    f"{where}: data space {name} has the index {loop!r}{hint(loop, list(sizes))}"
                )
            for factor in factors:
                if not isinstance(factor, int) and (not isinstance(factor, str) or factor not in values):
                    raise WorkloadError(
                        f"{where}: data space {name} has the factor {factor!r}{hint(factor, list(values))}"
                    )
            terms.append((prod(f if isinstance(f, int) else values[f] for f in factors), str(loop)))
        found.append(tuple(terms))
    return tuple(found)


def _mappings(value: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise WorkloadError(f"{where} must be a list of mappings, got {value!r:.60}")
    return value


def _whole(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise WorkloadError(f"{where} must be a whole number of at least 1, got {value!r:.60}")
    return value
