"""Optuna's samplers: `optuna-tpe`, `optuna-tpe-multivariate`, `optuna-gp`, `optuna-nsga2`, `optuna-cmaes`.

T. Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019. Each is driven
through Optuna's own ask and tell with its own defaults, so that a comparison with it is one command. A
parameter that is inactive is not suggested; constraints are handed over where the sampler takes them. What
Optuna suggests again is answered with what is known, as a user's cache would, and a forbidden suggestion is a
failed trial; neither leaves the agent. After `tries` of them a random new design is asked.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from cosearch import Agent, Categorical, Designs, DesignSpace, Integer, Proposals, Results
from cosearch.objectives import minimised, violations
from cosearch.space.convert.optuna import from_optuna, optuna_distributions, suggest, to_optuna
from cosearch_agents.extras import needs
from cosearch_agents.fallback import RandomNew

# What a constraint is told to be missed by at most, in shares of its bound.
LARGEST_VIOLATION = 1e6


class OptunaPeer(Agent):
    """One of Optuna's samplers, through its ask and tell."""

    single_objective: ClassVar[bool] = False
    # suggestions in a row that are forbidden or known, after which a random new design is asked
    tries: ClassVar[int] = 50

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        optuna = needs("optuna", "optuna", self.name)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        directions = ["minimize"] * (1 if self.single_objective else len(self.objectives))
        with _quiet(), _one_thread():
            self._study = optuna.create_study(directions=directions, sampler=self._sampler(optuna))
        self._random = RandomNew(self.space, self.seed)
        self._trials: dict[bytes, list[Any]] = {}
        self._known: dict[bytes, tuple[list[float] | None, list[float]]] = {}
        self._scales: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None

    @abstractmethod
    def _sampler(self, optuna: Any) -> Any:
        """The sampler, seeded."""

    def ask(self, n: int) -> Designs:
        """What Optuna suggests, less what is known already."""
        found: list[Designs] = []
        with _quiet(), _one_thread():
            for _ in range(n):
                one = self._suggested()
                if one is None:
                    break
                found.append(one)
        return Designs.concat([self.space.designs([]), *found])

    def tell(self, results: Results) -> None:
        """Tell Optuna."""
        outcomes = results.outcomes
        values, ok = minimised(self.objectives, outcomes), outcomes.ok
        missed = np.minimum(violations(self.constraints, outcomes), LARGEST_VIOLATION)
        self._random.leave_out(results.designs)
        with _quiet(), _one_thread():
            for i, key in enumerate(results.designs.keys()):
                told = values[i].tolist() if ok[i] else None
                self._known[key] = told, missed[i].tolist()
                trials = self._trials.pop(key, None)
                for trial in trials or [None]:
                    self._tell_one(trial, key, results.designs[i : i + 1])

    def _tell_one(self, trial: Any, key: bytes, design: Designs) -> None:
        values, missed = self._known[key]
        state = self._optuna.trial.TrialState
        if values is not None and self.single_objective:
            values = [self._scalar(values)]
        if trial is None:  # nobody asked for it here: a warm start, or a study that was resumed
            if values is None:
                return
            row = to_optuna(self.space, design)[0]
            distributions = {n: d for n, d in optuna_distributions(self.space).items() if n in row}
            self._study.add_trial(
                self._optuna.create_trial(
                    params=row,
                    distributions=distributions,
                    values=values,
                    user_attrs={"missed": missed},
                    system_attrs={"constraints": missed} if self.constraints else None,
                )
            )
            return
        trial.set_user_attr("missed", missed)
        if values is None:
            self._study.tell(trial, state=state.FAIL)
        else:
            self._study.tell(trial, values)

    def _suggested(self) -> Designs | None:
        for _ in range(self.tries):
            trial = self._study.ask()
            design = self._suggest(trial)
            key = design.keys()[0]
            if not design.allowed[0]:
                trial.set_user_attr("missed", [LARGEST_VIOLATION] * len(self.constraints))
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            elif key in self._known:
                self._tell_one(trial, key, design)
            elif key in self._trials:  # under way
                self._trials[key].append(trial)
            else:
                self._trials[key] = [trial]
                return design
        excluded = Designs.concat([self.pending.designs, self._asked()])
        new = self._random.draw(
            1, excluded, np.random.default_rng([self.seed, len(self._known), len(excluded)])
        )
        if not len(new):
            return None
        self._trials.setdefault(new.keys()[0], [self._enqueued(new)])
        return new

    def _enqueued(self, design: Designs) -> Any:
        """A trial of a design that Optuna did not suggest."""
        self._study.enqueue_trial(to_optuna(self.space, design)[0])
        trial = self._study.ask()
        self._suggest(trial)
        return trial

    def _suggest(self, trial: Any) -> Designs:
        return self.space.designs([suggest(self.space, trial)])

    def _asked(self) -> Designs:
        """What was asked here and not told yet."""
        packed = np.frombuffer(b"".join(self._trials), dtype=self.space.key_dtype)
        return self.space.designs_from_packed(packed.reshape(-1, len(self.space)))

    def _scalar(self, values: list[float]) -> float:
        """One number for a sampler of one objective: the mean, each in units of what it first was."""
        point = np.array(values)
        if self._scales is None:
            self._scales = point, np.where(np.abs(point) > 0, np.abs(point), 1.0)
        zero, unit = self._scales
        return float(((point - zero) / unit).mean())

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Ask and tell the history again; where workers decided its order, only tell it."""
        super().restore(state, history, pending)

    def _constraints(self) -> Any:
        return (lambda trial: trial.user_attrs["missed"]) if self.constraints else None


_STARTUP = Integer(
    "startup", 1, 1000, default=10, log=True, description="random trials before the first model"
)


class OptunaTPEAgent(OptunaPeer):
    """Optuna's tree-structured Parzen estimator, each parameter by itself."""

    name = "optuna-tpe"
    hyperparameters = DesignSpace(
        [
            _STARTUP,
            Integer("candidates", 1, 10_000, default=24, log=True, description="drawn for each suggestion"),
        ]
    )
    multivariate: ClassVar[bool] = False

    def _sampler(self, optuna: Any) -> Any:
        return optuna.samplers.TPESampler(
            seed=self.seed,
            n_startup_trials=self.settings["startup"],
            n_ei_candidates=self.settings["candidates"],
            multivariate=self.multivariate,
            group=self.multivariate,
            constraints_func=self._constraints(),
            warn_independent_sampling=False,
        )


class OptunaMultivariateTPEAgent(OptunaTPEAgent):
    """Optuna's tree-structured Parzen estimator over all parameters together."""

    name = "optuna-tpe-multivariate"
    multivariate = True


class OptunaGPAgent(OptunaPeer):
    """Optuna's Gaussian processes."""

    name = "optuna-gp"
    tries = 3  # each takes a fit
    hyperparameters = DesignSpace(
        [
            _STARTUP,
            Categorical(
                "deterministic", [False, True], default=False, description="whether nothing is noisy"
            ),
        ]
    )

    def _sampler(self, optuna: Any) -> Any:
        return optuna.samplers.GPSampler(
            seed=self.seed,
            n_startup_trials=self.settings["startup"],
            deterministic_objective=self.settings["deterministic"],
            constraints_func=self._constraints(),
            warn_independent_sampling=False,
        )


class OptunaNSGA2Agent(OptunaPeer):
    """Optuna's NSGA-II."""

    name = "optuna-nsga2"
    hyperparameters = DesignSpace(
        [Integer("population", 2, 1000, default=50, log=True, description="designs of each generation")]
    )

    def _sampler(self, optuna: Any) -> Any:
        return optuna.samplers.NSGAIISampler(
            seed=self.seed,
            population_size=self.settings["population"],
            constraints_func=self._constraints(),
        )


class OptunaCmaEsAgent(OptunaPeer):
    """Optuna's CMA-ES over the ordered parameters; the mean of several objectives in units of the first."""

    name = "optuna-cmaes"
    single_objective = True
    hyperparameters = DesignSpace(
        [Categorical("margin", [True, False], default=True, description="keep integers from freezing")]
    )

    def _sampler(self, optuna: Any) -> Any:
        needs("cmaes", "optuna", self.name)
        self._ways = {n: _suggestion(n, d) for n, d in optuna_distributions(self.space).items()}
        return optuna.samplers.CmaEsSampler(
            seed=self.seed, with_margin=self.settings["margin"], warn_independent_sampling=False
        )

    def _suggest(self, trial: Any) -> Designs:
        # inactive parameters too: its covariance is over the same parameters in every trial
        return from_optuna(self.space, {name: one(trial) for name, one in self._ways.items()})

    def _tell_one(self, trial: Any, key: bytes, design: Designs) -> None:
        values, missed = self._known[key]
        if values is not None and sum(missed) > 0:  # it knows no constraints: such a design counts as failed
            if trial is not None:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            return
        super()._tell_one(trial, key, design)


def _suggestion(name: str, distribution: Any) -> Any:
    """How a trial is asked for one parameter."""
    if hasattr(distribution, "choices"):
        return lambda trial: trial.suggest_categorical(name, distribution.choices)
    low, high, log = distribution.low, distribution.high, distribution.log
    if isinstance(low, int):
        return lambda trial: trial.suggest_int(name, low, high, step=distribution.step, log=log)
    return lambda trial: trial.suggest_float(name, low, high, log=log)


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna warns of what is experimental in it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums depend on how they are split."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
