"""What all built-in problems have in common in their settings, and arguments that old studies stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from cosearch import Problem, errors, make_problem
from cosearch.settings import described, settings_key
from cosearch_plugins import cosearch_problems
from cosearch_plugins.accelerator.mapping import AcceleratorMapping
from cosearch_plugins.accelerator.npu_multicore import NpuMulticore
from cosearch_plugins.dram.controller import DramController
from cosearch_plugins.dram.controller_archgym import DramControllerArchgym
from cosearch_plugins.dram.controller_settings import DramControllerSettings
from cosearch_plugins.dram.controller_spaces import CONTROLLERS
from cosearch_simulators import dram
from cosearch_simulators.dram.common.traces.formats import write_trace
from cosearch_simulators.dram.common.traces.generators import generate
from cosearch_simulators.dram.engines.dramsys.players import LONGEST_STARVATION

PROBLEMS = cosearch_problems()
# A lookup in a table takes no threads, and a problem of networks has no workload but its networks.
THREADED = [
    one
    for one in PROBLEMS
    if one.Settings is not None
    and "threads" in one.Settings.model_fields
    and not any(field.is_required() for field in one.Settings.model_fields.values())
]
LIMITS = ("external_timeout_s", "run_timeout_s", "run_memory_mb", "at_once")
WITH_WORKLOAD = [one for one in THREADED if "workload" in one.Settings.model_fields]
LISTS = {
    "BYTE_BIT": list(range(3)),
    "COLUMN_BIT": list(range(3, 13)),
    "BANKGROUP_BIT": [13, 14],
    "BANK_BIT": [15, 16],
    "ROW_BIT": list(range(17, 33)),
}


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_setting_is_described(problem: type[Problem]) -> None:
    settings = described(problem.Settings)
    assert {one.name for one in settings if not one.affects_results} <= {"threads", *LIMITS}
    for one in settings:
        assert one.description, one.name
        assert one.type != "any value", one.name
        # A table is its file, and somebody's tool needs one to run.
        assert not one.required or "file" in problem.Settings.model_fields or problem.needs, one.name


@pytest.mark.parametrize("problem", WITH_WORKLOAD, ids=lambda problem: problem.name)
def test_studies_that_differ_in_threads_or_in_saying_a_default_are_comparable(problem: type[Problem]) -> None:
    assert problem.Settings is not None
    workload = problem.Settings.model_fields["workload"].default
    said = {"threads": 2, "workload": workload}
    assert settings_key(problem.Settings, said) == settings_key(problem.Settings, {})
    assert settings_key(problem.Settings, {"workload": "other"}) != settings_key(problem.Settings, {})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("accelerator", {"workload": "alexnet", "technology_nm": 22, "bits": 8, "template": None}),
        ("accelerator-maestrogym", {"layer": "conv1", "goal": "area", "pes": 168}),
        ("accelerator-mapping", {"layer": 3, "architecture": "tpu", "overflow": "reject"}),
        ("accelerator-timeloopgym", {"workload": "archgym-alexnet", "targets_of": "archgym"}),
        ("dram-controller", {"search_device": "speed_grade", "ranks": 2, "standard": "DDR5"}),
        ("dram-controller", {"search_device": True, "memspec": None, "channels": 2, "threads": 1}),
        ("dram-controller", {"address_mapping": LISTS}),
        ("dram-controller", {"address_mapping": json.dumps(LISTS)}),
        (
            "dram-controller",
            {
                "controller": "bank_machines",
                "players": {"cpu": {"workload": "random", "gb_per_s": 4.0}, "dma": {"workload": "stream"}},
                "starvation_cycles": 300,
            },
        ),
        ("dram-controller-archgym", {"workload": "cloud-1", "goal": "power", "seed": 3}),
        ("npu-multicore", {"workload": "mobilenet_v2", "bits": 8}),
    ],
)
def test_a_problem_is_built_from_what_a_study_of_format_1_stored(
    name: str, arguments: dict[str, Any]
) -> None:
    built = make_problem(name, **arguments)
    kept = json.loads(json.dumps(built.arguments))
    assert set(kept) == set(arguments)
    assert make_problem(name, **kept).space == built.space


def test_what_is_declared_is_what_there_is() -> None:
    fields = DramControllerSettings.model_fields
    assert get_args(fields["standard"].annotation) == dram.standards()
    assert get_args(fields["controller"].annotation) == tuple(CONTROLLERS)
    assert DramControllerSettings.model_json_schema()["properties"]["starvation_cycles"]["maximum"] == (
        LONGEST_STARVATION
    )


def test_a_trace_of_a_player_is_hashed_too(tmp_path: Path) -> None:
    write_trace(generate("gups", requests=900), tmp_path / "cpu.npz")
    (tmp_path / "soc.yaml").write_text("cpu: {workload: cpu.npz}\n")

    def digest() -> str:
        return DramController(controller="bank_machines", players=str(tmp_path / "soc.yaml")).workload_digest

    before = digest()
    assert before == DramController(workload=str(tmp_path / "cpu.npz")).workload_digest != ""
    write_trace(generate("gups", requests=901), tmp_path / "cpu.npz")
    assert digest() != before
    assert DramController().workload_digest == ""


def test_a_built_in_name_is_no_file_that_happens_to_lie_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("resnet18", "eyeriss", "stream", "cloud-1"):
        (tmp_path / name).write_text("not meant")
    monkeypatch.chdir(tmp_path)
    for problem in (
        NpuMulticore(workload="resnet18"),
        AcceleratorMapping(workload="resnet18", architecture="eyeriss"),
        DramController(workload="stream"),
        DramControllerArchgym(workload="cloud-1"),
    ):
        assert problem.workload_digest == ""
        assert str(tmp_path) not in json.dumps(problem.arguments)


@pytest.mark.parametrize("problem", THREADED, ids=lambda problem: problem.name)
@pytest.mark.parametrize("threads", [0, 1.5, True, "many"])
def test_a_wrong_number_of_threads_is_one_line_that_names_it(problem: type[Problem], threads: Any) -> None:
    with pytest.raises(errors.ArgumentError, match=f"problem {problem.name}: threads must be ") as refused:
        problem(threads=threads)
    assert "\n" not in str(refused.value)
