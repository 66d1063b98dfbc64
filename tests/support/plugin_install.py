"""A plugin installed for tests: what pip leaves, without pip."""

from __future__ import annotations

import tomllib
from pathlib import Path


def install(package: Path, site: Path) -> None:
    """What `pip install -e` leaves in a site folder: the package's place, and its metadata."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["cosearch"].items()
    (metadata / "entry_points.txt").write_text("[cosearch]\n" + "".join(f"{k} = {v}\n" for k, v in points))


def install_module(site: Path, name: str, code: str, *, version: str = "0.1") -> None:
    """A plugin of one module, whose name is the distribution's in snake case."""
    module = name.replace("-", "_")
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_text(code)
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[cosearch]\n{name} = {module}\n")
