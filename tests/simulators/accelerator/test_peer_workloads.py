"""Networks from the files of SCALE-Sim, MAESTRO, Timeloop and ZigZag."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from cosearch_simulators.accelerator.files.maestro_network import read_network
from cosearch_simulators.accelerator.files.scalesim_topology import read_topology
from cosearch_simulators.accelerator.files.workload import read_workload
from cosearch_simulators.errors import ConfigurationError, WorkloadError
from cosearch_simulators.workloads import LoopNest

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


# --- SCALE-Sim --------------------------------------------------------------------------------------------


def test_a_topology_rounds_up_as_scale_sim_does(tmp_path):
    # scalesim/topology_utils.py: ofmap = ceil((ifmap - filter + stride) / stride); a window of 7, stride 2
    # over 224 has 110 places, the last of them one beyond the input.
    rows = "Conv1, 224, 224, 7, 7, 3, 64, 2,\nConv2, 56, 56, 3, 3, 64, 64, 1,\nConv2, 56, 54, 1, 3, 2, 4, 3,"
    network = read_topology(written(tmp_path, "net.csv", f"{HEADER},\n{rows}\n"))
    assert [operator.name for operator in network.operators] == ["Conv1", "Conv2", "Conv2_1"]
    sizes = [operator.loop_nest().sizes for operator in network.operators]
    assert sizes == [
        (1, 1, 64, 3, 110, 110, 7, 7),
        (1, 1, 64, 64, 54, 54, 3, 3),
        (1, 1, 4, 2, 20, 18, 1, 3),
    ]
    assert network.macs == 110 * 110 * 49 * 3 * 64 + 54 * 54 * 9 * 64 * 64 + 20 * 18 * 3 * 2 * 4


def test_a_layer_with_dp_in_its_name_is_depthwise(tmp_path):
    # the tool runs a layer of one channel for each channel
    network = read_topology(written(tmp_path, "net.csv", f"{HEADER}\nDP_1, 16, 16, 3, 3, 8, 2, 1,\n"))
    assert network.operators[0].loop_nest().sizes == (8, 1, 2, 1, 14, 14, 3, 3)


def test_products_of_a_topology(tmp_path):
    network = read_topology(written(tmp_path, "net.csv", "Layer, M, N, K,\nGEMM1, 128, 64, 256,\n"))
    assert network.operators[0].loop_nest() == LoopNest.of({"P": 128, "K": 64, "C": 256})


@pytest.mark.parametrize(
    ("header", "row", "stride"),
    [
        (
            "Layer name,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Num filter,"
            "Stride height,Stride width,",
            "c,9,9,3,3,1,1,2,3,",
            (2, 3),
        ),
        ("name,a,b,c,d,e,f,g", "c,9,9,3,3,1,1,2", (2, 2)),
        ("", "c,9,9,3,3,1,1,2,", (2, 2)),
    ],
)
def test_columns_go_by_their_names_else_by_their_order(tmp_path, header, row, stride):
    network = read_topology(written(tmp_path, "net.csv", f"{header}\n{row}\n"))
    assert network.operators[0].loop_nest().stride == stride


def test_sparsity_is_told_of(tmp_path):
    rows = "Conv1,224,224,7,7,3,64,2,1:4,\nConv2,56,56,3,3,64,64,1,4:4,"
    path = written(tmp_path, "net.csv", f"{HEADER}, Sparsity\n{rows}\n")
    with pytest.warns(UserWarning, match="the sparsity of 1 layers, the first is 'Conv1', is left out"):
        network = read_topology(path)
    assert len(network.operators) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "found no row"),
        ("a,b\n1,2\n", "net.csv:1: expected the columns of a SCALE-Sim topology"),
        (
            f"{HEADER}\nc,9,9,3,3,1,x,1,\n",
            "net.csv:2: num filter must be a whole number of at least 1, got 'x'",
        ),
        (f"{HEADER}\nc,9,9,3,3,1\n", "net.csv:2: num filter must be .*, got 'nothing'"),
        (f"{HEADER}\nc,2,9,3,3,1,1,1,\n", "filter .3 x 3. is larger than the input .2 x 9."),
    ],
)
def test_a_bad_topology_names_its_line(tmp_path, text, says):
    with pytest.raises(WorkloadError, match=says):
        read_topology(written(tmp_path, "net.csv", text))


# --- MAESTRO ----------------------------------------------------------------------------------------------

NETWORK = """\
    // a comment
    Constant Batches 2;
    Constant Channels 3;
    Network Res {
        Layer C1 { // {
            Type: CONV
            Stride { X: 2, Y: 2 }
            Dimensions { N: Batches, K: 64, C:Channels, R: 7, S: 7, Y: 229, X: 229 }
            Dataflow { TemporalMap(Sz(R),1) Y; Cluster(8, P); SpatialMap(1,1) K; }
        }
        Layer G { Type: NGCONV
            Dimensions { G: 32, K: 4, C: 128, R: 3, S: 3, Y: 56, X: 56 } }
        Layer T { Type: TRCONV
            Dimensions { K: 512, C: 1024, R: 2, S: 2, Y: 28, X: 28 } }
        Layer D { Type: DSCONV
            Dimensions { K: 1, C: 32, R: 3, S: 3, Y: 114, X: 114 } }
        Layer F { Type: GEMM Dimensions { M: 10, N: 20, K: 30 } }
        Layer B { Type: BMM Dimensions: { B: 4, M: 10, N: 20, K: 30 } }
        Layer P { Type: POOL Stride { X: 2, Y: 2 } Dimensions { C: 8, R: 2, S: 2, Y: 8, X: 8 } }
    }
"""


def test_a_maestro_network(tmp_path):
    network = read_network(written(tmp_path, "net.m", NETWORK))
    assert network.name == "Res"
    macs = {operator.name: operator.macs for operator in network.operators}
    assert macs == {
        "C1": 2 * 64 * 3 * 49 * 112 * 112,
        "G": 32 * 4 * 4 * 9 * 54 * 54,  # ResNeXt-50's groups have 4 channels each, of 128
        "T": 28 * 28 * 1024 * 512 * 4,  # U-Net's doubling of rows and columns
        "D": 32 * 9 * 112 * 112,
        "F": 10 * 20 * 30,
        "B": 4 * 10 * 20 * 30,
        "P": 0,
    }
    assert network.operator("T").out_size == (56, 56)
    assert network.operator("P").out_elements == 8 * 4 * 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("NumPEs: 256\nL1Size: 256\n", "is a hardware file of MAESTRO, not a network"),
        ("x", "expected a MAESTRO network with layers"),
        (
            NETWORK.replace("NGCONV", "NGCON"),
            "net.m:11: layer G: unknown type 'NGCON'.*did you mean 'NGCONV'",
        ),
        (NETWORK.replace("C:Channels", "C:Chanels"), "layer C1: C must .*'Chanels'; did you mean 'Channels'"),
        (NETWORK.replace("N: 20, ", ""), "layer F: Dimensions have no N, only M, K"),
        (NETWORK.replace("Y: 56, X: 56", "Y: 2, X: 56"), "layer G: Y is 2, less than the filter's 3"),
    ],
)
def test_a_bad_maestro_network_names_its_layer(tmp_path, text, says):
    with pytest.raises(WorkloadError, match=says):
        read_network(written(tmp_path, "net.m", text))


# --- Timeloop ---------------------------------------------------------------------------------------------

SHAPE = """\
    shape:
      name: conv2D
      dimensions: [C, M, R, S, N, P, Q, G]
      coefficients:
      - {name: Wstride, default: 1}
      - {name: Hstride, default: 1}
      - {name: Wdilation, default: 1}
      data_spaces:
      - {name: Weights, projection: [[[C]], [[M]], [[R]], [[S]], [[G]]]}
      - name: Inputs
        projection:
        - [[N]]
        - [[C]]
        - [[G]]
        - [[R, Wdilation], [P, Wstride]]
        - [[S], [Q, Hstride]]
      - {name: Outputs, projection: [[[N]], [[M]], [[Q]], [[P]], [[G]]], read_write: true}
"""


def test_a_timeloop_problem_of_version_4(tmp_path):
    sizes = "{C: 3, M: 32, N: 2, P: 112, Q: 111, R: 3, S: 5, G: 4, Wstride: 2, Hstride: 1, Wdilation: 3}"
    shape = textwrap.indent(textwrap.dedent(SHAPE), "  ")
    path = written(tmp_path, "p.yaml", f"problem:\n  version: 0.4\n  instance: {sizes}\n{shape}")
    nest = read_workload(path).operators[0].loop_nest()
    assert nest == LoopNest((4, 2, 32, 3, 112, 111, 3, 5), (2, 1), (3, 1))


def test_timeloop_s_own_convolution_needs_no_shape(tmp_path):
    text = "problem:\n  R: 3\n  S: 3\n  P: 56\n  Q: 56\n  C: 256\n  K: 256\n  N: 1\n  Wstride: 2\n"
    assert read_workload(written(tmp_path, "p.yaml", text)).operators[0].loop_nest() == LoopNest.of(
        {"K": 256, "C": 256, "P": 56, "Q": 56, "R": 3, "S": 3}, stride=(2, 1)
    )


def test_any_product_of_two_tensors_is_a_timeloop_problem(tmp_path):
    text = """\
        problem:
          shape:
            dimensions: [B, M, N, K]
            data-spaces:
            - {name: A, projection: [[[B]], [[M]], [[K]]]}
            - {name: X, projection: [[[B]], [[K]], [[N]]]}
            - {name: Z, projection: [[[B]], [[M]], [[N]]], read-write: True}
          B: 2
          M: 5
          N: 6
          K: 7
    """
    assert read_workload(written(tmp_path, "p.yaml", text)).macs == 2 * 5 * 6 * 7


def test_a_base_is_included_and_merged(tmp_path):
    # timeloop-accelergy-exercises: layer_shapes
    base = "problem_base: &problem_base\n" + textwrap.indent(textwrap.dedent(SHAPE), "  ")
    written(tmp_path, "base.yaml", base + "  instance: {C: 1, M: 1, R: 1, S: 1, N: 1, P: 1, Q: 1, G: 1}\n")
    text = """\
        {{include_text('../base.yaml')}}
        problem:
          <<<: *problem_base
          instance: {C: 3, M: 64, P: 112, Q: 112, R: 7, S: 7, Wstride: 2}
    """
    path = written(tmp_path, "layers/1.yaml", text)
    assert read_workload(path).macs == 3 * 64 * 112 * 112 * 49


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("problem: {shape: gemm, M: 3}", "names 'gemm'; only cnn-layer is built in"),
        ("problem: {C: 3, K: 1.5}", "problem.instance.K must be a whole number of at least 1, got 1.5"),
        ("problem: {x: 3}", "has none of the dimensions R, S, P"),
        ("{% if x %}", "it is a Jinja template; render it first"),
        (
            "architecture: {version: 0.4, nodes: []}",
            "is a Timeloop architecture; expected a Timeloop problem",
        ),
        ("ERT: {tables: []}", "is an Accelergy table of energies or areas"),
        ("operational_array: {}", "is a ZigZag accelerator"),
        ("a: 1", "expected a Timeloop problem or a ZigZag workload, found a"),
    ],
)
def test_what_is_no_problem_is_called_what_it_is(tmp_path, text, says):
    with pytest.raises((WorkloadError, ConfigurationError), match=says):
        read_workload(written(tmp_path, "p.yaml", text))


# --- ZigZag -----------------------------------------------------------------------------------------------

ZIGZAG = """\
    - id: 0
      operator_type: Conv
      equation: O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]
      dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
      loop_dims: [B, K, C, OY, OX, FY, FX]
      loop_sizes: [1, 64, 3, 112, 112, 7, 7]
      operand_precision: {W: 4, I: 8, O: 16, O_final: 8}
      operand_source: {I: 0, W: 0}
    - id: 1
      operator_type: Pooling
      equation: O[b][g][oy][ox]+=W[fx][fy]*I[b][g][iy][ix]
      dimension_relations: [ix=2*ox+1*fx, iy=2*oy+1*fy]
      loop_dims: [B, G, OY, OX, FX, FY]
      loop_sizes: [1, 64, 56, 56, 3, 3]
      operand_precision: {W: 0, I: 8, O: 16, O_final: 8}
      operand_source: {I: 0, W: 1}
    - id: 2
      operator_type: Conv
      equation: O[b][g][oy][ox]+=W[g][fy][fx]*I[b][g][iy][ix]
      dimension_relations: [ix=1*ox+1*fx, iy=1*oy+1*fy]
      loop_dims: [B, G, OY, OX, FX, FY]
      loop_sizes: [1, 64, 54, 54, 3, 3]
      operand_source: {I: 1, W: 2}
    - id: 3
      operator_type: Add
      equation: O[b][g][oy][ox]=W[b][g][oy][ox]+I[b][g][oy][ox]
      loop_dims: [B, G, OY, OX]
      loop_sizes: [1, 64, 54, 54]
      operand_source: {W: 1, I: 2}
    - id: 4
      operator_type: Gemm
      equation: O[b][d][k]+=I[b][d][c]*W[c][k]
      dimension_relations: []
      loop_dims: [B, D, K, C]
      loop_sizes: [1, 10, 20, 30]
      operand_source: {I: 3, W: 4}
"""


def test_a_zigzag_workload(tmp_path):
    network = read_workload(written(tmp_path, "net.yaml", ZIGZAG))
    names = ["Conv_0", "Pooling_1", "Conv_2", "Add_3", "Gemm_4"]
    assert [operator.name for operator in network.operators] == names
    nests = [operator.loop_nest() for operator in network.matrix_operators]
    assert nests == [
        LoopNest((1, 1, 64, 3, 112, 112, 7, 7), (2, 2)),
        LoopNest((64, 1, 1, 1, 54, 54, 3, 3)),
        LoopNest.of({"P": 10, "K": 20, "C": 30}),
    ]
    assert network.operator("Conv_0").precision.weight_bits == 4
    assert network.producers("Add_3") == ("Pooling_1", "Conv_2")
    assert network.operator("Pooling_1").out_elements == 64 * 56 * 56


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (("loop_sizes: [1, 10, 20, 30]", "loop_sizes: [1, 10]"), "layer 4: loop_dims and loop_sizes must be"),
        (("loop_sizes: [1, 10, 20, 30]", ""), "layer 4: field 'loop_sizes' is missing"),
        (("*W[c][k]", "*W[z][k]"), "layer 4: operand W has index 'Z'"),
        (("id: 4", "id: 3"), "layer 3: two layers have this id"),
    ],
)
def test_a_bad_zigzag_workload_names_its_layer(tmp_path, changed, says):
    with pytest.raises(WorkloadError, match=says):
        read_workload(written(tmp_path, "net.yaml", ZIGZAG.replace(*changed)))
