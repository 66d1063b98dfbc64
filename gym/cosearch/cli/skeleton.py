"""The files of a new plugin, which `cosearch new-plugin` writes: a small package that works as it is.

They stand in `new_plugin/`, one folder for each template, as they will be but for `$distribution`, `$package`
and `$class_name`.
"""

from __future__ import annotations

import sys
from importlib import util
from pathlib import Path
from string import Template

from cosearch.errors import ArgumentError, unknown_name

FILES = Path(__file__).parent / "new_plugin"
SUFFIX = ".in"
TEMPLATES = {
    "function": "a Python function over columns of designs",
    "command": "a command-line program: config file in, report out",
    "compiled": "a library in C, through ctypes",
    "table": "designs that were measured: a CSV or Parquet file",
    "agent": "a search algorithm",
}


def skeleton(distribution: str, template: str = "function") -> dict[str, str]:
    """The content of each file of a new plugin, by its path.

    Raises:
        UnknownNameError: there is no such template.
        ArgumentError: the package would hide a module that is there already, or be hidden by it.
    """
    if template not in TEMPLATES:
        raise unknown_name("template", template, TEMPLATES)
    package = distribution.replace("-", "_")
    if package in sys.stdlib_module_names:
        raise ArgumentError(f"{package!r} is a module of Python itself; choose another name")
    installed = util.find_spec(package)
    if installed is not None and installed.origin is not None:  # a mere folder has no origin
        raise ArgumentError(f"a package {package!r} is already installed; choose another name")
    names = {
        "distribution": distribution,
        "package": package,
        "class_name": "".join(word.capitalize() for word in distribution.split("-")),
    }
    places = {"README.md": "README.md", "test.py": f"tests/test_{package}.py"}
    sources = {"pyproject.toml": FILES / f"pyproject.toml{SUFFIX}"}
    for file in sorted((FILES / template).glob(f"*{SUFFIX}")):
        name = file.name.removesuffix(SUFFIX)
        sources[places.get(name, f"{package}/{name}")] = file
    return {
        path: Template(file.read_text(encoding="utf-8")).substitute(names) for path, file in sources.items()
    }
