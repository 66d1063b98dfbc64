"""Fixed mappings against Timeloop, on the sample in the repository and on the whole set where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosearch_simulators.accelerator.engines.timeloop import validation as timeloop
from cosearch_simulators.accelerator.validation import validate
from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.errors import SimulatorError

SAMPLE = Path(__file__).parents[2] / "reference" / "accelerator" / "timeloop"


def test_the_sample_is_met_exactly() -> None:
    for record in read_cases(SAMPLE / "cases.jsonl"):
        one = timeloop.compare(timeloop.read_case(record))
        assert one.cycles[0] == one.cycles[1], one.case.identifier
        assert one.energy_pj[0] == pytest.approx(one.energy_pj[1], rel=1e-6), one.case.identifier
        for ours, theirs in one.tiles:
            assert ours == theirs, one.case.identifier
        for key, pairs in one.accesses.items():
            for ours, theirs in pairs:
                assert ours == pytest.approx(theirs, abs=0.51), (one.case.identifier, key)


def test_the_whole_set_is_within_its_bounds(reference) -> None:
    seen = []
    folder = reference / "accelerator" / "timeloop"
    table = validate(folder, lambda done, of: seen.append((done, of)))
    assert table.passed, table.failures
    assert table.marker == "accelerator-timeloop"
    assert seen[-1] == (len(read_cases(folder / "cases.jsonl")),) * 2


def test_records_that_are_not_of_the_format_are_refused_in_one_line() -> None:
    record = read_cases(SAMPLE / "cases.jsonl")[0]
    assert timeloop.describes(record)
    assert not timeloop.describes({"layers": []})
    with pytest.raises(SimulatorError, match=f"case {record['id']} of Timeloop has no 'shape'"):
        timeloop.read_case(record | {"spec": {"arch": record["spec"]["arch"], "problem": {}, "mapping": []}})


def test_a_mapping_that_is_invalid_to_us_counts_as_missed(tmp_path) -> None:
    record = read_cases(SAMPLE / "cases.jsonl")[0]
    problem = record["spec"]["problem"] | {"K": record["spec"]["problem"].get("K", 1) + 1}
    other = record | {"spec": record["spec"] | {"problem": problem}}
    (tmp_path / "cases.jsonl").write_text(f"{json.dumps(record)}\n{json.dumps(other)}\n")
    table = validate(tmp_path)
    assert not table.passed
    assert [row.share_within_bound for row in table.rows[:2]] == [0.5, 0.5]
    assert f"{record['id']}: no mapping to us: the factors of K multiply to" in table.failures[0]


def test_strides_are_those_of_the_projection() -> None:
    record = next(r for r in read_cases(SAMPLE / "cases.jsonl") if r["kind"] == "conv")
    problem = record["spec"]["problem"] | {"Wstride": 3, "Hdilation": 2}
    shape = dict(problem["shape"])
    shape["coefficients"] = [
        {"name": "Wstride", "default": 1},
        {"name": "Wdilation", "default": 4},
        {"name": "Hdilation", "default": 1},
        {"name": "Hstride", "default": 1},
    ]
    shape["data_spaces"] = [
        {"name": "Weights", "projection": [[["C"]], [["K"]], [["R"]], [["S"]]]},
        {
            "name": "Inputs",
            "projection": [
                [["N"]],
                [["C"]],
                [["S", "Hdilation"], ["Q", "Wstride"]],
                [["R", "Wdilation"], ["P", "Hstride"]],
            ],
        },
    ]
    del problem["Wdilation"], problem["Hstride"]
    problem["Hstride"] = 5
    case = timeloop.read_case(record | {"spec": record["spec"] | {"problem": problem | {"shape": shape}}})
    assert (case.nest.stride, case.nest.dilation) == ((5, 3), (4, 2))


def test_what_is_not_bypassed_is_kept() -> None:
    record = read_cases(SAMPLE / "cases.jsonl")[0]
    mapping = [
        {name: value for name, value in entry.items() if name != "keep"}
        for entry in record["spec"]["mapping"]
    ]
    bare = timeloop.read_case(record | {"spec": record["spec"] | {"mapping": mapping}})
    ours, theirs = (
        bare.mapping.pack(bare.architecture),
        timeloop.read_case(record).mapping.pack(bare.architecture),
    )
    assert ours.keeps is not None
    assert ours.keeps.tolist() == theirs.keeps.tolist()
