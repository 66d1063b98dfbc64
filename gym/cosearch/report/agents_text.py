"""What is known of agents, as rows of text: for the terminal, the page and the README alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosearch.comparison.statistics import Estimate
from cosearch.quantities import count, duration, number
from cosearch.report.agents import AgentsCompared
from cosearch.report.lottery import Lottery
from cosearch.report.words import short

MOST_TITLE = 48


@dataclass(frozen=True)
class TextTable:
    """A table of texts.

    Attributes:
        title: its heading.
        caption: what its numbers are.
        heads: of the columns; all but the first `words` hold numbers.
        rows: as many cells as heads each.
        words: how many of the first columns hold words.
    """

    title: str
    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1


def estimate_text(estimate: Estimate) -> str:
    """A score with its interval: 0.812 (0.790 to 0.831)."""
    if not math.isfinite(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def comparison_tables(compared: AgentsCompared) -> list[TextTable]:
    """Scores at round budgets, by problem, who beats whom, and what a suggestion costs."""
    seeds = {len(scores) for agent in compared.agents for scores in compared.scores(agent, compared.budget)}
    each = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    seeds_word = "seed" if seeds == {1} else "seeds"
    runs = f"{count(len(compared.problems), 'problem')}, {each} {seeds_word}"
    interval = "" if min(seeds) < 2 else ", with 95 % stratified bootstrap intervals"
    order = sorted(compared.agents, key=lambda a: -float(compared.curves[a].value[-1]))
    heads = [f"{budget:,}" for budget in compared.budgets]
    tables = [
        TextTable(
            f"Normalised hypervolume after so many evaluations: {what}",
            f"{runs}{interval}; 1 is the known front's. {why}",
            ["agent", *heads],
            [
                [a, *(estimate_text(compared.at_budget(estimates[a], b)) for b in compared.budgets)]
                for a in order
            ],
        )
        for what, why, estimates in (
            ("interquartile mean", "The mean of the middle half of all runs.", compared.curves),
            ("mean", "Hard problems count here, which an interquartile mean may drop whole.", compared.means),
        )
    ]
    tables.append(_by_problem(compared, order))
    tables.append(_improvements(compared, order))
    tables.append(
        TextTable(
            "Processor time for each suggestion",
            "Asking and telling together; the mean of the problems, and the slowest of them.",
            ["agent", "mean", "slowest problem"],
            [[a, *(_seconds(s) for s in compared.seconds[a])] for a in order],
        )
    )
    return tables


def _by_problem(compared: AgentsCompared, order: Sequence[str]) -> TextTable:
    rows = []
    for problem, estimates in compared.by_problem:
        best = max(float(estimates[a].value) for a in order)
        cells = [estimate_text(estimates[a]) for a in order]
        marked = [
            f"{c} *" if float(estimates[a].value) == best else c for a, c in zip(order, cells, strict=True)
        ]
        rows.append(
            [short(problem.title, MOST_TITLE), "exact" if problem.front.exact else "best known", *marked]
        )
    return TextTable(
        f"Normalised hypervolume by problem after {compared.budget:,} evaluations: mean over seeds",
        "* is the best of a row; above 1, an agent beat the best known front.",
        ["problem", "front", *order],
        rows,
        words=2,
    )


def _improvements(compared: AgentsCompared, order: Sequence[str]) -> TextTable:
    rows = [
        [a, *("–" if a == b else estimate_text(compared.improvements[a, b]) for b in order)] for a in order
    ]
    return TextTable(
        f"Probability that a run of the row beats one of the column after {compared.budget:,} evaluations",
        "Mean over problems; a tie counts half.",
        ["agent", *order],
        rows,
    )


def lottery_tables(found: Sequence[Lottery]) -> list[TextTable]:
    """The spread over hyperparameters beside the spread over seeds, and whether tuned families tie."""
    if not found:
        return []
    rows = []
    for one in found:
        budget = int(one.at[-1])
        means = one.means(budget)
        best = int(means.argmax())
        defaults = f"{means[0]:.3f}" if not one.settings[0] else "–"
        rows.append(
            [
                short(one.problem, MOST_TITLE),
                one.agent,
                f"{len(means)}",
                defaults,
                *(f"{v:.3f}" for v in (means.min(), np.median(means), means.max())),
                _spread(one.spread_over_settings(budget)),
                _spread(one.spread_over_seeds(budget)),
                one.label(best),
            ]
        )
    heads = [
        "problem",
        "agent",
        "settings",
        "defaults",
        "worst",
        "median",
        "best",
        "over settings",
        "over seeds",
    ]
    tables = [
        TextTable(
            "Hyperparameter lottery: normalised hypervolume at the whole budget",
            "Mean over seeds of each choice of hyperparameters. The last two numbers are standard "
            "deviations: between choices of hyperparameters (less what seeds alone would cause), and "
            "between seeds of one.",
            [*heads, "best hyperparameters"],
            rows,
            words=2,
        )
    ]
    ties = _ties(found)
    return [*tables, *([ties] if ties else [])]


def _ties(found: Sequence[Lottery]) -> TextTable | None:
    """ArchGym's claim, that tuned families tie at large budgets, on the problems with several agents."""
    titles = [t for t in dict.fromkeys(o.problem for o in found) if sum(o.problem == t for o in found) > 1]
    rows = []
    for title in titles:
        own = [one for one in found if one.problem == title]
        budget = min(int(one.at[-1]) for one in own)
        for b in [
            b
            for b in own[0].at.tolist()
            if b <= budget and b in (20, 50, 100, 200, 500, 1000, 2000, 5000, budget)
        ]:
            best = {one.agent: float(one.means(b).max()) for one in own}
            usual = {one.agent: float(np.median(one.means(b))) for one in own}
            noise = float(np.max([one.spread_over_seeds(b) / math.sqrt(len(one.scores[0])) for one in own]))
            gap, gap_usual = (max(x.values()) - min(x.values()) for x in (best, usual))
            rows.append(
                [
                    short(title, MOST_TITLE),
                    f"{b:,}",
                    f"{max(best, key=best.__getitem__)} {max(best.values()):.3f}",
                    f"{min(best, key=best.__getitem__)} {min(best.values()):.3f}",
                    f"{gap:.3f}",
                    f"{gap_usual:.3f}",
                    "–" if math.isnan(noise) else "yes" if gap <= 2 * noise else "no",
                ]
            )
    if not rows:
        return None
    return TextTable(
        "Do tuned agents tie?",
        "The best hyperparameters of each agent against each other, by their mean over seeds; untuned is the "
        "gap between the medians over hyperparameters. They tie where the gap is within two standard errors "
        "of a mean over seeds.",
        ["problem", "evaluations", "best tuned agent", "worst tuned agent", "gap", "untuned gap", "tie"],
        rows,
    )


def _spread(deviation: float) -> str:
    return "–" if math.isnan(deviation) else f"{deviation:.3f}"


def _seconds(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "–"
    return duration(seconds) if seconds >= 0.1 else f"{number(1000 * seconds, 3)} ms"
