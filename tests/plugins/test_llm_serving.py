"""The problem `llm-serving`: its contract, its conditions, its refusals, its pictures."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch.drawing import drawn_pictures
from cosearch.errors import CosearchError, WorkloadWarning
from cosearch.testing import check_problem
from cosearch_plugins.serving.serving import LlmServing

SMALL = {"model": "llama-3.1-8b", "rate": 3.0, "seconds": 40.0, "warmup_s": 5.0}


def apart(design: dict[str, Any]) -> dict[str, Any]:
    """The design with instances of their own for prompts and for answers."""
    kept = {name: value for name, value in design.items() if name not in ("second_device", "chunked")}
    own = {"decode_device": "h100_sxm", "decode_tp": 1, "decode_instances": 2}
    return kept | {"disaggregated": "yes"} | own


@pytest.mark.parametrize(
    "values",
    [
        SMALL,
        SMALL | {"model": "qwen3-30b-a3b", "daily": 0.5, "day_s": 40.0, "prefix_tokens": 256, "urgent": 0.3},
    ],
)
def test_it_keeps_the_contract_of_a_problem(values: dict[str, Any]) -> None:
    check_problem(LlmServing(**values), designs=8)


def test_what_a_fleet_does_not_have_its_design_does_not_name() -> None:
    space = LlmServing(**SMALL).space
    both = space.designs([space.default(), apart(space.default())])
    active = {name for name in space.names if both.active(name)[0]}
    assert not {"decode_device", "decode_tp", "decode_instances", "second_tp"} & active
    active = {name for name in space.names if both.active(name)[1]}
    assert not {"second_device", "chunked"} & active
    assert {"decode_device", "decode_tp", "decode_instances"} <= active
    with pytest.raises(CosearchError, match="'decode_device' is missing"):
        space.designs([space.default() | {"disaggregated": "yes"}])
    assert "scaling" not in space.names
    assert "scaling" in LlmServing(**SMALL, daily=0.5).space.names


def test_more_instances_cost_more_and_serve_no_later() -> None:
    problem = LlmServing(model="llama-3.1-8b", rate=30.0, seconds=60.0, warmup_s=10.0, devices=("l40s",))
    base = problem.space.default() | {"tp": 1}
    found = problem.evaluate([base | {"instances": n} for n in (4, 6, 10)])
    assert found["usd_per_hour"].tolist() == [4.0, 6.0, 10.0]
    assert np.all(np.diff(found["tpot_p99_ms"]) < 0)
    assert found["attainment"][0] < 0.5 < 0.99 < found["attainment"][2]
    assert np.all(found["goodput_per_s"] <= 33.0)


def test_a_short_stream_is_the_begin_of_the_whole() -> None:
    problem = LlmServing(**SMALL)
    short, whole = problem._streams["short"], problem._streams["whole"]
    one, all_of = next(short.pieces()), next(whole.pieces())
    assert one.arrival.size < all_of.arrival.size
    assert one.prompt.tolist() == all_of.prompt[: one.prompt.size].tolist()


def test_two_kinds_of_devices_stand_side_by_side() -> None:
    problem = LlmServing(**SMALL)
    mixed = problem.space.default() | {"device": "h100_sxm", "instances": 1, "tp": 1}
    mixed |= {"second_device": "l40s", "second_tp": 1, "second_instances": 2}
    found = problem.evaluate([mixed])
    assert (found["usd_per_hour"][0], found["devices"][0]) == (4.5, 3.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "a100_sxm", "precision": "fp8"}, "the device has no engine for fp8"),
    ],
)
def test_a_fleet_that_cannot_be_is_infeasible_with_the_reason(change: dict, words: str) -> None:
    problem = LlmServing(**SMALL, link_gb_per_s=0.0)
    found = problem.evaluate([problem.space.default() | change, apart(problem.space.default())])
    assert found.status.tolist() == ["infeasible", "infeasible"]
    assert words in found.reason[0]
    assert found.reason[1] == "the link between prompts and answers has no bandwidth"


def test_a_model_that_fits_no_instance_is_infeasible() -> None:
    problem = LlmServing(model="llama-3.1-70b", seconds=40.0, warmup_s=5.0)
    found = problem.evaluate([problem.space.default() | {"device": "l4", "tp": 1}])
    assert found.reason[0].startswith("needs 1")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": 1e6}, "no design can serve 1e\\+06 requests/s: 256 of the fastest devices at their peak"),
        ({"tpot_level_ms": 0.01}, "no design can keep tpot_level_ms 0.01: to read the weights alone takes"),
        ({"ttft_level_ms": 0.01}, "no design can keep ttft_level_ms 0.01: to read the weights alone takes"),
        ({"model": "llama-3.1-9b"}, "did you mean 'llama-3.1-8b'"),
        ({"devices": ["h100"]}, "unknown device 'h100'; did you mean 'h100_"),
        ({"devices": ["l4", "l4"]}, "devices must name at least one, and each once"),
        ({"precisions": ["bf8"]}, "unknown precision 'bf8'"),
        ({"warmup_s": 60.0}, "warmup_s must be below seconds 40, got 60"),
        ({"model": "llama-2-7b"}, "the longest request has 15,050 tokens, the model's context 4,096"),
        ({"trace": "/nowhere/t.csv"}, "cannot read /nowhere/t.csv"),
        ({"lengths": "azure-cod"}, "azure-code"),
    ],
)
def test_bad_settings_are_one_line(values: dict[str, Any], words: str) -> None:
    with pytest.raises(CosearchError, match=words) as caught:
        LlmServing(**(SMALL | values))
    assert "\n" not in str(caught.value)


def test_a_trace_is_served(tmp_path: Path) -> None:
    rows = "\n".join(f"{0.5 * k},{500 + 7 * k},{20 + k % 30}" for k in range(80))
    path = tmp_path / "requests.csv"
    path.write_text(f"arrival_s,prompt_tokens,output_tokens\n{rows}\n")
    problem = LlmServing(trace=str(path), **{name: SMALL[name] for name in SMALL if name != "rate"})
    assert problem.evaluate([problem.space.default()])["attainment"][0] == 1.0
    assert problem.workload_digest


def test_settings_without_effect_are_said(tmp_path: Path) -> None:
    path = tmp_path / "requests.csv"
    path.write_text("arrival_s,prompt_tokens,output_tokens\n6,500,20\n7,500,20\n")
    others = {name: value for name, value in SMALL.items() if name != "rate"}
    with pytest.warns(WorkloadWarning, match="^without effect: rate; a trace says itself what comes when"):
        LlmServing(**SMALL, trace=str(path))
    with pytest.warns(WorkloadWarning, match="^without effect: speed; there is no trace=$"):
        LlmServing(**SMALL, speed=2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LlmServing(**others, trace=str(path), speed=2.0)
        LlmServing(**SMALL)


def test_its_pictures_are_drawn() -> None:
    problem = LlmServing(**SMALL)
    for design in (problem.space.default(), apart(problem.space.default())):
        assert not drawn_pictures(problem, design).missing
        titles = [picture.title for picture in problem.pictures(design)]
        assert titles == [
            "Attainment against rate",
            "Latencies",
            "Queues and caches over time",
            "Batches",
            "Cost against attainment",
        ]
    knee = problem.pictures(problem.space.default())[0].traces[0]
    assert knee["y"][0] == 1.0
    assert np.all(np.diff(knee["x"]) > 0)
