"""Few-shot transfer: devices whose latencies are known sums, the published table, and what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from cosearch.surrogates.device_prior import chosen_rows, rank_correlation
from cosearch.surrogates.feature_columns import value_columns
from cosearch.surrogates.transfer import Transfer, judged

OPERATIONS = ("none", "pool", "conv1", "conv3")
# the nine training devices of HELP
TRAINING = [
    *("lat_1080ti_1", "lat_1080ti_32", "lat_1080ti_256", "lat_silver_4114", "lat_silver_4210r"),
    *("lat_samsung_a50", "lat_pixel3", "lat_essential_ph_1", "lat_samsung_s7"),
]
EDGES = ["op_e10", "op_e20", "op_e21", "op_e30", "op_e31", "op_e32"]


def sums(seed: int = 0):
    """All cells of five edges, and devices on which each operation has a cost of its own."""
    cells = np.array(list(itertools.product(range(4), repeat=5)))
    rng = np.random.default_rng(seed)
    costs = rng.gamma(2.0, 1.0, size=(6, 4))
    latencies = np.stack([cost[cells].sum(axis=1) + 3 for cost in costs], axis=1)
    features = [[OPERATIONS[v] for v in column] for column in cells.T]
    return features, latencies


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    features, latencies = sums()
    path = tmp_path_factory.mktemp("transfer") / "cells.parquet"
    columns = {f"edge{k}": column for k, column in enumerate(features)}
    columns |= {f"lat_{d}": latencies[:, d] for d in range(6)}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_a_device_of_known_sums_is_found_from_five_samples():
    """Four costs and a level: five measurements are enough where there is no noise."""
    features, latencies = sums()
    learned = Transfer.of(features, latencies[:, :5], samples=6)
    for one in judged(learned, latencies[:, 5], 2):
        assert one["spearman"] > 0.97
        assert len(set(one["samples"])) == 6


def test_the_chosen_samples_leave_less_variance_than_random_ones():
    rng = np.random.default_rng(0)
    design = rng.normal(size=(200, 8))
    rows = chosen_rows(design, 0.1, np.arange(200), 8)

    def left(rows):
        some = design[rows]
        inverse = np.linalg.inv(np.eye(8) + some.T @ some / 0.01)
        return np.trace(design @ inverse @ design.T)

    assert left(rows) < min(left(rng.permutation(200)[:8]) for _ in range(20))


def test_the_target_s_other_numbers_change_no_choice_and_no_prediction():
    features, latencies = sums()
    learned = Transfer.of(features, latencies[:, :5], samples=8)
    rows = learned.choose(0)
    before = learned.predict(rows, latencies[rows, 5])
    disturbed = latencies[:, 5] + 100 * np.random.default_rng(0).random(len(latencies))
    disturbed[rows] = latencies[rows, 5]
    assert np.array_equal(learned.choose(0), rows)
    assert np.array_equal(learned.predict(rows, disturbed[rows]), before)


def test_throughputs_add_up_as_their_reciprocals():
    features, latencies = sums()
    assert Transfer.of(features, 1000 / latencies[:, :5], samples=8).link == "reciprocal"
    assert Transfer.of(features, latencies[:, :5], samples=8).link == "identity"


def test_values_at_places_are_grouped():
    columns, groups = value_columns([["a", "b", "a"], ["b", "b", "a"], ["[1, 2]", "[1, 3]", "[2, 3]"]])
    assert columns.shape == (3, 2 + 2 + 2 + 2)
    assert sorted(map(sorted, groups)) == [[0, 2], [1, 3], [4], [5], [6], [7]]


def test_rank_correlation_is_spearmans():
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 8, 27, 20])) == pytest.approx(0.8)
    assert rank_correlation(np.ones(4), np.arange(4.0)) == 0.0


def test_from_the_command_line(cli, table):
    options = ("--features", "edge0,edge1,edge2,edge3,edge4", "--train", "lat_0,lat_1,lat_2,lat_3")
    found = cli(
        *("surrogate", "transfer", "--table", table, *options, "--target", "lat_4,lat_5"),
        *("--samples", 8, "--seeds", 2, "--json"),
    ).json
    assert [one["target"] for one in found["targets"]] == ["lat_4", "lat_5"]
    assert found["spearman"] == pytest.approx(np.mean([one["spearman"] for one in found["targets"]]))
    assert found["spearman"] > 0.95
    assert len(found["targets"][0]["seeds"]) == 2


def test_what_a_user_may_get_wrong(cli, table, tmp_path):
    begin = ("surrogate", "transfer", "--table", table)
    good = ("--features", "edge0,edge1", "--train", "lat_0,lat_1")
    cli(*begin, *good, "--target", "lat_9").assert_error("unknown column", "lat_9")
    cli(*begin, *good, "--target", "lat_1").assert_error("lat_1", "new device")
    cli(*begin, *good, "--target", "edge0").assert_error("feature")
    cli(*begin, "--features", "edge0", "--train", "edge1", "--target", "lat_1").assert_error(
        "expected numbers"
    )
    cli(*begin, *good, "--target", ",").assert_error("--target")
    cli(*begin, *good, "--target", "lat_2", "--samples", 5000).assert_error("samples")
    cli("surrogate", "transfer", "--table", tmp_path / "none.parquet", *good, "--target", "a").assert_error(
        "none"
    )
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    cli("surrogate", "transfer", "--table", tmp_path / "a.parquet", *good, "--target", "a").assert_error(
        "not a Parquet file"
    )
    (tmp_path / "a.txt").write_bytes(b"nothing")
    cli("surrogate", "transfer", "--table", tmp_path / "a.txt", *good, "--target", "a").assert_error(
        ".parquet"
    )


def test_unseen_devices_of_nas_bench_201(reference):
    """HELP published a mean of 0.932 on unseen devices from 10 samples; asked for is 0.95."""
    data = pyarrow.parquet.read_table(reference / "nas" / "nasbench201.parquet").to_pandas()
    learned = Transfer.of([data[edge].tolist() for edge in EDGES], data[TRAINING].to_numpy(float), 10)
    new = [name for name in data.columns if name.startswith("lat_") and name not in TRAINING]
    ranks = [one["spearman"] for name in new for one in judged(learned, data[name].to_numpy(float), 2)]
    assert len(new) == 15
    assert np.mean(ranks) >= 0.95
