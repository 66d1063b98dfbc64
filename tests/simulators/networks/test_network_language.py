"""A space of one's own, composed of modules with choices."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_plugins.networks.spaces import design_space
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.networks.language import (
    choice,
    compose,
    convolution,
    dense,
    either,
    inverted_bottleneck,
    optional,
    pool,
    repeat,
    residual,
)


@pytest.fixture(scope="module")
def own():
    return compose(
        "own",
        (3, 32, 32),
        convolution(choice("stem", 8, 16), 3),
        repeat(
            choice("depth", 1, 2),
            lambda i: residual(
                either(
                    f"kind_{i}",
                    plain=convolution(choice(f"filters_{i}", 8, 16), choice(f"kernel_{i}", 3, 5)),
                    inverted=inverted_bottleneck(16, expansion=choice(f"expansion_{i}", 3, 6)),
                )
            ),
        ),
        optional("pooled", pool(2)),
        dense(10),
    )


def test_what_is_open_is_a_parameter_and_matters_only_where_its_module_is(own):
    whens = {one.name: dict(one.when) for one in own.parameters}
    assert list(whens) == [
        *("stem", "depth", "kind_1", "filters_1", "kernel_1", "expansion_1"),
        *("kind_2", "filters_2", "kernel_2", "expansion_2", "pooled"),
    ]
    assert whens["kernel_1"] == {"kind_1": ("plain",)}
    assert whens["expansion_2"] == {"depth": (2,), "kind_2": ("inverted",)}


def test_it_is_a_design_space_with_as_many_designs_as_one_counts_by_hand(own):
    """2 stems, 2 for the pooling; a layer is one of 4 plain or 2 inverted ones; one layer or two."""
    assert design_space(own.parameters, "own").cardinality() == 2 * 2 * (6 + 6 * 6)


def test_its_networks_have_the_counts_that_one_works_out_by_hand(own):
    columns = {one.name: [one.start] for one in own.parameters}
    found = own.networks(columns)  # 3 -> 8 by 3 x 3, 8 -> 8 by 3 x 3 and a sum, 8 -> 10
    assert found.macs[0] == 32 * 32 * (3 * 8 * 9 + 8 * 8 * 9) + 8 * 10
    assert found.parameters[0] == 3 * 8 * 9 + 16 + 8 * 8 * 9 + 16 + 8 * 10 + 10
    assert [nest.sizes for nest in found.nests(0)] == [
        (1, 1, 8, 3, 32, 32, 3, 3),
        (1, 1, 8, 8, 32, 32, 3, 3),
        (1, 1, 10, 8, 1, 1, 1, 1),
    ]


def test_every_design_of_the_space_has_a_network(own):
    space = design_space(own.parameters, "own")
    designs = space.enumerate()
    found = own.networks({name: designs[name] for name in space.names})
    assert not any(found.reason)
    assert len(np.unique(found.macs)) > 40


def test_a_choice_in_two_places_is_one_parameter():
    filters = choice("filters", 8, 16)
    own = compose("own", (3, 8, 8), convolution(filters), convolution(filters), dense(2))
    assert [one.name for one in own.parameters] == ["filters"]
    assert own.networks({"filters": [16]}).macs[0] == 64 * 9 * (3 * 16 + 16 * 16) + 32
    with pytest.raises(ConfigurationError, match=r"named 'filters', one of \(8, 16\) and one of \(4,\)"):
        compose("own", (3, 8, 8), convolution(filters), convolution(choice("filters", 4)))
