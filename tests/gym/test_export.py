"""A table says at which fidelity and with which seed each evaluation was made, and how noisy it is."""

from __future__ import annotations

from cosearch import Study
from cosearch.export import study_table
from timed_problems import Noisy, Rough


def test_a_table_has_fidelities_seeds_and_standard_errors():
    noisy = Study.create(Noisy(), "repeater", budget=5).run()
    table = study_table([noisy]).to_pydict()
    assert table["evaluation_seed"] == list(range(5))
    assert table["loss_standard_error"] == [1.0] * 5
    rough = Study.create(Rough(), "screener", budget=5, seed=1).run()
    table = study_table([rough]).to_pydict()
    assert table["fidelity"] == rough.fidelity.tolist()
    assert set(table["fidelity"]) == {"sketch", "whole"}
    assert not any(
        on and fidelity == "sketch" for on, fidelity in zip(table["pareto"], table["fidelity"], strict=True)
    )
