"""Training one network by a recipe, with early stopping; and a whole supernet by the sandwich rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosearch_simulators.networks.quality.families.small_cnn import (
    DEPTHS,
    KERNELS,
    LARGEST,
    SMALLEST,
    STAGES,
    WIDTHS,
    Choice,
)
from cosearch_simulators.networks.quality.training.data import Images
from cosearch_simulators.networks.quality.training.elastic import ElasticNetwork
from cosearch_simulators.threads import one_torch_thread

OPTIMISERS = ("sgd", "adam", "adamw")
SCHEDULES = ("cosine", "constant")
CHECKS = 12
"""How often in a training the validation loss is looked at."""

LARGEST_LOSS = 1e3
"""A training whose loss rises above it diverges."""

RANDOM_IN_SANDWICH = 2


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        optimiser: of `OPTIMISERS`.
        learning_rate: the largest one.
        weight_decay: as the optimiser has it.
        momentum: of sgd.
        batch: images of a step.
        steps: at most.
        schedule: of `SCHEDULES`.
        label_smoothing: 0 to 1.
        shift: images are moved by up to so many pixels.
        noise: deviation of what is added to them.
        patience: looks at the validation loss (of `CHECKS`) without a better one after which training ends.
    """

    optimiser: str = "adamw"
    learning_rate: float = 2e-2
    weight_decay: float = 1e-3
    momentum: float = 0.9
    batch: int = 64
    steps: int = 400
    schedule: str = "cosine"
    label_smoothing: float = 0.0
    shift: int = 0
    noise: float = 0.0
    patience: int = 4


@dataclass(frozen=True)
class Trained:
    """What a training gave, at its best look at the validation loss.

    Attributes:
        validation_top1: %.
        test_top1: %.
        validation_loss: cross-entropy in nats.
        steps: that were done.
    """

    validation_top1: float
    test_top1: float
    validation_loss: float
    steps: int


class DivergedError(ArithmeticError):
    """A training whose loss is not finite or grows without bound."""


def train(
    network: Any, images: Images, recipe: Recipe, *, seed: int = 0, most_steps: int | None = None
) -> Trained:
    """Train a network from its first weights.

    Args:
        network: anything with `parameters()` that maps images to logits when it is called, as a torch module.
        images: to learn, to stop by, and to test.
        recipe: how.
        seed: of batches and augmentation.
        most_steps: fewer steps than the recipe's, of the same schedule's length; None: all.

    Raises:
        DivergedError: it diverges; the message says at which step.
    """
    import torch

    with one_torch_thread():
        steps = min(recipe.steps, most_steps or recipe.steps)
        optimiser = _optimiser(list(network.parameters()), recipe)
        rng = torch.Generator().manual_seed(seed)
        x, y = (torch.from_numpy(part) for part in images.train)
        look = max(1, steps // CHECKS)
        best: tuple[float, Trained] | None = None
        waited = 0
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * _factor(recipe, step, steps)
            rows = torch.randint(len(x), (recipe.batch,), generator=rng)
            batch = _augmented(x[rows], recipe, rng)
            loss = torch.nn.functional.cross_entropy(
                network(batch), y[rows], label_smoothing=recipe.label_smoothing
            )
            _check(float(loss.detach()), step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if (step + 1) % look and step + 1 < steps:
                continue
            top1, validation = measured(network, images.validation)
            _check(validation, step)
            if best is None or validation < best[0]:
                test, _ = measured(network, images.test)
                best, waited = (validation, Trained(top1, test, validation, step + 1)), 0
            else:
                waited += 1
                if waited >= recipe.patience:
                    break
        assert best is not None
        return best[1]


def measured(network: Callable[[Any], Any], part: tuple[Any, Any]) -> tuple[float, float]:
    """Top-1 in % and cross-entropy of a network on images."""
    import torch

    with torch.no_grad():
        logits = network(torch.from_numpy(part[0]))
        classes = torch.from_numpy(part[1])
        loss = torch.nn.functional.cross_entropy(logits, classes)
        return 100 * float((logits.argmax(1) == classes).float().mean()), float(loss)


def train_supernet(
    images: Images, *, steps: int = 1200, batch: int = 64, learning_rate: float = 5e-3, seed: int = 0
) -> ElasticNetwork:
    """The largest network with weights that its sub-networks share.

    At each step the largest network learns the classes, and the smallest and two random ones learn what the
    largest says (BigNAS' sandwich rule with in-place distillation).

    Raises:
        DivergedError: it diverges.
    """
    import torch

    with one_torch_thread():
        network = ElasticNetwork(images.shape, images.classes, LARGEST, seed)
        optimiser = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-3)
        rng, choices = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
        x, y = (torch.from_numpy(part) for part in images.train)
        cosine = Recipe(learning_rate=learning_rate)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * _factor(cosine, step, steps)
            rows = torch.randint(len(x), (batch,), generator=rng)
            optimiser.zero_grad()
            logits = network(x[rows])
            loss = torch.nn.functional.cross_entropy(logits, y[rows])
            _check(float(loss.detach()), step)
            loss.backward()
            taught = logits.detach().softmax(1)
            for choice in (SMALLEST, *(random_choice(choices) for _ in range(RANDOM_IN_SANDWICH))):
                torch.nn.functional.cross_entropy(network(x[rows], choice), taught).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
        return network


def random_choice(rng: np.random.Generator) -> Choice:
    """A sub-network, each parameter uniform."""
    return Choice(
        tuple(int(rng.choice(WIDTHS)) for _ in range(STAGES)),
        tuple(tuple(int(rng.choice(KERNELS)) for _ in range(int(rng.choice(DEPTHS)))) for _ in range(STAGES)),
    )


def _optimiser(parameters: list[Any], recipe: Recipe) -> Any:
    import torch

    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)
    kind = torch.optim.Adam if recipe.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay)


def _factor(recipe: Recipe, step: int, steps: int) -> float:
    """Of the learning rate at a step: a short rise, then as the schedule says."""
    rise = min(1.0, (step + 1) / max(1, steps // 20))
    if recipe.schedule == "constant":
        return rise
    return float(rise * 0.5 * (1 + np.cos(np.pi * step / steps)))


def _augmented(batch: Any, recipe: Recipe, rng: Any) -> Any:
    """Moved by whole pixels, the same for all images of a batch, and with noise."""
    import torch

    if recipe.shift:
        down, right = torch.randint(-recipe.shift, recipe.shift + 1, (2,), generator=rng).tolist()
        padded = torch.nn.functional.pad(batch, (recipe.shift,) * 4, value=float(batch.min()))
        top, left = recipe.shift + down, recipe.shift + right
        batch = padded[..., top : top + batch.shape[-2], left : left + batch.shape[-1]]
    if recipe.noise:
        batch = batch + recipe.noise * torch.randn(batch.shape, generator=rng)
    return batch


def _check(loss: float, step: int) -> None:
    if not np.isfinite(loss) or loss > LARGEST_LOSS:
        raise DivergedError(f"the training diverged at step {step + 1}: the loss is {loss:.4g}")
