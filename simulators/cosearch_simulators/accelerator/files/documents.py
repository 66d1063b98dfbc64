"""Peers' YAML and JSON: texts that include others, tags, and what a file of each kind is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_yaml import YAML_BYTES, parse_yaml
from cosearch_simulators.errors import ConfigurationError

_INCLUDE = re.compile(r"\{\{-?\s*(?:include_text|include)\(\s*['\"]([^'\"]+)['\"]\s*\)\s*-?\}\}")
_MOST_INCLUDED = 16

TIMELOOP_ARCHITECTURE = "a Timeloop architecture"
TIMELOOP_PROBLEM = "a Timeloop problem"
ZIGZAG_WORKLOAD = "a ZigZag workload"
ZIGZAG_ACCELERATOR = "a ZigZag accelerator"
ACCELERGY_TABLE = "an Accelergy table of energies or areas"
OUR_ARCHITECTURE = "an architecture of cosearch"

_KEYS = {
    "problem": TIMELOOP_PROBLEM,
    "operational_array": ZIGZAG_ACCELERATOR,
    "architecture": TIMELOOP_ARCHITECTURE,
    "arch": TIMELOOP_ARCHITECTURE,
    "levels": OUR_ARCHITECTURE,
    "ERT": ACCELERGY_TABLE,
    "ART": ACCELERGY_TABLE,
    "ERT_summary": "a summary of Accelergy",
    "ART_summary": "a summary of Accelergy",
    "compound_components": "compound components of Accelergy",
    "mapper": "settings of Timeloop's mapper",
    "mapping": "a mapping of Timeloop",
    "mapspace": "mapspace constraints of Timeloop",
    "mapspace_constraints": "mapspace constraints of Timeloop",
    "architecture_constraints": "architecture constraints of Timeloop",
    "sparse_optimizations": "sparse optimisations of Timeloop",
    "shape": "a problem shape of Timeloop; the sizes are missing",
    "memspec": "a DRAMSys memspec",
    "simulation": "a DRAMSys simulation",
    "addressmapping": "an address mapping of DRAMSys",
    "CONGEN": "an address mapping of DRAMSys",
}


def load(path: Path | str) -> Any:
    """What a file of YAML or JSON holds, with the texts that it includes; tagged mappings keep their tag.

    Raises:
        ConfigurationError: it cannot be read, is no YAML, or is a template of more than included texts.
    """
    path = Path(path)
    text = _included(path, 0)
    if "{{" in text or "{%" in text:
        line = text[: re.search(r"\{\{|\{%", text).start()].count("\n") + 1  # type: ignore[union-attr]
        raise ConfigurationError(
            f"{path}:{line}: it is a Jinja template; render it first, as timeloopfe does, and give the result"
        )
    try:
        return deep_merged(parse_yaml(text, tags=True))
    except ConfigurationError as error:
        joined = " " if str(error).startswith("is no") else ": "
        raise ConfigurationError(f"{path}{joined}{error}") from error


def _included(path: Path, depth: int) -> str:
    if depth > _MOST_INCLUDED:
        raise ConfigurationError(f"{path}: it is included more than {_MOST_INCLUDED} levels deep")
    try:
        text = read_text(path, YAML_BYTES)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    return _INCLUDE.sub(lambda match: _included(path.parent / match[1], depth + 1), text)


def deep_merged(value: Any) -> Any:
    """The value with what stands under timeloopfe's key `<<<` put beneath what stands beside it."""
    if isinstance(value, list):
        return [deep_merged(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: deep_merged(item) for key, item in value.items() if key != "<<<"}
    below = value.get("<<<", [])
    for base in below if isinstance(below, list) else [below]:
        if isinstance(base, dict):
            found = _over(deep_merged(base), found)
    return found


def _over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(base)
    for key, value in top.items():
        below = found.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        found[key] = _over(below, value) if both else value  # type: ignore[arg-type]
    return found


def kind_of(content: Any) -> str:
    """What a document is, or an empty string."""
    if isinstance(content, list) and content and isinstance(content[0], dict):
        if "equation" in content[0] or "loop_sizes" in content[0]:
            return ZIGZAG_WORKLOAD
        if "spatial_mapping" in content[0] or "memory_operand_links" in content[0]:
            return "a mapping of ZigZag"
        if "target" in content[0]:
            return "a mapping of Timeloop"
    if isinstance(content, dict):
        for key, kind in _KEYS.items():
            if key in content:
                return kind
        if "name" in content and ("PEs" in content or "cores" in content):
            return "a system of Stream"
    return ""


def refusal(path: Path | str, content: Any, expected: str) -> ConfigurationError:
    """The line on a file of another kind."""
    kind = kind_of(content)
    if kind:
        return ConfigurationError(f"{path} is {kind}; expected {expected}")
    keys = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
    return ConfigurationError(f"{path}: expected {expected}, found {keys[:80] or 'nothing'}")
