"""The problem `llm-codesign`: the law's published numbers, its range, and what a larger model costs."""

from __future__ import annotations

import numpy as np

from cosearch.testing import check_problem
from cosearch_plugins.llm.codesign import LlmCodesign
from cosearch_simulators.llm.quality import LAWS, loss


def test_it_keeps_the_contract_of_a_problem() -> None:
    check_problem(LlmCodesign(), designs=12)


def test_the_replication_trains_about_twenty_tokens_for_each_weight_at_chinchillas_budget() -> None:
    """Besiroglu et al. find what Chinchilla was trained by, 20 tokens a weight, within their interval."""
    law, budget = LAWS["replication"], 5.76e23
    weights = np.logspace(9.5, 12, 2000)
    best = weights[np.argmin(loss(law, weights, budget / (6 * weights)))]
    assert 10 < budget / (6 * best) / best < 30


def test_a_larger_model_has_less_loss_and_takes_more_time() -> None:
    problem = LlmCodesign()
    base = problem.space.default()
    found = problem.evaluate([base | {"model.layers": n} for n in (16, 24, 32)])
    assert np.all(np.diff(found["loss_nats"]) < 0)
    assert np.all(np.diff(found["tpot_ms"]) > 0)
    assert np.all(np.diff(found["ttft_ms"]) > 0)


def test_a_model_outside_the_law_is_infeasible_with_the_reason() -> None:
    problem = LlmCodesign()
    small = {"model.layers": 8, "model.hidden": 512, "model.ffn_ratio": 2.0, "chip.devices": 1}
    found = problem.evaluate([problem.space.default() | small])
    assert found.status.tolist() == ["infeasible"]
    assert "million weights are outside the law's 44 to 16000 million" in found.reason[0]
