"""The files of a new plugin, which `cosearch new-plugin` writes: a small problem that works as it is."""

from __future__ import annotations

import sys
from importlib import util
from string import Template

from cosearch.errors import ArgumentError

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["cosearch"]

# cosearch finds the plugin by this entry point.
[project.entry-points.cosearch]
$distribution = "$package"
"""

PACKAGE = '''\
"""The tiling of a matrix multiplication, as a cosearch problem: replace it with your simulator."""

from __future__ import annotations

import numpy as np

from cosearch import Constraint, DesignSpace, Metric, Objective, Ordinal, Problem, hookimpl
from cosearch.settings import Settings, setting

WORD_BYTES = 2


class ProductSettings(Settings):
    """The sizes of the product, for `--set m=...`."""

    m: int = setting(1024, "rows of the result", ge=1)
    n: int = setting(1024, "columns of the result", ge=1)
    k: int = setting(1024, "depth of the product", ge=1)


class $class_name(Problem):
    """Which tiles of an (m, k) by (k, n) matrix multiplication move the least data, given a small buffer."""

    name = "$distribution"
    Settings = ProductSettings
    space = DesignSpace(
        [
            Ordinal("tile_m", [16, 32, 64, 128, 256], description="rows of the result kept in the buffer"),
            Ordinal("tile_n", [16, 32, 64, 128, 256], description="columns of the result kept in the buffer"),
            Ordinal("tile_k", [1, 2, 4, 8, 16, 32], description="depth of the operands kept in the buffer"),
        ]
    )
    metrics = (
        Metric("traffic_bytes", "bytes", "data moved between memory and buffer"),
        Metric("buffer_bytes", "bytes", "space that the three tiles take"),
    )
    objectives = (Objective("traffic_bytes", "min"), Objective("buffer_bytes", "min"))
    constraints = (Constraint("buffer_bytes", "<=", 65536),)

    def simulate(self, designs, *, fidelity, seed):
        """Every metric of n designs at once: `designs["tile_m"]` is the column of n values."""
        rows, columns, depth = designs["tile_m"], designs["tile_n"], designs["tile_k"]
        m, n, k = self.settings.m, self.settings.n, self.settings.k
        # The left operand is read once for each block of columns, the right one for each block of rows.
        left = m * k * np.ceil(n / columns)
        right = k * n * np.ceil(m / rows)
        return {
            "traffic_bytes": WORD_BYTES * (left + right + m * n),
            "buffer_bytes": WORD_BYTES * (rows * depth + depth * columns + rows * columns),
        }


@hookimpl
def cosearch_problems():
    """The problems of this plugin."""
    return [$class_name]
'''

TESTS = """\
from cosearch.testing import check_problem

from $package import $class_name


def test_keeps_the_contract_of_a_problem():
    check_problem($class_name())


def test_one_tile_for_everything_moves_every_word_once():
    problem = $class_name(m=256, n=256, k=32)
    outcomes = problem.evaluate(problem.space.designs([{"tile_m": 256, "tile_n": 256, "tile_k": 32}]))
    assert outcomes["traffic_bytes"][0] == 2 * (256 * 32 + 32 * 256 + 256 * 256)
"""

README = """\
# $distribution

A plugin for cosearch.

    pip install -e .
    cosearch check $distribution
    cosearch describe $distribution
    cosearch search $distribution --agent random --budget 100
"""


def skeleton(distribution: str) -> dict[str, str]:
    """The content of each file of a new plugin, by its path.

    Raises:
        ArgumentError: the package would hide a module that is there already, or be hidden by it.
    """
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
    templates = {
        "pyproject.toml": PYPROJECT,
        "README.md": README,
        f"{package}/__init__.py": PACKAGE,
        f"tests/test_{package}.py": TESTS,
    }
    return {path: Template(text).substitute(names) for path, text in templates.items()}
