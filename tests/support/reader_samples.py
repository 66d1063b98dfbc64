"""Every reader that a user can point at a file or a text, with valid samples of what it reads."""

from __future__ import annotations

import gzip
import io
import json
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.errors import CosearchError
from cosearch_simulators.errors import ConfigurationError, SimulatorError, TraceError, WorkloadError

REFERENCE = Path(__file__).parents[1] / "reference"


@dataclass(frozen=True)
class Reader:
    """A reader.

    Attributes:
        name: for the table.
        suffix: of its files.
        samples: what it reads, each the content of a file.
        read: reads a file.
        error: what it raises for a file that it refuses; anything else is unexpected.
    """

    name: str
    suffix: str
    samples: Callable[[], Iterable[bytes]]
    read: Callable[[Path], Any]
    error: type[Exception]


def readers() -> list[Reader]:
    """All of them."""
    return [*_documents(), *_dram(), *_cases(), *_workloads(), *_peers(), *_core()]


# --- accelerators -----------------------------------------------------------------------------------------

MAPPING = b"""levels:
  - {level: registers, temporal: {R: 3, S: 3}, order: [R, S], spatial: [{K: 4}, {C: 2}], keeps: [Weights]}
  - &buffer {level: buffer, temporal: {K: 2, P: 7}, order: [P, K]}
  - {<<: *buffer, level: memory}
"""
TEMPLATE = b"""name: mine
spatial: [[K], [C, R]]
stationary: Weights
innermost: [R, S]
lacks: [G]
largest_stride: 2
"""
ENERGIES = b"""ERT:
  version: '0.4'
  tables:
    - {name: 'system.chip.buffer[1..4]', actions: [{name: read, energy: 2.5}, {name: write, energy: 3.5}]}
ART:
  tables: [{name: system.chip.buffer, area: 1200.5}]
"""
COMPONENTS = b"""components:
  buffer: {read_energy_pj: 1.5, write_energy_pj: 2.0, area_um2: 1000}
  mac: {compute_energy_pj: 0.5}
"""
HARDWARE = b"""name: small
operational_array: {unit_energy: 0.04, dimensions: [D1, D2], sizes: [4, 4]}
memories:
  rf:
    size: 128
    r_cost: 0.02
    w_cost: 0.02
    operands: [I1, I2, O]
    served_dimensions: []
    ports:
      - {name: r, type: read, bandwidth_min: 8, bandwidth_max: 8, allocation: ['I1, tl', 'I2, tl', 'O, tl']}
      - {name: w, type: write, bandwidth_min: 8, bandwidth_max: 8, allocation: ['I1, fh', 'I2, fh', 'O, fh']}
  dram:
    size: 10000000
    r_cost: 700
    w_cost: 750
    operands: [I1, I2, O]
    served_dimensions: [D1, D2]
    ports:
      - name: rw
        type: read_write
        bandwidth_min: 64
        bandwidth_max: 64
        allocation: ['I1, tl', 'I2, tl', 'O, fh', 'O, tl']
"""


def _documents() -> list[Reader]:
    from cosearch_simulators.accelerator.engines.zigzag.hardware import read_hardware
    from cosearch_simulators.accelerator.mapping.mapping import Mapping
    from cosearch_simulators.accelerator.mapping.templates import Template
    from cosearch_simulators.accelerator.silicon.components import read_energy_table
    from cosearch_simulators.accelerator.system.architecture import read_architecture
    from cosearch_simulators.documents import load, read

    def presets() -> list[bytes]:
        folder = resources.files("cosearch_simulators.accelerator.system") / "presets"
        return [entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".yaml")]

    return [
        Reader("YAML", ".yaml", lambda: [MAPPING, ENERGIES, HARDWARE, *presets()], load, ConfigurationError),
        Reader(
            "architecture",
            ".yaml",
            presets,
            lambda path: read_architecture(path).compile(),
            ConfigurationError,
        ),
        Reader("mapping", ".yaml", lambda: [MAPPING], lambda path: read(Mapping, path), ConfigurationError),
        Reader(
            "dataflow", ".yaml", lambda: [TEMPLATE], lambda path: read(Template, path), ConfigurationError
        ),
        Reader("energies", ".yaml", lambda: [ENERGIES, COMPONENTS], read_energy_table, ConfigurationError),
        Reader("uneven hardware", ".yaml", lambda: [HARDWARE], read_hardware, ConfigurationError),
    ]


# --- DRAM -------------------------------------------------------------------------------------------------


def _archive(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _npz() -> list[bytes]:
    address, is_write = np.arange(64) * 64, np.arange(64) % 3 == 0
    stream = io.BytesIO()
    np.savez(stream, address=address, is_write=is_write)
    return [_archive(address=address, is_write=is_write, cycle=np.arange(64) * 2), stream.getvalue()]


STL = b"# comment\n31:\tread\t0x400140\n33: (32) write 0xF0000000\n\n40:\twrite\t0x80\n42 read 100\n" * 3
TEXTS = {
    "stl": STL,
    "loadstore": b"LD 0x100000\nST 1048640\n# c\nLD 64\n" * 4,
    "readwrite": b"0x12345680 R\n4cbd56c0 W\n" * 4,
    "simpleo3": b"3 20734016\n8 20841280 20734080\n" * 4,
    "timed": b"0x12345680 READ 10\n4cbd56c0 P_MEM_WR 20\n" * 4,
    "gaps": b"10 R 0x400140 0x12ab\n0 W 0xc0\n" * 4,
}
SIMULATION = {
    "simulation": {
        "memspec": "m",
        "addressmapping": "a",
        "mcconfig": {"PagePolicy": "Open", "Scheduler": "FrFcfs", "RequestBufferSize": 8, "CmdMux": "Oldest"},
        "tracesetup": [
            {
                "clkMhz": 200,
                "name": "gen0",
                "numRequests": 20,
                "rwRatio": 0.8,
                "addressDistribution": "random",
            },
            {"clkMhz": 300, "name": "x.stl", "type": "player"},
        ],
    }
}


def _dram() -> list[Reader]:
    from cosearch_simulators.dram.common.memspecs.memspec import read_memspec
    from cosearch_simulators.dram.common.memspecs.simulation_file import read_simulation
    from cosearch_simulators.dram.common.traces.dramsys_generators import generated
    from cosearch_simulators.dram.common.traces.formats import read_trace
    from cosearch_simulators.dram.common.traces.streams import stream_trace

    folder = REFERENCE / "dram" / "dramsys"
    memspec = folder / "memspecs" / "JEDEC_4Gb_DDR4-1866_8bit_A.json"

    def files(pattern: str) -> Callable[[], list[bytes]]:
        return lambda: [path.read_bytes() for path in sorted(folder.glob(pattern))]

    def texts(name: str) -> Reader:
        return Reader(
            f"trace, {name}",
            ".txt",
            lambda: [TEXTS[name]],
            lambda path: read_trace(path, format=name),
            TraceError,
        )

    def streamed(path: Path) -> str:
        return stream_trace(path, chunk_requests=16).digest

    def simulations() -> list[bytes]:
        parts = {
            "memspec": memspec,
            "addressmapping": folder / "mappings" / "am_ddr4_8x4Gbx8_dimm_p1KB_brc.json",
        }
        contents = {name: next(iter(json.loads(path.read_text()).values())) for name, path in parts.items()}
        return [json.dumps({"simulation": SIMULATION["simulation"] | contents}).encode()]

    def simulation(path: Path) -> Any:
        found = read_simulation(path)
        return [generated(one, 1 << 30, 64) for one in found.initiators if one["type"] == "generator"]

    packed = [gzip.compress(text) for name, text in TEXTS.items() if name != "simpleo3"]
    return [
        Reader("memspec", ".json", files("memspecs/*.json"), read_memspec, ConfigurationError),
        Reader(
            "address mapping",
            ".json",
            files("mappings/am_ddr4*.json"),
            lambda path: read_memspec(memspec, path),
            ConfigurationError,
        ),
        Reader("DRAMSys simulation", ".json", simulations, simulation, SimulatorError),
        Reader("trace, .npz", ".npz", _npz, read_trace, TraceError),
        *map(texts, TEXTS),
        Reader("trace, gzip", ".gz", lambda: [*packed, *map(gzip.compress, _npz())], read_trace, TraceError),
        Reader("trace, streamed", "", lambda: [*_npz(), STL, *packed], streamed, TraceError),
    ]


# --- reference cases --------------------------------------------------------------------------------------


def _cases() -> list[Reader]:
    from cosearch_simulators.accelerator.validation import tools
    from cosearch_simulators.core.validation.cases import read_cases
    from cosearch_simulators.dram.engines.ramulator.validation import controllers_of, device_of

    def lines(kind: str) -> list[bytes]:
        return (REFERENCE / "accelerator" / kind / "cases.jsonl").read_bytes().splitlines()[:2]

    def accelerator(path: Path) -> Any:
        for case in read_cases(path):
            for tool in tools():
                if tool.describes(case) and hasattr(tool, "read_case"):
                    tool.read_case(case)
                elif tool.describes(case) and hasattr(tool, "model_of"):
                    tool.model_of(case)

    def ramulator(path: Path) -> Any:
        for case in read_cases(path):
            try:
                device_of(case), controllers_of(case)
            except (
                LookupError,
                TypeError,
                ValueError,
                AttributeError,
                ArithmeticError,
            ) as error:  # as `validate` catches them
                raise SimulatorError("a case") from error

    def ramulator_cases() -> list[bytes]:
        cases = json.loads((REFERENCE / "dram" / "ramulator2" / "cases.json").read_text())
        return [json.dumps([case]).encode() for case in cases[:3]]

    return [
        Reader(
            "reference cases, accelerator",
            ".jsonl",
            lambda: [line for kind in ("maestro", "scalesim", "timeloop", "zigzag") for line in lines(kind)],
            accelerator,
            SimulatorError,
        ),
        Reader("reference cases, DRAM", ".json", ramulator_cases, ramulator, SimulatorError),
    ]


# --- networks ---------------------------------------------------------------------------------------------

MODELS = (
    """<ir_version: 8, opset_import: ["": 17]>
    blur (float[1, 1, 8, 8] x) => (float[1, 1, 7, 7] y)
    <float[1, 1, 2, 2] w = {0.25, 0.25, 0.25, 0.25}> { y = Conv(x, w) }""",
    """<ir_version: 8, opset_import: ["": 17]>
    reshaped (float[2, 8] x, float[8, 4] w) => (float[a, b] y)
    <int64[1] last = {-1}> {
        s = Shape(x)
        c = Concat <axis = 0> (s, last)
        r = Reshape(x, c)
        q = Squeeze(r, last)
        m = MatMul(q, w)
        y = Relu(m)
    }""",
    """<ir_version: 8, opset_import: ["": 17, "mine": 1]>
    called (float[1, 8] x) => (float[1, 8] y) { y = mine.twice(x) }
    <domain: "mine", opset_import: ["": 17]>
    twice (a) => (b) { c = Relu(a) b = Add(c, a) }""",
)


def _workloads() -> list[Reader]:
    def models() -> list[bytes]:
        from onnx.parser import parse_model

        return [parse_model(text).SerializeToString() for text in MODELS]

    def read(path: Path) -> Any:
        from cosearch_simulators.workloads import from_onnx

        return from_onnx(path).macs

    return [Reader("ONNX", ".onnx", models, read, WorkloadError)]


# --- files of other accelerator models --------------------------------------------------------------------

TOPOLOGY = b"""Layer, IFMAP H, IFMAP W, Filter H, Filter W, Channels, Num Filter, Strides, Sparsity
conv1, 18, 18, 3, 3, 8, 16, 1, 1:1,
DP_2, 16, 16, 3, 3, 16, 1, 2, 4:4,
"""
PRODUCTS = b"Layer, M, N, K,\nfc, 10, 20, 30,\n"
NETWORK = b"""Constant Rows 18;
Network small { // a comment
Layer c { Type: CONV Stride { X: 2, Y: 2 } Dimensions { N: 1, K: 4, C: 3, R: 3, S: 3, Y: Rows, X: 18 }
Dataflow { TemporalMap(Sz(R),1) Y; Cluster(8, P); } }
Layer t { Type: TRCONV Dimensions { K: 4, C: 8, R: 2, S: 2, Y: 9, X: 9 } }
Layer g { Type: GEMM Dimensions { M: 2, N: 3, K: 4 } } }
"""
PROBLEM = b"""problem:
  instance: {C: 3, M: 8, P: 6, Q: 6, R: 3, S: 3, Wstride: 2}
  shape:
    dimensions: [C, M, R, S, P, Q]
    coefficients: [{name: Wstride, default: 1}]
    data_spaces:
    - {name: Weights, projection: [[[C]], [[M]], [[R]], [[S]]]}
    - {name: Inputs, projection: [[[C]], [[R], [P, Wstride]], [[S], [Q]]]}
    - {name: Outputs, projection: [[[M]], [[Q]], [[P]]], read_write: true}
"""
EQUATIONS = b"""- id: 0
  operator_type: Conv
  equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
  dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
  loop_dims: [B, K, C, OY, OX, FY, FX]
  loop_sizes: [1, 64, 3, 112, 112, 7, 7]
  operand_precision: {W: 8, I: 8, O: 16, O_final: 8}
  operand_source: {I: 0, W: 0}
"""
NODES = b"""architecture:
  version: 0.4
  nodes:
  - !Container {name: system, attributes: {technology: "65nm", lines: 64}}
  - !Component {name: DRAM, class: DRAM, attributes: {width: 64, datawidth: 8}}
  - !Component
    name: buffer
    class: smartbuffer_SRAM
    attributes: {depth: lines * 8, width: 64, n_banks: 4, datawidth: 8, read_bandwidth: 16}
    constraints: {dataspace: {keep: [Inputs, Outputs], bypass: [Weights]}}
  - !Container
    name: PE
    spatial: {meshX: 4, meshY: 4}
    constraints: {spatial: {permutation: [C, M], split: 1, factors: [R=1, S=1]}}
  - !Parallel
    nodes:
    - !Component
      {name: w, class: reg, attributes: {depth: 1, width: 8}, constraints: {dataspace: {keep: [Weights]}}}
  - !Component {name: mac, class: intmac, attributes: {datawidth: 8}}
"""
TREE = b"""architecture:
  version: 0.3
  subtree:
  - name: system
    local: [{name: DRAM, class: DRAM, attributes: {width: 64, word-bits: 16}}]
    subtree:
    - name: PE[0..15]
      local:
      - {name: spad, class: SRAM, attributes: {memory_depth: 12, memory_width: 16, word-bits: 16, meshX: 4}}
      - {name: mac, class: intmac, attributes: {datawidth: 16, meshX: 4}}
"""
SYSTOLIC = b"""[general]
run_name = small
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


def _peers() -> list[Reader]:
    from cosearch_simulators.accelerator.files.maestro_network import read_network
    from cosearch_simulators.accelerator.files.scalesim_config import read_config
    from cosearch_simulators.accelerator.files.scalesim_topology import read_topology
    from cosearch_simulators.accelerator.files.timeloop_architecture import read_timeloop_architecture
    from cosearch_simulators.accelerator.files.workload import read_workload

    def compiled(path: Path) -> Any:
        return read_timeloop_architecture(path).architecture.compile()

    def topology(path: Path) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sparsity
            return read_topology(path).macs

    return [
        Reader("SCALE-Sim topology", ".csv", lambda: [TOPOLOGY, PRODUCTS], topology, SimulatorError),
        Reader("SCALE-Sim configuration", ".cfg", lambda: [SYSTOLIC], read_config, SimulatorError),
        Reader("MAESTRO network", ".m", lambda: [NETWORK], lambda p: read_network(p).macs, SimulatorError),
        Reader(
            "Timeloop problem, ZigZag workload",
            ".yaml",
            lambda: [PROBLEM, EQUATIONS],
            lambda p: read_workload(p).macs,
            SimulatorError,
        ),
        Reader("Timeloop architecture", ".yaml", lambda: [NODES, TREE], compiled, SimulatorError),
    ]


# --- the core ---------------------------------------------------------------------------------------------

DESIGNS = [
    {"kind": "free", "order": ["b", "a", "c"], "n": 2, "x": 0.25},
    {"kind": "fixed", "n": 4, "x": 1.0},
]
CSV = b'kind,order,n,x,status\nfree,"[""a"",""b"",""c""]",2,0.25,ok\nfixed,,4,1.0,ok\n'


def _parquet() -> list[bytes]:
    import pyarrow
    import pyarrow.parquet

    columns = {"kind": ["free", "fixed"], "n": [1, 2], "x": [0.5, 0.25]}
    found = []
    for order in (['["a","b","c"]', None], [["a", "b", "c"], None]):
        stream = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.table(columns | {"order": order}), stream)
        found.append(stream.getvalue())
    return found


def _core() -> list[Reader]:
    from cosearch.arguments import parse_assignments
    from cosearch.cli.design_files import designs_from_file, designs_from_json
    from cosearch.space import Categorical, DesignSpace, Integer, Permutation, Real

    space = DesignSpace(
        [
            Categorical("kind", ["fixed", "free"]),
            Permutation("order", ["a", "b", "c"], when={"kind": ["free"]}),
            Integer("n", 1, 4),
            Real("x", 0.0, 1.0),
        ]
    )

    def text(path: Path) -> str:
        return path.read_bytes().decode("utf-8", "surrogateescape")

    def designs(name: str, samples: Callable[[], list[bytes]]) -> Reader:
        return Reader(
            f"designs, .{name}",
            f".{name}",
            samples,
            lambda path: designs_from_file(space, path),
            CosearchError,
        )

    return [
        designs("json", lambda: [json.dumps(DESIGNS).encode()]),
        designs("jsonl", lambda: ["\n".join(map(json.dumps, DESIGNS)).encode()]),
        designs("csv", lambda: [CSV]),
        designs("parquet", _parquet),
        Reader(
            "option --design",
            ".txt",
            lambda: [json.dumps(DESIGNS).encode()],
            lambda path: designs_from_json(space, text(path)),
            CosearchError,
        ),
        Reader(
            "option --set",
            ".txt",
            lambda: [
                b"threads=4",
                b'players={"a": {"workload": "zipf", "qos_class": 1}}',
                b"workload=zipf:n=9",
            ],
            lambda path: parse_assignments([text(path)], "--set"),
            CosearchError,
        ),
    ]
