"""What a report says of several studies: who is compared with whom, counts, fronts, hypervolumes, reasons."""

from __future__ import annotations

import json
import shlex

import moocore
import numpy as np
import pytest

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.quantities import number, percent
from cosearch.report import report_data
from cosearch.report.comparison import compare
from cosearch.report.words import short, summary
from report_studies import ALL_OBJECTIVES, SPACE, make_study


def test_only_like_studies_are_compared():
    alike = [make_study(20, seed=1), make_study(20, agent="evolution", seed=2)]
    others = [
        make_study(20, ALL_OBJECTIVES[:1]),
        make_study(20, constraints=[]),
        make_study(20, problem_arguments={"workload": "bert"}),
        make_study(20, fidelity="cycle"),
        make_study(20, problem_version=1),
        make_study(20, workload_digest="another file"),
    ]
    groups = compare([alike[0], *others, alike[1]])
    assert [len(group.results) for group in groups] == [2, 1, 1, 1, 1, 1, 1]
    assert [result.data for result in groups[0].results] == alike


def test_the_number_of_threads_sets_no_studies_apart():
    arguments = [{}, {"workload": "resnet18", "threads": 2}]  # that is the default workload
    assert len(compare([make_study(20, problem="accelerator", problem_arguments=a) for a in arguments])) == 1


def test_hypervolumes_share_one_reference_point():
    studies = [make_study(200, ALL_OBJECTIVES, seed=s) for s in range(3)]
    points = [minimised(s.objectives, s.outcomes)[feasible(s.constraints, s.outcomes)] for s in studies]
    pooled = np.concatenate(points)
    front = pooled[moocore.is_nondominated(pooled)]
    reference = front.max(axis=0) + 0.1 * np.ptp(front, axis=0)
    (data,) = report_data(studies)
    assert data["hypervolume"] == pytest.approx(moocore.hypervolume(pooled, ref=reference))
    for study, part in zip(data["studies"], points, strict=True):
        assert study["hypervolume"] == pytest.approx(moocore.hypervolume(part, ref=reference))
        evaluations, values = zip(*study["hypervolume_curve"], strict=True)
        assert list(values) == sorted(values)
        assert values[-1] == study["hypervolume"]
        assert evaluations[-1] <= 200
    # top1 is maximised: its reference is a top1 again, below the worst
    assert data["reference_point"]["top1"] == pytest.approx(-reference[3])


def test_the_objectives_own_reference_is_used():
    study = make_study(100, ["latency_ns:min:reference=1e6", "energy_pj:min:reference=5e7"])
    (data,) = report_data([study])
    assert data["reference_point"] == {"latency_ns": 1e6, "energy_pj": 5e7}
    values = minimised(study.objectives, study.outcomes)[feasible(study.constraints, study.outcomes)]
    assert data["hypervolume"] == pytest.approx(moocore.hypervolume(values, ref=[1e6, 5e7]))


def test_combined_front_holds_each_design_once():
    study = make_study(150)
    again = make_study(150, agent="another", seed=1, designs=study.designs)
    (group,) = compare([study, again])
    assert len(group.designs) == 150
    assert set(group.source.tolist()) == {0}
    # both found it, so both are on the front
    assert group.results[0].combined_front.tolist() == group.results[1].combined_front.tolist()
    (data,) = report_data([study, again])
    points = {tuple(row["metrics"][m] for m in ("latency_ns", "energy_pj")) for row in data["pareto"]}
    values = minimised(study.objectives, study.outcomes)[feasible(study.constraints, study.outcomes)]
    expected = {
        tuple(p.tolist()) for p in values if not any((q <= p).all() and (q < p).any() for q in values)
    }
    assert points == expected


def test_counts_add_up_and_reasons_are_counted():
    study = make_study(300, constraints=["area_mm2<=4", "top1>=0.7"])
    (data,) = report_data([study])
    counts = data["studies"][0]["counts"]
    kinds = ("feasible", "infeasible", "violates_constraints", "failed")
    assert sum(counts[kind] for kind in kinds) == counts["evaluations"] == 300
    reasons = {entry["reason"]: entry["designs"] for entry in data["studies"][0]["reasons"]}
    ok = study.outcomes.ok
    assert reasons["area_mm2<=4 is not met"] == (study.outcomes["area_mm2"][ok] > 4).sum()
    assert reasons["top1>=0.7 is not met"] == (study.outcomes["top1"][ok] < 0.7).sum()
    assert reasons["metric latency_ns is nan"] == (study.outcomes.status == "failed").sum()


def test_only_evaluations_at_the_studys_own_fidelity_are_compared():
    fidelity = np.where(np.arange(60) % 3 == 0, "rough", "analytical")
    study = make_study(60, fidelity_of=fidelity)
    (group,) = compare([study])
    own = study.designs[fidelity == "analytical"]
    assert group.designs == own
    assert group.elsewhere == {"rough": 20}
    assert "20 more evaluations at fidelity rough." in summary(group)
    (data,) = report_data([study])
    assert data["studies"][0]["counts"]["evaluations"] == 40
    assert {repr(row["design"]) for row in data["pareto"]} <= {repr(design) for design in own}


def test_a_design_that_was_evaluated_with_several_seeds_is_one_design():
    designs = SPACE.sample(20, 3)
    twice = designs[np.repeat(np.arange(20), 2)]
    (group,) = compare([make_study(40, designs=twice, seed_of=np.arange(40) % 2)])
    assert group.designs == designs


def test_settings_tell_studies_of_one_agent_apart():
    studies = [
        make_study(10, agent="nsga2", seed=s, agent_settings={"population": p, "eta": 3})
        for s, p in enumerate((8, 8, 64))
    ]
    (group,) = compare([*studies, make_study(10)])
    assert group.labels == ["nsga2 (population=8)", "nsga2 (population=64)", "random"]


def test_evaluate_command_names_the_design_and_the_workload():
    study = make_study(30, problem_arguments={"workload": "a b's <net>", "batch": 4})
    (group,) = compare([study])
    words = shlex.split(group.evaluate_command(7))
    assert "workload=a b's <net>" in words
    assert "batch=4" in words
    assert SPACE.designs(json.loads(words[words.index("--design") + 1])) == study.designs[[7]]


def test_report_data_is_strict_json():
    for studies in ([make_study(50)], [make_study(0)], [make_study(30, constraints=["area_mm2<=0.01"])], []):
        data = json.loads(json.dumps(report_data(studies), allow_nan=False))
        assert len(data) == len(studies)


def test_importance_finds_the_parameters_that_matter():
    (data,) = report_data([make_study(600, ALL_OBJECTIVES, constraints=[])])
    # top1 depends on bits (variance of 0, -0.01, -0.09: 1.6e-3) and compression (1e-4), hardly on refresh_ms
    shares = {name: entry["total"] for name, entry in data["importance"]["top1"]["parameters"].items()}
    assert shares["bits"] == pytest.approx(1.6222e-3 / 1.7222e-3, abs=0.05)
    assert shares["compression"] == pytest.approx(1e-4 / 1.7222e-3, abs=0.04)
    assert max(value for name, value in shares.items() if name not in ("bits", "compression")) < 0.01


def test_summary_in_plain_words():
    (one,) = compare([make_study(100)])
    assert summary(one).startswith(f"random found {len(one.front_rows)} Pareto designs in 100 evaluations (")
    (many,) = compare([make_study(50, agent=a, seed=s) for a in ("random", "evolution") for s in range(2)])
    assert summary(many).startswith("4 studies of 2 agents found ")
    assert "largest median hypervolume" in summary(many)
    (none,) = compare([make_study(40, constraints=["area_mm2<=0.01"])])
    assert summary(none).startswith("No feasible design in 40 evaluations. Most frequent reason: ")
    (empty,) = compare([make_study(0)])
    assert summary(empty) == "No design has been evaluated yet."
    (unfinished,) = compare([make_study(20, status="interrupted")])
    assert summary(unfinished).endswith("1 study is not finished.")


def test_best_of_a_maximised_objective_is_the_highest():
    (group,) = compare([make_study(100, ["top1:max"])])
    best = group.outcomes["top1"][group.feasible].max()
    assert f"Highest top1 {number(best)}" in summary(group)
    assert group.outcomes["top1"][group.front_rows].tolist() == [best] * len(group.front_rows)


def test_all_designs_failed():
    designs = SPACE.sample(12, 0)
    names = ["latency_ns", "energy_pj", "area_mm2", "top1"]
    outcomes = Outcomes.without_metrics(names, ["boom"] * 12, "failed")
    (data,) = report_data([make_study(12, designs=designs, outcomes=outcomes)])
    assert data["pareto"] == []
    assert data["importance"] == {}
    assert data["studies"][0]["reasons"] == [{"kind": "failed", "reason": "boom", "designs": 12}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12.0, "12"),
        (1234567.0, "1,234,567"),
        (0.00012345678, "0.00012346"),
        (1.23456e-7, "1.2346e-7"),
        (-5.5e12, "-5.5e12"),
        (float("nan"), "–"),
        (99999.96, "100,000"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_only_the_whole_is_a_hundred_percent():
    assert [percent(share) for share in (1.0, 0.99999, 0.95, 0.5, 0.0)] == [
        "100 %",
        "99.9 %",
        "95.0 %",
        "50 %",
        "0 %",
    ]


def test_long_names_lose_their_middle():
    assert short("a" * 28) == "a" * 28
    assert short("start" + "x" * 50 + "end", 11) == "start…xxend"
