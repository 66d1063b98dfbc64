"""Problems of networks on microcontrollers, FPGAs, and of transformers and detectors on accelerators."""

from __future__ import annotations

import numpy as np
import pytest

import cosearch  # noqa: F401
from cosearch.testing import check_problem
from cosearch_plugins.networks.cnn_fpga import CnnFpga
from cosearch_plugins.networks.detector_accelerator import DetectorAccelerator
from cosearch_plugins.networks.microcontroller import Microcontroller
from cosearch_plugins.networks.vit_accelerator import VitAccelerator
from cosearch_simulators.networks.fpga import BOARDS, needs, shortage


@pytest.mark.parametrize("kind", [Microcontroller, CnnFpga, VitAccelerator, DetectorAccelerator])
def test_they_keep_the_contract_of_a_problem(kind):
    problem = kind()
    check_problem(problem, designs=6, elsewhere=False)
    assert {"network", "hardware"} <= set(problem.space.groups)
    features = problem.features(problem.space.sample(3, 0))
    assert all(column.shape == (3,) for column in features.values())


def test_the_best_cell_needs_what_one_works_out_by_hand():
    """All 3 x 3: five maps of 16 x 32 x 32 are alive where the cell's second node is added up.

    These are the input, the first two nodes, what comes to the second, and their sum.
    """
    problem = Microcontroller(reserved_kib=0)
    best = {name: "nor_conv_3x3" for name in problem.space.names if name.startswith("network.")}
    outcomes = problem.evaluate([best | {"hardware.board": "stm32h743"}])
    assert outcomes.status[0] == "ok"
    assert outcomes["top1"][0] == pytest.approx(93.76, abs=0.01)  # NAS-Bench-201's table
    columns = 2 * 2 * 9 * 64
    alive = (outcomes["ram_bytes"][0] - columns) / (16 * 32 * 32)
    assert alive == 5
    assert outcomes["latency_ns"][0] / 1e6 == pytest.approx(220.12e6 * 1.733 / 480e3, rel=0.02)


def test_a_network_that_does_not_fit_says_which_memory_is_short():
    problem = Microcontroller()
    best = {name: "nor_conv_3x3" for name in problem.space.names if name.startswith("network.")}
    outcomes = problem.evaluate([best | {"hardware.board": board} for board in ("stm32f722", "stm32h743")])
    assert outcomes.status.tolist() == ["infeasible", "ok"]
    assert outcomes.reason[0].endswith("KiB of flash are needed, stm32f722 has 512 of which 32 are reserved")


def test_dsp_slices_are_shared_as_the_white_papers_say():
    def slices(board, bits):
        return needs(
            BOARDS[board],
            units=1024,
            bits=np.array([bits]),
            register_bytes=16,
            buffer_kib=64,
            buffer_bytes_per_cycle=64,
            in_uram=0,
        )["dsp"][0]

    assert [slices("zcu102", bits) for bits in (4, 8, 16)] == [256, 512, 1024]
    assert [slices("zedboard", bits) for bits in (4, 8, 16)] == [1024, 1024, 1024]


def test_an_array_that_a_board_has_no_room_for_says_what_is_short():
    small = CnnFpga(board="zedboard")
    design = small.space.default() | {"hardware.array_rows": 16, "hardware.array_columns": 16}
    outcomes = small.evaluate([design, design | {"hardware.array_columns": 8}])
    assert outcomes.status.tolist() == ["infeasible", "ok"]
    assert outcomes.reason[0] == "256 DSP slices are needed, zedboard has 220"
    uram = small.evaluate([design | {"hardware.array_columns": 8, "hardware.buffer_in": "uram"}])
    assert uram.reason[0].endswith("URAM blocks are needed, zedboard has 0")


def test_a_board_of_the_data_sheet_is_full_exactly_at_its_numbers():
    board = BOARDS["zcu102"]
    needed = {"dsp": [2520, 2521], "bram": [912, 0], "uram": [0, 0], "lut": [274_080, 0]}
    reasons = shortage(board, {name: np.array(column, float) for name, column in needed.items()}, "zcu102")
    assert reasons.tolist() == ["", "2,521 DSP slices are needed, zcu102 has 2,520"]


def test_narrow_operands_buy_a_larger_array_and_so_time():
    problem = CnnFpga(board="zcu104")
    base = problem.space.default() | {"hardware.array_rows": 64, "hardware.array_columns": 48}
    wide, narrow = ({**base, "precision.bits": bits} for bits in (16, 8))
    outcomes = problem.evaluate([wide, narrow])
    assert outcomes.status.tolist() == ["infeasible", "ok"]


def test_transformers_and_detectors_have_what_was_published_at_the_published_sizes():
    """AutoFormer's tiny network: 5.7 M parameters, 74.7 %. The DSP's MobileDet is the largest: 28.9."""
    vit = VitAccelerator()
    tiny = dict(vit.space.default())
    tiny |= {name: 3 for name in tiny if ".heads_" in name}
    outcomes = vit.evaluate([tiny], fidelity="bound")
    assert outcomes["parameters"][0] == pytest.approx(5.7e6, rel=0.01)
    assert outcomes["top1"][0] == pytest.approx(74.7, abs=0.1)
    detector = DetectorAccelerator()
    found = detector.evaluate(detector.space.sample(50, 0), fidelity="bound")
    assert np.nanmax(found["map"]) <= 28.9 + 1e-9
    for source in (vit.about, detector.about):
        assert "predicted from" in source


def test_dense_blocks_pay_on_an_array_that_depthwise_ones_leave_empty():
    """MobileDets' finding: on a wide array a fused block uses the units that an inverted one cannot."""
    problem = DetectorAccelerator()
    design = problem.space.default() | {"hardware.array_rows": 32, "hardware.array_columns": 32}
    kinds = [design | {name: kind for name in design if ".kind_" in name} for kind in ("bottleneck", "fused")]
    outcomes = problem.evaluate(kinds)
    assert outcomes["utilisation"][1] > 2 * outcomes["utilisation"][0]


def test_a_smaller_microcontroller_is_on_the_front_for_small_networks():
    problem = Microcontroller()
    cells = {name: "nor_conv_1x1" for name in problem.space.names if name.startswith("network.")}
    boards = ("stm32f722", "stm32h743")
    outcomes = problem.evaluate([cells | {"hardware.board": board} for board in boards])
    assert outcomes.ok.all()
    assert outcomes["chip_memory_bytes"][0] == (256 + 512) * 1024 < outcomes["chip_memory_bytes"][1]
    assert outcomes["latency_ns"][0] / outcomes["latency_ns"][1] == pytest.approx(480 / 216)
