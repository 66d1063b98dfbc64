"""The problem `llm-platform`: its contract, what memory and dataflow do, gradient, pictures, bad input."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.llm.platform import LlmPlatform


@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v3", "lfm2-1.2b"])
def test_it_keeps_the_contract_of_a_problem(model: str) -> None:
    check_problem(LlmPlatform(model=model, batch=4), designs=12)


def test_multipliers_in_the_banks_save_time_and_cost_money() -> None:
    problem = LlmPlatform(batch=64, prompt=4096)
    base = problem.space.default() | {"units": 8}
    banks = {"in_banks": "attention", "batches": "interleaved"}
    found = problem.evaluate([base, base | banks | {"row_buffers": 1}, base | banks | {"row_buffers": 2}])
    assert np.all(np.diff(found["tpot_ms"]) < 0)
    assert found["usd"][1] > found["usd"][0]


def test_flash_that_computes_serves_a_model_that_does_not_fit() -> None:
    problem = LlmPlatform(model="llama-3.1-70b", precision="int8")
    base = problem.space.default() | {"memory": "lpddr5x", "units": 1}
    behind = [{"second": name, "second_units": 32} for name in ("flash", "flash_compute")]
    found = problem.evaluate([base] + [base | one for one in behind])
    assert found.status.tolist() == ["infeasible", "ok", "ok"]
    assert "its memories hold 16.0" in found.reason[0]
    assert found["tpot_ms"][2] < 0.3 * found["tpot_ms"][1]


def test_models_that_wait_behind_are_switched_at_the_memorys_rate() -> None:
    """SN40L's composition of experts: DDR5 holds the models, a request brings its own."""
    problem = LlmPlatform(models=16, switches=1.0)
    base = problem.space.default() | {"second": "ddr5"}
    found = problem.evaluate([base | {"second_units": n} for n in (8, 16)])
    assert found["switch_ms"][0] == pytest.approx(2 * found["switch_ms"][1])
    assert np.all(found["ttft_ms"] > found["switch_ms"])


def test_a_die_above_the_reticle_is_infeasible() -> None:
    problem = LlmPlatform()
    found = problem.evaluate([problem.space.default() | {"arrays": 64, "side": 256}])
    assert "more than the reticle's 858" in found.reason[0]


def test_stacks_need_room_at_the_edge_of_the_die() -> None:
    problem = LlmPlatform(model="llama-3.2-1b", batch=1)
    small = problem.space.default() | {"memory": "hbm3", "arrays": 1, "side": 16, "sram_mib": 1, "links": 1}
    counts = np.array([1, 2, 4, 8, 12, 16])
    found = problem.evaluate([small | {"units": int(n)} for n in counts])
    ok = found.ok
    assert ok[0]
    assert np.all(counts[ok] * 6.5 <= 4 * found["area_mm2"][ok] ** 0.5)
    assert not ok[-1]
    assert found.reason[-1].startswith("16 memory stacks take 104 of the die's edge of ")
    without = problem.evaluate([small | {"units": 16, "memory": "gddr6"}])  # stands on the board
    assert without.ok.all()


def test_its_pictures_are_drawn_and_what_they_stack_is_the_time() -> None:
    problem = LlmPlatform(batch=16)
    design = problem.space.default() | {
        "in_banks": "attention",
        "batches": "whole",
        "row_buffers": 2,
        "second": "ddr5",
        "second_units": 8,
    }
    assert not drawn_pictures(problem, design).missing
    pictures = {picture.title: picture for picture in problem.pictures(design)}
    assert list(pictures) == [
        "The operators under the roof",
        "Where the time goes",
        "What the time waits for",
        "Where the energy goes",
        "What the memories hold",
    ]
    by_part, by_bound = (
        np.sum([trace["y"] for trace in pictures[title].traces], axis=0)
        for title in ("Where the time goes", "What the time waits for")
    )
    assert by_part == pytest.approx(by_bound)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "llama-3.1-80b"}, "did you mean 'llama-3.1-8b'"),
        ({"prompt": 131072}, "prompt \\+ output is 131328 tokens, the model's context has 131072"),
        ({"switches": 1.5}, "switches"),
        ({"models": 0}, "models"),
    ],
)
def test_bad_settings_are_one_line(values: dict, words: str) -> None:
    with pytest.raises(CosearchError, match=words) as caught:
        LlmPlatform(**values)
    assert "\n" not in str(caught.value)
