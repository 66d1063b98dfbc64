"""The examples of the workloads' docstrings and README run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import cosearch_simulators.workloads as workloads

MODULES = [module.name for module in pkgutil.walk_packages(workloads.__path__, f"{workloads.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str):
    # a module by its name: the package has functions that are named like their modules
    assert doctest.testmod(sys.modules.get(name) or importlib.import_module(name)).failed == 0


def test_readme():
    (folder,) = workloads.__path__
    result = doctest.testfile(str(Path(folder) / "README.md"), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0


def test_importing_workloads_loads_no_importer_library():
    code = "import sys, cosearch_simulators.workloads; print({'onnx', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
