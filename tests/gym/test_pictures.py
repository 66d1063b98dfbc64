"""Drawing pictures: plain data comes out, and nothing that a problem does spoils it."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from cosearch import Picture
from cosearch.drawing import MAX_BYTES, drawn_pictures, draws_pictures
from cosearch.testing import check_problem
from pictured_problem import MATRICES, CrashingPictures, EndlessPictures, PicturedCache
from small_problems import TwoSpheres

DESIGN = {"sets": 64, "tile": 8, "write_buffer": False}


class Drawing(TwoSpheres):
    """Draws what it is given."""

    def __init__(self, *pictures):
        super().__init__()
        self.given = pictures

    def pictures(self, design):
        return self.given


def test_a_problem_draws_nothing_unless_it_says_so():
    assert not draws_pictures(TwoSpheres())
    assert draws_pictures(PicturedCache())
    assert drawn_pictures(TwoSpheres(), TwoSpheres.space.default()).pictures == ()


def test_pictures_are_plain_data_and_say_what_the_simulator_says():
    problem = PicturedCache()
    drawn = drawn_pictures(problem, DESIGN)
    assert drawn.missing == ()
    rate, by_set, energy = drawn.pictures
    json.dumps([picture.traces for picture in drawn.pictures], allow_nan=False)
    outcomes = problem.evaluate(problem.space.designs([DESIGN]))
    counts = np.array(by_set.traces[0]["z"], dtype=float)  # a set without a miss is a gap
    assert np.nansum(counts) == outcomes["misses"][0]
    assert sum(sum(trace["y"]) for trace in energy.traces) == outcomes["energy_pj"][0]
    assert [trace["name"] for trace in rate.traces] == [f"matrix {name}" for name in MATRICES]


def test_numbers_that_are_not_finite_are_gaps():
    trace = {"y": np.array([1.0, np.nan, np.inf]), "x": (np.float32(0.5), np.int8(2), np.bool_(True))}
    (picture,) = drawn_pictures(Drawing(Picture("t", "c", [trace])), {}).pictures
    assert picture.traces == [{"y": [1.0, None, None], "x": [0.5, 2, True]}]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("a drawing", "expected a cosearch.Picture, not a str"),
        (Picture("t", "c", ["bar"]), "picture 't': expected traces and layout as dicts"),
        (
            Picture("t", "c", [{"x": {1, 2}}]),
            "picture 't': expected plain values and numpy arrays, not a set",
        ),
        (Picture("t", "c", [{"x": np.zeros(MAX_BYTES)}]), "picture 't': its data takes 20.0 MB, more than 4"),
    ],
    ids=["text", "traces", "set", "size"],
)
def test_what_is_no_picture_is_one_line_and_spoils_no_other(wrong, says):
    good = Picture("good", "c", [])
    drawn = drawn_pictures(Drawing(good, wrong, good), {})
    assert [picture.title for picture in drawn.pictures] == ["good", "good"]
    assert drawn.missing == (says,)


def test_an_error_keeps_what_was_drawn_before_it():
    drawn = drawn_pictures(PicturedCache(trouble="half"), DESIGN)
    assert [picture.title for picture in drawn.pictures] == ["Miss rate over the product"]
    assert drawn.missing == ("MemoryError: out of paper",)
    assert drawn_pictures(PicturedCache(trouble="raise"), DESIGN).missing == (
        "RuntimeError: no ink <b>left</b>",
    )


def test_a_crash_and_a_time_limit_are_one_line():
    assert drawn_pictures(CrashingPictures(), DESIGN).missing == ("the worker process died (exit code 9)",)
    began = time.monotonic()
    assert drawn_pictures(EndlessPictures(), DESIGN, timeout_s=0.5).missing == ("took longer than 0.5 s",)
    assert time.monotonic() - began < 30


def test_a_process_of_its_own_draws_the_same():
    assert drawn_pictures(PicturedCache(), DESIGN, timeout_s=300) == drawn_pictures(PicturedCache(), DESIGN)


def test_the_conformance_kit_draws_too():
    check_problem(PicturedCache())
