"""The problem `recipe-digits`: a network and the recipe that trains it, in one space, trained for real."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Integer, Ordinal, Real
from cosearch_plugins.networks.tabular import as_outcomes

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality.training.quality import TrainedQuality

NETWORK = DesignSpace(
    [
        *(Integer(f"depth_{stage}", 1, 3, default=2, description="convolutions") for stage in (1, 2)),
        *(Ordinal(f"width_{stage}", (2, 4, 8, 16), default=8, description="channels") for stage in (1, 2)),
        *(
            Ordinal(
                f"kernel_{stage}_{layer}",
                (1, 3, 5),
                default=3,
                when=None if layer == 1 else {f"depth_{stage}": tuple(range(layer, 4))},
            )
            for stage in (1, 2)
            for layer in (1, 2, 3)
        ),
    ],
    name="small-cnn",
)

RECIPE = DesignSpace(
    [
        Categorical("optimiser", ("sgd", "adam", "adamw"), default="adamw"),
        Real("learning_rate", 1e-4, 1.0, log=True, default=2e-2),
        Real("weight_decay", 1e-6, 0.1, log=True, default=1e-3),
        Real("momentum", 0.0, 0.99, default=0.9, when={"optimiser": ("sgd",)}),
        Categorical("schedule", ("cosine", "constant")),
        Ordinal("batch", (16, 32, 64, 128), default=64),
        Ordinal("epochs", (2, 4, 8, 16, 32), default=16),
        Real("label_smoothing", 0.0, 0.3, default=0.0),
        Integer("shift", 0, 2, default=0, description="images are moved by up to so many pixels"),
        Real("noise", 0.0, 0.5, default=0.0, description="deviation of what is added to images"),
    ],
    name="recipe",
)


class RecipeDigitsSettings(Settings):
    """What is trained on, and for how long at most."""

    data: InputFile | None = setting(
        None,
        "an npz file with `images` (n, height, width) or (n, channels, height, width) and `classes` from 0; "
        "default scikit-learn's 1,797 digits. Half is learned, a fourth each validates and tests",
    )
    most_steps: int = setting(600, "of a training, whatever the epochs", ge=10, le=1_000_000)


class RecipeDigits(Problem):
    """A small convolutional network and its training recipe, trained for real with PyTorch.

    Optimiser, rates, schedule, batch, epochs and augmentation are searched with depth, widths and kernels
    (as AutoHAS, arXiv:2006.03656, and FBNetV3 do). Training ends early when the loss does not fall;
    one that diverges has failed. The fidelities are shares of the training steps.
    """

    name = "recipe-digits"
    space = DesignSpace.join({"network": NETWORK, "recipe": RECIPE})
    metrics = (
        Metric("validation_top1", "%", "what a search may select by"),
        Metric("test_top1", "%", "on images that neither training nor selection has seen"),
        Metric("validation_loss", "1", "cross-entropy in nats"),
        Metric("macs", "1", "multiply-accumulates for an image"),
        Metric("params", "1", "weights"),
    )
    objectives = (Objective("validation_top1", "max", reference=0.0), Objective("macs", "min"))
    fidelities = (
        Fidelity("eighth", 0.125, "an eighth of the training steps"),
        Fidelity("half", 0.5, "half of the training steps"),
        Fidelity("full", 1.0, "all training steps"),
    )
    Settings = RecipeDigitsSettings
    seeded = True

    def build(self) -> None:
        """Say what is trained on; a user's data are looked at at once."""
        if self.settings.data is not None:
            _ = self._quality
        self.about = (
            f"training on {self.settings.data or 'scikit-learn digits'}, one seed for each evaluation"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Train all designs."""
        columns = self._columns(designs)
        found = self._quality.evaluate(columns, fidelity=fidelity, seed=seed)
        return as_outcomes(found, self._quality.statistics(columns))

    def features(self, designs: Designs) -> dict[str, np.ndarray]:
        """Multiply-accumulates and weights."""
        return self._quality.statistics(self._columns(designs))

    def _columns(self, designs: Designs) -> dict[str, Any]:
        columns = {name.partition(".")[2]: np.asarray(designs[name]) for name in self.space.names}
        epochs = np.asarray(columns.pop("epochs"), np.float64)
        images = len(self._quality.images.train[0])
        steps = np.ceil(epochs * images / np.asarray(columns["batch"], np.float64))
        return columns | {"steps": np.minimum(steps, self.settings.most_steps)}

    @cached_property
    def _quality(self) -> TrainedQuality:
        from cosearch_simulators.errors import SimulatorError
        from cosearch_simulators.networks.quality.training.quality import TrainedQuality

        try:
            return TrainedQuality(self.settings.data)
        except SimulatorError as error:
            raise ArgumentError(f"data: {error}") from None
