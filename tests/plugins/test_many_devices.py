"""The problem many-devices: worst cases and means over devices, by tables."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.testing import check_problem
from cosearch_plugins.networks.many_devices import ManyDevices
from cosearch_plugins.networks.nasbench201_device import NasBench201Device

PROBLEMS = (ManyDevices(), ManyDevices(networks="ofa-mbv3", each="own", devices="2080ti_64,v100_64"))


@pytest.mark.parametrize("problem", PROBLEMS, ids=["one", "own"])
def test_it_keeps_the_contract_of_a_problem(problem):
    check_problem(problem, elsewhere=False)


def test_each_latency_is_the_one_of_its_device():
    problem = ManyDevices(devices="pixel3, gold_6226")
    cells = problem.space.sample(20, np.random.default_rng(0))
    found = problem.evaluate(cells)
    single = {name: NasBench201Device(device=name).evaluate(cells) for name in ("pixel3", "gold_6226")}
    for name, alone in single.items():
        np.testing.assert_array_equal(found[f"latency_{name}_ms"], alone["latency_ms"])
        np.testing.assert_array_equal(found["top1"], alone["test_top1"])
    both = np.array([alone["latency_ms"] for alone in single.values()])
    np.testing.assert_array_equal(found["worst_latency_ms"], both.max(0))
    np.testing.assert_allclose(found["mean_latency_ms"], both.mean(0))
    every = NasBench201Device(device="pixel3")
    median = np.median(every.evaluate(every.space.enumerate())["latency_ms"])
    assert (found["worst_relative_latency"] >= both[0] / median - 1e-12).all()


def test_a_devices_own_network_leaves_the_others_alone():
    problem = PROBLEMS[1]
    small = problem.space.default()
    large = small | {f"on_v100_64.depth_{stage}": 4 for stage in range(1, 6)}
    large |= {
        f"on_v100_64.{what}_{stage}_{layer}": value
        for what, value in (("kernel", 7), ("expansion", 6))
        for stage in range(1, 6)
        for layer in range(1, 5)
    }
    found = problem.evaluate([small, large])
    assert found["latency_2080ti_64_ms"][0] == found["latency_2080ti_64_ms"][1]
    assert found["latency_v100_64_ms"][1] > found["latency_v100_64_ms"][0]
    assert found["mean_top1"][1] > found["mean_top1"][0]
    assert found["top1"][1] == found["top1"][0]


def test_what_does_not_go_together_is_refused():
    with pytest.raises(UnknownNameError, match=r"pixel33.*did you mean 'pixel3'"):
        ManyDevices(devices="pixel33,gold_6226")
    with pytest.raises(ArgumentError, match="two or more that differ"):
        ManyDevices(devices="pixel3")
    with pytest.raises(ArgumentError, match="each=own"):
        ManyDevices(each="own")
