"""The problems accelerator and accelerator-timeloopgym: whole accelerators, every layer mapped."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import yaml

from cosearch.drawing import drawn_pictures
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.testing import check_problem
from cosearch_plugins.accelerator.hardware import DATAFLOWS, Accelerator
from cosearch_plugins.accelerator.pictures import MOST_NAMES
from cosearch_plugins.accelerator.timeloopgym import AcceleratorTimeloopgym
from cosearch_plugins.accelerator.timeloopgym_components import MAC_UM2, buffer, scratchpad
from cosearch_simulators.accelerator.mapping.templates import template

PROBLEMS = (Accelerator(workload="alexnet"), AcceleratorTimeloopgym())


@pytest.mark.parametrize(
    "problem", [Accelerator(workload="alexnet"), AcceleratorTimeloopgym()], ids=lambda p: p.name
)
def test_they_keep_the_contract_of_a_problem(problem):
    check_problem(problem, designs=5, elsewhere=False)


@pytest.mark.parametrize(
    "problem", [Accelerator(workload="alexnet"), AcceleratorTimeloopgym()], ids=lambda p: p.name
)
def test_their_pictures_can_be_drawn(problem):
    drawn = drawn_pictures(problem, problem.space.default())
    assert drawn.missing == ()
    assert len(drawn.pictures) == 3


@pytest.mark.parametrize("workload", ["alexnet", "mobilenet_v2"])
def test_the_pictures_say_what_the_metrics_do(workload):
    problem = Accelerator(workload=workload)
    design = problem.space.default() | {"array_rows": 64}
    metrics = problem.evaluate(problem.space.designs([design])).metrics
    array, energy, roofline = problem.pictures(design)
    assert np.mean(array.traces[0]["z"]) == pytest.approx(metrics["utilisation"][0], abs=1e-4)
    assert f"{metrics['utilisation'][0]:.1%}" in array.caption
    assert sum(np.sum(t["x"]) for t in energy.traces) == pytest.approx(metrics["energy_pj"][0] / 1e6)
    assert f"{metrics['energy_pj'][0] / 1e6:,.5g} uJ in all" in energy.caption
    layers = roofline.traces[1]
    assert len(layers["x"]) == len(problem.network.matrix_operators)
    longest = max(layers["hovertext"], key=lambda text: float(text.split(", ")[1].split("%")[0]))
    assert longest.split(",")[0] in layers["text"]
    assert 1 <= sum(map(bool, layers["text"])) <= MOST_NAMES
    others = len(problem.network.operators) - len(layers["x"])
    assert f"The {others} other operators" in roofline.caption


def test_every_dataflow_runs_and_none_beats_the_array():
    problem = Accelerator(workload="resnet18")
    default = problem.space.default()
    designs = problem.space.designs([default | {"dataflow": flow} for flow in DATAFLOWS])
    outcomes = problem.evaluate(designs)
    assert set(outcomes.status) == {"ok"}
    assert np.all(outcomes["cycles"] >= problem.network.macs / 256)
    # A mapper that may spread any loops does at least as well as one that may spread some, but for its luck.
    edp = dict(zip(DATAFLOWS, outcomes["edp_pj_s"], strict=True))
    assert edp["flexible"] <= 1.05 * min(edp.values())


def test_a_larger_array_is_faster_and_larger_and_a_narrower_word_cheaper():
    problem = Accelerator(workload="alexnet")
    default = problem.space.default()
    small, large, wide = (
        {name: column[i] for name, column in outcomes.metrics.items()}
        for outcomes in [
            problem.evaluate(
                problem.space.designs(
                    [default, default | {"array_rows": 64, "array_columns": 64}, default | {"bits": 16}]
                )
            )
        ]
        for i in range(3)
    )
    assert large["latency_ns"] < small["latency_ns"]
    assert large["area_mm2"] > small["area_mm2"]
    assert wide["energy_pj"] > small["energy_pj"]


def test_wider_sums_cost_what_their_bits_do():
    narrow, wide_operands, wide = (
        {
            name: float(column[0])
            for name, column in problem.evaluate(problem.space.designs([default])).metrics.items()
        }
        for problem in (
            Accelerator(workload="alexnet", accumulation_bits=8, bits=8),
            Accelerator(workload="alexnet", accumulation_bits=16, bits=16),
            Accelerator(workload="alexnet"),
        )
        for default in [problem.space.default()]
    )
    assert narrow["energy_pj"] < wide["energy_pj"] < wide_operands["energy_pj"]
    assert narrow["area_mm2"] == wide["area_mm2"]
    with pytest.raises(
        ArgumentError, match="accumulation_bits must be from 16, the bits of activations, to 64, got 12"
    ):
        Accelerator(accumulation_bits=12)


def test_partial_sums_have_32_bits_unless_said_otherwise():
    default, asked = (
        problem.evaluate(problem.space.designs([problem.space.default()]))
        for problem in (PROBLEMS[0], Accelerator(workload="alexnet", accumulation_bits=32))
    )
    assert default["energy_pj"] == asked["energy_pj"]


def test_a_design_alone_is_what_it_is_in_a_batch():
    problem = Accelerator(workload="alexnet", threads=2)
    designs = problem.space.sample(12, 5)
    batch = problem.evaluate(designs)
    for i in (0, 7):
        alone = problem.evaluate(designs[i : i + 1])
        for name in problem.metric_names:
            assert alone[name][0] == batch[name][i] or np.isnan(batch[name][i])


def test_an_operator_that_the_dataflow_cannot_run_is_named():
    problem = Accelerator(workload="mobilenet_v2")
    outcomes = problem.evaluate(
        problem.space.designs([problem.space.default() | {"dataflow": flow} for flow in DATAFLOWS])
    )
    for status, reason in zip(outcomes.status, outcomes.reason, strict=True):
        assert (status == "ok") == (reason == "")


def test_the_timeloopgym_is_archgyms_space_and_eyeriss_takes_the_cycles_that_archgym_states():
    problem = AcceleratorTimeloopgym()
    scratchpad = 4 * 16 * 3 * 4 * 4
    buffers = (4 * 16 * 3) * (4 * 7 * 4 * 3 * 4 * 4)
    assert problem.space.cardinality() == prod([24, 3, scratchpad**3, buffers])
    grouped = [name for group in problem.space.groups.values() for name in group]
    assert sorted(grouped) == sorted(problem.space.names)
    eyeriss = problem.evaluate(problem.space.designs([problem.space.default()]))
    assert eyeriss["cycles"][0] == pytest.approx(7885704, rel=0.03)


def test_the_timeloopgyms_parts_are_those_that_archgym_records():
    """The public `sims/Timeloop/output` of ArchGym: the specs in timeloop-mapper.stats.txt, and the ERT."""
    eyeriss = {
        "SHARED_GLB": buffer("smartbuffer_SRAM", 16384, 32),
        "DUMMY_BUFFER": scratchpad("SRAM", 16, 1),
        "IFMAP_SPAD": scratchpad("smartbuffer_SRAM", 12, 1),
        "WEIGHTS_SPAD": scratchpad("smartbuffer_SRAM", 192, 1),
        "PSUM_SPAD": scratchpad("smartbuffer_SRAM", 16, 1),
    }
    recorded = {
        "SHARED_GLB": (75.21, 1162549.0),
        "DUMMY_BUFFER": (0.20, 235.68),
        "IFMAP_SPAD": (0.24, 379.68),
        "WEIGHTS_SPAD": (1.59, 3634.68),
        "PSUM_SPAD": (0.25, 414.68),
    }
    for name, (access_pj, area_um2) in recorded.items():
        assert eyeriss[name].access_pj == pytest.approx(access_pj, abs=0.006)
        assert eyeriss[name].area_um2 == pytest.approx(area_um2)
    assert scratchpad("smartbuffer_SRAM", 8192, 1) == pytest.approx((11.1845, 104277.0), abs=1e-3)
    assert scratchpad("smartbuffer_RF", 512, 1) == pytest.approx((4.37096, 10354.68), abs=1e-4)
    in_each_pe = ("IFMAP_SPAD", "WEIGHTS_SPAD", "PSUM_SPAD")
    area_um2 = 168 * (MAC_UM2 + sum(eyeriss[name].area_um2 for name in in_each_pe))
    area_um2 += 14 * eyeriss["DUMMY_BUFFER"].area_um2 + eyeriss["SHARED_GLB"].area_um2
    assert area_um2 == pytest.approx(2118163.23)  # "Total topology area"


def test_the_timeloopgyms_targets_are_archgyms_improvements_and_pay_for_better_designs():
    problem = AcceleratorTimeloopgym()
    default = problem.evaluate(problem.space.designs([problem.space.default()]))
    targets = {objective.metric: objective.target for objective in problem.objectives}
    for metric, share in (("energy_uj", 0.7), ("area_mm2", 0.85), ("cycles", 0.8)):
        assert targets[metric] == pytest.approx(share * default[metric][0], rel=1e-6)
    energy_uj = problem.evaluate(problem.space.sample(100, 0))["energy_uj"]
    assert np.mean(energy_uj > targets["energy_uj"]) > 0.9
    published = AcceleratorTimeloopgym(targets_of="archgym").objectives
    assert [objective.target for objective in published] == [20444.2, 1.7255, 6308563.2]
    with pytest.raises(UnknownNameError, match="targets_of"):
        AcceleratorTimeloopgym(targets_of="archgyms")


def test_scratchpads_narrower_than_their_block_run():
    problem = AcceleratorTimeloopgym()
    tiny = {f"{name}_memory_depth": 2 for name in ("IFMAP_SPAD", "PSUM_SPAD", "WEIGHTS_SPAD")}
    wide = {f"{name}_block_size": 4 for name in ("IFMAP_SPAD", "PSUM_SPAD", "WEIGHTS_SPAD", "DUMMY_BUFFER")}
    design = problem.space.default() | tiny | wide | {"DUMMY_BUFFER_depth": 2}
    assert problem.evaluate(problem.space.designs([design])).status.tolist() == ["ok"]


def test_the_precision_can_be_held():
    problem = Accelerator(workload="alexnet", bits=16)
    assert set(problem.space.sample(10, 0)["bits"]) == {16}


def test_a_dataflow_of_a_file_is_the_built_in_one_with_the_same_loops(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(template("weight-stationary").model_dump(mode="json") | {"name": "mine"}))
    mine, ours = Accelerator(workload="alexnet", template=str(path)), Accelerator(workload="alexnet")
    design = ours.space.default() | {"dataflow": "weight-stationary"}
    own = mine.evaluate(mine.space.designs([design | {"dataflow": "mine"}]))
    assert own["edp_pj_s"] == ours.evaluate(ours.space.designs([design]))["edp_pj_s"]
    assert mine.arguments["template"] == str(path)
    assert mine.workload_digest
    assert len(mine.pictures(mine.space.default())) == 3
    path.write_text("name: mine\nspatial: [[Z]]")
    with pytest.raises(ArgumentError, match="spatial"):
        Accelerator(template=str(path))


def test_energies_of_a_file_replace_those_of_the_parts_that_it_names(tmp_path):
    path = tmp_path / "energies.yaml"
    path.write_text("components: {MAC: {compute_energy_pj: 0}, Buffer: {area_um2: 5}}")
    options = {"workload": "alexnet", "mapped_for": "energy", "bits": 16}
    ours, free = Accelerator(**options), Accelerator(**options, energy_table=str(path))
    energy, with_table = bars(ours), bars(free)
    mac_uj = energy.pop("MAC")
    assert mac_uj > 1.0
    assert with_table.pop("MAC") == pytest.approx(0.0, abs=1e-6)
    # What every mapping saves leaves the best one the best, but for a search that is not exhaustive.
    assert sum(with_table.values()) == pytest.approx(sum(energy.values()), rel=0.02)
    assert free.architecture(free.space.default()).area_by_part_mm2()["Buffer"] == pytest.approx(5e-6)
    path.write_text("components: {DRAM: {read_energy_pj: 3, write_energy_pj: 4}}")
    dram = Accelerator(**options, energy_table=str(path)).architecture(free.space.default()).levels[-1]
    assert (dram.read_energy_pj, dram.write_energy_pj) == (3.0, 4.0)
    path.write_text("components: {Bufer: {read_energy_pj: 1}}")
    with pytest.raises(ArgumentError, match="no part 'Bufer', only MAC, Registers, Buffer, DRAM"):
        Accelerator(energy_table=str(path))
    path.write_text("components: {Buffer: {write_energy_pj: 1}}")
    with pytest.raises(ArgumentError, match="Buffer has no action read"):
        Accelerator(energy_table=str(path))


def bars(problem):
    """Names and lengths of the bars of the energy picture."""
    lengths: dict[str, float] = {}
    for trace in problem.pictures(problem.space.default())[1].traces:
        for name, length in zip(trace["y"], trace["x"], strict=True):
            lengths[name] = lengths.get(name, 0.0) + float(length)
    return lengths


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Accelerator(mapped_for="speed"), UnknownNameError, "speed"),
        (lambda: Accelerator(effort="quick"), UnknownNameError, "quick"),
        (lambda: Accelerator(bits=4), ArgumentError, "bits must be 8 or 16, got 4"),
        (lambda: Accelerator(technology_nm=3), ArgumentError, "from 7 to 130, got 3"),
        (lambda: Accelerator(workload="resnet"), UnknownNameError, "resnet"),
        (lambda: AcceleratorTimeloopgym(goal="speed"), UnknownNameError, "speed"),
    ],
)
def test_a_bad_argument_gets_one_line(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_the_roof_is_the_memory_s_bus_which_reads_and_writes_share():
    problem = Accelerator(workload="alexnet")
    design = {**problem.space.default(), "memory_gb_per_s": 3.2, "bits": 8, "clock_ghz": 1.0}
    roof, layers = problem.pictures(design)[2].traces
    assert roof["y"][0] / roof["x"][0] == pytest.approx(3.2)  # words of a byte a cycle of a nanosecond
    assert np.all(layers["y"] <= np.minimum(16 * 16, 3.2 * layers["x"]) * (1 + 1e-9))


def test_the_bound_is_below_the_mapper_and_the_timeline_beside_it():
    problem = Accelerator(workload="alexnet")
    names = ("bound", "mapper", "timeline")
    assert (problem.fidelity_names, problem.default_fidelity) == (names, "mapper")
    designs = problem.space.sample(8, 11)
    bound, mapper, timeline = (problem.evaluate(designs, fidelity=f).metrics for f in names)
    for metric in ("latency_ns", "energy_pj", "edp_pj_s", "cycles"):
        assert (bound[metric] <= mapper[metric] * (1 + 1e-9)).all(), metric
    assert bound["area_mm2"].tolist() == mapper["area_mm2"].tolist() == timeline["area_mm2"].tolist()
    assert timeline["energy_pj"].tolist() == mapper["energy_pj"].tolist()
    assert (np.abs(timeline["latency_ns"] / mapper["latency_ns"] - 1) < 0.6).all()
    assert (timeline["utilisation"] <= 1).all()


@pytest.mark.parametrize("fidelity", ["bound", "timeline"])
def test_a_template_that_does_not_admit_a_network_is_infeasible_at_every_fidelity(tmp_path, fidelity):
    path = tmp_path / "tpu.yaml"
    path.write_text(yaml.safe_dump(template("tpu-like").model_dump(mode="json")))
    problem = Accelerator(workload="mobilenet_v2", template=str(path))
    outcomes = problem.evaluate(problem.space.sample(2, 0), fidelity=fidelity)
    assert outcomes.status.tolist() == ["infeasible"] * 2
    assert "runs one iteration of G only" in outcomes.reason[0]
