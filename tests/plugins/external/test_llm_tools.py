"""GenZ and AIConfigurator themselves beside our accountings of a deployment."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import make_problem
from cosearch.errors import ArgumentError
from cosearch_plugins.external.jobs import close_all
from cosearch_plugins.external.tools import AICONFIGURATOR, GENZ

needs_genz = pytest.mark.skipif(bool(GENZ.missing()), reason=GENZ.missing())
needs_aiconfigurator = pytest.mark.skipif(bool(AICONFIGURATOR.missing()), reason=AICONFIGURATOR.missing())


@pytest.fixture(autouse=True)
def _closed():
    yield
    close_all()


@needs_genz
@pytest.mark.parametrize("model", ["llama-3.1-8b", "mixtral-8x7b"])
def test_genz_gives_the_numbers_of_our_accounting_genz(model: str) -> None:
    problem = make_problem("llm-deployment", model=model, accounting="genz", prompt=512, output=64)
    designs = problem.space.sample(6, np.random.default_rng(4))
    ours, theirs = (problem.evaluate(designs, fidelity=one) for one in ("analytical", "external"))
    both = ours.ok & theirs.ok
    assert both.sum() >= 3
    for row in np.flatnonzero(ours.ok != theirs.ok):  # more ranks than experts, which GenZ does not run
        assert theirs.status[row] == "infeasible"
        assert "must be divisible by expert parallelism" in theirs.reason[row]
    for metric in problem.metric_names:
        np.testing.assert_allclose(theirs[metric][both], ours[metric][both], rtol=1e-6, err_msg=metric)


@needs_aiconfigurator
def test_aiconfigurators_measured_operators_rank_designs_as_ours_do() -> None:
    problem = make_problem("llm-deployment", model="llama-3.1-8b", devices=("h100_sxm", "h200_sxm"))
    problem = problem.hold({"pp": 1, "precision": "bf16", "kv_precision": "bf16", "replicas": 1})
    designs = problem.space.sample(24, np.random.default_rng(0))
    ours, theirs = (problem.evaluate(designs, fidelity=one) for one in ("analytical", "external"))
    both = ours.ok & theirs.ok & (np.asarray(designs["tp"]) <= 8)  # links out of the node differ
    assert both.sum() >= 8
    for metric in ("tpot_ms", "tokens_per_s"):
        ranks = [np.argsort(np.argsort(found[metric][both])) for found in (ours, theirs)]
        assert np.corrcoef(*ranks)[0, 1] > 0.9, metric
    ratio = theirs["tpot_ms"][both] / ours["tpot_ms"][both]
    assert 0.7 < np.median(ratio) < 1.4


@needs_aiconfigurator
def test_a_device_that_was_not_measured_is_infeasible_and_says_so() -> None:
    problem = make_problem("llm-deployment", model="llama-3.1-8b", devices=("mi300x",))
    found = problem.evaluate([problem.space.default()], fidelity="external")
    assert found.status.tolist() == ["infeasible"]
    assert found.reason[0] == "AIConfigurator has no measurements of mi300x"
    problem = make_problem("llm-deployment", model="llama-3.1-8b", devices=("h100_sxm",))
    found = problem.evaluate([problem.space.default() | {"precision": "int4"}], fidelity="external")
    assert found.status.tolist() == ["infeasible"]
    assert "AIConfigurator has no measurements: GEMM perf data missing for quant 'int4_wo'" in found.reason[0]


def test_what_a_tool_does_not_judge_is_said() -> None:
    with pytest.raises(
        ArgumentError, match="external=genz judges designs of accounting=genz, got accounting=ours"
    ):
        make_problem("llm-deployment", external="genz")
    with pytest.raises(ArgumentError, match="AIConfigurator has no configuration of this model"):
        make_problem("llm-deployment", model="opt-13b", prompt=512, external="aiconfigurator")
    assert make_problem("llm-deployment", model="opt-13b", prompt=512).fidelity_names == ("analytical",)
