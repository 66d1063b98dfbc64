"""Real training, supernets and training-free scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.core.validation.ranking import spearman
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality import load
from cosearch_simulators.networks.quality.families.small_cnn import (
    LARGEST,
    SMALLEST,
    Choice,
    SmallCnn,
)
from cosearch_simulators.networks.quality.training.data import load_images
from cosearch_simulators.networks.quality.training.elastic import ElasticNetwork
from cosearch_simulators.networks.quality.training.quality import TrainedQuality, measured_part
from cosearch_simulators.networks.quality.training.scores import naswot, scores
from cosearch_simulators.networks.quality.training.training import (
    Recipe,
    random_choice,
    train,
    train_supernet,
)

FAMILY = SmallCnn()


def columns(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.choice(np.array(values), n) for name, values in FAMILY.values.items()}


def test_the_parts_of_the_digits_have_no_image_in_common():
    images = load_images()
    sizes = [len(part[0]) for part in (images.train, images.validation, images.test)]
    assert sum(sizes) == 1797
    assert images.shape == (1, 8, 8)
    assert images.classes == 10


def test_a_network_has_the_weights_and_macs_that_are_counted():
    codes, _ = FAMILY.codes(columns(8))
    counted = FAMILY.free_statistics(codes)
    for row, choice in enumerate(FAMILY.choices(codes)):
        network = ElasticNetwork((1, 8, 8), 10, choice)
        assert sum(part.numel() for part in network.parameters()) == counted["params"][row]
        assert _macs(network) == counted["macs"][row]


def _macs(network: ElasticNetwork) -> int:
    """By what PyTorch itself counts: two operations for a multiply-accumulate."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, 8, 8))
    return counter.get_total_flops() // 2


def test_training_learns_the_digits_and_is_the_same_again():
    images, choice = load_images(), Choice((16, 16), ((3,), (3, 3)))

    def once(seed: int, steps: int):
        network = ElasticNetwork(images.shape, 10, choice, seed)
        return train(network, images, Recipe(steps=steps), seed=seed)

    assert once(0, 200).test_top1 > 96  # a linear classifier has about 95
    first = once(0, 20)
    assert first == once(0, 20)
    assert first != once(1, 20)


def test_a_training_that_diverges_has_failed_and_the_others_have_not():
    quality = TrainedQuality(recipe=Recipe(steps=24))
    designs = columns(3) | {"learning_rate": np.array([1e-2, 1e9, 1e-2])}
    designs |= {"optimiser": np.array(["sgd", "sgd", "sdg"], object)}
    found = quality.evaluate(designs, fidelity="half")
    assert found.status.tolist() == [0, 2, 1]
    assert found.reason[1].startswith("the training diverged at step ")
    assert found.reason[2] == "unknown optimiser 'sdg'; valid: sgd, adam, adamw"


def test_training_ends_early_where_the_validation_loss_does_not_fall():
    images = load_images()
    recipe = Recipe(steps=240, optimiser="sgd", learning_rate=1e-9, patience=2, noise=5.0)
    seen = []

    class Watched(ElasticNetwork):
        def __call__(self, rows, choice=None):
            seen.append(len(rows) == recipe.batch)
            return super().__call__(rows, choice)

    train(Watched(images.shape, 10, SMALLEST), images, recipe)
    assert sum(seen) < recipe.steps


def test_sub_networks_use_the_first_channels_and_the_middle_of_kernels():
    import torch

    network, images = ElasticNetwork((1, 8, 8), 10, LARGEST), torch.randn(3, 1, 8, 8)
    before = network(images, SMALLEST)
    with torch.no_grad():
        for weight, _, _ in network._layers.values():
            weight[SMALLEST.widths[0] :] = 99.0
            weight[..., 0, :] = 99.0
    assert torch.equal(network(images, SMALLEST), before)
    assert not torch.equal(network(images), before)


@pytest.mark.slow
def test_shared_weights_rank_fifty_networks_as_training_alone_does():
    """The bar: Spearman of at least 0.6; about two minutes of a core."""
    images = load_images()
    network = train_supernet(images, steps=1000)
    rng = np.random.default_rng(5)
    shared, alone = [], []
    for seed in range(50):
        choice = random_choice(rng)
        shared.append(measured_part(network, images, choice)[0])
        own = ElasticNetwork(images.shape, images.classes, choice, seed)
        alone.append(train(own, images, Recipe(steps=200), seed=seed).test_top1)
    assert spearman(shared, alone) >= 0.6


def test_a_short_supernet_ranks_better_than_chance():
    quality = load("small-cnn-supernet")
    quality._steps = 80
    found = quality.evaluate(columns(30))
    size = np.array([sum(c.widths) for c in FAMILY.choices(FAMILY.codes(columns(30))[0])])
    assert (found.status == 0).all()
    assert spearman(found["validation_loss"], size) < -0.4


def test_scores_are_finite_and_rank_by_size():
    found = load("small-cnn-scores").evaluate(columns(12))
    assert (found.status == 0).all()
    assert spearman(found["synflow"], found["params"]) > 0.5


def test_naswot_is_the_log_determinant_of_agreeing_relus():
    """A single layer whose patterns are known: three inputs, two units."""
    import torch

    class Layer:
        def parameters(self):
            return []

        def __call__(self, rows):
            return torch.nn.functional.relu(rows)

    patterns = np.array([[1, 1], [1, 0], [0, 0]])
    agreeing = np.array([[(a == b).sum() for b in patterns] for a in patterns], float)
    inputs = torch.tensor(patterns * 2.0 - 1)
    sign, expected = np.linalg.slogdet(agreeing)
    assert sign == 0 or naswot(Layer(), inputs) == pytest.approx(expected)
    inputs = torch.tensor([[1.0, 1, 1], [1, -1, 1], [-1, -1, 1]])
    assert naswot(Layer(), inputs) == pytest.approx(np.log(np.linalg.det([[3, 2, 1], [2, 3, 2], [1, 2, 3]])))


def test_synflow_of_two_layers_is_the_sum_over_paths():
    """For a linear network the sum over weights of |w g| is layers times the sum over paths of |weights|."""
    import torch

    network = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.Linear(4, 2, bias=False))
    before = [part.detach().clone() for part in network.parameters()]
    first, second = (part.detach().abs() for part in network.parameters())
    found = scores(network, torch.randn(5, 3))["synflow"]
    assert found == pytest.approx(float(torch.log(2 * (second @ first).sum())), rel=1e-5)
    for part, old in zip(network.parameters(), before, strict=True):
        torch.testing.assert_close(part.detach(), old)


def test_data_of_ones_own_are_trained_on_and_broken_ones_refused(tmp_path: Path):
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 120)
    images = rng.normal(size=(120, 2, 6, 5)) + classes[:, None, None, None]
    path = tmp_path / "mine.npz"
    np.savez(path, images=images, classes=classes)
    found = TrainedQuality(str(path), Recipe(steps=60)).evaluate(columns(1))
    assert found["test_top1"][0] > 50

    def refusal(**arrays) -> str:
        load_images.cache_clear()
        np.savez(path, **arrays)
        with pytest.raises(SimulatorError) as caught:
            TrainedQuality(str(path))
        return str(caught.value)

    assert "no array 'classes'" in refusal(images=images)
    assert "got (120, 60) and (120,)" in refusal(images=images.reshape(120, 60), classes=classes)
    assert "too small" in refusal(images=images[..., :2], classes=classes)
    assert "at least 40" in refusal(images=images[:9], classes=classes[:9])
    assert "finite" in refusal(images=images * np.inf, classes=classes)
    assert "whole numbers from 0" in refusal(images=images, classes=classes - 1)
    path.write_text("hello")
    load_images.cache_clear()
    with pytest.raises(SimulatorError, match="no npz file"):
        load_images(str(path))
