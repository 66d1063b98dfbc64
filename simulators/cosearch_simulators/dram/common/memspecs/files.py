"""DRAMSys' files of JSON, each with the key of what it is."""

from __future__ import annotations

from json import JSONDecodeError
from pathlib import Path
from reprlib import repr as short
from typing import Any

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.errors import ConfigurationError

MOST_BYTES = 4 << 20
"""Of a memspec or an address mapping; real ones have some kB."""

MAPPING_KEYS = ("addressmapping", "CONGEN")


def read_section(path: Path | str, *keys: str) -> dict[str, Any]:
    """What one of DRAMSys' files holds under its only key.

    Args:
        path: of the file.
        keys: that it may have, "memspec" or those of `MAPPING_KEYS`.

    Raises:
        ConfigurationError: the file cannot be read, is no JSON or has none of the keys.
    """
    return section(read_object(path), *keys, where=str(path))


KINDS = {
    "memspec": "a memspec: give it as memspec",
    "addressmapping": "an address mapping: give it as address_mapping",
    "CONGEN": "an address mapping: give it as address_mapping",
    "mcconfig": "a controller; with its memory and trace it is in a simulation file: give that as simulation",
    "simulation": "a whole simulation: give it as simulation",
    "simconfig": "how DRAMSys runs; nothing of it is needed here",
}
"""What else a file of DRAMSys may be, by its key."""


def section(content: Any, *keys: str, where: str = "") -> dict[str, Any]:
    """What stands under one of the keys; a mapping may also stand alone.

    Raises:
        ConfigurationError: there is none of the keys.
    """
    where = f"{where}: " if where else ""
    if isinstance(content, dict):
        for key in keys:
            if isinstance(content.get(key), dict):
                found: dict[str, Any] = content[key]
                return found
        for key, kind in KINDS.items():
            if key in content and key not in keys:
                raise ConfigurationError(f"{where}it is {kind}")
        if keys == MAPPING_KEYS and any("BIT" in str(key) for key in content):
            return content  # misspelt, and `checks` says where
    expected = " or ".join(map(repr, keys))
    raise ConfigurationError(f"{where}expected an object with the field {expected}, got {short(content)}")


def read_object(path: Path | str) -> Any:
    """What a file of JSON holds.

    Raises:
        ConfigurationError: the file cannot be read or is no JSON.
    """
    try:
        content = parse_json(read_text(path, MOST_BYTES))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    except JSONDecodeError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return content
