"""Hardware from the files of Timeloop, ZigZag and SCALE-Sim as what `accelerator` evaluates."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from cosearch.errors import ArgumentError, UnknownNameError
from cosearch_plugins.accelerator.hardware import Accelerator
from cosearch_plugins.accelerator.mapping import AcceleratorMapping
from cosearch_simulators.accelerator.engines.scalesim.systolic import (
    Products,
    SystolicArray,
    simulate_systolic,
)
from cosearch_simulators.accelerator.engines.zigzag.accelerators import evaluate_hardware
from cosearch_simulators.accelerator.engines.zigzag.hardware import read_hardware
from cosearch_simulators.accelerator.files.timeloop_architecture import read_timeloop_architecture
from cosearch_simulators.accelerator.system.architecture import preset
from cosearch_simulators.workloads import Convolution, Network

VERSION_4 = """\
    architecture:
      version: 0.4
      nodes:
      - !Container
        name: system
        attributes: {technology: "65nm", banks: 4, global_cycle_seconds: 2e-9}
      - !Component
        name: DRAM
        class: DRAM
        attributes: {width: 64, datawidth: 8, read_bandwidth: 8, write_bandwidth: 8}
      - !Component
        name: buffer
        class: smartbuffer_SRAM
        attributes: {depth: 128 * 8, width: 64, n_banks: banks, datawidth: 8, read_bandwidth: 16}
        constraints:
          dataspace: {keep: [Inputs, Outputs], bypass: [Weights]}
      - !Container
        name: column
        spatial: {meshX: 14}
        constraints:
          spatial: {permutation: [N, C, P, R, S, Q, M], factors: [N=1, C=1, P=1, R=1, S=1], split: 999}
      - !Container
        name: PE
        spatial: {meshY: 12}
        constraints:
          spatial: {permutation: [N, P, Q, R, S, C, M], factors: "N=1 P=1 Q=1 R=1", split: 0}
      - !Parallel
        nodes:
        - !Component
          name: inputs
          class: storage
          subclass: smartbuffer_RF
          attributes: {depth: 12, width: 16, datawidth: 8}
          constraints: {dataspace: {keep: [Inputs]}}
        - !Component
          name: weights
          class: smartbuffer_RF
          attributes: {depth: 192, width: 16, datawidth: 8}
          constraints: {dataspace: {keep: [Weights]}}
        - !Component
          name: sums
          class: smartbuffer_RF
          attributes: {depth: 16, width: 16, datawidth: 16}
          constraints: {dataspace: {keep: [Outputs]}}
        - !Nothing {constraints: {dataspace: {keep: [Inputs]}}}
      - !Component
        name: mac
        class: intmac
        attributes: {multiplier_width: 8, adder_width: 16}
"""
VERSION_2 = """\
    architecture:
      version: 0.2
      subtree:
      - name: system
        local:
        - {name: DRAM, class: DRAM, attributes: {width: 64, block-size: 4, word-bits: 16}}
        subtree:
        - name: chip
          attributes: {technology: 40nm}
          local:
          - name: buffer
            class: smartbuffer_SRAM
            attributes: {memory_depth: 16384, memory_width: 64, n_banks: 32, word-bits: 16}
          - name: Dummy[0..15]
            class: regfile
            attributes: {depth: 16, width: 16, word-bits: 16, meshX: 16}
          - {name: wires, class: XY_NoC, attributes: {datawidth: 64}}
          subtree:
          - name: PE[0..191]
            local:
            - name: spad
              class: smartbuffer_RF
              attributes: {memory_depth: 12, memory_width: 16, word-bits: 16, meshX: 16}
            - {name: mac, class: intmac, attributes: {datawidth: 16, meshX: 16}}
"""
VERSION_1 = """\
    arch:
      storage:
      - {instances: 256, name: Registers, entries: 16, meshX: 16, word-bits: 16}
      - {instances: 16, name: Dummy, entries: 0, meshX: 16, word-bits: 16}
      - {instances: 1, name: Buffer, sizeKB: 128, block-size: 4, word-bits: 16, read_bandwidth: 16}
      - {instances: 1, name: DRAM, technology: DRAM, word-bits: 16, bandwidth: 10.0}
      arithmetic: {word-bits: 16, instances: 256, meshX: 16}
    problem: {P: 8, Q: 8, K: 16, C: 8, R: 3, S: 3}
"""
TOPOLOGY = """\
    Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
    conv1, 18, 18, 3, 3, 8, 16, 1,
    conv2, 16, 16, 1, 1, 16, 32, 1,
"""
CONFIG = """\
    [general]
    run_name = "tpu"
    [architecture_presets]
    ArrayHeight: 16
    ArrayWidth: 32
    IfmapSramSzkB: 64
    FilterSramSzkB: 32
    OfmapSramSzkB: 16
    Dataflow: ws
    Bandwidth: 10
    [run_presets]
    InterfaceBandwidth: USER
"""
ZIGZAG = """\
    name: small
    memories:
      weights:
        {size: 8, r_cost: 0.1, w_cost: 0.1, area: 0, latency: 1, operands: [I2], served_dimensions: [],
         ports: [{name: r, type: read, bandwidth_min: 8, bandwidth_max: 8, allocation: ["I2, tl"]},
                 {name: w, type: write, bandwidth_min: 8, bandwidth_max: 8, allocation: ["I2, fh"]}]}
      sums:
        {size: 16, r_cost: 0.02, w_cost: 0.02, area: 0, operands: [O], served_dimensions: [D1],
         ports: [{name: r, type: read, bandwidth_min: 16, bandwidth_max: 16, allocation: ["O, tl", "O, th"]},
                 {name: w, bandwidth_min: 16, bandwidth_max: 16, allocation: ["O, fh", "O, fl"]}]}
      memory:
        {size: 100000000, r_cost: 700, w_cost: 750, area: 0, latency: 1, operands: [I1, I2, O],
         served_dimensions: [D1, D2], ports: [],
         ports: [{name: rw, type: read_write, bandwidth_min: 64, bandwidth_max: 512,
                  allocation: ["I1, fh", "I1, tl", "I2, fh", "I2, tl", "O, fh", "O, tl", "O, fl", "O, th"]}]}
    operational_array: {unit_energy: 0.04, unit_area: 1, dimensions: [D1, D2], sizes: [8, 4]}
"""


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


@pytest.fixture
def topology(tmp_path: Path) -> str:
    return written(tmp_path, "net.csv", TOPOLOGY)


# --- Timeloop ---------------------------------------------------------------------------------------------


def test_an_architecture_of_version_4(tmp_path):
    given = read_timeloop_architecture(written(tmp_path, "a.yaml", VERSION_4))
    one = given.architecture
    assert [level.name for level in one.levels] == ["sums", "weights", "inputs", "buffer", "DRAM"]
    assert [level.capacity_words for level in one.levels] == [16, 384, 24, 8192, None]
    assert [level.array for level in one.levels] == [(1, 1), (1, 1), (1, 1), (14, 12), (1, 1)]
    assert [level.holds for level in one.levels[:4]] == [
        ("Outputs",), ("Weights",), ("Inputs",), ("Inputs", "Outputs"),
    ]  # fmt: skip
    buffer = one.level("buffer")
    assert (buffer.block_words, buffer.banks, buffer.read_bandwidth_words) == (8, 4, 16)
    assert (one.units, one.technology_nm, one.clock_ghz, one.mac.word_bits) == (168, 65, 0.5, 8)
    # permutation before the split runs along X, what has a factor of 1 runs nowhere; M is our K
    across, down = given.constraints.spatial["buffer"]
    assert (set(across), set(down)) == ({"K", "Q", "G"}, {"K", "C", "S", "G"})


def test_constraints_on_a_product_are_in_its_own_names(tmp_path):
    # of C = A x B the reduction is K, which runs along X: our C; M, along Y, is our P
    text = VERSION_4.replace(
        "[N, C, P, R, S, Q, M], factors: [N=1, C=1, P=1, R=1, S=1]", "[K], factors: [N=1]"
    )
    text = text.replace('[N, P, Q, R, S, C, M], factors: "N=1 P=1 Q=1 R=1"', "[M, K], factors: [K=1, N=1]")
    text = text.replace("keep: [Inputs, Outputs], bypass: [Weights]", "keep: [A, Z], bypass: [B]")
    given = read_timeloop_architecture(written(tmp_path, "a.yaml", text))
    across, down = given.constraints.spatial["buffer"]
    assert (set(across), set(down)) == ({"C", "P", "G"}, {"P", "G"})
    assert given.architecture.level("buffer").holds == ("Inputs", "Outputs")


@pytest.mark.parametrize(
    ("text", "sizes", "arrays"),
    [
        (VERSION_2, [12, 16, 65536, None], [(1, 1), (1, 12), (16, 1), (1, 1)]),
        (VERSION_1, [16, 1, 65536, None], [(1, 1), (1, 16), (16, 1), (1, 1)]),
    ],
)
def test_older_architectures(tmp_path, text, sizes, arrays):
    one = read_timeloop_architecture(written(tmp_path, "a.yaml", text)).architecture
    assert [level.capacity_words for level in one.levels] == sizes
    assert [level.array for level in one.levels] == arrays
    assert one.levels[-1].kind == "dram"


@pytest.mark.parametrize("text", [VERSION_4, VERSION_2, VERSION_1])
def test_a_network_runs_on_a_timeloop_architecture(tmp_path, topology, text):
    problem = Accelerator(architecture=written(tmp_path, "a.yaml", text), workload=topology)
    designs = problem.space.designs([problem.space.default()])
    outcomes = problem.evaluate(designs)
    assert outcomes.status.tolist() == ["ok"]
    macs = 16 * 16 * 16 * 8 * 9 + 16 * 16 * 16 * 32
    cycles = float(outcomes["latency_ns"][0]) * problem.given.architecture(designs[0]).clock_ghz
    units = problem.given.architecture(designs[0]).units
    assert macs / units <= cycles
    assert float(outcomes["utilisation"][0]) == pytest.approx(macs / units / cycles)
    assert problem.pictures(designs[0])


def test_sizes_and_arrays_of_the_file_are_searched(tmp_path, topology):
    problem = Accelerator(architecture=written(tmp_path, "a.yaml", VERSION_4), workload=topology)
    assert problem.space.default()["buffer_words"] == 8192
    assert problem.space["buffer_array_x"].values == (7, 14, 28)
    designs = problem.space.designs([problem.space.default() | {"buffer_array_x": x} for x in (7, 14, 28)])
    area = problem.evaluate(designs)["area_mm2"]
    assert area[0] < area[1] < area[2]


def test_a_built_in_accelerator_costs_what_its_mapping_costs():
    problem = Accelerator(architecture="eyeriss", workload="alexnet")
    outcomes = problem.evaluate([problem.space.default()])
    assert outcomes.status.tolist() == ["ok"]
    assert problem.given.architecture(problem.space.default()) == preset("eyeriss")


def test_tables_of_accelergy_give_energies_and_areas(tmp_path, topology):
    path = written(tmp_path, "a.yaml", VERSION_1)
    levels = {"DRAM": 512.0, "Buffer": 40.0, "Dummy": 0.0, "Registers": 1.0, "MAC": 2.0}
    actions = "[{name: read, energy: %s}, {name: write, energy: %s}, {name: compute, energy: %s}]"
    tables = [f"- {{name: 'system.{n}[1..1]', actions: {actions % (e, e, e)}}}" for n, e in levels.items()]
    energies = written(tmp_path, "ert.yaml", "ERT:\n  tables:\n  " + "\n  ".join(tables))
    areas = written(tmp_path, "art.yaml", "ART: {tables: [{name: 'system.Buffer[1..1]', area: 5000000}]}")
    problem = Accelerator(architecture=path, workload=topology, energy_table=energies, area_table=areas)
    one = problem.given.architecture(problem.space.default())
    assert one.level("Buffer").read_energy_pj == 40.0 / 4  # of an access of four words
    assert one.mac.energy_pj == 2.0
    assert one.area_by_part_mm2()["Buffer"] == 5.0
    assert "Buffer_words" not in problem.space  # whose energy is that of its size
    plain = Accelerator(architecture=path, workload=topology)
    energy = [p.evaluate([p.space.default()])["energy_pj"][0] for p in (problem, plain)]
    assert energy[0] != energy[1]
    wrong = written(tmp_path, "e.yaml", "ERT: {tables: [{name: x, actions: []}]}")
    with pytest.raises(ArgumentError, match="has none of the parts Registers, Dummy, Buffer, DRAM, MAC"):
        Accelerator(architecture=path, workload=topology, energy_table=wrong)


def test_the_mapping_problem_takes_a_timeloop_architecture(tmp_path, topology):
    problem = AcceleratorMapping(
        architecture=written(tmp_path, "a.yaml", VERSION_4), workload=topology, layer=0
    )
    assert problem.evaluate([problem.space.default()]).status.tolist() == ["ok"]


# --- ZigZag -----------------------------------------------------------------------------------------------


def test_a_network_runs_on_a_zigzag_accelerator(tmp_path, topology):
    path = written(tmp_path, "a.yaml", ZIGZAG)
    problem = Accelerator(engine="zigzag", architecture=path, workload=topology)
    assert "area_mm2" not in [metric.name for metric in problem.metrics]
    designs = problem.space.designs([problem.space.default() | {"clock_ghz": c} for c in (0.2, 1.0)])
    outcomes = problem.evaluate(designs)
    assert outcomes.status.tolist() == ["ok", "ok"]
    assert outcomes["latency_ns"][0] == pytest.approx(5 * outcomes["latency_ns"][1])
    assert outcomes["cycles"][0] >= (16 * 16 * 16 * 8 * 9 + 16 * 16 * 16 * 32) / 32


def test_the_array_is_unrolled_as_well_as_it_can(tmp_path):
    import yaml

    size = {"in_channels": 4, "out_channels": 8, "in_size": (10, 10), "kernel": (1, 1)}
    network = Network("n", (Convolution(name="c", **size),), (("input", "c"),))
    cycles = []
    for sizes in ("[1, 1]", "[8, 1]", "[8, 4]"):
        text = textwrap.dedent(ZIGZAG).replace("sizes: [8, 4]", f"sizes: {sizes}")
        cycles.append(evaluate_hardware(read_hardware(yaml.safe_load(text)), network)["cycles"][0])
    assert cycles[0] >= network.macs
    assert cycles[0] > 4 * cycles[1] > 4 * cycles[2]


# --- SCALE-Sim --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "words"), [("USER", 10), ("CALC", (1 << 31) - 1)])
def test_a_scale_sim_configuration_is_its_array(tmp_path, topology, mode, words):
    path = written(tmp_path, "a.cfg", CONFIG.replace("USER", mode))
    problem = Accelerator(engine="scalesim", architecture=path, workload=topology)
    outcomes = problem.evaluate([problem.space.default()])
    array = SystolicArray([16], [32], np.array(["ws"]), [65536], [32768], [16384], *([words],) * 3)
    expected = [
        simulate_systolic(Products([m], [n], [k]), array) for m, n, k in ((256, 16, 72), (256, 32, 16))
    ]
    cycles = sum(int(one.total_cycles[0] + one.prefetch_cycles[0]) for one in expected)
    assert outcomes["cycles"].tolist() == [cycles]


# --- wrong files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "engine", "says"),
    [
        ("a.cfg", CONFIG, "timeloop", "is a SCALE-Sim configuration: set engine=scalesim, not timeloop"),
        ("a.yaml", ZIGZAG, "timeloop", "is a ZigZag accelerator: set engine=zigzag, not timeloop"),
        ("a.yaml", VERSION_4, "zigzag", "is a Timeloop architecture: set engine=timeloop, not zigzag"),
        ("a.yaml", "problem: {C: 3}", "timeloop", "is a Timeloop problem; expected hardware of"),
        ("a.csv", TOPOLOGY, "timeloop", "describes what runs, not hardware: give it as workload"),
        ("a.yaml", "a: 1", "timeloop", "expected hardware of .*, found a"),
        ("a.cfg", CONFIG.replace("ArrayHeight: 16", "ArrayHeigt: 16"), "scalesim", "has no ArrayHeight; did"),
        ("a.cfg", CONFIG.replace("ws", "xs"), "scalesim", "Dataflow must be os or ws or is, got 'xs'"),
        ("a.cfg", "[other]\\na: 1", "scalesim", "is no SCALE-Sim configuration|expected the section"),
        ("a.yaml", VERSION_4.replace("depth: 192, ", ""), "timeloop", "weights has no size: expected depth"),
        ("a.yaml", VERSION_4.replace("class: intmac", "class: wire"), "timeloop", "there is no compute unit"),
        ("a.yaml", VERSION_4.replace("meshX: 14", "meshX: x"), "timeloop", "column: spatial.meshX must be"),
        ("a.yaml", ZIGZAG.replace("size: 8,", ""), "zigzag", "memories.weights.size"),
        (
            "a.yaml",
            ZIGZAG.replace("unit_energy", "is_imc: 1, unit_energy"),
            "zigzag",
            "computes in its memory",
        ),
    ],
)
def test_a_wrong_file_is_called_what_it_is(tmp_path, topology, name, text, engine, says):
    with pytest.raises(ArgumentError, match=says):
        Accelerator(architecture=written(tmp_path, name, text), engine=engine, workload=topology)


def test_what_is_no_hardware_is_named():
    with pytest.raises(UnknownNameError, match="unknown architecture 'eyeris'; did you mean 'eyeriss'"):
        Accelerator(architecture="eyeris")
    with pytest.raises(ArgumentError, match="there is no file no.yaml"):
        Accelerator(architecture="no.yaml")
