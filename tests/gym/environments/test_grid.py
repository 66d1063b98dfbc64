"""What `sequential` offers, against brute force over all completions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch import Categorical, DesignSpace, Forbidden, Integer, Ordinal, Permutation, Real
from cosearch.environments import grid as grid_module
from cosearch.environments.sequential import Sequential
from cosearch.errors import SpaceError


@st.composite
def spaces(draw):
    """Random spaces of two to four small parameters, some conditional, with random forbidden combinations."""
    parameters = []
    for j in range(draw(st.integers(2, 4))):
        when = None
        parents = [p for p in parameters if not isinstance(p, Permutation)]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            when = {parent.name: draw(st.lists(st.sampled_from(parent.values), min_size=1, unique=True))}
        if draw(st.integers(0, 4)) == 0:
            parameters.append(Permutation(f"p{j}", ["a", "b", "c"], when=when))
        else:
            parameters.append(Categorical(f"p{j}", list(range(draw(st.integers(1, 3)))), when=when))
    plain = [p for p in parameters if not isinstance(p, Permutation)]
    rules = []
    for _ in range(draw(st.integers(0, 4))):
        read = draw(st.lists(st.sampled_from(plain), min_size=1, max_size=3, unique=True)) if plain else []
        if read:
            terms = [
                f"{p.name} {draw(st.sampled_from(['==', '!=']))} {draw(st.sampled_from(p.values))}"
                for p in read
            ]
            rules.append(" and ".join(terms))
    try:
        return DesignSpace(parameters, rules)
    except SpaceError:  # the default design is forbidden
        return DesignSpace(parameters)


def finished(space, formulation):
    """Every design that following the masks can end in, and every state on the way."""
    states = [()]
    while states:
        actions = states.pop()
        formulation.begin(np.array([0]), [np.random.default_rng(0)], None)
        for action in actions:
            done = formulation.act(np.array([0]), np.array([action]))
        if actions and done[0]:
            yield tuple(formulation.index[0])
            continue
        offered = np.flatnonzero(formulation.action_masks()[0])
        assert len(offered), "a dead end"
        states += [(*actions, int(action)) for action in offered]


@settings(max_examples=50, deadline=None)
@given(spaces())
def test_following_the_masks_reaches_exactly_the_allowed_designs(space):
    formulation = Sequential(space, 1, levels=4)
    reached = list(finished(space, formulation))
    assert len(reached) == len(set(reached))
    assert set(reached) == {tuple(row) for row in space.enumerate().index}


@settings(max_examples=25, deadline=None)
@given(space=spaces())
def test_large_spaces_are_searched_and_never_end_in_a_forbidden_design(space):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid_module, "MAX_TABLE", 0)  # as if there were too many combinations to list
        formulation = Sequential(space, 1, levels=4)
        reached = set(finished(space, formulation))
    assert reached <= {tuple(row) for row in space.enumerate().index}
    assert tuple(space.designs(space.default()).index[0]) in reached


@settings(max_examples=25, deadline=None)
@given(space=spaces(), seed=st.integers(0, 99))
def test_agents_without_masks_end_in_allowed_designs_too(space, seed):
    rng, rows = np.random.default_rng(seed), np.arange(8)
    formulation = Sequential(space, 8, levels=4)
    formulation.begin(rows, [rng] * 8, None)
    running = rows
    while len(running):
        done = formulation.act(running, rng.integers(formulation.action_space.n, size=len(running)))
        running = running[~done]
    assert not space.forbidden_mask(formulation.index).any()


def test_a_needle_in_a_large_space_is_still_reached():
    # 16^6 combinations are too many to list; only the default and what costs as much is allowed
    parameters = [Integer(f"p{j}", 0, 15, default=0) for j in range(6)]
    space = DesignSpace(parameters, [" + ".join(p.name for p in parameters) + " > 0"])
    formulation = Sequential(space, 1)
    assert formulation.grid._groups[0].tables is None
    assert list(finished(space, formulation)) == [(0,) * 6]


def test_rules_of_parameters_that_come_late_are_seen_early():
    space = DesignSpace(
        [
            Ordinal("rows", [1, 2, 4], default=1),
            Categorical("free", [0, 1]),
            Ordinal("columns", [2, 4], default=2),
        ],
        [Forbidden("rows * columns > 4", "too large"), Forbidden("rows == 2 and columns == 2", "slow")],
    )
    formulation = Sequential(space, 1)
    formulation.begin(np.array([0]), [np.random.default_rng(0)], None)
    assert formulation.action_masks()[0].tolist() == [True, False, False]  # no columns fit to 2 or 4 rows


def test_reals_and_long_integers_have_the_ends_the_default_and_evenly_spread_levels():
    space = DesignSpace([Real("x", 0.0, 3.0, default=0.7), Integer("n", 1, 10**6, log=True, default=1)])
    grid = Sequential(space, 1, levels=4).grid
    x, n = (space.parameters[slot.column].column(slot.positions) for slot in grid.slots)
    assert x.tolist() == pytest.approx([0.0, 0.7, 1.0, 2.0, 3.0])
    between = [
        0.5 * (2 * 10**6) ** (k / 3) for k in (1, 2)
    ]  # the scale starts at the lower edge of 1's bin, 0.5
    assert n.tolist() == pytest.approx([1, *between, 10**6], rel=0.01)


def test_a_long_permutation_is_built_item_by_item():
    space = DesignSpace([Permutation("order", list("abcde"))])
    formulation = Sequential(space, 1, levels=16)
    assert [slot.size for slot in formulation.grid.slots] == [5, 4, 3, 2]
    orders = set()
    for actions in itertools.product(range(5), range(4), range(3), range(2)):
        formulation.begin(np.array([0]), [np.random.default_rng(0)], None)
        for action in actions:
            formulation.act(np.array([0]), np.array([action]))
        order = "".join(space.from_index(formulation.index)[0]["order"])
        items = list("abcde")
        assert order[:4] == "".join(
            items.pop(action) for action in actions
        )  # each action takes one of what is left
        orders.add(order)
    assert len(orders) == 120
