"""What a store holds, for other tools: a table (Parquet, CSV), episodes (Minari), an Optuna study; and back.

Every export carries its manifest: what was searched, how, with which versions, settings and seed. `formats`
writes, `loading` reads back, each imported where it is used: who exports nothing needs `cells` and `table`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosearch.export.formats import FORMATS, write_studies
    from cosearch.export.loading import load_studies

__all__ = ["FORMATS", "load_studies", "write_studies"]

_MODULE_OF = {"FORMATS": "formats", "load_studies": "loading", "write_studies": "formats"}


def __getattr__(name: str) -> Any:
    """A public name, imported where it is used: the command line needs the names of columns alone."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
