"""The problem apq: costs are sums of APQ's own table, whatever is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.errors import ArgumentError
from cosearch.testing import check_problem
from cosearch_plugins.networks.apq import SPACE, Apq
from cosearch_simulators.networks.quality.reading import read_columns

COLUMNS = ("in_ch", "out_ch", "input_size", "kernel", "stride", "groups", "w_bits", "a_bits")


def test_it_keeps_the_contract_of_a_problem():
    check_problem(Apq())


def test_costs_are_the_tables_for_every_layer_walked_by_hand(reference):
    table = read_columns(reference / "nas" / "apq_bitfusion_lut.parquet")
    keys = zip(*(table[name].tolist() for name in COLUMNS), strict=True)
    costs = dict(zip(keys, zip(table["latency_ms"], table["energy_mj"], strict=True), strict=True))
    designs = SPACE.sample(10, np.random.default_rng(4))
    found = Apq().evaluate(designs)
    for row, design in enumerate(designs):
        latency = energy = 0.0
        into, side = 16, 112
        blocks = []
        for stage, (width, stride) in enumerate(((24, 2), (40, 2), (80, 2), (96, 1), (192, 2)), start=1):
            bits = design[f"weight_bits_{stage}"], design[f"activation_bits_{stage}"]
            for layer in range(design[f"depth_{stage}"]):
                step = stride if layer == 0 else 1
                blocks.append(
                    (into, width, side, step, design[f"kernel_{stage}"], design[f"channels_{stage}"], bits)
                )
                into, side = width, side // step
        blocks.append((192, 320, 7, 1, 3, 6.0, bits))
        for inputs, width, size, step, kernel, ratio, (weight, activation) in blocks:
            hidden = int(inputs * ratio / 8 + 0.5) * 8
            for layer in (
                (inputs, hidden, size, 1, 1, 1),
                (hidden, hidden, size, kernel, step, hidden),
                (hidden, width, size // step, 1, 1, 1),
            ):
                ms, mj = costs[(*layer, weight, activation)]
                latency, energy = latency + ms, energy + mj
        assert found["latency_ms"][row] == pytest.approx(latency, rel=1e-6)
        assert found["energy_mj"][row] == pytest.approx(energy, rel=1e-6)


def test_every_allowed_design_is_in_the_table():
    assert Apq().evaluate(SPACE.sample(300, np.random.default_rng(1))).ok.all()


def test_pruning_and_narrow_numbers_cost_accuracy_and_save_energy():
    problem = Apq(energy_mj=12)
    whole = problem.space.default()
    pruned = whole | {f"channels_{s}": 4.0 for s in range(1, 6)}
    narrow = whole | {f"{part}_{s}": 4 for part in ("weight_bits", "activation_bits") for s in range(1, 6)}
    found = problem.evaluate([whole, pruned, narrow])
    assert found["top1"][0] > found["top1"][1:].max()
    assert found["energy_mj"][0] > found["energy_mj"][1:].max()
    assert found["top1_loss"][0] == found["top1_loss"][1] == 0
    # PACT's MobileNetV2 with 4 bits for all (HAQ, CVPR 2019): 71.81 - 61.39
    assert found["top1_loss"][2] == pytest.approx(10.42)
    assert [str(one) for one in problem.constraints] == ["energy_mj<=12"]


def test_a_table_without_a_layer_makes_designs_infeasible_and_a_broken_one_is_refused(tmp_path):
    path = tmp_path / "lut.csv"
    head = ",".join((*COLUMNS, "latency_ms", "energy_mj"))
    path.write_text(f"{head}\n16,96,112,1,1,1,8,8,0.2,0.3\n")
    problem = Apq(table=str(path))
    outcomes = problem.evaluate([problem.space.default()])
    assert outcomes.status.tolist() == ["infeasible"]
    assert "no measurement of this network" in outcomes.reason[0] or "a_bits" in outcomes.reason[0]
    path.write_text(f"{head.replace('latency_ms', 'latency_s')}\n16,96,112,1,1,1,8,8,0.2,0.3\n")
    with pytest.raises(ArgumentError, match=r"table: .*unknown metric 'latency_ms'"):
        Apq(table=str(path))
