"""Dataflow templates: what they admit, the mappings they make, the mappings they refuse."""

from __future__ import annotations

import pytest

from cosearch_simulators.accelerator.mapping.mapping import Mapping
from cosearch_simulators.accelerator.mapping.templates import TEMPLATES, Template, template
from cosearch_simulators.accelerator.system.architecture import preset, presets
from cosearch_simulators.documents import parse
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LoopNest

CONVOLUTION = LoopNest.of({"K": 64, "C": 48, "P": 27, "Q": 27, "R": 5, "S": 5})
DEPTHWISE = LoopNest.of({"G": 96, "P": 56, "Q": 56, "R": 3, "S": 3}, stride=(2, 2))
PRODUCT = LoopNest.of({"P": 128, "K": 3072, "C": 768})
DILATED = LoopNest.of({"K": 16, "C": 16, "P": 28, "Q": 28, "R": 3, "S": 3}, dilation=(2, 2))
OPERATORS = (CONVOLUTION, DEPTHWISE, PRODUCT, DILATED)


@pytest.mark.parametrize("machine", presets())
@pytest.mark.parametrize("entry", TEMPLATES, ids=lambda entry: entry.name)
def test_the_plain_mapping_is_valid_and_of_its_dataflow(entry, machine) -> None:
    architecture = preset(machine)
    for nest in OPERATORS:
        if entry.admits(nest):
            with pytest.raises(ConfigurationError, match=entry.name):
                entry.mapping(architecture, nest)
            continue
        mapping = entry.mapping(architecture, nest)
        assert mapping.fault(architecture, nest) == ""
        assert entry.fault(mapping, architecture) == ""


def test_operators_that_cannot_run_are_refused_with_the_reason() -> None:
    assert (
        template("tpu-like").admits(DEPTHWISE) == "tpu-like runs one iteration of G only, the operator has 96"
    )
    assert template("eyeriss-like").admits(DILATED) == (
        "eyeriss-like runs a dilation of at most 1, the operator has 2"
    )
    assert template("weight-stationary").admits(DILATED) == ""


def test_users_give_their_own() -> None:
    mine = parse(Template, {"name": "mine", "spatial": [["K"], ["C"]], "needs": ["R"], "largest_stride": 1})
    assert mine.admits(PRODUCT) == "mine needs an operator with more than one iteration of R"
    assert mine.admits(DEPTHWISE) == "mine runs a stride of at most 1, the operator has 2"
    with pytest.raises(ConfigurationError, match=r"unknown field spatal; did you mean 'spatial'"):
        parse(Template, {"name": "mine", "spatial": [["K"]], "spatal": []})


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"needs": ["Q"], "lacks": ["Q"]}, "no operator runs: needs and lacks both name Q"),
        ({"spatial": [["K"], ["C", "C"]]}, "spatial.1: C is named twice"),
        ({"innermost": ["Q", "S", "Q"]}, "innermost: Q is named twice"),
        ({"spatial": ["K"]}, "spatial.0: expected a list, got 'K'"),
        ({"largest_stride": 0}, "largest_stride: must be more than 0, got 0"),
        ({"stationary": "Sums"}, "stationary: expected 'Weights', 'Inputs' or 'Outputs', got 'Sums'"),
    ],
)
def test_templates_that_cannot_be_are_refused(fields, line) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse(Template, {"name": "mine", "spatial": [["K"]]} | fields)
    assert str(error.value) == line


def test_mappings_of_another_dataflow_are_refused_with_the_reason() -> None:
    eyeriss = preset("eyeriss")
    spread = parse(Mapping, {"levels": [{"level": "GlobalBuffer", "spatial": [{"S": 3}]}]})
    assert template("weight-stationary").fault(spread, eyeriss) == (
        "weight-stationary spreads K along axis 0 of GlobalBuffer, not S"
    )
    order = parse(
        Mapping, {"levels": [{"level": "GlobalBuffer", "temporal": {"C": 2, "P": 2}, "order": ["C", "P"]}]}
    )
    assert template("weight-stationary").fault(order, eyeriss) == (
        "weight-stationary runs P innermost at GlobalBuffer, not C"
    )


def test_unknown_templates_come_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'row-stationary'"):
        template("row-stationry")
