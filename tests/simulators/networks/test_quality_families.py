"""Families of networks: their designs, published tables, and counts against those in the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.networks.quality.families import FAMILIES, MnasNet, NasBench201, OnceForAll
from cosearch_simulators.networks.quality.families.mnasnet import RESOLUTION, STRIDES, WIDTHS
from cosearch_simulators.networks.quality.reading import read_columns

REFERENCE = Path(__file__).parents[4] / "shared" / "reference" / "nas"


def published(name: str) -> dict[str, np.ndarray]:
    if not (REFERENCE / name).exists():
        pytest.skip("the published tables are not here")
    return read_columns(REFERENCE / name)


def test_once_for_alls_counts_are_those_of_dynas():
    table, family = published("ofa_mbv3_accuracy_dynast.parquet"), OnceForAll()
    codes, problems = family.codes(family.designs_of(table))
    found = family.free_statistics(codes)
    assert set(problems) == {""}
    np.testing.assert_array_equal(found["macs"], table["macs"])
    np.testing.assert_array_equal(found["params"], table["params"])


def test_mnasnets_counts_are_those_of_accel_nasbench():
    """Its MACs are a FLOP counter's: 4 for an element that is normalised, 1 for one that is pooled."""
    table, family = published("accel_nasbench.parquet"), MnasNet()
    codes, _ = family.codes(family.designs_of(table))
    found = family.free_statistics(codes)
    np.testing.assert_allclose(found["params"] / 1e6, table["params"], rtol=1e-6)
    side, inputs = RESOLUTION / 2, 32
    normalised, pooled = np.full(len(codes), side**2 * inputs), np.full(len(codes), 1280.0 * 7 * 7)
    for block, (width, stride) in enumerate(zip(WIDTHS, STRIDES, strict=True)):
        expansion, layers, squeeze = (table[f"block{block}_{part}"] for part in ("e", "l", "se"))
        for layer in range(4):
            after = side / stride if layer == 0 else side
            wide = inputs * expansion
            there = layer < layers
            before = (expansion > 1) * wide * side**2
            normalised += there * (before + (wide + width) * after**2)
            pooled += there * squeeze * wide * after**2
            side, inputs = after, width
    normalised += 1280 * 7 * 7
    counted = found["macs"] + 4 * normalised + pooled
    np.testing.assert_allclose(counted / 1e6, table["macs"], rtol=5e-5)


def test_nas_bench_201s_largest_cell_has_the_published_counts():
    """220.12 M operations and 1.531546 M parameters (arXiv:2001.00326, and the API's own output)."""
    found = NasBench201().free_statistics(np.full((1, 6), 3))
    assert found["params"][0] == 1_531_546
    assert found["macs"][0] / 1e6 == pytest.approx(220.12, abs=0.005)


def test_a_cell_is_read_from_its_text_too():
    table, family = published("nasbench201.parquet"), NasBench201()
    by_edge, _ = family.codes(family.designs_of(table))
    by_text, _ = family.codes(family.designs_of({"arch_str": table["arch_str"]}))
    np.testing.assert_array_equal(by_edge, by_text)
    assert len(np.unique(by_edge, axis=0)) == 5**6


def test_layers_beyond_the_depth_do_not_count():
    family = OnceForAll()
    rng = np.random.default_rng(0)
    columns = {name: rng.choice(values, 50) for name, values in family.values.items()}
    codes, _ = family.codes(columns)
    for stage in range(1, 6):
        gone = columns[f"depth_{stage}"] < 4
        columns[f"kernel_{stage}_4"] = np.where(gone, 99, columns[f"kernel_{stage}_4"])
        columns[f"expansion_{stage}_4"] = np.where(gone, np.nan, columns[f"expansion_{stage}_4"])
    again, problems = family.codes(columns)
    assert set(problems) == {""}
    np.testing.assert_array_equal(codes, again)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_codes_and_columns_are_two_views_of_a_design(family):
    rng = np.random.default_rng(1)
    codes, _ = family.codes({name: rng.choice(np.array(v), 30) for name, v in family.values.items()})
    again, problems = family.codes(family.columns(codes))
    assert set(problems) == {""}
    np.testing.assert_array_equal(codes, again)
    features = family.features(codes)
    assert features.shape[0] == 30
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features[7:8], family.features(codes[7:8]))


def test_what_is_wrong_is_said_in_a_line():
    family = NasBench201()
    columns = {name: ["none", "skip_conect"] for name in family.values}
    _, problems = family.codes(columns)
    assert problems == ["", "unknown op_e10 'skip_conect'; did you mean 'skip_connect'?"]
    with pytest.raises(ConfigurationError, match="need the column op_e32"):
        family.codes({name: ["none"] for name in list(family.values)[:-1]})
    _, problems = MnasNet().codes({name: [9] for name in MnasNet().values})
    assert problems == ["expansion_1 must be one of 1, 4, 6, got 9"]
