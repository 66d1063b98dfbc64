"""The problem `llm-service-codesign`: its contract, and what reaches across model, chip and fleet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cosearch.errors import CosearchError
from cosearch.testing import check_problem
from cosearch_plugins.serving.codesign import LlmServiceCodesign

SMALL = {"seconds": 20.0, "warmup_s": 2.0, "rate": 2.0}


def test_it_keeps_the_contract_of_a_problem() -> None:
    check_problem(LlmServiceCodesign(**SMALL), designs=8)


def test_its_space_is_that_of_model_chip_and_fleet() -> None:
    space = LlmServiceCodesign(**SMALL).space
    assert {"model.layers", "chip.cores", "fleet.instances"} <= set(space.names)
    assert {"fleet.decode_instances", "model.stateful"}.isdisjoint(space.default())


def test_a_larger_model_has_less_loss_and_takes_more_of_the_same_fleet() -> None:
    problem = LlmServiceCodesign(**SMALL)
    found = problem.evaluate([problem.space.default() | {"model.layers": n} for n in (12, 24, 48)])
    assert np.all(np.diff(found["loss_nats"]) < 0)
    assert np.all(np.diff(found["tpot_p99_ms"]) > 0)
    assert np.all(np.diff(found["energy_per_token_j"]) > 0)
    assert len(set(found["fleet_area_mm2"])) == 1


def test_more_instances_are_more_silicon_and_wait_less() -> None:
    problem = LlmServiceCodesign(**(SMALL | {"rate": 40.0}))
    base = problem.space.default() | {"chip.devices": 1, "model.layers": 48}
    found = problem.evaluate([base | {"fleet.instances": n} for n in (2, 4, 8)])
    assert found["fleet_area_mm2"] == pytest.approx(found["fleet_area_mm2"][0] * np.array([1, 2, 4]))
    assert found["ttft_p99_ms"][2] < found["ttft_p99_ms"][1] < found["ttft_p99_ms"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chip.cores": 216, "chip.macs_per_core": 4096}, "mm2 are more than the reticle's 858"),
        ({"model.layers": 8, "model.hidden": 512, "model.ffn_ratio": 2.0}, "million weights are outside"),
        ({"chip.stacks": 1, "chip.devices": 1, "model.hidden": 4096, "model.layers": 48}, "needs "),
    ],
)
def test_what_cannot_be_is_infeasible_with_the_reason(change: dict[str, Any], words: str) -> None:
    problem = LlmServiceCodesign(**SMALL)
    found = problem.evaluate([problem.space.default() | change])
    assert found.status.tolist() == ["infeasible"]
    assert words in found.reason[0]


def test_bad_settings_are_one_line() -> None:
    with pytest.raises(CosearchError, match="warmup_s must be below seconds 20, got 30"):
        LlmServiceCodesign(**(SMALL | {"warmup_s": 30.0}))
