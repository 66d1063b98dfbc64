"""The parts of a Timeloop architecture, from the outermost: storages and the compute units, of any version.

Version 0.1 has `arch` with lists of storage and arithmetic, 0.2 and 0.3 a tree of `subtree` and `local`, 0.4
a list of `nodes` with tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from cosearch_simulators.accelerator.files.expressions import number_of
from cosearch_simulators.bounded_yaml import TAG
from cosearch_simulators.errors import ConfigurationError

SIZES = ("depth", "memory_depth", "entries", "sizeKB", "sizekb", "width", "memory_width")
_RANGE = re.compile(r"^(.*)\[(\d+)\.\.(\d+)\]$")
_NO_STORAGE = ("noc", "wire", "router", "adder", "multiplier", "addr", "counter", "adc", "dac", "network")


@dataclass(frozen=True)
class Part:
    """A storage or the compute units.

    Attributes:
        name: of the part.
        kind: its class.
        attributes: its own and those that it inherits, with `_` for `-` in their names.
        mesh: how many of it there are for each part around it, along X and along Y.
        constraints: its own.
        spatial: constraints of the meshes around it, one for each that has some.
        exclusive: whether it stands beside others, each for tensors of its own.
    """

    name: str
    kind: str
    attributes: Mapping[str, Any]
    mesh: tuple[int, int] = (1, 1)
    constraints: Mapping[str, Any] = field(default_factory=dict)
    spatial: tuple[Mapping[str, Any], ...] = ()
    exclusive: bool = False

    def number(self, *names: str) -> float | None:
        """The first of these attributes that is a number."""
        for name in names:
            found = number_of(self.attributes.get(name), self.attributes)
            if found is not None and isfinite(found):
                return found
        return None

    def whole(self, *names: str) -> int | None:
        """Likewise, a whole number of at least 0."""
        found = self.number(*names)
        if found is None or found < 0 or found % 1:
            return None
        return int(found)

    @property
    def computes(self) -> bool:
        """Whether it multiplies."""
        kind = self.kind.lower()
        return "mac" in kind or kind in ("compute", "multiplier", "alu", "pe") or "compute" in kind

    @property
    def stores(self) -> bool:
        """Whether it holds data."""
        kind = self.kind.lower()
        if self.computes or any(word in kind for word in _NO_STORAGE):
            return False
        return "dram" in kind or any(name in self.attributes for name in SIZES)


def parts_of(content: Mapping[str, Any], where: str) -> list[Part]:
    """The parts of a document, outermost first.

    Raises:
        ConfigurationError: it has none of the forms.
    """
    architecture = content.get("architecture", content.get("arch"))
    if isinstance(architecture, dict):
        if isinstance(architecture.get("nodes"), list):
            return _of_nodes(architecture["nodes"], {}, where)
        if isinstance(architecture.get("subtree"), list):
            return _meshed(_of_tree(architecture, {}, 1, where))
        if isinstance(architecture.get("storage"), list):
            return _meshed(_of_lists(architecture, where))
    raise ConfigurationError(f"{where}: expected architecture.nodes, .subtree or .storage as a list")


def _plain(attributes: Any) -> dict[str, Any]:
    found = attributes if isinstance(attributes, dict) else {}
    return {str(name).replace("-", "_"): value for name, value in found.items()}


# --- version 0.4 ------------------------------------------------------------------------------------------


def _of_nodes(nodes: Sequence[Any], outer: Mapping[str, Any], where: str) -> list[Part]:
    found: list[Part] = []
    inherited = dict(outer)
    mesh, spatial = (1, 1), tuple[Mapping[str, Any], ...]()
    for number, node in enumerate(nodes):
        if not isinstance(node, dict):
            raise ConfigurationError(f"{where}: nodes[{number}] must be a mapping, got {node!r:.60}")
        tag = str(node.get(TAG, "")).lower()
        if isinstance(node.get("nodes"), list):
            inner = _of_nodes(node["nodes"], inherited, where)
            if tag == "parallel":
                inner = [replace(part, exclusive=True) for part in inner]
        elif tag == "nothing":
            continue
        else:
            attributes = {**inherited, **_plain(node.get("attributes"))}
            own = _mesh(node.get("spatial"), attributes, f"{where}: {node.get('name', number)}")
            own_spatial = ((node.get("constraints") or {}).get("spatial"),)
            mesh = mesh[0] * own[0], mesh[1] * own[1]
            if max(own) > 1:
                spatial += tuple({**c, "mesh": own} for c in own_spatial if isinstance(c, dict))
            if tag == "container" or not (node.get("class") or node.get("subclass")):
                inherited = attributes
                continue
            inner = [_component(node, attributes, f"{where}: nodes[{number}]")]
        if inner:
            first = inner[0]
            inner[0] = replace(
                first,
                mesh=(first.mesh[0] * mesh[0], first.mesh[1] * mesh[1]),
                spatial=spatial + first.spatial,
            )
            mesh, spatial = (1, 1), ()
        found += inner
    return found


def _component(node: Mapping[str, Any], attributes: Mapping[str, Any], where: str) -> Part:
    name = node.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{where}.name is missing")
    kind = str(node.get("class") or node.get("subclass"))
    if kind in ("storage", "compute") and node.get("subclass"):
        kind = f"{kind} {node['subclass']}"
    constraints = node.get("constraints")
    return Part(name, kind, attributes, constraints=constraints if isinstance(constraints, dict) else {})


def _mesh(spatial: Any, attributes: Mapping[str, Any], where: str) -> tuple[int, int]:
    if not isinstance(spatial, dict):
        return 1, 1
    sizes = []
    for axis in ("meshX", "meshY"):
        size = number_of(spatial.get(axis, 1), attributes)
        if size is None or size < 1 or size % 1:
            raise ConfigurationError(
                f"{where}: spatial.{axis} must be a whole number, got {spatial[axis]!r:.60}"
            )
        sizes.append(int(size))
    return sizes[0], sizes[1]


# --- versions 0.2 and 0.3 ---------------------------------------------------------------------------------


def _of_tree(
    node: Mapping[str, Any], outer: Mapping[str, Any], instances: int, where: str
) -> list[tuple[Part, int]]:
    name, count = _counted(str(node.get("name", "")))
    attributes = {**outer, **_plain(node.get("attributes"))}
    found: list[tuple[Part, int]] = []
    for key in ("local", "subtree"):
        if not isinstance(node.get(key) or [], list):
            raise ConfigurationError(
                f"{where}: {name or 'system'}.{key} must be a list, got {node[key]!r:.60}"
            )
    for number, local in enumerate(node.get("local") or ()):
        if not isinstance(local, dict) or not local.get("name") or not local.get("class"):
            raise ConfigurationError(f"{where}: {name or 'system'}.local[{number}] needs a name and a class")
        own, several = _counted(str(local["name"]))
        inherited = {key: value for key, value in attributes.items() if key not in SIZES}
        kind = " ".join(str(local[key]) for key in ("class", "subclass") if local.get(key))
        part = Part(own, kind, {**inherited, **_plain(local.get("attributes"))})
        found.append((part, instances * count * several))
    for inner in node.get("subtree") or ():
        if isinstance(inner, dict):
            found += _of_tree(inner, attributes, instances * count, where)
    return found


def _counted(name: str) -> tuple[str, int]:
    match = _RANGE.match(name)
    return (match[1], int(match[3]) - int(match[2]) + 1) if match else (name, 1)


# --- version 0.1 ------------------------------------------------------------------------------------------


def _of_lists(architecture: Mapping[str, Any], where: str) -> list[tuple[Part, int]]:
    arithmetic = _plain(architecture.get("arithmetic"))
    entries = [_plain(entry) for entry in architecture["storage"]]
    found = []
    for number, entry in enumerate(reversed(entries)):
        if not entry.get("name"):
            raise ConfigurationError(f"{where}: storage[{len(entries) - 1 - number}].name is missing")
        kind = str(entry.get("class") or entry.get("technology") or "SRAM")
        part = Part(str(entry["name"]), kind, {"entries": None, **entry})
        found.append((part, part.whole("instances") or 1))
    part = Part(str(arithmetic.get("name", "MAC")), "mac", arithmetic)
    return [*found, (part, part.whole("instances") or 1)]


def _meshed(parts: list[tuple[Part, int]]) -> list[Part]:
    """Instances as meshes: `meshX` of a part is how many of all of them lie along X."""
    kept = [(part, count) for part, count in parts if part.stores or part.computes]
    compute = [entry for entry in kept if entry[0].computes]
    found = []
    around, across = 1, 1
    for part, count in [*(entry for entry in kept if not entry[0].computes), *compute[:1]]:
        fanout = max(count // around, 1)
        columns = part.whole("meshX") or (across if fanout == 1 else count)
        x = min(max(columns // across, 1), fanout)
        while fanout % x:
            x -= 1
        found.append(replace(part, mesh=(x, fanout // x)))
        around, across = max(count, around), across * x
    return found
