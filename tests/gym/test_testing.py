"""The conformance kit finds what is wrong, and says it."""

from __future__ import annotations

import itertools
import os
import re
import time

import numpy as np
import pytest

from cosearch import (
    Agent,
    Categorical,
    Designs,
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
from small_problems import Trouble, TwoSpheres

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
    check_problem(Sphere(), elsewhere=False)
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


class WrongUnit(Sphere):
    """A metric whose name and unit disagree."""

    metrics = (Metric("latency_ns", "us"),)
    objectives = (Objective("latency_ns"),)


class Returns(Sphere):
    """Returns something else."""

    def simulate(self, designs, *, fidelity, seed):
        return self.what(len(designs))


def returns(what):
    """A problem whose simulator returns what the function makes of n."""

    def built():
        Returns.what = staticmethod(what)
        return Returns()

    return built


class AtHome(Sphere):
    """Can be built in the process of the test only."""

    name = "at-home"

    def __reduce__(self):
        return built_at_home, (os.getpid(),)


def built_at_home(home):
    if os.getpid() != home:
        raise RuntimeError("no licence in this process")
    return AtHome()


class OneByOne(Sphere):
    """Takes one design at a time."""

    def simulate(self, designs, *, fidelity, seed):
        (x,) = designs["x"]
        return {"loss": [x]}


class Lossy(Integer):
    """An integer that the unit cube does not bring back."""

    def from_unit(self, unit):
        return super().from_unit(unit * 0.5)


class LossySpace(Sphere):
    """Its space loses designs."""

    space = DesignSpace([Lossy("x", 0, 9), Integer("k", 0, 5)])


class Strict(Sphere):
    """Takes designs that are none."""

    def evaluate(self, designs, *, fidelity=None, seed=None):
        if not isinstance(designs, Designs):
            return Outcomes.of({"loss": [0.0] * len(designs)})
        return super().evaluate(designs, fidelity=fidelity, seed=seed)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (
            WrongUnit,
            "'latency_ns': the contract asks the unit that its name ends in; .* 'us'",
        ),
        (
            returns(lambda n: None),
            "asks one column of n finite .*what came back: nothing, for 12 designs",
        ),
        (returns(lambda n: [0.0] * n), "what came back: a list, for 12 designs"),
        (returns(lambda n: {"los": [0.0] * n}), "no loss and los, which no metric is called, for 12 designs"),
        (returns(lambda n: {"loss": [0.0] * 3}), r"'loss' of shape \(3,\), not \(12,\), for 12 designs"),
        (returns(lambda n: {"loss": [[0.0]] * n}), r"'loss' of shape \(12, 1\), not \(12,\)"),
        (returns(lambda n: {"loss": 0.0}), r"'loss' of shape \(\), not \(12,\)"),
        (returns(lambda n: {"loss": ["7"] * n}), "'loss' of dtype <U1: '7'"),
        (returns(lambda n: {"loss": [None] * n}), "'loss' of dtype object: None"),
        (returns(lambda n: {"loss": [1j] * n}), "'loss' of dtype complex128"),
        (
            returns(lambda n: {"loss": [float("nan")] * n}),
            "'loss' that is nan .*with its reason",
        ),
        (returns(lambda n: {"loss": [float("inf")] * n}), "'loss' that is inf"),
        (OneByOne, "ValueError: too many values to unpack .* for 12 designs, of which none raises alone"),
        (LossySpace, "asks designs to come back from .* as they went in; what came back: {"),
        (Strict, "asks a DesignError for a design with an unknown parameter; what came back: an outcome"),
        (NoDocstring, "no docstring"),
        (NotKebab, "kebab case"),
        (NoUnit, "has no unit"),
        (Twice, "declares a metric twice"),
        (UnknownFidelity, "fidelity 'quite exact' is no name"),
        (lambda: OwnConstructor(table={1, 2}), "takes table in a constructor of its own"),
        (NotPicklable, "cannot be pickled"),
        (Drifting, "again with the same seed"),
        (ClockedWithoutError, "'loss': the contract asks a standard error of what is measured.*: none"),
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
        check_problem(problem(), elsewhere=False)


def test_a_problem_runs_in_another_process_too_or_is_told_why():
    (note,) = check_problem(TwoSpheres(), designs=4)
    assert re.fullmatch(r"analytical: .*s for each of 4 designs, .*s for one alone", note)
    with pytest.raises(ConformanceError, match="a problem that another process can import and run"):
        check_problem(AtHome())


def test_numbers_that_differ_in_another_process_are_shown(monkeypatch):
    honest = TwoSpheres.simulate

    def drifts(self, designs, **given):
        return {name: column + 1e-9 for name, column in honest(self, designs, **given).items()}

    monkeypatch.setattr(TwoSpheres, "simulate", drifts)  # here, but not there
    with pytest.raises(ConformanceError, match=r"the same numbers .* bit for bit.*in another process has"):
        check_problem(TwoSpheres(), designs=4)


def test_what_a_clock_gives_may_differ_from_run_to_run():
    check_problem(Clocked(), elsewhere=False)


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
    ("agent_class", "words"),
    [
        (Unseeded, "asks the same designs for the same seed; what came back: other designs: at position 0"),
        (Forgetful, "to go on with the same designs; what came back: other designs"),
        (TooMany, r"asks at most 1 designs of ask\(1\); what came back: ask\(1\) returns 2 designs"),
        (Dicts, "ask returned a list; expected Designs or Proposals"),
        (Silent, "asks designs from the first ask; what came back: it asks nothing"),
        (BadState, "asks a state of JSON values; what came back: its state is not JSON values"),
        (Fragile, "results of every status.*what came back: ValueError: what is this"),
    ],
)
def test_a_bad_agent_is_told_what_is_wrong(agent_class, words):
    with pytest.raises(ConformanceError, match=words):
        check_agent(agent_class)


def test_a_problem_that_crashes_and_hangs_is_checked_all_the_same() -> None:
    kinds = set(Trouble.space.sample(5, 16)["kind"])
    assert kinds == {"fine", "exit", "hang", "reject"}
    check_problem(Trouble(), designs=5, seed=16, timeout_s=1.0)


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
        check_problem(Unmasked(), elsewhere=False)
    check_problem(Masked(), elsewhere=False)


def test_a_check_says_how_far_it_is_and_takes_as_many_designs_as_wanted():
    said = []
    check_problem(Sphere(), designs=3, elsewhere=False, say=said.append)
    assert said[-1] == "problem 'sphere' at fidelity 'analytical': 12 of 12 evaluations"


def test_a_check_with_workers_has_the_time_limit_that_is_wanted():
    problem = Trouble()
    kinds = [set(problem.space.sample(4, np.random.default_rng(seed))["kind"]) for seed in range(400)]
    seed = next(k for k, found in enumerate(kinds) if {"fine", "hang"} <= found <= {"fine", "hang", "reject"})
    began = time.monotonic()
    check_problem(problem, designs=4, seed=seed, timeout_s=0.3, workers=2)
    assert time.monotonic() - began < 15  # a single one takes 20 s without it
