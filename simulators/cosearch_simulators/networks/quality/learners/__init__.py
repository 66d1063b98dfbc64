"""What a predictor learns with: each kind fits rows of features, and is kept as plain arrays."""

from cosearch_simulators.networks.quality.learners.blend import Blend
from cosearch_simulators.networks.quality.learners.gaussian_process import GaussianProcess
from cosearch_simulators.networks.quality.learners.learner import Learner, Matrix, Vector
from cosearch_simulators.networks.quality.learners.mlp import MlpEnsemble
from cosearch_simulators.networks.quality.learners.residual import Residual
from cosearch_simulators.networks.quality.learners.trees import Trees

LEARNERS: dict[str, type[Learner]] = {
    "trees": Trees,
    "mlp": MlpEnsemble,
    "gaussian-process": GaussianProcess,
    "blend": Blend,
}

__all__ = [
    "LEARNERS",
    "Blend",
    "GaussianProcess",
    "Learner",
    "Matrix",
    "MlpEnsemble",
    "Residual",
    "Trees",
    "Vector",
]
