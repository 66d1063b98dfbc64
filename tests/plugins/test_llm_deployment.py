"""The problem `llm-deployment`: its contract, its refusals, the accountings, its pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.llm.deployment import LlmDeployment
from cosearch_simulators.llm import MODELS
from cosearch_simulators.llm.models import parameters


@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-30b-a3b"])
def test_it_keeps_the_contract_of_a_problem(model: str) -> None:
    check_problem(LlmDeployment(model=model), designs=12, elsewhere=False)


@pytest.mark.parametrize("accounting", ["genz", "llm-viewer"])
def test_an_accounting_is_searched_as_it_is_validated(accounting: str) -> None:
    problem = LlmDeployment(model="llama-2-7b", prompt=1024, output=256, accounting=accounting)
    check_problem(problem, designs=12, elsewhere=False)
    ours = LlmDeployment(model="llama-2-7b", prompt=1024, output=256)
    design = problem.space.default() | {"tp": 1}
    same = {"chunk": 0}
    theirs, mine = problem.evaluate([design])["tpot_ms"][0], ours.evaluate([design | same])["tpot_ms"][0]
    assert 0.2 < theirs / mine < 2.0
    assert theirs != mine


def test_more_devices_of_a_kind_cost_more_and_answer_more() -> None:
    problem = LlmDeployment(model="llama-3.1-8b")
    base = problem.space.default()
    found = problem.evaluate([base | {"replicas": n} for n in (1, 2, 4)])
    assert found["usd_per_hour"] == pytest.approx(found["usd_per_hour"][0] * np.array([1, 2, 4]))
    assert found["tokens_per_s"] == pytest.approx(found["tokens_per_s"][0] * np.array([1, 2, 4]))
    assert len(set(found["tpot_ms"])) == 1


def test_offloading_serves_what_does_not_fit_slowly() -> None:
    fits, offloaded = (LlmDeployment(offload=value) for value in (False, True))
    base = fits.space.default() | {"batch": 1}
    found = offloaded.evaluate([base | {"tp": 1}, base])
    assert found.status.tolist() == ["ok", "ok"]
    assert found["tpot_ms"][0] > 10 * found["tpot_ms"][1]
    assert found["tpot_ms"][1] == fits.evaluate([base])["tpot_ms"][0]


def test_drafted_tokens_help_small_batches_and_chunks_trade_ttft_for_tpot() -> None:
    problem = LlmDeployment(model="llama-3.1-8b", prompt=2048, output=512)
    base = problem.space.default() | {"batch": 1}
    drafting = LlmDeployment(model="llama-3.1-8b", prompt=2048, output=512, draft=4)
    drafted = [one.evaluate([base])["tpot_ms"][0] for one in (problem, drafting)]
    assert drafted[1] < 0.7 * drafted[0]
    chunked = problem.evaluate([base | {"tp": 1, "batch": 64, "chunk": n} for n in (0, 512)])
    assert chunked["tpot_ms"][1] < chunked["tpot_ms"][0]
    assert chunked["ttft_ms"][1] > chunked["ttft_ms"][0]


def test_a_model_that_does_not_fit_is_infeasible_with_the_reason() -> None:
    found = LlmDeployment().evaluate([LlmDeployment().space.default() | {"tp": 1, "batch": 1}])
    assert found.status.tolist() == ["infeasible"]
    assert found.reason[0].startswith("needs 1")
    assert "has 72.0 usable" in found.reason[0]


def test_a_precision_without_an_engine_is_infeasible() -> None:
    problem = LlmDeployment(model="llama-3.1-8b")
    found = problem.evaluate([problem.space.default() | {"device": "a100_sxm", "precision": "fp8"}])
    assert found.reason[0] == "the device has no engine for fp8"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "llama-3.1-80b"}, "did you mean 'llama-3.1-8b'"),
        ({"devices": ["h100"]}, "unknown device 'h100'; did you mean 'h100_"),
        ({"devices": []}, "devices must name at least one device"),
        ({"prompt": 131072}, "prompt \\+ output is 131584 tokens, the model's context has 131072"),
        ({"cached": 2048}, "cached must be below prompt 2048, got 2048"),
        ({"prompt": 0}, "prompt"),
        ({"draft": 2, "accounting": "genz"}, "accounting=genz knows no draft and no offload"),
    ],
)
def test_bad_settings_are_one_line(values: dict, words: str) -> None:
    with pytest.raises(CosearchError, match=words) as caught:
        LlmDeployment(**values)
    assert "\n" not in str(caught.value)


LLAMA_3_1_8B = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
}


def test_a_config_file_is_the_published_model(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA_3_1_8B))
    read, named = LlmDeployment(config=str(path)), LlmDeployment(model="llama-3.1-8b")
    assert read.model == named.model


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model_type": "llama5"}, "unknown model_type 'llama5'; did you mean 'llama'"),
        ({"hidden_size": -1}, "hidden_size must be a number of 1 or more, got -1"),
        ({"num_key_value_heads": 5}, "32 heads do not share 5 KV heads evenly"),
        ({"vocab_size": None}, "has no vocab_size"),
    ],
)
def test_a_config_file_that_cannot_be_is_one_line(tmp_path: Path, changed: dict, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA_3_1_8B | changed))
    with pytest.raises(CosearchError, match=words):
        LlmDeployment(config=str(path))


OTHERS = {
    "gpt2": (
        {
            "model_type": "gpt2",
            "vocab_size": 50257,
            "n_embd": 768,
            "n_layer": 12,
            "n_head": 12,
            "n_positions": 1024,
        },
        0.124,
    ),
    "opt-13b": (
        {
            "model_type": "opt",
            "vocab_size": 50272,
            "hidden_size": 5120,
            "num_hidden_layers": 40,
            "num_attention_heads": 40,
            "ffn_dim": 20480,
            "max_position_embeddings": 2048,
        },
        12.85,
    ),
    "lfm2-1.2b": (
        {
            "model_type": "lfm2",
            "vocab_size": 65536,
            "hidden_size": 2048,
            "num_hidden_layers": 16,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "intermediate_size": 8192,
            "full_attn_idxs": [2, 5, 8, 10, 12, 14],
            "max_position_embeddings": 128000,
        },
        1.17,
    ),
    "gemma-3-27b": (
        {
            "text_config": {
                "model_type": "gemma3_text",
                "vocab_size": 262208,
                "hidden_size": 5376,
                "num_hidden_layers": 62,
                "num_attention_heads": 32,
                "num_key_value_heads": 16,
                "head_dim": 128,
                "intermediate_size": 21504,
                "sliding_window": 1024,
            }
        },
        27.0,
    ),
}
"""Configurations, and billions of weights as published."""


@pytest.mark.parametrize("name", OTHERS)
def test_other_architectures_are_read(tmp_path: Path, name: str) -> None:
    config, billions = OTHERS[name]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    model = LlmDeployment(config=str(path), prompt=512, output=128).model
    assert float(parameters(model)) / 1e9 == pytest.approx(billions, rel=0.02)
    if name in MODELS:
        assert model == replace(MODELS[name], longest=model.longest)


def test_an_lfm2_without_its_layers_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({k: v for k, v in OTHERS["lfm2-1.2b"][0].items() if k != "full_attn_idxs"}))
    with pytest.raises(CosearchError, match="has neither layer_types nor full_attn_idxs"):
        LlmDeployment(config=str(path))


def test_its_pictures_are_drawn_and_no_operator_is_above_the_roof() -> None:
    problem = LlmDeployment(model="qwen3-30b-a3b")
    drawn = drawn_pictures(problem, problem.space.default())
    titles = [picture.title for picture in problem.pictures(problem.space.default())]
    assert titles == [
        "The operators under the roof",
        "Where the time goes",
        "What the time waits for",
        "Where the energy goes",
        "What memory is used for",
    ]
    by_part, by_bound = (
        np.sum([trace["y"] for trace in picture.traces], axis=0)
        for picture in problem.pictures(problem.space.default())[1:3]
    )
    assert by_part == pytest.approx(by_bound)
    assert not drawn.missing
    roof, *stages = problem.pictures(problem.space.default())[0].traces
    for stage in stages:
        limit = np.interp(np.log(stage["x"]), np.log(roof["x"]), roof["y"])
        assert np.all(np.asarray(stage["y"]) < 1.2 * limit)
