"""Who may import whom, and how fast `import cosearch` is: the house's rules."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "cosearch": ROOT / "gym" / "cosearch",
    "cosearch_simulators": ROOT / "simulators" / "cosearch_simulators",
    "cosearch_plugins": ROOT / "plugins" / "cosearch_plugins",
    "cosearch_agents": ROOT / "agents" / "cosearch_agents",
}
MAY_IMPORT = {
    "cosearch": {"cosearch"},
    "cosearch_simulators": {"cosearch_simulators"},
    "cosearch_plugins": {"cosearch", "cosearch_simulators", "cosearch_plugins"},
    "cosearch_agents": {"cosearch", "cosearch_agents"},
}
# The simulators stand on arrays alone; pydantic and yaml read the files that users write.
SIMULATOR_LIBRARIES = {"numpy", "numba", "array_api_compat", "pydantic", "yaml"}
# Classes of networks derive from PyTorch's: these modules are themselves imported at the call.
NETWORK_MODULES = tuple(
    f"hybrid_lm/{name}.py" for name in ("layers", "model", "precision", "timing", "training")
)
# An importer needs the library whose files it reads, and imports it when it is called.
IMPORTERS = {
    **{
        f"{name}.py": {"onnx"}
        for name in (
            *("from_onnx", "onnx_nodes", "onnx_buffers", "onnx_axes", "onnx_control"),
            *("onnx_inference", "onnx_precision", "onnx_stored", "onnx_types", "onnx_walk"),
        )
    },
    **{f"{name}.py": {"torch"} for name in ("from_torch", "aten_walk")},
    # What learns, and what reads tables; by its place, since the names are common.
    "llm/validation/reading.py": {"pyarrow"},
    **{name: {"torch"} for name in NETWORK_MODULES},
    "threads.py": {"torch"},
    "networks/data/build_embedded.py": {"pyarrow"},
    "networks/quality/embedded.py": {"pyarrow"},
    "networks/quality/reading.py": {"pyarrow"},
    "networks/quality/latency/measured.py": {"onnxruntime"},
    "networks/quality/latency/onnx_graph.py": {"onnx"},
    "serving/trace.py": {"pyarrow"},
    "networks/quality/learners/gaussian_process.py": {"sklearn"},
    "networks/quality/learners/mlp.py": {"torch"},
    "networks/quality/learners/trees.py": {"sklearn"},
    "networks/quality/training/data.py": {"sklearn"},
    "networks/quality/training/elastic.py": {"torch"},
    "networks/quality/training/scores.py": {"torch"},
    "networks/quality/training/training.py": {"torch"},
}
HEAVY = (
    "torch",
    "stable_baselines3",
    "sb3_contrib",
    "botorch",
    "gpytorch",
    "numba",
    "plotly",
    "pymoo",
    "sqlalchemy",
)


def imported_roots(source: str, *, top_level_only: bool = False) -> set[str]:
    """The first names of all modules that a source file imports."""
    tree = ast.parse(source)
    nodes = ast.iter_child_nodes(tree) if top_level_only else ast.walk(tree)
    roots: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            roots.add(node.module.partition(".")[0])
    return roots


def modules() -> list[tuple[str, Path]]:
    return [(package, file) for package, folder in PACKAGES.items() for file in sorted(folder.rglob("*.py"))]


def test_every_package_has_modules():
    assert {package for package, _ in modules()} == set(PACKAGES)


@pytest.mark.parametrize(("package", "file"), modules(), ids=lambda value: getattr(value, "name", value))
def test_a_package_imports_only_what_it_may(package: str, file: Path):
    found = imported_roots(file.read_text()) & set(PACKAGES)
    assert found <= MAY_IMPORT[package], f"{file.relative_to(ROOT)} imports {found - MAY_IMPORT[package]}"


def test_simulators_stand_on_arrays_alone():
    standard = set(sys.stdlib_module_names)
    for package, file in modules():
        if package == "cosearch_simulators":
            source = file.read_text()
            others = imported_roots(source) - standard - SIMULATOR_LIBRARIES - {"cosearch_simulators"}
            place = file.relative_to(PACKAGES[package]).as_posix()
            late = IMPORTERS.get(place, IMPORTERS.get(file.name, set()))
            assert others <= late, f"{file.relative_to(ROOT)} imports {others}"
            assert place in NETWORK_MODULES or not imported_roots(source, top_level_only=True) & late


def test_the_rule_finds_an_import_inside_a_function():
    assert imported_roots("def f():\n    import torch.nn\n    from cosearch_plugins import x") == {
        "torch",
        "cosearch_plugins",
    }


def test_no_source_root_takes_a_name_of_others():
    for folder in ("gym", "simulators", "plugins", "agents"):
        assert not (ROOT / folder / "__init__.py").exists()
        packages = [path.name for path in (ROOT / folder).iterdir() if (path / "__init__.py").exists()]
        assert packages == [path.name for path in PACKAGES.values() if path.parent.name == folder]


def module_name(package: str, file: Path) -> str:
    parts = file.relative_to(PACKAGES[package].parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(tree: ast.AST, known: set[str], *, when_loaded: bool = False) -> set[str]:
    """Which known modules a file imports: for type checkers and inside functions too, or when loaded."""
    found: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        if when_loaded and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if when_loaded and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node = ast.Module(node.orelse, [])
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & known
            if inner - known:  # a name of the package itself, not one of its modules
                found.add(node.module)
        else:
            found |= imported_modules(node, known, when_loaded=when_loaded)
    return found


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """The sets of modules that import each other round about."""
    reached = {module: set(targets) for module, targets in imports.items()}
    for middle in imports:
        for targets in reached.values():
            if middle in targets:
                targets |= reached[middle]
    rounds = {frozenset(a for a in targets if module in reached[a]) for module, targets in reached.items()}
    return sorted((set(one) for one in rounds if one), key=min)


def test_there_is_no_circle_of_imports():
    """None for type checkers or in functions either; the simulators are held to it for what they load."""
    named = {module_name(package, file): (package, file) for package, file in modules()}
    imports = {
        module: imported_modules(
            ast.parse(file.read_text()), set(named), when_loaded=package == "cosearch_simulators"
        )
        for module, (package, file) in named.items()
    }
    assert "cosearch.space.design_space" in imports["cosearch.space"]
    assert "cosearch.pareto" in imports["cosearch_agents.preference_learning"]
    found = circles(imports)
    assert not found, "\n".join(" <-> ".join(sorted(circle)) for circle in found)


def test_a_circle_of_imports_is_found():
    source = """
from typing import TYPE_CHECKING
import numpy as np
if TYPE_CHECKING:
    from room import door
else:
    import room.roof
def late():
    from room.window import Glass
    from room import wall, Floor
"""
    known = {"room", "room.door", "room.window", "room.wall", "room.roof"}
    tree = ast.parse(source)
    assert imported_modules(tree, known) == known
    assert imported_modules(tree, known, when_loaded=True) == {"room.roof"}
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"e"}}) == [
        {"a", "b", "c"},
        {"e"},
    ]


def run_python(code: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=kept | environment
    )
    return done.stdout


def test_importing_cosearch_and_its_plugins_loads_nothing_heavy():
    code = (
        "import sys, cosearch\n"
        "from cosearch.registry import registry\n"
        "import cosearch_simulators.hybrid_lm\n"
        "assert registry().problems and registry().agents\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run_python(code).split() == []


def test_import_cosearch_is_quick(tmp_path: Path):
    """Under 0.5 s of processor time, which a busy machine leaves alone, with Gymnasium and all plugins.

    As a user has it after the first time: compiled modules are kept.
    """
    code = "import time; t = time.process_time(); import cosearch; print(time.process_time() - t)"
    assert min(float(run_python(code, PYTHONPYCACHEPREFIX=str(tmp_path))) for _ in range(5)) < 0.5


def test_every_public_name_can_be_imported():
    import cosearch

    for name in cosearch.__all__:
        assert getattr(cosearch, name) is not None
