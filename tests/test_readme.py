"""The README says what the files say, and its examples run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def shown(path: str) -> str:
    """What the README shows of an example: from its imports to its hook."""
    source = (ROOT / path).read_text()
    start = re.search(r"^(import|from) ", source, re.MULTILINE).start()
    return source[start : source.index('\n\nif __name__ == "__main__":')].strip()


@pytest.mark.parametrize("path", ["examples/tiled_matmul.py", "examples/neighbour_search.py"])
def test_the_readme_shows_the_example_as_it_is(path):
    assert f"```python\n{shown(path)}\n```" in README, f"put the current text of {path} into README.md"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs(path):
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_continuous_integration_runs_the_readme_command():
    block = README.partition("<!-- tests -->")[2].partition("<!-- /tests -->")[0]
    commands = [line for line in block.splitlines() if line and not line.startswith("```")]
    assert len(commands) == 1
    assert " && mypy && pytest" in commands[0]


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_environment_example_runs():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = next(block for block in blocks if "gymnasium.make" in block)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "latency_ns" in done.stdout


def test_the_studies_in_python_run(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    code = next(block for block in blocks if "Study.create" in block)
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 12
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "'scheduler': 'frfcfs'" in done.stdout
    assert (tmp_path / "front.html").stat().st_size > 10_000
    command = [sys.executable, "-m", "cosearch.cli", "studies", "study.db", "--json"]
    studies = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=tmp_path).stdout)
    assert [study["status"] for study in studies] == ["finished", "finished"]


def test_the_miss_count_equals_a_cache_walked_through_access_by_access():
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("tiled_matmul", ROOT / "examples" / "tiled_matmul.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    size, sets, tile = 8, 4, 2
    cache, misses = {}, 0
    blocks = range(0, size, tile)
    for bi, bj, bk in ((a, b, c) for a in blocks for b in blocks for c in blocks):
        for i, j, k in ((a, b, c) for a in range(tile) for b in range(tile) for c in range(tile)):
            i, j, k = bi + i, bj + j, bk + k
            for word in (i * size + k, size**2 + k * size + j, 2 * size**2 + i * size + j):
                line = word * 8 // 64
                misses += cache.get(line % sets) != line
                cache[line % sets] = line
    assert module.count_misses(sets, tile, size) == misses
