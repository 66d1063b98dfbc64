"""Pruning a space by a predictor, and predictors that begin from what is known already."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality import Table, embedded_table, fit, load, pruned, split
from cosearch_simulators.networks.quality.families.small_cnn import (
    Choice,
    QuantisedSmallCnn,
    SmallCnn,
)
from cosearch_simulators.networks.quality.training.data import load_images
from cosearch_simulators.networks.quality.training.elastic import ElasticNetwork
from cosearch_simulators.networks.quality.training.quality import measured_part
from cosearch_simulators.networks.quality.training.training import Recipe, train


def test_pruning_by_a_hundred_and_fifty_cells_leaves_the_best_one_and_better_ones():
    """The best of NAS-Bench-201's cells stays; of the choices a fourth is gone, of the cells most."""
    table = embedded_table("nasbench201")
    some, _ = split(table, 150 / len(table), seed=0)
    left = pruned(fit(some, "c10_val_ep200_s", kind="trees", check=False), 0.25)
    assert sum(map(len, left.values())) == 30 - round(0.25 * 30)
    columns = table.columns()
    inside = np.all([np.isin(columns[name], values) for name, values in left.items()], axis=0)
    accuracy = table.targets["c10_test_ep200"]
    assert inside[accuracy.argmax()]
    assert inside.mean() < 0.4
    assert accuracy[inside].mean() > accuracy.mean() + 2


def test_pretraining_on_free_statistics_helps_where_few_networks_were_measured():
    table = embedded_table("mnasnet")
    few, rest = split(table, 40 / len(table), seed=2)
    held, _ = split(rest, 0.2, seed=0)
    plain = fit(few, "val_top1", kind="mlp", check=False).judge(held, "val_top1")
    begun = fit(few, "val_top1", kind="mlp", check=False, begin="free-statistics").judge(held, "val_top1")
    assert begun.kendall > plain.kendall


@pytest.mark.parametrize("kind", ["mlp", "gaussian-process"])
def test_a_predictor_of_full_precision_is_where_one_of_low_precision_begins(kind):
    rng = np.random.default_rng(0)
    columns = {name: rng.choice(np.array(known), 300) for name, known in QuantisedSmallCnn().values.items()}
    size = columns["width_1"] * columns["width_2"] + 5 * columns["depth_2"] + columns["kernel_1_1"]
    full = 50 + 8 * np.log(size)
    low = full - 60 * 4.0 ** (1 - columns["weight_bits"]) - 40 * 4.0 ** (1 - columns["activation_bits"])
    base = fit(
        Table.of({n: columns[n] for n in SmallCnn().values} | {"top1": full}), "top1", kind=kind, check=False
    )
    table = Table.of(columns | {"top1": low})
    assert table.family.name == "small-cnn-quantised"
    few, held = table.take(np.arange(30)), table.take(np.arange(100, len(table)))
    begun = fit(few, "top1", kind=kind, check=False, begin=base).judge(held, "top1")
    plain = fit(few, "top1", kind=kind, check=False).judge(held, "top1")
    assert begun.rmse < plain.rmse
    with pytest.raises(SimulatorError, match="only predictors of kind 'mlp'"):
        fit(few, "top1", kind="trees", begin="free-statistics")
    with pytest.raises(SimulatorError, match="no predictor of a part of the parameters"):
        fit(embedded_table("nasbench-macro"), "mean_acc", kind=kind, begin=base)
    with pytest.raises(SimulatorError, match="unknown beginning"):
        fit(few, "top1", kind=kind, begin="free")


def test_fewer_bits_lose_accuracy_after_training_and_eight_lose_none():
    images = load_images()
    choice = Choice((16, 16), ((3,), (3, 3)))
    network = ElasticNetwork(images.shape, images.classes, choice)
    train(network, images, Recipe(steps=150))
    whole = measured_part(network, images, choice)
    losses = {bits: measured_part(network, images, choice, (bits, bits)) for bits in (8, 4, 2)}
    assert whole[0] > 85
    assert abs(losses[8][0] - whole[0]) < 1
    assert losses[2][0] < losses[4][0] - 5
    assert measured_part(network, images, choice) == whole


def test_bits_are_columns_of_the_supernet_and_wrong_ones_are_refused():
    quality = load("small-cnn-supernet")
    quality._steps = 30
    columns = {name: np.array([known[-1]] * 3) for name, known in SmallCnn().values.items()}
    found = quality.evaluate(columns | {"weight_bits": [8, 1, 2], "activation_bits": [8, 8, 2]})
    assert found.status.tolist() == [0, 1, 0]
    assert "from 2 to 16" in found.reason[1]
    assert found["validation_loss"][0] != found["validation_loss"][2]
