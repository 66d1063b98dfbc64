"""Figures of joint search: fronts by brute force, the best fixed hardware, strategies with intervals."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Outcomes, Problem, Store, Study
from cosearch.objectives import Metric, Objective
from cosearch.pareto import hypervolume
from cosearch.report import write_report
from cosearch.report.codesign import codesign_figures
from cosearch.report.comparison import compare
from cosearch.space import DesignSpace, Ordinal

WIDTHS, UNITS = (1, 2, 4, 8, 16), (1, 2, 4, 8)


class Chip(Problem):
    """A network's width on an array: wider ones are better, arrays that are too large cost time to fill."""

    name = "test-codesign"
    metrics = (Metric("top1", "%", "accuracy"), Metric("latency_ns", "ns", "of an image"))
    objectives = (Objective("latency_ns", "min"), Objective("top1", "max"))

    def build(self):
        self.space = DesignSpace.join(
            network=DesignSpace([Ordinal("width", WIDTHS)]),
            hardware=DesignSpace([Ordinal("units", UNITS), Ordinal("banks", (1, 2))]),
            name=self.name,
        )

    def simulate(self, designs, *, fidelity, seed):
        width, units = (np.asarray(designs[name], float) for name in ("network.width", "hardware.units"))
        latency = 100 * width**2 / units + 40 * units + np.asarray(designs["hardware.banks"])
        return Outcomes.of({"top1": 60 + 5 * np.log2(width), "latency_ns": latency})


def studies(agents=("random", "successive:random"), seeds=(0, 1), held=()):
    store = Store.in_memory()
    for agent in agents:
        for seed in seeds:
            Study.create(Chip(), agent, budget=20, seed=seed, store=store).run()
    for units in held:
        problem = Chip()
        problem.space = problem.space.hold({"hardware.units": units, "hardware.banks": 1})
        Study.create(problem, "exhaustive", budget=5, store=store).run()
    return store, compare([store.read(record) for record in store.studies()])


def traces(figure):
    return {trace["name"].partition(":")[0]: trace for trace in figure.traces}


def front(points):
    """By brute force, the cheapest first; accuracies are as high as can be for the cost."""
    return sorted(p for p in points if not any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points))


def test_the_front_of_all_is_that_of_brute_force():
    _, (comparison,) = studies()
    figure = codesign_figures(comparison, [comparison])[0]
    lines = traces(figure)["network and hardware together"]
    good = comparison.outcomes
    pairs = set(zip(good["latency_ns"].tolist(), good["top1"].tolist(), strict=True))
    np.testing.assert_allclose(np.column_stack([lines["x"], lines["y"]]), front(pairs))
    assert "which is fewer designs than a search of its own would try" in figure.caption


def test_the_best_fixed_hardware_is_that_of_the_studies_that_hold_it():
    """Its staircase is the highest on average; what the others found of other hardware does not count."""
    _, comparisons = studies(held=(1, 4, 8))
    slowest = max(one.outcomes["latency_ns"].max() for one in comparisons)

    def height(units):
        at = np.arange(0, slowest)
        latency = np.array([100 * w**2 / units + 40 * units + 1 for w in WIDTHS])
        reached = [max([5 * k for k, one in enumerate(latency) if one <= x], default=0) for x in at]
        return np.mean(reached)

    best = max((1, 4, 8), key=height)
    figure = codesign_figures(comparisons[0], comparisons)[0]
    (name,) = (t["name"] for t in figure.traces if t["name"].startswith("best fixed"))
    assert name == f"best fixed hardware: {best}, 1"
    dashed = traces(figure)["best fixed hardware"]
    alone = {(100.0 * w**2 / best + 40 * best + 1, 60 + 5 * np.log2(w)) for w in WIDTHS}
    np.testing.assert_allclose(np.column_stack([dashed["x"], dashed["y"]]), front(alone))
    assert "The best of 3 hardware designs" in figure.caption


def test_hardware_of_the_front_has_a_colour_and_all_else_is_grey():
    _, (comparison,) = studies()
    figure = codesign_figures(comparison, [comparison])[0]
    marks = [trace for trace in figure.traces if trace["mode"] == "markers"]
    assert sum(len(trace["x"]) for trace in marks) == len(comparison.designs)
    colours = [trace["marker"]["color"] for trace in marks]
    assert len(set(colours)) == len(colours) > 2


def test_strategies_are_compared_at_equal_budget_with_intervals():
    _, (comparison,) = studies(seeds=(0, 1, 2))
    figure = codesign_figures(comparison, [comparison])[1]
    (trace,) = figure.traces
    assert trace["y"] == ["random (3 seeds)", "successive:random (3 seeds)"]
    budget = min(len(r.data.designs) for r in comparison.results)
    everything = hypervolume(comparison.minimised, comparison.reference)
    own = [
        100 * hypervolume(r.minimised[:budget], comparison.reference) / everything
        for r in comparison.results
        if r.label == "random"
    ]
    assert trace["x"][0] == pytest.approx(np.mean(own), rel=1e-4)
    assert trace["error_x"]["arrayminus"][0] <= trace["x"][0] - min(own) + 1e-3


def test_a_page_has_the_section_and_one_without_hardware_has_not(tmp_path):
    store, _ = studies(held=(4,))
    write_report(store, tmp_path / "page.html", pictures=False)
    assert "Hardware and what runs on it, together" in (tmp_path / "page.html").read_text()
    _, (comparison,) = studies(agents=("random",), seeds=(0,))
    assert len(codesign_figures(comparison, [comparison])) == 1  # nothing to compare
    problem = Chip(objectives=["latency_ns:min"])
    alone = Study.create(problem, "random", budget=5)
    alone.run()
    (single,) = compare([alone.data])
    assert codesign_figures(single, [single]) == []
