"""The gain in hypervolume of many points at once is that of each point alone."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cosearch.pareto import hypervolume, pareto_mask
from cosearch_agents.volume_gain import VolumeGain


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [0, 1, 12])
def test_gain_is_the_hypervolume_with_the_point_less_that_without(objectives, size):
    rng = np.random.default_rng(objectives)
    front = rng.random((4 * size, objectives))
    front = front[pareto_mask(front)][:size] if size else front
    reference = np.full(objectives, 0.9)
    points = rng.random((60, objectives))
    gains = VolumeGain(front, reference)(points)
    before = hypervolume(front, reference) if size else 0.0
    after = [hypervolume(np.vstack([front, point]), reference) for point in points]
    assert np.allclose(gains, np.array(after) - before)


@pytest.mark.parametrize("objectives", [3, 5])
def test_a_large_front_of_many_objectives_takes_no_time_and_no_gain_is_too_small(objectives):
    rng = np.random.default_rng(0)
    front = rng.random((150, objectives))
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    reference = np.full(objectives, 1.1)
    began = time.process_time()
    gain = VolumeGain(front, reference)
    points = rng.random((8, objectives))
    found = gain(points)
    assert time.process_time() - began < 10.0
    before = hypervolume(front, reference)
    exact = [hypervolume(np.vstack([front, point]), reference) - before for point in points]
    assert (found >= np.array(exact) - 1e-9).all()
