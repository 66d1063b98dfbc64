"""Optional libraries: imported where they are used, and missed in one clear line."""

from __future__ import annotations

import importlib
from typing import Any

from cosearch.errors import ArgumentError


def needs(module: str, extra: str, agent: str) -> Any:
    """The module, imported.

    Raises:
        ArgumentError: it is not installed; says which extra to install.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ArgumentError(
            f"agent {agent} needs {module.partition('.')[0]}, which is not installed: "
            f'pip install "cosearch[{extra}]"'
        ) from None
