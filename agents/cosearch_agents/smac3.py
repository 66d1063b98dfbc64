"""The agent `smac`: SMAC3, random forests and expected improvement, through its own ask and tell.

M. Lindauer et al., "SMAC3: a versatile Bayesian optimization package for hyperparameter optimization", JMLR
23, 2022, with its facade for hyperparameters and its defaults. Several objectives are one by its ParEGO (J.
Knowles, 2006). It knows no constraints: what misses one, or does not run, costs more than everything seen.
What it asks again is answered with what is known.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cosearch import Agent, Designs, DesignSpace, Integer, Results
from cosearch.objectives import feasible, minimised
from cosearch.space.convert.configspace import config_space, from_config
from cosearch_agents.extras import needs
from cosearch_agents.fallback import RandomNew

# Suggestions in a row that are forbidden or known, after which a random new design is asked.
TRIES = 3
# Trials that SMAC plans for where no budget is known.
USUAL_BUDGET = 1000


class SMACAgent(Agent):
    """SMAC3: random forests and expected improvement; ParEGO for several objectives."""

    name = "smac"
    hyperparameters = DesignSpace(
        [
            Integer(
                "initial", 1, 1000, default=10, log=True, description="Sobol designs before the first model"
            )
        ]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        needs("smac", "smac", self.name)
        from smac import HyperparameterOptimizationFacade as Facade
        from smac import Scenario

        self._folder = Path(tempfile.mkdtemp(prefix="cosearch-smac-"))  # it insists on writing files
        logging.getLogger("smac").setLevel(logging.ERROR)
        self._names = [f"objective_{k}" for k in range(len(self.objectives))]
        scenario = Scenario(
            config_space(self.space),
            objectives=self._names if len(self._names) > 1 else self._names[0],
            deterministic=True,
            n_trials=10 * (self.budget or USUAL_BUDGET),  # repeats are free here
            seed=self.seed,
            output_directory=self._folder,
        )
        with _reproducible():
            self._smac = Facade(
                scenario,
                _not_called,
                initial_design=Facade.get_initial_design(scenario, n_configs=self.settings["initial"]),
                multi_objective_algorithm=(
                    Facade.get_multi_objective_algorithm(scenario) if len(self._names) > 1 else None
                ),
                overwrite=True,
                logging_level=False,
            )
        self._random = RandomNew(self.space, self.seed)
        self._trials: dict[bytes, Any] = {}
        self._costs: dict[bytes, Any] = {}
        self._exhausted = False
        self._worst = np.ones(len(self.objectives))

    def ask(self, n: int) -> Designs:
        """What SMAC suggests, less what is known already."""
        found = [self.space.designs([])]
        for _ in range(n):
            one = self._suggested()
            if one is None:
                break
            found.append(one)
        return Designs.concat(found)

    def tell(self, results: Results) -> None:
        """Tell SMAC."""
        values = minimised(self.objectives, results.outcomes)
        good = feasible(self.constraints, results.outcomes)
        self._random.leave_out(results.designs)
        for i, key in enumerate(results.designs.keys()):
            if good[i]:
                self._worst = np.maximum(self._worst, values[i] + np.abs(values[i]))
            self._costs[key] = values[i].tolist() if good[i] else self._worst.tolist()
            if (trial := self._trials.pop(key, None)) is not None:
                self._tell_smac(trial, key)

    def close(self) -> None:
        """Remove SMAC's files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _tell_smac(self, trial: Any, key: bytes) -> None:
        from smac.runhistory.dataclasses import TrialValue

        cost = self._costs[key]
        with contextlib.suppress(FileNotFoundError), _reproducible():
            self._smac.tell(trial, TrialValue(cost=cost if len(cost) > 1 else cost[0]))

    def _suggested(self) -> Designs | None:
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        for _ in range(TRIES):
            if self._exhausted:
                break
            try:
                with _reproducible():
                    trial = self._smac.ask()
            except (StopIteration, ConfigurationSpaceExhaustedException):  # it has nothing new
                self._exhausted = True
                break
            design = from_config(self.space, [dict(trial.config)])
            key = design.keys()[0]
            if not design.allowed[0]:
                self._costs[key] = self._worst.tolist()
                self._tell_smac(trial, key)
            elif key in self._costs:
                self._tell_smac(trial, key)
            elif key not in self._trials:
                self._trials[key] = trial
                return design
        asked = b"".join(self._trials)
        packed = np.frombuffer(asked, dtype=self.space.key_dtype).reshape(-1, len(self.space))
        excluded = Designs.concat([self.pending.designs, self.space.designs_from_packed(packed)])
        rng = np.random.default_rng([self.seed, len(self._costs), len(excluded)])
        new = self._random.draw(1, excluded, rng)
        if len(new):
            self._trials[new.keys()[0]] = None
        return new if len(new) else None


def _not_called(config: Any, seed: int = 0) -> float:
    raise AssertionError("SMAC is asked and told, it runs nothing itself")


@contextlib.contextmanager
def _reproducible() -> Iterator[None]:
    """The same designs in every process.

    Sums depend on how they are split over threads; and SMAC keeps configurations in sets, whose order follows
    the hashes of strings, which Python draws anew for each process.
    """
    from ConfigSpace import Configuration
    from threadpoolctl import threadpool_limits

    usual = Configuration.__hash__
    Configuration.__hash__ = _hash  # type: ignore[assignment, method-assign]
    try:
        with threadpool_limits(1):
            yield
    finally:
        Configuration.__hash__ = usual  # type: ignore[method-assign]


def _hash(configuration: Any) -> int:
    return zlib.crc32(configuration.get_array().tobytes())
