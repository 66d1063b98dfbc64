"""Mappings as data: arrays and back, files, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch_simulators.accelerator.common.arrays import Mappings
from cosearch_simulators.accelerator.mapping.mapping import Mapping, pack, read_mapping, unpack, write_mapping
from cosearch_simulators.accelerator.system.architecture import preset
from cosearch_simulators.documents import parse
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LoopNest

EYERISS = preset("eyeriss")


@st.composite
def random_mappings(draw) -> Mappings:
    levels = len(EYERISS.levels)
    factors = st.lists(st.lists(st.integers(1, 9), min_size=8, max_size=8), min_size=levels, max_size=levels)
    spatial = np.ones((2, 1, levels, 8), np.int32)
    spatial[0, 0, 3, draw(st.integers(0, 7))] = draw(st.integers(1, 14))
    spatial[1, 0, 3, draw(st.integers(0, 7))] = draw(st.integers(1, 12))
    order = [draw(st.permutations(range(8))) for _ in range(levels)]
    keeps = draw(
        st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=levels, max_size=levels)
    )
    return Mappings(
        np.array([draw(factors)], np.int32),
        np.array([order], np.int8),
        spatial[0],
        spatial[1],
        np.array([keeps], np.uint8),
    )


@given(random_mappings())
def test_arrays_become_data_and_arrays_again(arrays) -> None:
    again = unpack(arrays, 0, EYERISS).pack(EYERISS)
    np.testing.assert_array_equal(again.temporal, arrays.temporal)
    np.testing.assert_array_equal(again.spatial_x, arrays.spatial_x)
    np.testing.assert_array_equal(again.spatial_y, arrays.spatial_y)
    np.testing.assert_array_equal(again.keeps, arrays.keeps)
    for level in range(len(EYERISS.levels)):  # loops that do not run may stand anywhere
        runs = arrays.temporal[0, level] > 1
        ours, theirs = again.order[0, level], arrays.order[0, level]
        assert [x for x in ours if runs[x]] == [x for x in theirs if runs[x]]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_what_is_written_is_read(suffix, tmp_path) -> None:
    mapping = parse(
        Mapping,
        {
            "levels": [
                {"level": "WeightRegister", "temporal": {"R": 3}},
                {"level": "GlobalBuffer", "spatial": [{"K": 7}, {"P": 12}], "order": ["Q", "P"]},
                {"level": "DRAM", "temporal": {"K": 2}, "keeps": ["Weights", "Inputs", "Outputs"]},
            ]
        },
    )
    path = tmp_path / f"mapping.{suffix}"
    write_mapping(mapping, path)
    assert read_mapping(path) == mapping


@pytest.mark.parametrize(
    ("level", "line"),
    [
        ({"temporal": {"K": 0}}, "levels.0.temporal: the factor of K must be from 1 to 2147483647, is 0"),
        ({"temporal": {"K": -3}}, "levels.0.temporal: the factor of K must be from 1 to 2147483647, is -3"),
        ({"temporal": {"K": 2**40}}, "levels.0.temporal: the factor of K must be from 1 to 2147483647"),
        ({"spatial": [{"K": 0}]}, "levels.0.spatial: the factor of K must be from 1"),
        ({"order": ["K", "K"]}, "levels.0.order: each loop may be named once"),
        (
            {"temporal": {"Z": 2}},
            "levels.0.temporal: unknown key 'Z', expected 'G', 'N', 'K', 'C', 'P', 'Q',",
        ),
        ({"temporal": [2]}, "levels.0.temporal: expected a mapping, got [2]"),
        ({"spatial": [{"Z": 2}]}, "levels.0.spatial.0: unknown key 'Z', expected 'G', 'N', 'K', 'C', 'P',"),
        ({"order": "KC"}, "levels.0.order: expected a list, got 'KC'"),
        ({"temporl": {}}, "unknown field levels.0.temporl; did you mean 'temporal'?"),
    ],
)
def test_errors_are_one_line_that_names_the_field(level, line) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse(Mapping, {"levels": [{"level": "DRAM", **level}]})
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_levels_and_axes_must_exist() -> None:
    for level, line in [
        ({"level": "Dram"}, "the mapping names no level 'Dram'; did you mean 'DRAM'"),
        (
            {"level": "GlobalBuffer", "spatial": [{"K": 15}]},
            "GlobalBuffer: 15 instances along axis 0, the array has 14",
        ),
        ({"level": "DRAM", "spatial": [{}, {}, {"K": 2}]}, "DRAM: 2 instances along axis 2, the array has 1"),
    ]:
        with pytest.raises(ConfigurationError, match=line):
            pack([parse(Mapping, {"levels": [level]})], EYERISS)
        assert parse(Mapping, {"levels": [level]}).fault(EYERISS, LoopNest.of({})).startswith(line[:20])
    twice = parse(Mapping, {"levels": [{"level": "DRAM"}, {"level": "DRAM"}]})
    with pytest.raises(ConfigurationError, match="names DRAM twice"):
        twice.pack(EYERISS)
