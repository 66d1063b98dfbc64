"""Optuna, pymoo and ConfigSpace: exact round trips, and agreement about which parameters are active."""

import subprocess
import sys

import ConfigSpace
import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.problem import ElementwiseProblem
from pymoo.optimize import minimize

from cosearch.errors import DesignError
from cosearch.space import Categorical, DesignSpace, Integer, Ordinal, Permutation, Real
from cosearch.space.convert.configspace import MAX_CLAUSES, config_space, from_config, to_config
from cosearch.space.convert.optuna import from_optuna, optuna_distributions, suggest, to_optuna
from cosearch.space.convert.pymoo import from_pymoo, pymoo_variables, to_pymoo
from space_strategies import Case, any_designs, cases

SEEDS = st.integers(0, 2**31)
SLOW = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@given(cases(), SEEDS)
@SLOW
def test_optuna_parameters_are_exact(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed)
    distributions = optuna_distributions(case.space)
    for params in to_optuna(case.space, designs):
        for name, value in params.items():
            assert distributions[name]._contains(distributions[name].to_internal_repr(value))
    assert from_optuna(case.space, to_optuna(case.space, designs)) == designs


@given(cases(), SEEDS)
@SLOW
def test_trials_are_asked_for_active_parameters_only(case: Case, seed: int) -> None:
    design = any_designs(case.space, seed, n=1)
    params = to_optuna(case.space, design)[0]
    trial = optuna.trial.FixedTrial(params)
    assert case.space.designs(suggest(case.space, trial)) == design
    assert set(trial.distributions) == set(params)


def test_optuna_searches_a_space() -> None:
    space = DesignSpace(
        [
            Categorical("policy", ["open", "cap"]),
            Integer("cap", 1, 64, log=True, when={"policy": "cap"}),
            Ordinal("rows", [8, 16, 32]),
            Permutation("order", ["K", "C", "P"]),
            Real("x", 0, 1),
        ]
    )
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))

    def objective(trial: optuna.Trial) -> float:
        design = suggest(space, trial)
        return design["x"] + abs(design.get("cap", 0) - 8) + design["rows"] + (design["order"][0] != "P")

    study.optimize(objective, n_trials=60)
    best = from_optuna(space, study.best_params)[0]
    assert best["rows"] == 8
    assert objective(optuna.trial.FixedTrial(study.best_params)) == study.best_value


@given(cases(), SEEDS)
@SLOW
def test_pymoo_variables_are_exact(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed)
    variables = pymoo_variables(case.space)
    rows = to_pymoo(case.space, designs)
    assert all(row.keys() == variables.keys() for row in rows)
    assert from_pymoo(case.space, np.array(rows, dtype=object)) == designs
    drawn = [{name: variable.sample() for name, variable in variables.items()} for _ in range(3)]
    assert len(from_pymoo(case.space, drawn)) == 3


def test_pymoo_searches_a_space() -> None:
    space = DesignSpace(
        [
            Categorical("c", ["a", "b"]),
            Ordinal("o", [1, 2, 4]),
            Real("r", 1e-3, 1, log=True),
            Permutation("p", range(3)),
        ]
    )

    class Toy(ElementwiseProblem):
        def _evaluate(self, x: dict, out: dict, *args: object, **kwargs: object) -> None:
            design = from_pymoo(space, x)[0]
            out["F"] = design["o"] + design["r"] + (design["c"] == "a") + design["p"][0]

    problem = Toy(vars=pymoo_variables(space), n_obj=1)
    found = minimize(problem, MixedVariableGA(pop_size=20), ("n_gen", 20), seed=1)
    best = from_pymoo(space, found.X)[0]
    assert (best["c"], best["o"], best["p"][0]) == ("b", 1, 0)
    assert best["r"] < 0.05


@given(cases(max_rules=0), SEEDS)
@SLOW
def test_configurations_are_exact(case: Case, seed: int) -> None:
    designs = any_designs(case.space, seed, n=10)
    configurations = to_config(case.space, designs)
    for configuration in configurations:
        configuration.check_valid_configuration()  # ConfigSpace agrees about what is active
    assert from_config(case.space, configurations) == designs


@given(cases(), SEEDS)
@SLOW
def test_configspace_samples_are_designs(case: Case, seed: int) -> None:
    configurations = config_space(case.space)
    configurations.seed(seed)
    try:
        drawn = configurations.sample_configuration(5)
    except ConfigSpace.exceptions.ForbiddenValueError:
        return
    designs = from_config(case.space, drawn)  # a missing active parameter would be an error
    for design, configuration in zip(to_optuna(case.space, designs), drawn, strict=True):
        assert len({name.partition("[")[0] for name in dict(configuration)}) == len(
            {name.partition("[")[0] for name in design}
        )


@given(cases(finite=True), SEEDS)
@SLOW
def test_configspace_forbids_what_we_forbid(case: Case, seed: int) -> None:
    configurations = config_space(case.space)
    assert len(configurations.forbidden_clauses) <= MAX_CLAUSES * len(case.rules)
    designs = any_designs(case.space, seed, n=15)
    for i, allowed in enumerate(case.space.allowed(designs).tolist()):
        if allowed:
            to_config(case.space, designs[[i]])
        else:
            with pytest.raises(ConfigSpace.exceptions.ForbiddenValueError):
                to_config(case.space, designs[[i]])


def test_wrong_parameters_of_libraries_are_refused() -> None:
    space = DesignSpace([Ordinal("rows", [8, 16]), Real("r", 0, 1)])
    with pytest.raises(DesignError, match=r"'rows\[position\]' is missing"):
        from_optuna(space, {"r": 0.5})
    with pytest.raises(DesignError, match="codes no value of 'rows'; expected one of 8, 16"):
        from_optuna(space, {"rows[position]": 2, "r": 0.5})
    with pytest.raises(DesignError, match="codes no value of 'r'"):
        from_pymoo(space, {"rows[position]": 1, "r[unit]": 1.5})


def test_no_library_is_imported_before_it_is_used() -> None:
    libraries = {"gymnasium", "scipy", "optuna", "pymoo", "ConfigSpace"}
    script = (
        "import sys, numpy, cosearch; before = set(sys.modules); import cosearch.space;"
        f"print(sorted({libraries} & (set(sys.modules) - before)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
