"""Known fronts: their numbers against a formula, which study they are found for, and those that are kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import suite_problems
from cosearch import Study, make_problem
from cosearch.comparison import fronts
from cosearch.comparison.finding import find_front, front_entry, keep_front, kept_entry, spread
from cosearch.comparison.fronts import as_front, entry_key, key_of_problem, key_of_record, read_entries
from cosearch.comparison.scores import scores
from cosearch.errors import ArgumentError, ProblemError
from cosearch.registry import registry

ROOT = Path(__file__).parents[3]
KEPT = [
    *sorted((ROOT / "plugins" / "cosearch_plugins" / fronts.FOLDER).glob("*.json")),
    *sorted((ROOT / "tests" / "support" / fronts.FOLDER).glob("*.json")),
]


def test_a_listed_space_has_the_exact_front():
    entry = find_front(make_problem("two-spheres"))
    # the line between the two points: squared distances k^2 and (10 - k)^2
    assert [point["values"] for point in entry["points"]] == [[k**2, (10 - k) ** 2] for k in range(11)]
    assert entry["exact"]
    assert entry["front_size"] == 11
    reference = np.array(entry["reference"])
    unit = sorted((k**2 / reference[0], (10 - k) ** 2 / reference[1]) for k in range(11))
    # the staircase of a front of two objectives, summed by hand
    volume = sum((x1 - x0) * (1 - y0) for (x0, y0), (x1, _) in zip(unit, [*unit[1:], (1, 0)], strict=True))
    assert entry["hypervolume"] == pytest.approx(volume)


def test_the_reference_is_what_a_quarter_of_random_designs_reach_or_behind_the_front():
    problem = make_problem("two-spheres")
    entry = find_front(problem)
    left = problem.evaluate(problem.space.enumerate())["left"]
    assert entry["reference"][0] == pytest.approx(max(100 + 0.1 * 100, np.quantile(left, 0.25)))
    bounded = make_problem("two-spheres", objectives=["left:min:reference=300", "right:min"])
    assert find_front(bounded)["reference"][0] == 300


def test_everything_is_worth_one_and_nothing_is_worth_nothing():
    problem = make_problem("two-spheres")
    front = as_front(find_front(problem))
    best = np.array([[k**2, (10 - k) ** 2] for k in range(11)], dtype=float)
    assert front.share(best) == pytest.approx(1.0)
    assert front.share(front.reference[None]) == 0.0
    assert 0 < front.share(best[:1]) < front.share(best[:2]) < 1


def test_a_single_objective_is_normalised_between_the_best_and_a_random_design():
    problem = make_problem("two-spheres", objectives=["sum:max"])
    front = as_front(find_front(problem))
    sums = problem.evaluate(problem.space.enumerate())["sum"]
    assert front.ideal[0] == -35
    assert front.reference[0] == pytest.approx(-np.quantile(sums, 0.75))
    assert front.share(np.array([[-35.0]])) == pytest.approx(1.0)
    middle = (front.ideal + front.reference) / 2
    assert front.share(middle[None]) == pytest.approx(0.5)


def test_a_large_space_is_searched_and_a_front_only_grows():
    problem = make_problem("two-spheres")
    first = find_front(problem, list_up_to=0, budget=40, agents=("random",), seeds=1)
    assert not first["exact"]
    assert "random" in first["obtained"]
    again = find_front(problem, list_up_to=0, budget=40, agents=("sobol",), seeds=1, known=first)
    for point in first["points"]:
        values = np.array(point["values"])
        assert any((np.array(other["values"]) <= values).all() for other in again["points"])


def test_a_problem_without_a_feasible_design_has_no_front():
    problem = make_problem("two-spheres", constraints=["left<=-1"])
    with pytest.raises(ProblemError, match="none of 3,332 designs is feasible"):
        find_front(problem)


def test_an_entry_is_found_for_its_arguments_and_for_no_others(tmp_path, monkeypatch):
    problem = make_problem("two-spheres")
    path = tmp_path / "two-spheres.json"
    keep_front(find_front(problem), path)
    keep_front(find_front(make_problem("two-spheres", objectives=["left:min"])), path)
    keep_front(find_front(problem), path)
    assert len(read_entries(path)) == 2
    assert kept_entry(problem, path)["objectives"] == ["left:min", "right:min"]
    monkeypatch.setattr(fronts, "front_file", lambda cls: path)
    record = Study.create(problem, "random", budget=1).record
    assert fronts.known_front(problem).exact
    assert fronts.known_front(record).volume == fronts.known_front(problem).volume
    for other in (
        make_problem("two-spheres", objectives=["right:min", "left:min"]),
        make_problem("two-spheres", constraints=["left<=50"]),
        problem.hold({"shape": "round"}),
    ):
        assert fronts.known_front(other) is None
        assert fronts.known_front(Study.create(other, "random", budget=1).record) is None


def test_a_file_that_holds_no_fronts_says_so(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": 1}')
    with pytest.raises(ArgumentError, match=r"x\.json: it holds no list of fronts"):
        read_entries(path)


def test_of_a_large_front_the_extremes_and_an_even_choice_are_kept():
    x = np.linspace(0, 1, 1001)
    front = np.column_stack([x, (1 - x) ** 2])
    rows = spread(front, 11)
    assert len(rows) == 11
    assert {0, 1000} <= set(rows.tolist())
    gaps = np.linalg.norm(np.diff(front[rows], axis=0), axis=1)
    assert gaps.max() < 2.5 * gaps.min()


def test_the_score_of_a_study_counts_what_it_paid_for():
    problem = make_problem("two-spheres")
    front = as_front(find_front(problem))
    study = Study.create(problem, "random", budget=60, seed=2)
    data = study.run()
    at = np.array([1, 10, 60, 1000])
    found = scores(data, front, at)
    values = np.column_stack([data.outcomes["left"], data.outcomes["right"]])
    assert found.tolist() == pytest.approx([front.share(values[: min(k, 60)]) for k in at])
    assert (np.diff(found) >= 0).all()
    assert key_of_record(data.record) == key_of_problem(problem)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_front_is_that_of_the_problem_as_it_is(path):
    """A changed simulator or space comes with new fronts: `tests/benchmarks/known_fronts.py` makes them."""
    suite = {cls.name: cls for cls in suite_problems.cosearch_problems()}
    if path.stem == "nasbench201" and not suite_problems.NASBENCH201.exists():
        pytest.skip("the reference measurements (shared/reference) are not here")
    cls = suite.get(path.stem) or registry().problems[path.stem]
    assert fronts.front_file(cls) == path
    for entry in read_entries(path):
        goals = {"objectives": entry["objectives"], "constraints": entry["constraints"]}
        problem = cls(**goals, **entry["arguments"])
        assert json.loads(json.dumps(key_of_problem(problem))) == entry_key(entry)
        points = entry["points"][:: max(1, len(entry["points"]) // 3)]
        outcomes = problem.evaluate([point["design"] for point in points], fidelity=entry["fidelity"])
        for k, objective in enumerate(problem.objectives):
            assert outcomes[objective.metric] == pytest.approx([p["values"][k] for p in points], rel=1e-9)
        assert fronts.known_front(problem).volume == entry["hypervolume"]


def test_the_fronts_of_nasbench201_have_the_known_sizes(reference):
    """Against the exact fronts that were derived from the table apart from us."""
    golden = json.loads((reference / "nas" / "nasbench201_golden.json").read_text())["pareto"]
    kept = {
        e["arguments"].get("device", "pixel3"): e
        for e in read_entries(ROOT / "tests/support/known_fronts/nasbench201.json")
    }
    for device in ("pixel3", "gold_6226", "titan_rtx_256"):
        assert kept[device]["exact"]
        assert kept[device]["front_size"] == golden[f"c10_test_ep200|lat_{device}"]["n_front"]


def test_the_mixed_space_has_every_kind_of_parameter_and_a_trade_off():
    problem = suite_problems.MixedChip()
    assert len(problem.space) == 20
    kinds = {type(parameter).__name__ for parameter in problem.space}
    assert kinds == {"Ordinal", "Categorical", "Integer", "Real", "Permutation"}
    assert sum(bool(parameter.when) for parameter in problem.space) == 5
    found = problem.evaluate(problem.space.sample(2000, 0))
    assert found.ok.all()
    met = found["area_mm2"] <= 4
    assert 0.2 < met.mean() < 0.8
    assert (
        len(front_entry(problem, problem.space.sample(2000, 0), found, exact=False, obtained="")["points"])
        > 20
    )


def test_an_entry_says_how_it_was_found():
    problem = make_problem("two-spheres")
    designs = problem.space.enumerate()
    entry = front_entry(problem, designs, problem.evaluate(designs), exact=True, obtained="by hand")
    assert as_front(entry).obtained == "by hand"
