"""The problem cnn-accelerator."""

from __future__ import annotations

import time

import numpy as np
import pytest

import cosearch  # noqa: F401
from cosearch.errors import ArgumentError
from cosearch.testing import check_problem
from cosearch_plugins.networks.cnn_accelerator import CnnAccelerator
from cosearch_plugins.networks.cnn_fpga import CnnFpga
from cosearch_simulators.networks.spaces.once_for_all import OnceForAll


@pytest.fixture(scope="module")
def problem():
    return CnnAccelerator()


def test_it_keeps_the_contract_of_a_problem(problem):
    check_problem(problem, designs=6, elsewhere=False)


def test_it_keeps_it_with_mnasnet_bits_by_stage_and_sparse_weights():
    check_problem(
        CnnAccelerator(networks="mnasnet", precision="stage", sparsity=True), designs=4, elsewhere=False
    )


def test_network_precision_and_hardware_are_groups(problem):
    assert set(problem.space.groups) == {"network", "precision", "hardware"}
    assert "depth_1" in problem.space["network"].names
    assert problem.space["precision"].names[:2] == ("weight_bits", "activation_bits")


def test_a_thousand_designs_take_ten_seconds_of_two_cores(problem):
    """In processor time, since others may use the machine; the first run compiles."""
    problem.evaluate(problem.space.sample(2, 0))
    start = time.process_time()
    outcomes = problem.evaluate(problem.space.sample(100, 1))
    assert time.process_time() - start < 2.0
    assert (outcomes.status == "ok").mean() > 0.95


def test_ten_thousand_at_the_bound_take_as_long(problem):
    problem.evaluate(problem.space.sample(10_000, 2), fidelity="bound")
    start = time.process_time()
    outcomes = problem.evaluate(problem.space.sample(10_000, 3), fidelity="bound")
    assert time.process_time() - start < 2.0
    assert (outcomes.status == "ok").mean() > 0.95


def test_the_bound_ranks_as_the_mapper_does(problem):
    designs = problem.space.sample(60, 4)
    bound, mapper = (problem.evaluate(designs, fidelity=name) for name in ("bound", "mapper"))
    for metric in ("latency_ns", "energy_pj"):
        ranks = [np.argsort(np.argsort(found[metric])) for found in (bound, mapper)]
        assert np.corrcoef(*ranks)[0, 1] > 0.85
        assert np.all(bound[metric] <= mapper[metric] * (1 + 1e-9))
    assert np.array_equal(bound["top1"], mapper["top1"])


def test_narrower_numbers_lose_what_was_published(problem):
    """HAQ's MobileNetV2: 61.39 with 4 bits, 71.25 with 6, 71.81 with 8."""
    base = problem.space.default() | {"hardware.multiplier": "fusion-8"}
    bits = [{"precision.weight_bits": n, "precision.activation_bits": n} for n in (16, 8, 6, 4)]
    top1 = problem.evaluate(problem.space.designs([base | chosen for chosen in bits]), fidelity="bound")[
        "top1"
    ]
    np.testing.assert_allclose(top1[1] - top1, [0, 0, 0.56, 10.42], atol=1e-9)


def test_operands_that_no_multiplier_takes_are_forbidden():
    wide = {"hardware.multiplier": "fixed-4"}
    problem = CnnAccelerator()
    outcomes = problem.evaluate(problem.space.designs([problem.space.default() | wide]))
    assert outcomes.status[0] == "infeasible"


def test_mixed_bits_need_no_rule_as_every_multiplier_takes_them():
    staged = CnnAccelerator(precision="stage")
    assert staged.space.forbidden == ()
    assert staged.space.cardinality() > 1e30


def test_a_table_without_accuracies_is_refused(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("kernel_1,top5\n3,90\n")
    with pytest.raises(ArgumentError):
        CnnAccelerator(quality=str(path))
    with pytest.raises(ArgumentError):
        CnnAccelerator(quality=str(tmp_path / "missing.csv"))


@pytest.mark.parametrize("kind", [CnnAccelerator, CnnFpga])
def test_the_resolution_is_searched_where_the_table_has_several(kind, tmp_path):
    assert "network.resolution" not in kind().space.names  # the embedded table has one
    rng = np.random.default_rng(0)
    columns = {one.name: rng.choice(np.array(one.values), 60) for one in OnceForAll().parameters}
    columns["resolution"] = rng.choice((160, 192), 60)
    top1 = 70 + columns["resolution"] / 50 + sum(columns[f"depth_{stage}"] for stage in range(1, 6)) / 10
    path = tmp_path / "mine.csv"
    lines = [",".join([*columns, "top1"])]
    lines += [",".join(map(str, row)) for row in zip(*columns.values(), top1, strict=True)]
    path.write_text("\n".join(lines))
    problem = kind(quality=str(path))
    assert problem.space["network.resolution"].values == (160, 192)
    small = problem.space.default() | {"network.resolution": 160}
    outcomes = problem.evaluate([small, small | {"network.resolution": 192}])
    assert outcomes["macs"][1] / outcomes["macs"][0] == pytest.approx((192 / 160) ** 2, rel=0.05)
    assert outcomes["top1"][1] > outcomes["top1"][0]
    columns["resolution"] = np.full(60, 132)  # Once-for-All has it, our networks of it are not searched
    lines[1:] = [",".join(map(str, row)) for row in zip(*columns.values(), top1, strict=True)]
    path.write_text("\n".join(lines))
    with pytest.raises(ArgumentError, match="its networks have resolution 132; at least one of 128"):
        kind(quality=str(path))
