"""What the Bayesian agents are made of: inputs, models, criteria and the search over designs."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import (
    Categorical,
    Constraint,
    DesignSpace,
    Forbidden,
    Integer,
    Objective,
    Ordinal,
    Outcomes,
    Permutation,
    Real,
)
from cosearch.pareto import hypervolume, pareto_mask
from cosearch.surrogates.inputs import encoded, owners
from cosearch_agents import gaussian_process
from cosearch_agents.discrete_acquisition import LocalSearch, crossed
from cosearch_agents.improvement import (
    _boxed,
    _sampled_hypervolume,
    boxes,
    expected_improvement,
    scalarised_improvement,
)
from cosearch_agents.metric_scale import MetricScale
from cosearch_agents.outcome_model import Belief, Scale, fit

SPACE = DesignSpace(
    [
        Categorical("kind", ["a", "b", "c"]),
        Ordinal("size", [1, 2, 4, 8], when={"kind": ["a", "b"]}),
        Integer("banks", 1, 8),
        Permutation("order", ["m", "n", "k"]),
    ],
    forbidden=[Forbidden("size * banks > 32", reason="too large")],
)
SQUARE = DesignSpace([Real("x", 0, 1), Real("y", 0, 1)])


def test_inputs_tell_all_designs_apart_and_categories_are_equally_far_from_each_other():
    everything = SPACE.enumerate()
    inputs = encoded(SPACE, everything)
    assert len(np.unique(inputs, axis=0)) == len(everything)
    assert inputs.min() >= 0
    assert inputs.max() <= 1
    assert owners(SPACE).tolist() == [0, 0, 0, 1, 2] + [3] * 9
    kinds = DesignSpace([Categorical("kind", ["a", "b", "c"])])
    points = encoded(kinds, kinds.enumerate())
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)[~np.eye(3, dtype=bool)]
    assert np.ptp(distances) == 0


def test_order_is_kept_where_there_is_one():
    sizes = DesignSpace([Ordinal("size", [1, 2, 4, 8])])
    assert np.all(np.diff(encoded(sizes, sizes.enumerate())[:, 0]) > 0)


@pytest.mark.parametrize(("sign", "best"), [(-1.0, 0), (1.0, -1)])
def test_scaled_values_are_larger_where_they_are_better(sign, best):
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    scale = Scale.of(values, sign)
    assert scale.logarithmic
    scaled = scale(values)
    assert scaled.argmax() == best % 4
    assert np.allclose([scaled.mean(), scaled.std(ddof=1)], [0, 1])
    assert np.allclose(np.diff(scaled), np.diff(scaled)[0])  # equal factors are equal steps


def test_values_with_a_zero_are_not_put_on_a_logarithmic_scale():
    assert not Scale.of(np.array([0.0, 1.0, 100.0]), -1.0).logarithmic


def test_the_largest_numbers_are_scaled_without_an_overflow():
    with np.errstate(over="raise", invalid="raise"):
        scale = Scale.of(np.array([1e300, 2e300, 5e300]), -1.0)
        assert np.isfinite(scale(np.array([1e300, 4e300]))).all()
        told = MetricScale.warped(np.geomspace(1.0, 1e10, 20), 1.0)
        assert np.isfinite(told.minimised(np.array([-1e6, 0.0, 1e6])) ** 2).all()


# ----------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("sparse", [False, True])
def test_the_slope_of_the_posterior_of_hyperparameters_is_that_of_its_values(sparse):
    designs = SPACE.sample(25, 3)
    outputs = np.random.default_rng(0).standard_normal(25)
    inputs, owner = encoded(SPACE, designs), owners(SPACE)
    posterior = gaussian_process._Posterior(inputs, owner, outputs, np.zeros(25), sparse)
    theta = np.array([0.3, -0.5, 0.1, 0.8, *([-1.0] if sparse else []), -3.0])
    slope = posterior(theta)[1]
    for j, step in enumerate(1e-5 * np.eye(len(theta))):
        numeric = (posterior(theta + step)[0] - posterior(theta - step)[0]) / 2e-5
        assert slope[j] == pytest.approx(numeric, rel=1e-4, abs=1e-7)


def test_a_sparse_prior_finds_the_two_parameters_that_matter():
    space = DesignSpace([Real(f"x{i}", 0, 1) for i in range(12)])
    unit = space.to_unit(space.sobol(40, seed=2))
    outputs = np.sin(6 * unit[:, 3]) + unit[:, 8] ** 2
    model = gaussian_process.fit(unit, owners(space), (outputs - outputs.mean()) / outputs.std(), sparse=True)
    assert set(np.argsort(model.lengths)[:2].tolist()) == {3, 8}
    assert np.sort(model.lengths)[2] > 5 * np.sort(model.lengths)[1]


def truth(designs):
    x, y = designs["x"], designs["y"]
    return {"latency_ns": np.exp(2 * x + np.sin(3 * y)), "area_mm2": x + y**2}


def test_the_models_predict_what_they_were_not_shown_and_know_where_designs_fail():
    designs, unseen = SQUARE.sobol(60, seed=0), SQUARE.sobol(40, seed=1)
    outcomes = Outcomes.of(truth(designs), errors=["crash" if x > 0.8 else "" for x in designs["x"]])
    surrogate = fit(
        encoded(SQUARE, designs),
        owners(SQUARE),
        outcomes,
        [Objective("latency_ns")],
        [Constraint("area_mm2", "<=", 0.7)],
    )
    mean = surrogate.means(encoded(SQUARE, unseen))
    runs = unseen["x"] < 0.75
    assert np.corrcoef(mean[runs, 0], -np.log(truth(unseen)["latency_ns"][runs]))[0, 1] > 0.99
    meets = mean[runs, 1] >= surrogate.bounds[0]
    assert (meets == (truth(unseen)["area_mm2"][runs] <= 0.7)).mean() > 0.95
    fails = mean[:, 2] < surrogate.bounds[1]
    assert (fails == (unseen["x"] > 0.8)).mean() > 0.9


def test_measured_noise_is_believed():
    designs = SQUARE.sobol(60, seed=0)
    noise = np.random.default_rng(1).normal(0, 0.5, 60)
    values = 3 * designs["x"] + noise
    told = Outcomes.of({"loss": values}, standard_error={"loss": np.full(60, 0.5)})
    surrogate = fit(encoded(SQUARE, designs), owners(SQUARE), told, [Objective("loss")], [])
    scale = Scale.of(values, -1.0)
    model = surrogate.models[0]
    assert model.known_noise == pytest.approx((0.5 / scale.spread) ** 2)
    unseen = SQUARE.sobol(40, seed=3)
    error = surrogate.means(encoded(SQUARE, unseen))[:, 0] - scale(3 * unseen["x"])
    assert np.abs(error).mean() * scale.spread < 0.25


# --------------------------------------------------------------------------------------- criteria


@pytest.mark.parametrize("m", [1, 2, 3])
def test_boxes_fill_what_a_front_leaves_free(m):
    rng = np.random.default_rng(m)
    reference = np.zeros(m)
    points = rng.integers(1, 9, size=(40, m)).astype(float)
    front = np.unique(points[pareto_mask(-points)], axis=0)
    values, low, high = boxes(front, reference)
    corners = [np.minimum(column, 10.0) for column in values]
    sides = np.stack([corners[j][high[:, j]] - corners[j][low[:, j]] for j in range(m)])
    free = sides.prod(axis=0).sum()
    assert free == pytest.approx(10.0**m - hypervolume(-front, reference))
    assert len(low) <= 2 * len(front) + 1
    # and they do not overlap: a random point is in one box, or is dominated and in none
    drawn = rng.uniform(0, 10, size=(500, m))
    inside = np.ones((500, len(low)), dtype=bool)
    for j in range(m):
        inside &= (drawn[:, j, None] >= values[j][low[:, j]]) & (drawn[:, j, None] < values[j][high[:, j]])
    dominated = (drawn[:, None] <= front[None]).all(axis=2).any(axis=1)
    assert inside.sum(axis=1).tolist() == (~dominated).astype(int).tolist()


def test_the_expected_volume_is_that_of_drawn_points():
    rng = np.random.default_rng(0)
    front, reference = np.array([[1.0, 3.0, 2.0], [2.0, 1.0, 3.0], [3.0, 2.0, 1.0]]), np.zeros(3)
    mean, deviation = np.array([[2.0, 2.0, 2.0]]), np.array([[1.0, 0.5, 1.5]])
    drawn = mean + deviation * rng.standard_normal((4000, 3))
    known = hypervolume(-front, reference)
    gains = [hypervolume(-np.vstack([front, np.maximum(point, 0)]), reference) - known for point in drawn]
    ours = _boxed(mean, deviation, *boxes(front, reference))[0]
    assert ours == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / np.sqrt(4000))


def surrogate_of(m, constraints=(), n=25):
    space = DesignSpace([Real("x", 0, 1), Real("y", 0, 1), Categorical("kind", ["a", "b", "c"])])
    designs = space.sobol(n, seed=4)
    index = designs.index[:, 2]
    x, y = designs["x"], designs["y"]
    metrics = {
        "a": (x - 0.2) ** 2 + y + 0.1 * index,
        "b": (x - 0.9) ** 2 + (y - 1) ** 2,
        "c": x * y + 0.3 * (index == 1),
        "d": np.sin(4 * x) + y,
        "area": x + y,
    }
    objectives = [Objective(name) for name in "abcd"[:m]]
    inputs = encoded(space, designs)
    return fit(inputs, owners(space), Outcomes.of(metrics), objectives, constraints), encoded(
        space, space.sobol(60, seed=9)
    )


def botorch_model(surrogate):
    """The same Gaussian processes, as BoTorch has them."""
    import torch
    from botorch.models import ModelListGP, SingleTaskGP

    models = []
    for ours in surrogate.models:
        model = SingleTaskGP(
            torch.from_numpy(ours.inputs), torch.from_numpy(ours.outputs[:, None]), outcome_transform=None
        )
        model.covar_module.lengthscale = torch.from_numpy(ours.lengths[ours.owner])
        model.likelihood.noise = ours.noise
        model.mean_module.constant.data = torch.tensor(ours.mean, dtype=torch.float64)
        models.append(model.eval())
    return ModelListGP(*models)


@pytest.mark.parametrize(
    ("m", "constraints", "pending"),
    [
        (1, (), 0),
        (2, (), 0),
        (2, (Constraint("area", "<=", 0.9),), 2),
        (3, (Constraint("area", "<=", 1.2),), 1),
    ],
)
def test_expected_improvement_is_botorchs(m, constraints, pending):
    import torch
    from botorch.acquisition.logei import qLogNoisyExpectedImprovement
    from botorch.acquisition.multi_objective import logei
    from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
    from botorch.acquisition.objective import GenericMCObjective
    from botorch.sampling.normal import SobolQMCNormalSampler

    surrogate, candidates = surrogate_of(m, constraints)
    if m == 3:  # BoTorch takes its time
        candidates = candidates[:20]
    under_way = candidates[:pending]
    belief = Belief(surrogate, under_way, 512, np.random.default_rng(0))
    ours = expected_improvement(belief, np.random.default_rng(0))(candidates[pending:])

    logei._load_attempted = True  # no compiler needed
    options = {
        "model": botorch_model(surrogate),
        "X_baseline": torch.from_numpy(surrogate.inputs),
        "sampler": SobolQMCNormalSampler(torch.Size([256 if m == 3 else 2048]), seed=0),
        "constraints": [
            lambda y, k=k, bound=bound: float(bound) - y[..., m + k]
            for k, bound in enumerate(surrogate.bounds)
        ]
        or None,
        "tau_relu": 1e-6,
        **({} if m > 1 else {"tau_max": 1e-3}),
        "eta": 1e-4,
        "X_pending": torch.from_numpy(under_way) if pending else None,
    }
    if m == 1:
        theirs = qLogNoisyExpectedImprovement(
            objective=GenericMCObjective(lambda y, X=None: y[..., 0]), **options
        )
    else:
        theirs = logei.qLogNoisyExpectedHypervolumeImprovement(
            ref_point=surrogate.reference.tolist(),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(m))),
            **options,
        )
    with torch.no_grad():
        values = theirs(torch.from_numpy(candidates[pending:])[:, None, :]).numpy()
    # what is hardly worth anything is Monte Carlo noise
    assert np.exp(ours) == pytest.approx(np.exp(values), rel=0.05, abs=0.02 * np.exp(values.max()))
    assert ours.argmax() == values.argmax()
    assert np.corrcoef(np.exp(ours), np.exp(values))[0, 1] > 0.995


def test_sampled_hypervolume_ranks_designs_as_the_exact_one():
    surrogate, candidates = surrogate_of(3)
    belief = Belief(surrogate, candidates[:0], 64, np.random.default_rng(0))
    exact = np.exp(expected_improvement(belief, np.random.default_rng(0))(candidates))
    values = belief.values[:, :, :3]
    fronts = [v[pareto_mask(-v) & (v > surrogate.reference).all(axis=1)] for v in values]
    sampled = np.exp(_sampled_hypervolume(belief, fronts, np.random.default_rng(1))(candidates))
    assert np.corrcoef(exact, sampled)[0, 1] > 0.85
    assert exact[sampled.argmax()] > 0.8 * exact.max()


def test_four_objectives_have_finite_worth_that_tells_designs_apart():
    surrogate, candidates = surrogate_of(4)
    belief = Belief(surrogate, candidates[:2], 16, np.random.default_rng(0))
    for criterion in (expected_improvement, scalarised_improvement):
        worth = criterion(belief, np.random.default_rng(0))(candidates)
        assert np.isfinite(worth).all()
        assert np.ptp(worth) > 0.1


def test_a_design_under_way_is_not_worth_asking_again():
    surrogate, candidates = surrogate_of(2)
    free = Belief(surrogate, candidates[:0], 128, np.random.default_rng(0), chosen=1)
    worth = expected_improvement(free, np.random.default_rng(0))(candidates)
    best = int(worth.argmax())
    free.add(candidates[[best]])
    after = expected_improvement(free, np.random.default_rng(0))(candidates)
    assert after[best] < worth[best] - 3
    assert after.argmax() != best


# --------------------------------------------------------------------------------- the search


def hill(designs):
    """One summit, reached by single steps: kind b, large size, few banks, order as listed."""
    index = designs.index
    return -(
        np.abs(index[:, 0] - 1) + np.abs(index[:, 1] - 3) + 0.5 * np.abs(index[:, 2] - 2) + index[:, 3]
    ).astype(float)


def test_local_search_finds_the_best_allowed_design_from_anywhere():
    everything = SPACE.enumerate()
    best = everything[int(hill(everything).argmax())]
    for seed in range(5):
        search = LocalSearch(hill, SPACE, set(), np.random.default_rng(0))
        assert search.maximum(SPACE.sample(4, seed))[0] == best


def test_local_search_returns_the_best_design_that_is_not_excluded():
    everything = SPACE.enumerate()
    order = np.argsort(-hill(everything), kind="stable")
    excluded = set(everything[order[:1]].keys())
    search = LocalSearch(hill, SPACE, excluded, np.random.default_rng(0))
    assert hill(search.maximum(SPACE.sample(4, 0))) == hill(everything[order[1:2]])


def test_local_search_evaluates_no_design_twice():
    seen = []

    def value(designs):
        seen.extend(designs.keys())
        return hill(designs)

    LocalSearch(value, SPACE, set(), np.random.default_rng(0)).maximum(SPACE.sample(30, 0))
    assert len(seen) == len(set(seen))


def test_local_search_refines_real_numbers():
    space = DesignSpace([Real("x", 0, 1), Real("y", 0, 1)])
    peak = np.array([0.1234, 0.9876])
    search = LocalSearch(
        lambda d: -((space.to_unit(d) - peak) ** 2).sum(axis=1), space, set(), np.random.default_rng(0)
    )
    assert np.abs(space.to_unit(search.maximum(space.sample(50, 0))) - peak).max() < 5e-3


def test_children_are_allowed_and_differ_from_their_parent_in_few_parameters():
    rng = np.random.default_rng(0)
    parent = SPACE.sample(1, 5)
    children = crossed(parent, SPACE.sample(200, 6), rng)
    assert SPACE.allowed(children).all()
    assert len(set(children.keys())) > 20
    full = np.where(children.index < 0, SPACE.default_positions, children.index)
    base = np.where(parent.index < 0, SPACE.default_positions, parent.index)
    assert (full != base).sum(axis=1).max() <= 3 + 1  # what becomes active may follow
    assert len(crossed(parent[[]], SPACE.sample(5, 0), rng)) == 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_warped_scale_draws_bad_values_together_and_comes_back(sign):
    rng = np.random.default_rng(0)
    good, failures = 90 + rng.random(50), np.full(20, 10.0)  # accuracies, some of networks that learn nothing
    values = np.concatenate([good, failures]) if sign < 0 else 100 - np.concatenate([good, failures])
    plain, warped = MetricScale.of(values, sign), MetricScale.warped(values, sign)
    assert (np.diff(warped(np.sort(values))) * sign >= 0).all()
    np.testing.assert_allclose(warped.minimised(warped(values)), sign * values, rtol=1e-9)
    better = plain(values) <= np.median(plain(values))
    np.testing.assert_allclose(warped(values)[better], plain(values)[better])
    share = [np.ptp(scale(values)[:50]) / np.ptp(scale(values)) for scale in (plain, warped)]
    assert share[1] > 4 * share[0]  # what good designs differ by counts


def test_a_warped_scale_of_equal_values_is_finite():
    warped = MetricScale.warped(np.full(5, 3.0), 1.0)
    assert np.isfinite(warped([3.0, 4.0])).all()
