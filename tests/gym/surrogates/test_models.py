"""The models: what trees add up to, tables that say the same, what each learns and keeps."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Categorical, DesignSpace, Integer, Ordinal, Real
from cosearch.surrogates import boosting
from cosearch.surrogates.inputs import encoded, of_positions, owners
from cosearch.surrogates.models import MODELS
from cosearch.surrogates.scaling import Scales
from cosearch.surrogates.trees import Trees, as_table
from cosearch.surrogates.validity import Validity

SPACE = DesignSpace(
    [
        Ordinal("size", [1, 2, 4, 8, 16]),
        Categorical("kind", ["a", "b", "c"]),
        Integer("ways", 1, 6),
        Integer("depth", 1, 3, when={"kind": ["b"]}),
    ]
)


def data(n: int, seed: int = 0):
    designs = SPACE.sample(n, np.random.default_rng(seed))
    inputs = encoded(SPACE, designs)
    wave = np.sin(3 * inputs[:, 0]) + inputs[:, 1] * inputs[:, 4] + 0.3 * inputs[:, 5]
    return designs, inputs, np.stack([wave, wave**2 - inputs[:, 0]], axis=1)


def walked(trees: Trees, inputs: np.ndarray, columns: int) -> np.ndarray:
    """The sum over trees as a reader of the arrays would make it."""
    out = np.zeros((len(inputs), columns))
    for i, row in enumerate(inputs.astype(np.float32)):
        for root, column in zip(trees.roots, trees.output, strict=True):
            node = root
            while trees.feature[node] >= 0:
                below = row[trees.feature[node]] <= trees.threshold[node]
                node = trees.left[node] if below else trees.right[node]
            if column < 0:
                out[i] += trees.values[node]
            else:
                out[i, column] += trees.values[node, 0]
    return out


@pytest.mark.parametrize("name", ["gbdt", "forest"])
def test_trees_add_up_as_their_arrays_say(name):
    _, inputs, outputs = data(60)
    model = MODELS[name].fit(inputs, outputs, 0)
    assert np.allclose(model.trees.total(inputs, 2), walked(model.trees, inputs, 2))


def test_a_forest_is_scikit_learns():
    from sklearn.ensemble import ExtraTreesRegressor

    _, inputs, outputs = data(80)
    model = MODELS["forest"].fit(inputs, outputs, 3)
    theirs = ExtraTreesRegressor(n_estimators=100, min_samples_split=3, random_state=3)
    assert np.allclose(
        model.predict(inputs)[0], theirs.fit(inputs.astype(np.float32), outputs).predict(inputs)
    )


def test_one_boosted_step_is_the_best_split():
    """By brute force over all splits of one input: the least sum of squares."""
    inputs = np.array([[0.0], [0.1], [0.2], [0.6], [0.7], [0.9]])
    target = np.array([1.0, 1.2, 0.9, 5.0, 5.2, 2.0])
    base, trees = boosting.grown(inputs, target[:, None], boosting.Growth(1, 1.0, 2, 1, 0.0))
    found = (base + trees.total(inputs, 1))[:, 0]
    splits = [np.where(np.arange(6) < k, target[:k].mean(), target[k:].mean()) for k in range(1, 6)]
    best = min(splits, key=lambda fit: ((fit - target) ** 2).sum())
    assert np.allclose(found, best)


def test_a_table_says_what_its_trees_say():
    designs, inputs, outputs = data(200)
    base, trees = boosting.grow(inputs, outputs, 0)
    table = as_table(trees, SPACE, 2, lambda sums: sums + base)
    assert table is not None
    assert np.allclose(table.rows(designs.index), base + trees.total(inputs, 2), atol=1e-6)


def test_an_idle_parameter_leaves_the_table():
    space = DesignSpace([Integer("used", 0, 9), Integer("idle", 0, 9)])
    designs = space.sample(300, np.random.default_rng(0))
    inputs = encoded(space, designs)
    _, trees = boosting.grow(inputs, np.sin(5 * inputs[:, :1]), 0)
    table = as_table(trees, space, 1, lambda sums: sums)
    assert table is not None
    assert table.parameter.tolist() == [0]
    assert len(table.table) == 10


def test_a_space_with_endless_values_has_no_table():
    space = DesignSpace([Real("x", 0, 1), Integer("y", 0, 9)])
    inputs = encoded(space, space.sample(100, np.random.default_rng(0)))
    _, trees = boosting.grow(inputs, inputs[:, :1] ** 2, 0)
    assert as_table(trees, space, 1, lambda sums: sums) is None


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_learns_a_smooth_function_and_comes_back_from_its_arrays(name):
    _, inputs, outputs = data(400)
    scales = Scales.of(outputs)
    model = MODELS[name].fit(inputs, scales.learned(outputs), 0)
    _, others, truth = data(100, seed=1)
    predicted, spread = model.predict(others)
    assert np.sqrt(((scales.back(predicted) - truth) ** 2).mean()) < 0.1 * truth.std()
    again = MODELS[name].of_arrays(model.arrays(), inputs.shape[1], 2)
    assert np.array_equal(again.predict(others)[0], predicted)
    assert spread is None or (spread >= 0).all()


@pytest.mark.parametrize("name", ["forest", "gbdt", "gp"])
def test_arrays_of_other_designs_are_refused(name):
    _, inputs, outputs = data(60)
    arrays = MODELS[name].fit(inputs, outputs, 0).arrays()
    with pytest.raises((ValueError, KeyError)):
        MODELS[name].of_arrays(arrays, 1, 3)


def test_a_tree_that_would_not_end_is_refused():
    _, inputs, outputs = data(60)
    arrays = dict(MODELS["forest"].fit(inputs, outputs, 0).arrays())
    arrays["left"] = np.zeros_like(arrays["left"])
    with pytest.raises(ValueError, match="leads nowhere"):
        MODELS["forest"].of_arrays(arrays, inputs.shape[1], 2)


def test_inputs_of_positions_are_those_of_designs():
    designs, inputs, _ = data(50)
    for column, parameter in enumerate(SPACE.parameters):
        mine = inputs[:, owners(SPACE) == column]
        assert np.array_equal(of_positions(SPACE, column)[designs.index[:, column] + 1], mine), parameter


def test_a_scale_comes_back():
    rng = np.random.default_rng(0)
    values = np.stack([np.exp(3 * rng.normal(size=50)), rng.normal(size=50), np.full(50, 7.0)], axis=1)
    scales = Scales.of(values)
    assert scales.logarithmic.tolist() == [True, False, False]
    assert np.allclose(scales.back(scales.learned(values)), values)


def test_probabilities_of_validity_mean_what_they_say():
    """Designs whose chance to be valid is known: the log loss comes near that of the true chance."""
    rng = np.random.default_rng(0)
    inputs = rng.random((1200, 4))
    chance = 1 / (1 + np.exp(-8 * (inputs[:, 0] - 0.6)))
    valid = rng.random(1200) < chance
    learned = Validity.fit(inputs[:800], valid[:800], 0)
    assert learned is not None
    found, true, happened = learned.probability(inputs[800:]), chance[800:], valid[800:]

    def loss(p):
        return -np.mean(np.where(happened, np.log(p), np.log(1 - p)))

    assert loss(found) < loss(true) + 0.05
    assert loss(found) < loss(np.full(400, valid[:800].mean())) - 0.2
    assert abs(found.mean() - happened.mean()) < 0.05


def test_validity_of_one_kind_has_nothing_to_learn():
    assert Validity.fit(np.random.default_rng(0).random((30, 2)), np.ones(30, dtype=bool), 0) is None
