from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import surrogate_problems
from cosearch import Study, make_problem
from cosearch.cli import run
from cosearch.registry import registry


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def assert_error(self, *fragments: str) -> None:
        assert self.code == 2, (self.out, self.err)
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        for fragment in fragments:
            assert fragment in self.err


@pytest.fixture(scope="session", autouse=True)
def kernels(small_plugin: None) -> None:
    if "surrogate-kernel" not in registry().problems:
        registry().register(surrogate_problems.Kernel)
        registry().register(surrogate_problems.OtherKernel)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command in this process."""

    def invoke(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return invoke


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, kernels: None) -> str:
    """A store with studies of two agents."""
    path = str(tmp_path_factory.mktemp("surrogates") / "s.db")
    for agent in ("random", "nsga2"):
        study = Study.create(make_problem("surrogate-kernel"), agent, budget=250, seed=1, store=path)
        with study.store:
            study.run()
    return path


@pytest.fixture(scope="session")
def trained(store: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of a surrogate of that store."""
    path = tmp_path_factory.mktemp("trained") / "kernel.npz"
    assert run(["surrogate", "train", store, "--model", "gbdt", "--output", str(path), "--json"]) == 0
    return str(path)
