"""Where a plugin comes from, and for which plugin API it was written: both are known before its import."""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, EntryPoint, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Of the hooks and the contracts. A plugin says which it was written for as `COSEARCH_API = "1.0"` in its
# module; another first number, or a higher second one, is refused.
API_VERSION = (1, 0)
DECLARATION = re.compile(r"^COSEARCH_API\s*(?::[^=\n]*)?=\s*(.+?)\s*(?:#.*)?$", re.MULTILINE)
LONGEST_SOURCE = 1 << 20  # characters


def place_of(distribution: Distribution | None) -> str:
    """Where a distribution is installed: its folder, or the project's that is installed as editable."""
    if distribution is None:
        return ""
    direct = distribution.read_text("direct_url.json")
    if direct:
        try:
            found = json.loads(direct)
            url = urlsplit(found["url"])
            if url.scheme == "file" and found.get("dir_info", {}).get("editable"):
                return f"{unquote(url.path)} (editable)"
        except (ValueError, KeyError, AttributeError, TypeError):
            pass
    return str(distribution.locate_file(""))


def api_refusal(entry: EntryPoint) -> str:
    """Why a plugin cannot work with this cosearch, with both versions; empty where nothing speaks against it.

    Its source is read, not run: what was written for another API may fail at its import in any way.
    """
    source = _source(entry.module)
    declared = DECLARATION.search(source[:LONGEST_SOURCE]) if source else None
    if declared is None:
        return ""
    who = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.name
    return refusal(declared[1].strip("\"'"), who)


def refusal(declared: object, who: str) -> str:
    """Why a plugin that declares this API is refused; empty where it is not."""
    ours = ".".join(map(str, API_VERSION))
    found = re.fullmatch(r"(\d+)\.(\d+)", str(declared))
    if found is None:
        return f'{who}: COSEARCH_API must be a text such as "{ours}", not {declared!r}'
    wanted = int(found[1]), int(found[2])
    if wanted[0] == API_VERSION[0] and wanted[1] <= API_VERSION[1]:
        return ""
    plugins, others = ("a newer", "an earlier") if wanted < API_VERSION else ("an earlier", "a newer")
    return (
        f"{who} is built for plugin API {declared}, cosearch {version('cosearch')} has {ours}: "
        f"install {plugins} version of the plugin, or {others} cosearch"
    )


def _source(module: str) -> str:
    """The source of a module that is not imported, where it is a file; empty where it is not."""
    top, *inner = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    path = Path(spec.origin) if spec.origin else None
    if inner:
        places = [Path(place).joinpath(*inner) for place in spec.submodule_search_locations or ()]
        files = [file for p in places for file in (p.with_suffix(".py"), p / "__init__.py")]
        path = next((file for file in files if file.is_file()), None)
    if path is None or path.suffix != ".py":
        return ""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
