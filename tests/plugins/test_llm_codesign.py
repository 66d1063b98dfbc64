"""The problem `llm-codesign`: the law's published numbers, its range, and what a larger model costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.llm.codesign import LlmCodesign


@pytest.mark.parametrize("chip", ["gpu", "npu"])
def test_it_keeps_the_contract_of_a_problem(chip: str) -> None:
    check_problem(LlmCodesign(chip=chip), designs=12)


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
    assert "million weights are outside the law's 70 to 16000 million" in found.reason[0]


def test_fewer_bits_cost_loss_and_save_time_and_energy() -> None:
    problem = LlmCodesign(chip="npu", batch=1)
    found = problem.evaluate([problem.space.default() | {"model.weight_bits": bits} for bits in (16, 8, 4)])
    assert np.all(np.diff(found["loss_nats"]) > 0)
    assert np.all(np.diff(found["tpot_ms"]) < 0)
    assert np.all(np.diff(found["energy_per_token_j"]) < 0)
    assert found["bits_beyond_the_law"].tolist() == [0, 1, 1]


def test_states_in_place_of_a_cache_save_memory_and_time_at_long_prompts() -> None:
    problem = LlmCodesign(chip="npu", prompt=32768)
    base = problem.space.default()
    mixed = [{"model.stateful_share": share, "model.stateful": "mamba2"} for share in (0.25, 0.5, 0.875)]
    found = problem.evaluate([base] + [base | one for one in mixed])
    assert np.all(np.diff(found["memory_gib"]) < 0)
    assert np.all(np.diff(found["tpot_ms"]) < 0)


def test_a_shape_for_the_device_is_better_at_the_same_latency_on_an_edge_device() -> None:
    """Sun et al., 2026 (arXiv 2602.10377): at the latency of Qwen2.5-0.5B on a Jetson Orin a co-designed
    model has 19.4 % less perplexity on WikiText-2.

    Differs: their law of shape and loss was not to be had. Ours sees weights alone, and where a step waits
        for
    memory the same latency means about the same weights: the direction is theirs, the gain about 1 %.
    """
    from cosearch_plugins.llm.model_space import models_of
    from cosearch_simulators.llm import MODELS, Serving, evaluate, platform_named
    from cosearch_simulators.llm.models import parameters
    from cosearch_simulators.llm.quality import LAWS, loss

    space = LlmCodesign().space["model"]
    designs = space.sample(3000, 0)
    shape = {name: np.asarray(designs[name], float) for name in space.names if name != "stateful"}
    shape["weight_bits"] = np.full(3000, 16.0)
    shape["mamba"] = np.ones(3000)
    orin, serving = platform_named("jetson_agx_orin"), Serving(prompt=1024.0, output=256.0)
    models = models_of(np, shape, 151936.0, 1024.0)
    found = evaluate(models, orin, serving)
    given = MODELS["qwen2.5-0.5b"]
    limit = evaluate(given, orin, serving)["latency_ms"][0]
    law = LAWS["replication"]
    mine = loss(law, np.asarray(parameters(models)), 10e9)
    best = mine[found.ok & (found["latency_ms"] <= limit)].min()
    gain = 1 - np.exp(best) / np.exp(loss(law, float(parameters(given)), 10e9))
    assert 0 < gain < 0.19


def test_hw_gpts_predictions_are_searched_and_say_what_they_are(reference: Path) -> None:
    table = str(reference / "nas" / "hw_gpt" / "perplexity.parquet")
    problem = LlmCodesign(hw_gpt=table, prompt=512)
    check_problem(problem, designs=12)
    assert "predicted, not measured" in problem.about
    base = problem.space.default() | {"chip.devices": 1}
    found = problem.evaluate([base | {"model.embed_dim": width} for width in (192, 384, 768)])
    assert np.all(np.diff(found["perplexity_predicted"]) < 0)
    assert np.all(np.diff(found["tpot_ms"]) > 0)
    assert found["distance_to_predicted"][2] == 0


def test_a_table_that_is_none_of_hw_gpts_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(CosearchError, match="cannot read"):
        LlmCodesign(hw_gpt=str(tmp_path / "x.parquet"))
