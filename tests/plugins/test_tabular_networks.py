"""The problems nasbench201-device and accel-nasbench: measured, so that what is best is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosearch.errors import ArgumentError
from cosearch.pareto import hypervolume
from cosearch.testing import check_problem
from cosearch_plugins.networks.accel_nasbench import AccelNasBench
from cosearch_plugins.networks.nasbench201_device import COLUMNS, SPACE, NasBench201Device

DATASETS = {column: name for name, column in COLUMNS.items()}


@pytest.fixture(scope="module")
def golden(reference) -> dict:
    return json.loads((reference / "nas" / "nasbench201_golden.json").read_text())


@pytest.mark.parametrize("problem", [NasBench201Device(), AccelNasBench()], ids=lambda p: p.name)
def test_they_keep_the_contract_of_a_problem(problem):
    check_problem(problem, elsewhere=False)


def test_exact_fronts_and_hypervolumes_are_the_golden_ones(golden):
    for key, expected in golden["pareto"].items():
        accuracy, latency = key.split("|")
        problem = NasBench201Device(
            dataset=DATASETS[accuracy.split("_")[0]], device=latency.removeprefix("lat_")
        )
        designs, outcomes = problem.exact_front()
        values = np.column_stack([outcomes["latency_ms"], 100 - outcomes["test_top1"]])
        assert len(designs) == expected["n_front"]
        assert hypervolume(values, expected["ref_point"]) == pytest.approx(expected["hypervolume"], rel=1e-7)
        latency_bound, error_bound = expected["ref_point"]
        assert problem.objectives[1].reference == pytest.approx(latency_bound)
        assert 100 - problem.objectives[0].reference == error_bound


def test_the_best_accuracies_are_the_published_ones(golden):
    for key, expected in golden["single_best"].items():
        problem = NasBench201Device(dataset=DATASETS[key.split("_")[0]])
        outcomes = problem.evaluate(problem.space.enumerate())
        assert outcomes["test_top1"].max() == pytest.approx(expected["value"], abs=1e-4)


def test_a_short_training_ranks_cells_roughly_as_the_long_one():
    problem = NasBench201Device()
    cells = problem.space.sample(500, np.random.default_rng(0))
    short = problem.evaluate(cells, fidelity="epochs_12")["validation_top1"]
    long = problem.evaluate(cells)["validation_top1"]
    assert 0.7 < np.corrcoef(short.argsort().argsort(), long.argsort().argsort())[0, 1] < 1


def test_measured_networks_of_accel_nasbench_come_in_the_order_of_their_macs(reference):
    import pyarrow.parquet

    problem = AccelNasBench(device="a100")
    outcomes = problem.evaluate(problem.space.enumerate())
    assert (np.diff(outcomes["macs"]) >= 0).all()
    table = pyarrow.parquet.read_table(reference / "nas" / "accel_nasbench.parquet").to_pydict()
    assert outcomes["top1"].max() == pytest.approx(max(table["val_top1"]), abs=1e-4)
    front, values = problem.exact_front()
    assert 5 < len(front) < 100
    order = np.argsort(values["top1"])
    assert (np.diff(values["throughput_per_s"][order]) <= 0).all()


def test_a_users_table_takes_the_place_of_the_embedded_one(tmp_path: Path):
    path = tmp_path / "mine.csv"
    names = (*SPACE.names, "c10_val_ep12", "c10_test_ep12", "c10_val_ep200_s", "c10_test_ep200", "lat_pixel3")
    row = ",".join(["nor_conv_3x3"] * 6 + ["80", "81", "90", "91", "20.5"])
    path.write_text(f"{','.join(names)}\n{row}\n")
    problem = NasBench201Device(table=str(path))
    default = problem.space.default()
    other = default | {"op_e10": "none"}
    outcomes = problem.evaluate([default, other])
    assert outcomes.row(0)["test_top1"] == 91
    assert outcomes.row(0)["latency_ms"] == 20.5
    assert outcomes.status.tolist() == ["ok", "infeasible"]
    assert "no measurement of this network" in outcomes.reason[1]

    def refusal(text: str) -> str:
        path.write_text(text)
        with pytest.raises(ArgumentError) as caught:
            NasBench201Device(table=str(path))
        return str(caught.value)

    head = ",".join(names)
    assert "op_e32" in refusal(f"{head.replace('op_e32,', '')}\n{row.split(',', 1)[1]}\n")
    assert "lat_pixel3" in refusal(f"{head.replace('lat_pixel3', 'lat_pixel9')}\n{row}\n")
    assert "in %" in refusal(f"{head}\n{row.replace('80,81,90,91', '0.80,0.81,0.90,0.91')}\n")
    assert "contradict" in refusal(f"{head}\n{row}\n{row.replace('91', '11')}\n")
    assert "skip_connect" in refusal(f"{head}\n{row.replace('nor_conv_3x3', 'skip_conect', 1)}\n")
    assert "no number" in refusal(f"{head}\n{row.replace('20.5', 'nan')}\n")
    assert "neither Parquet nor CSV" in refusal("hello\n")
    with pytest.raises(ArgumentError, match="cannot read"):
        NasBench201Device(table=str(tmp_path / "none.csv"))
