"""Training-free scores of a network on random weights, and the source of quality that gives them.

- `synflow`: sum of |weight x gradient| of a forward pass of ones through absolute weights (arXiv:2006.05467),
  as a score of networks by Abdelfattah et al. (arXiv:2101.08134), without normalisations; its logarithm.
- `jacobian_covariance`: how alike the gradients of a batch's images are (arXiv:2006.04647).
- `naswot`: log determinant of the kernel of ReLU patterns (arXiv:2006.04647, version 3).
- `zen`: log of how much the output moves with the input (arXiv:2102.01063).
- parameters and MACs: `TrainedQuality.statistics`.

A network is any callable with `parameters()`, as a torch module; ReLU patterns are taken where
`torch.nn.functional.relu` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cosearch_simulators.networks.quality.result import Columns, Quality, QualityResult
from cosearch_simulators.networks.quality.training.elastic import ElasticNetwork
from cosearch_simulators.networks.quality.training.quality import FAMILY, images_of
from cosearch_simulators.threads import one_torch_thread

BATCH = 64
ZEN_STEP = 0.01
ZEN_REPEATS = 8


def synflow(network: Any, images: Any) -> float:
    """Log of the sum over weights of |weight x gradient|."""
    import torch

    weights = list(network.parameters())
    signs = [weight.detach().sign() for weight in weights]
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
    for weight in weights:
        weight.grad = None
    with _without_normalisation(network):
        network(torch.ones_like(images[:1])).sum().backward()
    # shifts and biases start at 0 and add nothing
    total = sum(float((w.detach() * w.grad).abs().sum()) for w in weights if w.grad is not None)
    with torch.no_grad():
        for weight, sign in zip(weights, signs, strict=True):
            weight.mul_(sign.where(sign != 0, torch.ones_like(sign)))
            weight.grad = None
    return float(np.log(total)) if total > 0 else -np.inf


def jacobian_covariance(network: Any, images: Any) -> float:
    """Minus the sum of log eigenvalues and their inverses of the correlation of the images' gradients."""
    import torch

    inputs = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs).sum(), inputs)
    rows = gradient.reshape(len(images), -1).numpy().astype(np.float64)
    if not np.isfinite(rows).all() or (rows.std(1) == 0).any():
        return -np.inf
    values = np.linalg.eigvalsh(np.corrcoef(rows)) + 1e-5
    values = np.maximum(values, 1e-5)
    return float(-np.sum(np.log(values) + 1 / values))


def naswot(network: Any, images: Any) -> float:
    """Log determinant of how many ReLUs agree for each pair of images."""
    import torch

    patterns: list[Any] = []
    with torch.no_grad(), _watched_relus(lambda found: patterns.append((found > 0).flatten(1))):
        network(images)
    if not patterns:
        return -np.inf
    active = torch.cat(patterns, 1).numpy().astype(np.float64)
    kernel = active @ active.T + (1 - active) @ (1 - active).T
    sign, value = np.linalg.slogdet(kernel)
    return float(value) if sign > 0 else -np.inf


def zen(network: Any, images: Any, rng: Any) -> float:
    """Log of the mean change of the output for a small change of random images, without normalisations.

    The paper normalises and adds the log of what was divided by, which is the same.
    """
    import torch

    moved = []
    with torch.no_grad(), _without_normalisation(network):
        for _ in range(ZEN_REPEATS):
            first = torch.randn(images.shape, generator=rng)
            second = first + ZEN_STEP * torch.randn(images.shape, generator=rng)
            moved.append(float((network(first) - network(second)).abs().sum(1).mean()))
    mean = float(np.mean(moved))
    return float(np.log(mean / ZEN_STEP)) if mean > 0 else -np.inf


def scores(network: Any, images: Any, seed: int = 0) -> dict[str, float]:
    """All scores of a network on its weights as they are.

    Args:
        network: see the module.
        images: a torch tensor (n, channels, height, width); 32 to 64 images are usual.
        seed: of what is random.
    """
    import torch

    rng = torch.Generator().manual_seed(seed)
    return {
        "synflow": synflow(network, images),
        "jacobian_covariance": jacobian_covariance(network, images),
        "naswot": naswot(network, images),
        "zen": zen(network, images, rng),
    }


class ScoreQuality(Quality):
    """Scores of the small family's networks on random weights, with images of the training part.

    Args:
        data: as `TrainedQuality`.
    """

    def __init__(self, data: str | None = None) -> None:
        self._images = images_of(data)
        self.name = "small-cnn-scores"
        self.metrics = dict.fromkeys(
            ("synflow", "jacobian_covariance", "naswot", "zen", "macs", "params"), "1"
        )
        self.source = (
            f"scores without training, on random weights and {BATCH} images of {self._images.name}: "
            "a rank, no accuracy"
        )

    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """Score all designs; one that has no finite score, such as a network without paths, is infeasible."""
        import torch

        self.checked_fidelity(fidelity)
        codes, problems = FAMILY.codes(columns)
        found = {metric: np.full(len(codes), np.nan) for metric in self.metrics}
        images = torch.from_numpy(self._images.train[0][:BATCH])
        with one_torch_thread():
            for row, choice in enumerate(FAMILY.choices(codes)):
                if problems[row]:
                    continue
                network = ElasticNetwork(self._images.shape, self._images.classes, choice, seed)
                for name, value in scores(network, images, seed).items():
                    found[name][row] = value
                    if not np.isfinite(value):
                        problems[row] = f"the network has no finite {name}"
        found |= FAMILY.free_statistics(codes, self._images.shape, self._images.classes)
        return QualityResult.of(found, problems)


@contextmanager
def _without_normalisation(network: Any) -> Iterator[None]:
    """Layers of an `ElasticNetwork` are not normalised, those of a torch module by statistics."""
    if hasattr(network, "normalised"):
        network.normalised = False
        try:
            yield
        finally:
            network.normalised = True
        return
    training = getattr(network, "training", False)
    if training:
        network.eval()
    try:
        yield
    finally:
        if training:
            network.train()


@contextmanager
def _watched_relus(seen: Callable[[Any], None]) -> Iterator[None]:
    """Every result of `torch.nn.functional.relu` inside is shown to `seen`."""
    import torch

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = func(*args, **(kwargs or {}))
            if func in (torch.nn.functional.relu, torch.relu, torch.relu_, torch.Tensor.relu):
                seen(found)
            return found

    with Watch():
        yield
