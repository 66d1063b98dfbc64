"""The agent `qlognehvi`: Bayesian optimisation by the noisy expected hypervolume improvement, by BoTorch.

S. Daulton, M. Balandat, E. Bakshy, "Parallel Bayesian Optimization of Multiple Noisy Objectives with
Expected Hypervolume Improvement", NeurIPS 2021, in the logarithmic form of S. Ament et al., "Unexpected
Improvements to Expected Improvement for Bayesian Optimization", NeurIPS 2023. With one objective it is
their qLogNEI.

Nothing is kept between two asks but what was told: models and random numbers follow from the seed and the
number of designs told and under way, so a resumed study goes on without fitting anything again. What is under
way is fantasised, as BoTorch's `X_pending`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import Agent, Designs, DesignSpace, Integer, Proposals, Results
from cosearch.errors import SpaceError
from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch_agents.discrete_acquisition import LocalSearch
from cosearch_agents.gaussian_process import Surrogate, encode, fit
from cosearch_agents.new_designs import new_rows

# Candidates that the acquisition function sees in one call.
CHUNK = 1024
# How far the reference point lies behind the worst value seen, as in `cosearch.pareto.reference_point`.
REFERENCE_MARGIN = 0.1
# Exact hypervolume cells for up to three objectives, approximate ones beyond (BoTorch's `alpha`).
EXACT_OBJECTIVES = 3
APPROXIMATION = 1e-3


class QLogNEHVIAgent(Agent):
    """Bayesian optimisation: Gaussian processes and the expected hypervolume improvement."""

    name = "qlognehvi"
    hyperparameters = DesignSpace(
        [
            Integer("batch", 1, 64, default=5, description="designs for each model fit"),
            Integer("initial", 2, 1000, default=20, description="Sobol designs before the first model"),
            Integer(
                "samples", 8, 1024, default=64, log=True, description="Monte Carlo samples of the posterior"
            ),
            Integer(
                "listed",
                1,
                100_000,
                default=1000,
                log=True,
                description="largest space searched by listing it",
            ),
            Integer("starts", 16, 10_000, default=128, log=True, description="random starts of local search"),
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["batch"]
        self._designs = self.space.designs([])
        self._outcomes: list[Outcomes] = []
        self._listed = self._list()

    def ask(self, n: int) -> Designs:
        """The default design and Sobol designs first, then what improves the hypervolume most."""
        asked = len(self._designs) + len(self.pending)
        initial = self.settings["initial"]
        if asked < initial:
            first = self._unasked(self._initial())[: min(n, initial - asked)]
            if len(first):
                return first
        outcomes = Outcomes.concat(self._outcomes) if self._outcomes else None
        if outcomes is None or not outcomes.ok.any():
            return self._unasked(self._random())[:n]
        with _deterministic(_seed_of(self.seed, asked)):
            return self._best(n, outcomes)

    def tell(self, results: Results) -> None:
        """Take results; they are modelled at the next ask."""
        if len(results):
            self._designs = Designs.concat([self._designs, results.designs])
            self._outcomes.append(results.outcomes)

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Take the history; nothing else is remembered."""
        self.tell(history)

    def _best(self, n: int, outcomes: Outcomes) -> Designs:
        surrogate = fit(encode(self.space, self._designs), outcomes, self.objectives, self.constraints)
        acquisition = _acquisition(surrogate, len(self.objectives), self.settings["samples"], self.seed)
        told = set(self._designs.keys())
        under_way = chosen = self.pending.designs
        rng = np.random.default_rng([self.seed, len(self._designs) + len(under_way)])
        for _ in range(n):
            if len(chosen):
                acquisition.set_X_pending(_tensor(encode(self.space, chosen)))
            excluded = told.union(chosen.keys())
            best = self._maximum(acquisition, outcomes, excluded, rng)
            if best is None:
                break
            chosen = Designs.concat([chosen, best])
        return chosen[len(under_way) :]

    def _maximum(
        self, acquisition: Any, outcomes: Outcomes, excluded: set[bytes], rng: np.random.Generator
    ) -> Designs | None:
        def value(designs: Designs) -> NDArray[np.float64]:
            return _evaluated(acquisition, encode(self.space, designs))

        if self._listed is not None:
            left = self._listed[new_rows(self._listed, excluded)]
            return left[[int(value(left).argmax())]] if len(left) else None
        elite = self._designs[self._elite(outcomes)]
        starts = Designs.concat([elite, self.space.sample(self.settings["starts"], rng)])
        return LocalSearch(value, self.space, excluded, rng).maximum(starts)

    def _elite(self, outcomes: Outcomes) -> NDArray[np.bool_]:
        """The told designs on the Pareto front; without a feasible one, on that of those that ran."""
        good = feasible(self.constraints, outcomes)
        good = good if good.any() else outcomes.ok
        return pareto_mask(np.where(good[:, None], minimised(self.objectives, outcomes), np.nan))

    def _initial(self) -> Designs:
        default = self.space.designs(self.space.default())
        sobol = self.space.sobol(4 * self.settings["initial"], seed=self.seed)
        return Designs.concat([default, sobol, self._random()])

    def _random(self) -> Designs:
        """Random designs; all of a space that is listed."""
        rng = np.random.default_rng([self.seed, len(self._designs) + len(self.pending)])
        if self._listed is not None:
            return self._listed[rng.permutation(len(self._listed))]
        return self.space.sample(self.settings["starts"], rng)

    def _unasked(self, designs: Designs) -> Designs:
        return designs[new_rows(designs, set(self._designs.keys()), set(self.pending.designs.keys()))]

    def _list(self) -> Designs | None:
        try:
            few = self.space.cardinality() <= self.settings["listed"]
        except SpaceError:  # too large to be counted
            return None
        return self.space.enumerate(self.settings["listed"]) if few else None


def _acquisition(surrogate: Surrogate, objectives: int, samples: int, seed: int) -> Any:
    """The acquisition function over encoded designs, larger is better."""
    import torch
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.multi_objective import logei
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.acquisition.objective import GenericMCObjective
    from botorch.sampling.normal import SobolQMCNormalSampler

    # BoTorch would compile a C++ kernel at first use; a process killed meanwhile leaves a lock that hangs
    # the next, and sums would differ between machines with and without a compiler.
    logei._load_attempted = True
    constraints = [_shortfall(objectives + k, float(bound)) for k, bound in enumerate(surrogate.bounds)]
    options: dict[str, Any] = {
        "model": surrogate.model,
        "X_baseline": _tensor(surrogate.inputs),
        "sampler": SobolQMCNormalSampler(torch.Size([samples]), seed=seed),
        "constraints": constraints or None,
        "prune_baseline": True,
    }
    if objectives == 1:
        return qLogNoisyExpectedImprovement(objective=GenericMCObjective(_only), **options)
    return logei.qLogNoisyExpectedHypervolumeImprovement(
        ref_point=_reference(surrogate, objectives).tolist(),
        objective=IdentityMCMultiOutputObjective(outcomes=list(range(objectives))),
        alpha=0.0 if objectives <= EXACT_OBJECTIVES else APPROXIMATION,
        **options,
    )


def _only(outputs: Any, X: Any = None) -> Any:
    """The one objective."""
    return outputs[..., 0]


def _shortfall(output: int, bound: float) -> Callable[[Any], Any]:
    """By how much an output stays below what a constraint asks for, as BoTorch wants it."""
    return lambda outputs: bound - outputs[..., output]


def _reference(surrogate: Surrogate, objectives: int) -> NDArray[np.float64]:
    """The given reference point, and a tenth of the range behind the worst value seen where none is given.

    Not behind the front found so far: what trades more than that front does would count nothing.
    """
    outputs = surrogate.outputs[:, :objectives]
    required = surrogate.bounds[: surrogate.outputs.shape[1] - objectives]
    met = (surrogate.outputs[:, objectives:] >= required).all(axis=1)
    points = outputs[met] if met.any() else outputs
    spread = np.ptp(points, axis=0)
    worst = points.min(axis=0) - REFERENCE_MARGIN * np.where(spread > 0, spread, 1.0)
    given = np.isfinite(surrogate.reference)
    return np.where(given, np.nan_to_num(surrogate.reference), worst)


def _evaluated(acquisition: Any, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    import torch

    with torch.no_grad():
        parts = [acquisition(part.unsqueeze(-2)) for part in _tensor(inputs).split(CHUNK)]
    return np.nan_to_num(torch.cat(parts).numpy(), nan=-np.inf)


def _tensor(array: NDArray[np.float64]) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array))


def _seed_of(seed: int, told: int) -> int:
    return int(np.random.SeedSequence([seed, told]).generate_state(1)[0])


@contextmanager
def _deterministic(seed: int) -> Iterator[None]:
    """One thread, because sums depend on how they are split; BoTorch's own draws from `seed`."""
    import warnings

    import torch
    from botorch.utils.sampling import manual_seed
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1), manual_seed(seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)
