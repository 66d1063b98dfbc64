"""The conformance kit finds what is wrong, and says it."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from cosearch import (
    Agent,
    Categorical,
    DesignSpace,
    Forbidden,
    Integer,
    Metric,
    Objective,
    Outcomes,
    Problem,
    Real,
)
from cosearch.outcomes import OK
from cosearch.testing import ConformanceError, check_agent, check_problem
from small_problems import Trouble

COUNTER = itertools.count()


class Sphere(Problem):
    """The sum of squares."""

    name = "sphere"
    space = DesignSpace(
        [Real("x", -1, 1), Integer("k", 0, 5)], forbidden=[Forbidden("x > 0.5", reason="too far")]
    )
    metrics = (Metric("loss", "1", "squared distance from the origin"),)
    objectives = (Objective("loss", "min"),)

    def simulate(self, designs, *, fidelity, seed):
        return {"loss": designs["x"] ** 2 + designs["k"] ** 2}


class Walk(Agent):
    """Random designs."""

    name = "walk"

    def ask(self, n):
        return self.space.sample(n, self.rng)

    def tell(self, results):
        pass


def test_a_good_problem_and_a_good_agent_pass():
    check_problem(Sphere())
    check_agent(Walk)


class NoDocstring(Sphere):
    __doc__ = None
    name = "no-docstring"


class NotKebab(Sphere):
    """Named wrongly."""

    name = "NotKebab"


class NoUnit(Sphere):
    """A metric without a unit."""

    metrics = (Metric("loss", ""),)


class Twice(Sphere):
    """A metric declared twice."""

    metrics = (Metric("loss", "1"), Metric("loss", "1"))


class UnknownFidelity(Sphere):
    """A fidelity that is no plain name."""

    fidelities = ("quite exact",)


class OwnConstructor(Sphere):
    """An argument that no study can store."""

    def __init__(self, table=None):
        super().__init__()


class NotPicklable(Sphere):
    """Holds something that cannot be pickled."""

    def __init__(self):
        super().__init__()
        self.hook = lambda: None


class Drifting(Sphere):
    """Other numbers each time."""

    def simulate(self, designs, *, fidelity, seed):
        return {"loss": np.full(len(designs), float(next(COUNTER)))}


class Clocked(Drifting):
    """Other numbers each time, because a clock gives them."""

    measured_metrics = ("loss",)

    def simulate(self, designs, *, fidelity, seed):
        loss = super().simulate(designs, fidelity=fidelity, seed=seed)["loss"]
        return Outcomes.of({"loss": loss}, standard_error={"loss": np.ones(len(designs))})


class ClockedWithoutError(Drifting):
    """Measured, but how well?"""

    measured_metrics = ("loss",)


class MeasuresNothing(Drifting):
    """Names a metric that is none."""

    measured_metrics = ("time",)


class BatchDependent(Sphere):
    """The numbers depend on the rest of the batch."""

    def simulate(self, designs, *, fidelity, seed):
        return {"loss": designs["x"] - designs["x"].mean()}


class OrderDependent(Sphere):
    """The numbers depend on the place in the batch."""

    def simulate(self, designs, *, fidelity, seed):
        return {"loss": designs["x"] + np.minimum(np.arange(len(designs)), len(designs) - 12.0)}


class AlwaysFailing(Sphere):
    """Nothing runs."""

    def simulate(self, designs, *, fidelity, seed):
        raise OSError("no simulator here")


class TakesForbidden(Sphere):
    """Evaluates what is forbidden."""

    def evaluate(self, designs, *, fidelity=None, seed=None):
        return Outcomes.of(self.simulate(designs, fidelity="analytical", seed=0))


class NoInk(Sphere):
    """Cannot draw what it says it draws."""

    def pictures(self, design):
        raise RuntimeError("no ink")


class NoReason(Sphere):
    """Rejects without a reason."""

    def simulate(self, designs, *, fidelity, seed):
        status = np.full(len(designs), "ok", dtype="<U10")
        status[0] = "infeasible"
        return Outcomes({"loss": designs["x"]}, status)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (NoDocstring, "no docstring"),
        (NotKebab, "kebab case"),
        (NoUnit, "has no unit"),
        (Twice, "declares a metric twice"),
        (UnknownFidelity, "fidelity 'quite exact' is no name"),
        (lambda: OwnConstructor(table={1, 2}), "takes table in a constructor of its own"),
        (NotPicklable, "cannot be pickled"),
        (Drifting, "again with the same seed"),
        (ClockedWithoutError, "'loss' is measured and has no standard error"),
        (MeasuresNothing, "measured 'time' is none of its metrics"),
        (BatchDependent, "one at a time"),
        (OrderDependent, "one at a time"),
        (AlwaysFailing, "none of 12 random designs has status ok"),
        (TakesForbidden, "a forbidden design has status ok"),
        (NoReason, "only ok has none"),
        (NoInk, "a picture of the default design is missing: RuntimeError: no ink"),
    ],
)
def test_a_bad_problem_is_told_what_is_wrong(problem, words):
    with pytest.raises(ConformanceError, match=words):
        check_problem(problem())


def test_what_a_clock_gives_may_differ_from_run_to_run():
    check_problem(Clocked())


class Unseeded(Walk):
    """Ignores the seed."""

    def ask(self, n):
        return self.space.sample(n)


class Forgetful(Walk):
    """Does not come back to where it was."""

    def restore(self, state, history, pending):
        pass


class TooMany(Walk):
    """Asks more than it was asked for."""

    def ask(self, n):
        return self.space.sample(n + 1, self.rng)


class Dicts(Walk):
    """Returns plain dicts."""

    def ask(self, n):
        return list(super().ask(n))


class Silent(Walk):
    """Asks nothing."""

    def ask(self, n):
        return self.space.designs([])


class BadState(Walk):
    """Its state is not JSON."""

    def state(self):
        return {"rng": self.rng}


class Fragile(Walk):
    """Cannot take a failed design."""

    def tell(self, results):
        if (results.outcomes.status != OK).any():
            raise ValueError("what is this?")


@pytest.mark.parametrize(
    ("agent_class", "error", "words"),
    [
        (Unseeded, ConformanceError, "the same seed asks other designs"),
        (Forgetful, ConformanceError, "goes on with other designs"),
        (TooMany, ConformanceError, r"ask\(1\) returns 2 designs"),
        (Dicts, ConformanceError, "ask returned a list; expected Designs or Proposals"),
        (Silent, ConformanceError, "asks nothing"),
        (BadState, ConformanceError, "not JSON values"),
        (Fragile, ValueError, "what is this"),
    ],
)
def test_a_bad_agent_is_told_what_is_wrong(agent_class, error, words):
    with pytest.raises(error, match=words):
        check_agent(agent_class)


def test_a_problem_that_crashes_and_hangs_is_checked_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cosearch.testing.problems.CHECK_TIMEOUT_S", 2.0)
    kinds = set(Trouble.space.sample(5, 16)["kind"])
    assert kinds == {"fine", "exit", "hang", "reject"}
    check_problem(Trouble(), designs=5, seed=16)


class Unmasked(Problem):
    """Uses the column of a parameter also where that is inactive."""

    name = "unmasked"
    masked = False
    space = DesignSpace(
        [Categorical("cache", [False, True]), Integer("ways", 1, 8, when={"cache": True}), Integer("k", 0, 5)]
    )
    metrics = (Metric("loss", "1", "made up"),)
    objectives = (Objective("loss", "min"),)

    def simulate(self, designs, *, fidelity, seed):
        ways = np.where(designs.active("ways"), designs["ways"], 0) if self.masked else designs["ways"]
        return {"loss": ways + designs["k"]}


class Masked(Unmasked):
    """Masks it."""

    name = "masked"
    masked = True


def test_the_value_of_an_inactive_parameter_must_change_nothing():
    with pytest.raises(ConformanceError, match=r"inactive parameter \(ways\).*designs\.active"):
        check_problem(Unmasked())
    check_problem(Masked())


def test_a_check_says_how_far_it_is_and_takes_as_many_designs_as_wanted():
    said = []
    check_problem(Sphere(), designs=3, say=said.append)
    assert said[-1] == "problem 'sphere' at fidelity 'analytical': 12 of 12 evaluations"


def test_a_check_with_workers_has_the_time_limit_that_is_wanted():
    problem = Trouble()
    kinds = [set(problem.space.sample(4, np.random.default_rng(seed))["kind"]) for seed in range(400)]
    seed = next(k for k, found in enumerate(kinds) if {"fine", "hang"} <= found <= {"fine", "hang", "reject"})
    began = time.monotonic()
    check_problem(problem, designs=4, seed=seed, timeout_s=0.3, workers=2)
    assert time.monotonic() - began < 15  # a single one takes 20 s without it
