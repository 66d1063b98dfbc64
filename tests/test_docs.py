"""The site: it builds without a warning, says of each problem what it declares, and its commands run."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from console_page import run_page
from cosearch.errors import CosearchError
from cosearch.registry import make_problem, registry

ROOT = Path(__file__).parents[1]
HOW_TO = sorted((ROOT / "docs" / "pages" / "how-to").glob("*.md"))


def text_of(page: Path) -> str:
    """The words of a page."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as its readers get it; a link that leads nowhere ends the build."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def test_each_built_in_problem_has_a_page_that_says_what_it_declares(site):
    names = [n for n, cls in registry().problems.items() if cls.__module__.startswith("cosearch_plugins")]
    assert len(names) >= 25
    for name in names:
        page = text_of(site / "reference" / "problems" / f"{name}.html")
        try:
            problem = make_problem(name)
        except CosearchError:  # made of a file
            assert "made of a file" in page
            continue
        wanted = [*problem.space.names, *problem.metric_names, *problem.fidelity_names]
        wanted += [objective.metric for objective in problem.objectives]
        wanted += list(problem.Settings.model_fields) if problem.Settings else []
        missing = [text for text in wanted if text not in page]
        assert not missing, (name, missing)


def test_a_problem_s_page_names_its_engines_and_what_they_were_held_against(site):
    page = text_of(site / "reference" / "problems" / "dram-controller.html")
    assert "Engines: dramsys, ramulator." in page
    assert "cosearch validate dram --cases tests/reference/dram" in page
    assert "there is no simulator in it" in text_of(site / "reference" / "problems" / "table.html")


def test_every_public_name_and_every_command_is_there(site):
    import cosearch

    api, commands = text_of(site / "reference" / "api.html"), text_of(site / "reference" / "cli.html")
    for name in ("Problem", "Agent", "Study", "DesignSpace", "make_problem", "load_studies"):
        assert name in api
        assert name == "load_studies" or name in cosearch.__all__
    for name in ("search", "export", "import", "dashboard", "resume", "report"):
        assert f"cosearch {name}" in commands


def test_the_site_asks_nobody_else_for_anything(site):
    for page in ("index.html", "reference/api.html", "tutorials/the-architect.html"):
        source = (site / page).read_text(encoding="utf-8")
        loaded = re.findall(
            r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)|<link[^>]+stylesheet[^>]+"(https?:)', source
        )
        assert loaded == []


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page, tmp_path):
    text = page.read_text()
    if "```console" not in text:
        assert "```sh" in text or "```python" in text or "--8<--" in text
        return
    for extra in ("minari", "optuna"):
        if f"[{extra}]" in text:
            pytest.importorskip(extra)
    assert run_page(text, tmp_path) >= 2
