"""Timeloop's architectures, of any version, as ours, with the constraints on mappings that they state.

Sizes, word widths, blocks, banks and bandwidths are the file's, energies and areas our model's unless tables
of Accelergy give them. Of the constraints those on tensors and on arrays are followed; temporal ones are left
to the mapper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosearch_simulators.accelerator.files.documents import load, refusal
from cosearch_simulators.accelerator.files.timeloop_parts import Part, parts_of
from cosearch_simulators.accelerator.mapper.constraints import MappingConstraints
from cosearch_simulators.accelerator.system.architecture import LARGEST_CAPACITY, Architecture
from cosearch_simulators.documents import parse
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LOOPS, TENSORS

_CONVOLUTION = {"M": "K", **{loop: loop for loop in LOOPS}}
"""Timeloop's names of a convolution's dimensions; a problem has M or K for the output channels."""

_PRODUCT = {"M": "P", "N": "K", "K": "C"}
"""Its names of a product's dimensions, whose tensors it calls A, B and Z."""

_TENSOR_OF = {"A": "Inputs", "B": "Weights", "Z": "Outputs", **{tensor: tensor for tensor in TENSORS}}

_USUAL_BITS = 16
_MOST_REGISTER_BITS = 8192
_REGISTERS = ("reg", "rf", "spad", "latch")


@dataclass(frozen=True)
class GivenArchitecture:
    """What a file says of the hardware.

    Attributes:
        architecture: the levels.
        mac: name of the compute units, by which tables have them.
        constraints: on its mappings.
    """

    architecture: Architecture
    mac: str
    constraints: MappingConstraints


def read_timeloop_architecture(path: Path | str) -> GivenArchitecture:
    """The architecture of a file.

    Raises:
        ConfigurationError: the file cannot be read or is something else, or lacks a part or a size; names the
            component.
    """
    content = load(path)
    if not isinstance(content, dict) or not ({"architecture", "arch"} & content.keys()):
        raise refusal(path, content, "a Timeloop architecture")
    parts = parts_of(content, str(path))
    storages = [part for part in parts if part.stores]
    compute = next((part for part in parts if part.computes), None)
    if compute is None:
        raise ConfigurationError(
            f"{path}: there is no compute unit: a component whose class names a mac or compute"
        )
    if not storages:
        raise ConfigurationError(
            f"{path}: there is no storage: a component with depth and width, or class DRAM"
        )
    ordered = _with_all_meshes(parts, [*storages, compute])
    bits = compute.whole("word_bits", "datawidth", "data_width", "multiplier_width", "width") or _USUAL_BITS
    names = _unique([part.name for part in ordered[:-1]])
    levels = []
    for place in reversed(range(len(storages))):
        part, inner = ordered[place], ordered[place + 1]
        levels.append(_level(part, names[place], inner.mesh, bits, outermost=place == 0, where=str(path)))
    model = {
        "name": Path(path).stem,
        "levels": levels,
        "mac": {"word_bits": bits},
        **_technology(ordered),
    }
    architecture = parse(Architecture, model, str(path))
    return GivenArchitecture(architecture, compute.name, _constraints(ordered, names))


def _with_all_meshes(parts: Sequence[Part], kept: Sequence[Part]) -> list[Part]:
    """The kept parts; the mesh of a part between them goes to the next one further in."""
    found, mesh, spatial = [], (1, 1), tuple[Mapping[str, Any], ...]()
    compute = kept[-1]
    for part in [*(part for part in parts if part is not compute), compute]:
        mesh, spatial = (mesh[0] * part.mesh[0], mesh[1] * part.mesh[1]), spatial + part.spatial
        if any(part is one for one in kept):
            found.append(
                Part(part.name, part.kind, part.attributes, mesh, part.constraints, spatial, part.exclusive)
            )
            mesh, spatial = (1, 1), ()
    return found


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        count = sum(re.sub(r"_\d+$", "", other) == name for other in found)
        found.append(f"{name}_{count}" if name in found else name)
    return found


def _level(
    part: Part, name: str, array: tuple[int, int], mac_bits: int, *, outermost: bool, where: str
) -> dict[str, Any]:
    dram = "dram" in part.kind.lower()
    word_bits = part.whole("word_bits", "datawidth", "data_width") or mac_bits
    width = part.whole("width", "memory_width")
    block = part.whole("block_size") or max((width or word_bits) // word_bits, 1)
    capacity = part.whole("entries")
    depth = part.whole("depth", "memory_depth")
    if capacity is None and depth is not None:
        capacity = depth * block
    if capacity is None and (kib := part.number("sizeKB", "sizekb")) is not None:
        capacity = int(kib * 8192 // word_bits)
    if capacity is None and not dram and not outermost:
        raise ConfigurationError(
            f"{where}: {part.name} has no size: expected depth and width, entries, or sizeKB as numbers"
        )
    holds = _holds(part, capacity)
    if dram and outermost:
        capacity = None
    if capacity is not None:
        capacity = min(max(capacity, 1), LARGEST_CAPACITY)
    banks = part.whole("n_banks", "num_banks", "nbanks") or 1
    if capacity is not None:
        block = min(block, capacity)
        banks = min(banks, max(capacity // block, 1))
    both = part.number("shared_bandwidth", "rw_bandwidth", "bandwidth")
    read, write = part.number("read_bandwidth"), part.number("write_bandwidth")
    bits = (capacity or 0) * word_bits
    registers = bits <= _MOST_REGISTER_BITS and any(word in part.kind.lower() for word in _REGISTERS)
    level = {
        "name": name,
        "kind": "dram"
        if dram or (outermost and capacity is None)
        else "register_file"
        if registers
        else "sram",
        "capacity_words": capacity,
        "word_bits": word_bits,
        "block_words": block,
        "banks": banks,
        "read_bandwidth_words": read or both or None,
        "write_bandwidth_words": write or both or None,
        "shared_bandwidth": bool(both) and read is None and write is None,
        "array": array,
    }
    return level if outermost else level | {"holds": holds}


def _tensors(value: Any) -> set[str]:
    names = re.split(r"[\s,]+", value) if isinstance(value, str) else value or ()
    return {_TENSOR_OF[name] for word in names if (name := str(word).capitalize()) in _TENSOR_OF}


def _holds(part: Part, capacity: int | None) -> tuple[str, ...]:
    if capacity == 0:
        return ()
    given = part.constraints.get("dataspace")
    given = given if isinstance(given, dict) else {}
    kept = _tensors(given.get("keep")) | _tensors(given.get("keep_only"))
    past = _tensors(given.get("bypass"))
    alone = kept and (part.exclusive or "keep_only" in given)
    return tuple(tensor for tensor in TENSORS if tensor in kept or not (alone or tensor in past))


def _technology(parts: Sequence[Part]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in reversed(parts):
        text = part.attributes.get("technology")
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:nm)?\s*", str(text)) if text is not None else None
        if match and 7 <= float(match[1]) <= 130:
            found["technology_nm"] = float(match[1])
            break
    for part in parts:
        period_s = part.number("global_cycle_seconds")
        if period_s is not None and 1e-12 < period_s < 1e-3:
            found["clock_ghz"] = 1e-9 / period_s
            break
    return found


def _constraints(parts: Sequence[Part], names: Sequence[str]) -> MappingConstraints:
    """What may be spread over each array, and which tensors must stay where."""
    product = any(
        set(map(str, words)) & {"A", "B", "Z"}
        for part in parts
        if isinstance(dataspace := part.constraints.get("dataspace"), dict)
        for words in dataspace.values()
        if isinstance(words, list)
    )
    loop_of = _PRODUCT if product else _CONVOLUTION
    spatial: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    stays: dict[str, dict[str, bool]] = {}
    for name, part, inner in zip(names, parts[:-1], parts[1:], strict=True):
        if inner.spatial:
            spatial[name] = _spread(inner, loop_of)
        dataspace = part.constraints.get("dataspace")
        kept = _tensors(dataspace.get("keep")) if isinstance(dataspace, dict) else set()
        if kept and part is not parts[0]:
            stays[name] = dict.fromkeys(sorted(kept), True)
    return MappingConstraints(spatial=spatial, stays=stays)


def _spread(part: Part, loop_of: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The loops that may run along X and along Y of the meshes around a part."""
    allowed: list[set[str]] = [set(), set()]
    stated = [False, False]
    for constraint in part.spatial:
        factors = constraint.get("factors")
        words = re.split(r"[\s,]+", factors) if isinstance(factors, str) else factors or ()
        once = {match[1] for word in words if (match := re.fullmatch(r"(\w+?)=?1", str(word).strip()))}
        free = [loop for name, loop in loop_of.items() if name not in once]
        order = constraint.get("permutation")
        order = list(order) if isinstance(order, str) else [str(name) for name in order or ()]
        split = constraint.get("split")
        sides: list[set[str]] = [set(free), set(free)]
        if isinstance(split, int) and order:
            named = [loop_of.get(name, name) for name in order if name.strip()]
            sides = [set(free) - set(named[split:]), set(free) - set(named[:split])]
        for axis, size in enumerate(constraint["mesh"]):
            if size > 1:
                stated[axis] = True
                allowed[axis] |= sides[axis]
    every = set(LOOPS)
    found = [allowed[axis] | {"G"} if stated[axis] else every for axis in (0, 1)]
    return tuple(sorted(found[0])), tuple(sorted(found[1]))
