"""What all tests share: the small plugin, and the reference measurements where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

import small_problems
import timed_problems
from cosearch.registry import registry

# No deadline: a busy machine is no failure. New examples at every run, but for CI, whose verdict on a commit
# must not change with the day.
settings.register_profile("cosearch", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("cosearch")

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--slow` runs the tests that take minutes too."""
    parser.addoption("--slow", action="store_true", help="run the tests that take minutes too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is slow, unless it is asked for."""
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: pytest --slow"))


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    """How often a study is killed; each kill starts a process anew."""
    return 10 if pytestconfig.getoption("--slow") else 4


@pytest.fixture(scope="session", autouse=True)
def small_plugin() -> None:
    """Register the small problems and agents once."""
    if "two-spheres" not in registry().problems:
        registry().register(small_problems, "small-problems")
        registry().register(timed_problems, "timed-problems")


@pytest.fixture(scope="session", autouse=True)
def logs_of_failed_programs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Not in the home of whoever runs the tests."""
    os.environ.setdefault("COSEARCH_LOGS", str(tmp_path_factory.mktemp("logs")))


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference measurements; a user's clone has none."""
    if not REFERENCE.is_dir():
        pytest.skip("the reference measurements (shared/reference) are not here")
    return REFERENCE
