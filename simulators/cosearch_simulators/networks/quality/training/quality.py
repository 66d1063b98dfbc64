"""Sources of quality that train: each network alone by a recipe, or as a part of one supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.networks.quality.families.small_cnn import (
    LEAST_SIDE,
    Choice,
    SmallCnn,
)
from cosearch_simulators.networks.quality.result import Columns, Quality, QualityResult
from cosearch_simulators.networks.quality.training.data import Images, load_images
from cosearch_simulators.networks.quality.training.elastic import ElasticNetwork
from cosearch_simulators.networks.quality.training.training import (
    OPTIMISERS,
    SCHEDULES,
    DivergedError,
    Recipe,
    measured,
    train,
    train_supernet,
)
from cosearch_simulators.threads import one_torch_thread

SHARES = {"eighth": 1 / 8, "half": 1 / 2, "full": 1.0}
"""Fidelities: of the recipe's steps."""

FAMILY = SmallCnn()
BIT_COLUMNS, BITS = ("weight_bits", "activation_bits"), range(2, 17)


class TrainedQuality(Quality):
    """Every network of the small family is trained by a recipe and measured.

    Columns named as `Recipe`'s fields (`learning_rate`, `optimiser`, ...) take the place of the recipe's own,
    so that network and recipe are searched together.

    Args:
        data: path of an npz file with `images` and `classes`; None: scikit-learn's digits.
        recipe: how.

    Raises:
        SimulatorError: the data are broken, or the images too small.
    """

    fidelities = tuple(SHARES)

    def __init__(self, data: str | None = None, recipe: Recipe | None = None) -> None:
        self.images, self.recipe = images_of(data), recipe or Recipe()
        self.name = "small-cnn"
        self.metrics = {"validation_top1": "%", "test_top1": "%", "validation_loss": "1"}
        train_rows, test_rows = len(self.images.train[0]), len(self.images.test[0])
        self.source = (
            f"training of every network on {train_rows:,} images of {self.images.name} in PyTorch, at most "
            f"{self.recipe.steps} steps with early stopping; one seed, tested on {test_rows:,} images"
        )

    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """Train all designs, one after the other; one that diverges has failed, and says at which step."""
        share = SHARES[str(self.checked_fidelity(fidelity))]
        codes, problems = FAMILY.codes(columns)
        recipes, refused = _recipes(self.recipe, columns, len(codes))
        problems = [first or second for first, second in zip(problems, refused, strict=True)]
        found = {metric: np.full(len(codes), np.nan) for metric in self.metrics}
        failed = [""] * len(codes)
        for row, choice in enumerate(FAMILY.choices(codes)):
            recipe = recipes[row]
            if problems[row] or recipe is None:
                continue
            network = ElasticNetwork(self.images.shape, self.images.classes, choice, seed)
            try:
                done = train(
                    network,
                    self.images,
                    recipe,
                    seed=seed,
                    most_steps=max(1, round(share * recipe.steps)),
                )
            except DivergedError as error:
                failed[row] = str(error)
                continue
            for metric in self.metrics:
                found[metric][row] = getattr(done, metric)
        tested = np.clip(found["test_top1"] / 100, 0, 1), len(self.images.test[0])
        noise = {"test_top1": 100 * np.sqrt(tested[0] * (1 - tested[0]) / tested[1])}
        return QualityResult.of(found, problems, noise, failed)

    def statistics(self, columns: Columns) -> dict[str, Any]:
        """Multiply-accumulates and weights for these images."""
        codes, _ = FAMILY.codes(columns)
        return FAMILY.free_statistics(codes, self.images.shape, self.images.classes)


class SupernetQuality(Quality):
    """Every network of the small family is cut out of one supernet and measured without further training.

    Columns `weight_bits` and `activation_bits` (2 to 16; for the whole network) quantise it after training.

    Args:
        data: as `TrainedQuality`.
        steps: of the supernet's training, which is done when the first design is evaluated.
    """

    def __init__(self, data: str | None = None, steps: int = 1000) -> None:
        self._data, self.images, self._steps = data, images_of(data), steps
        self.name = "small-cnn-supernet"
        self.metrics = {"validation_top1": "%", "validation_loss": "1"}
        self.source = (
            f"training of one supernet on {self.images.name} in PyTorch, {steps} steps by the sandwich rule; "
            "sub-networks are measured with its weights: good for ranking, lower than trained alone"
        )

    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """Measure all designs with the supernet of this seed."""
        self.checked_fidelity(fidelity)
        codes, problems = FAMILY.codes(columns)
        bits, refused = _bits(columns, len(codes))
        problems = [first or second for first, second in zip(problems, refused, strict=True)]
        found = {metric: np.full(len(codes), np.nan) for metric in self.metrics}
        try:
            network = _supernet(self._data, self._steps, seed)
        except DivergedError as error:
            return QualityResult.of(found, problems, failed=[f"the supernet: {error}"] * len(codes))
        for row, choice in enumerate(FAMILY.choices(codes)):
            if not problems[row]:
                top1, loss = measured_part(network, self.images, choice, bits[row])
                found["validation_top1"][row], found["validation_loss"][row] = top1, loss
        return QualityResult.of(found, problems)

    @cached_property
    def network(self) -> ElasticNetwork:
        """The supernet of seed 0."""
        return _supernet(self._data, self._steps, 0)


def measured_part(
    network: ElasticNetwork, images: Images, choice: Choice, bits: tuple[int, int] | None = None
) -> tuple[float, float]:
    """Validation top-1 in % and loss of a sub-network, quantised to bits of weights and activations."""
    with one_torch_thread():
        network.bits = bits
        try:
            return measured(lambda rows: network(rows, choice), images.validation)
        finally:
            network.bits = None


def _bits(columns: Columns, n: int) -> tuple[list[tuple[int, int] | None], list[str]]:
    """Each design's bits, None where there are no such columns; and what is wrong with them or ""."""
    given = [np.asarray(columns[name]) for name in BIT_COLUMNS if name in columns]
    if not given:
        return [None] * n, [""] * n
    if len(given) < len(BIT_COLUMNS) or any(column.shape != (n,) for column in given):
        raise ConfigurationError(f"expected both columns {' and '.join(BIT_COLUMNS)} of {n} rows, or neither")
    pairs = list(zip(*(column.tolist() for column in given), strict=True))
    problems = [
        "" if all(b in BITS for b in pair) else f"bits must be whole numbers from 2 to 16, got {pair}"
        for pair in pairs
    ]
    return [
        (int(w), int(a)) if not text else None for (w, a), text in zip(pairs, problems, strict=True)
    ], problems


@lru_cache(maxsize=4)
def _supernet(data: str | None, steps: int, seed: int) -> ElasticNetwork:
    return train_supernet(load_images(data), steps=steps, seed=seed)


def images_of(data: str | None) -> Images:
    """The images, if a network of the family fits them.

    Raises:
        SimulatorError: they are broken, or too small.
    """
    images = load_images(data)
    side = min(images.shape[1:])
    if side < LEAST_SIDE:
        raise SimulatorError(
            f"{images.name}: images of {images.shape[1]} x {images.shape[2]} are too small, the second stage "
            f"halves them: at least {LEAST_SIDE} x {LEAST_SIDE}"
        )
    return images


NAMED = {"optimiser": OPTIMISERS, "schedule": SCHEDULES}
LEAST = {"learning_rate": 0.0, "weight_decay": 0.0, "momentum": 0.0, "batch": 1, "steps": 1, "patience": 1}


def _recipes(base: Recipe, columns: Columns, n: int) -> tuple[Sequence[Recipe | None], list[str]]:
    """Each design's recipe, and what is wrong with it or ""."""
    given = {field.name: np.asarray(columns[field.name]) for field in fields(Recipe) if field.name in columns}
    recipes: list[Recipe | None] = []
    problems = []
    for row in range(n):
        values = {name: getattr(base, name) for name in Recipe.__dataclass_fields__}
        for name, column in given.items():
            if column.shape != (n,):
                raise ConfigurationError(f"column {name} has {column.size} rows, expected {n}")
            value = column[row].item() if isinstance(column[row], np.generic) else column[row]
            if value is not None and value == value and value != "":  # inactive: the recipe's own
                values[name] = type(values[name])(value)
        problem = next(
            (unknown(k, values[k], known) for k, known in NAMED.items() if values[k] not in known), ""
        )
        problem = problem or next(
            (
                f"{k} must be at least {least}, got {values[k]}"
                for k, least in LEAST.items()
                if values[k] < least
            ),
            "",
        )
        problems.append(problem)
        recipes.append(None if problem else Recipe(**values))
    return recipes, problems
