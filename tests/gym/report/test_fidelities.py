"""A report shows what was evaluated at the study's own fidelity, and says how much was at others."""

from __future__ import annotations

import io

from rich.console import Console

from cosearch import Agent, DesignSpace, Fidelity, Integer, Metric, Objective, Problem, Study
from cosearch.cli.summary import summarise
from cosearch.report import report_data, terminal_report
from cosearch.run.trial import Proposals


class Bounded(Problem):
    """The rough fidelity promises twice what the exact one finds."""

    name = "bounded"
    space = DesignSpace([Integer("x", 1, 40)])
    metrics = (Metric("latency_ns", "ns"), Metric("energy_pj", "pJ"))
    objectives = (Objective("latency_ns", "min"), Objective("energy_pj", "min"))
    fidelities = (Fidelity("rough", 0.25), Fidelity("exact"))

    def simulate(self, designs, *, fidelity, seed):
        x = designs["x"] * (0.5 if fidelity == "rough" else 1.0)
        return {"latency_ns": x, "energy_pj": 100.0 - designs["x"] - 50 * (fidelity == "rough")}


class RoughFirst(Agent):
    """Asks each design roughly, then exactly."""

    name = "rough-first"
    batch_size = 6
    generational = True
    exact = False

    def ask(self, n):
        if not self.exact:
            self.asked = self.space.sample(n, self.rng)
        self.exact = not self.exact
        return Proposals(self.asked, "exact" if not self.exact else "rough")

    def tell(self, results):
        pass


def test_only_the_studys_own_fidelity_is_on_its_front():
    study = Study.create(Bounded(), RoughFirst, budget=15)
    data = study.run()
    rough = int((data.fidelity == "rough").sum())
    exact = len(data.designs) - rough
    assert rough > 5
    assert exact > 5
    (group,) = report_data([data])
    for row in group["pareto"]:
        assert row["metrics"]["latency_ns"] == row["design"]["x"]
    out = io.StringIO()
    terminal_report([data], Console(file=out, width=1000))
    assert (
        f"{rough} more evaluations at fidelity rough, at 0.25 of an evaluation's cost each." in out.getvalue()
    )
    found = summarise(data)
    assert found["counts"]["ok"] == exact
    assert found["counts"]["at_other_fidelities"] == {"rough": rough}
    assert all(row["metrics"]["latency_ns"] == row["design"]["x"] for row in found["pareto"])
