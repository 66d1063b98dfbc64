"""The multipliers of bricks against Bit Fusion's own simulator, as APQ ran it: nothing here is fitted."""

from __future__ import annotations

import numpy as np
import pytest

import bit_fusion


@pytest.fixture(scope="module")
def compared(reference):
    pytest.importorskip("pandas")
    return bit_fusion.compared()


def spearman(x, y):
    return np.corrcoef(*(np.argsort(np.argsort(column)) for column in (x, y)))[0, 1]


def test_latencies_rank_alike_and_are_of_one_size(compared):
    ours, theirs, _, _, _, _ = compared
    assert len(ours) > 1500
    assert spearman(ours, theirs) > 0.95
    assert 0.9 < np.median(ours / theirs) < 1.05


def test_a_layer_that_the_memory_holds_up_takes_exactly_as_long(compared):
    ours, theirs, _, _, w, a = compared
    narrow = (w == 4) & (a == 4)
    np.testing.assert_allclose(np.median(ours[narrow] / theirs[narrow]), 1.0, atol=0.01)


def test_six_bits_take_the_bricks_of_eight(compared):
    ours, theirs, _, _, w, a = compared
    for column in (ours, theirs):
        totals = {pair: column[(w == pair[0]) & (a == pair[1])].sum() for pair in ((6, 6), (8, 8))}
        assert 0.9 < totals[6, 6] / totals[8, 8] <= 1.0


def test_energies_rank_alike_and_are_of_one_size(compared):
    _, _, ours, theirs, _, _ = compared
    assert spearman(ours, theirs) > 0.9
    assert 0.9 < np.median(ours / theirs) < 1.2
