"""The report in a terminal: what was found, the best designs, the importances, and how to reproduce it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cosearch.provenance import commands
from cosearch.quantities import count, duration, number, percent
from cosearch.report.agents import AgentsCompared, agents_compared
from cosearch.report.agents_text import comparison_tables, lottery_tables
from cosearch.report.comparison import Comparison, compare
from cosearch.report.front_text import front_text
from cosearch.report.lottery import Lottery, lotteries
from cosearch.report.second_judge import HEADS, NUMERIC, judge_notes, judge_rows, second_judges
from cosearch.report.words import (
    basis,
    best_text,
    importance_caution,
    plain,
    reason_line,
    reference_text,
    short,
    shown_name,
    summary,
)
from cosearch.store import StudyData
from cosearch.text_table import print_columns

MAX_DESIGNS = 20
MAX_REASONS = 3
MAX_ACCOUNT = 6  # lines
MAX_GROUPS = 3  # that are printed where agents are compared over more of them
MAX_IMPORTANT = 8
BAR_WIDTH = 24


def terminal_report(studies: Sequence[StudyData], console: Console) -> None:
    """Print the report on every group of studies that can be compared."""
    compared, found = agents_compared(studies), lotteries(studies)
    agents_report(compared, found, console)
    groups = compare(studies)
    if (compared or found) and len(groups) > MAX_GROUPS:
        words = f"{count(len(groups), 'group')} of studies; name some to see their designs, or write a page"
        console.print(Text(f"\n{words} (--html FILE)", style="dim"))
        return
    for k, comparison in enumerate(groups):
        if k or compared or found:
            console.print()
        console.print(Text(plain(comparison.title), style="bold"))
        console.print(Text(plain(summary(comparison))))
        _studies(comparison, console)
        _accounts(comparison, console)
        _designs(comparison, console)
        _second_judges(comparison, console)
        _importances(comparison, console)
        console.print(Text("\nHow to reproduce", style="bold"))
        for result in comparison.results:
            console.print(Text(plain(commands(result.data.record))), soft_wrap=True)


def agents_report(compared: AgentsCompared | None, found: Sequence[Lottery], console: Console) -> None:
    """Print what the studies say of agents, if that is anything."""
    tables = [*(comparison_tables(compared) if compared else []), *lottery_tables(found)]
    for k, table in enumerate(tables):
        if k == 0:
            console.print(Text("Agents compared", style="bold"))
        _print_table(console, table.title, table.heads, table.rows, numeric=table.heads[table.words :])
        console.print(Text(table.caption, style="dim"))
    for line in compared.left_out if compared and tables else ():
        console.print(Text(plain(f"left out: {line}"), style="dim"))


def _studies(comparison: Comparison, console: Console) -> None:
    many = len(comparison.first.objectives) > 1
    heads = ["study", "agent", "seed", "evaluations", "feasible", "infeasible", "failed"]
    several = many and len(comparison.results) > 1
    heads += ["Pareto designs"] if many else [f"best {shown_name(comparison, comparison.goal_metrics[0])}"]
    heads += ["hypervolume"] if several else []
    rows = []
    for result in comparison.results:
        record, counts = result.data.record, result.counts
        row: list[Any] = [short(record.name, 40), short(result.label, 40), record.seed]
        row += [f"{counts['evaluations']}/{record.budget}", counts["feasible"]]
        row += [counts["infeasible"] + counts["violates_constraints"], counts["failed"]]
        if many:
            row.append(counts["pareto_designs"])
        else:
            row.append(best_text(comparison, result))
        if several:
            row.append(percent(result.share))
        rows.append([*row, duration(record.seconds), record.status])
    _print_table(console, "Studies", [*heads, "time", "status"], rows, numeric=heads[2:])
    if several and comparison.hypervolume:
        whole = (
            f"hypervolume is in percent of what all of them found together: {number(comparison.hypervolume)}"
        )
        console.print(Text(plain(f"{whole}, reference point {reference_text(comparison)}"), style="dim"))
    reasons = comparison.reasons(most=None)
    for entry in reasons[:MAX_REASONS]:
        console.print(Text(plain(reason_line(entry)), style="dim"))
    rest = sum(designs for *_, designs in reasons[MAX_REASONS:])
    if rest:
        others = len(reasons) - MAX_REASONS
        causes = f"{count(rest, 'more design')} for {count(others, 'other reason')}"
        console.print(Text(causes, style="dim"))


def _accounts(comparison: Comparison, console: Console) -> None:
    """What agents say that they did and why, each account once."""
    lines = dict.fromkeys(line for result in comparison.results for line in result.data.account)
    for line in list(lines)[:MAX_ACCOUNT]:
        console.print(Text(plain(line), style="dim"))
    if len(lines) > MAX_ACCOUNT:
        rest = count(len(lines) - MAX_ACCOUNT, "more line")
        console.print(Text(f"{rest} of what agents did; --html FILE shows all", style="dim"))


def _designs(comparison: Comparison, console: Console) -> None:
    if not len(comparison.front_rows):
        return
    rows = comparison.front_rows
    scales = {metric: comparison.scale(metric) for metric in comparison.goal_metrics}
    finders = [short(comparison.results[comparison.source[row]].label, 24) for row in rows]
    text = front_text(
        comparison.minimised[rows],
        {metric: comparison.outcomes[metric][rows].tolist() for metric in scales},
        scales,
        comparison.designs[rows].to_dicts(),
        comparison.first.space.names,
        MAX_DESIGNS,
        {"agent": finders} if len(comparison.labels) > 1 else None,
    )
    title = "Pareto designs" if len(comparison.first.objectives) > 1 else "Best designs"
    _print_table(console, f"{title}: {text.found}", text.heads, text.rows, numeric=text.numeric)
    if text.common:
        console.print(Text(plain(f"all of them: {text.common}")))


def _second_judges(comparison: Comparison, console: Console) -> None:
    found = [one for result in comparison.results for one in second_judges(result.data)]
    if not found:
        return
    _print_table(console, "Fronts under a second judge", HEADS, judge_rows(found), numeric=NUMERIC)
    for note in judge_notes(found):
        console.print(Text(plain(note), style="dim"))


def _importances(comparison: Comparison, console: Console) -> None:
    for importance in comparison.importances:
        if importance is None:
            continue
        order = sorted(range(len(importance.parameters)), key=lambda i: -importance.total[i])[:MAX_IMPORTANT]
        largest = max(importance.total[order[0]], 1e-12)
        rows = [
            [
                importance.parameters[i],
                f"{importance.total[i]:.2f}",
                f"{importance.low[i]:.2f} to {importance.high[i]:.2f}",
                "█" * max(round(BAR_WIDTH * importance.total[i] / largest), 0),
            ]
            for i in order
        ]
        title = f"Importance of the parameters for {importance.metric}"
        if importance.designs < importance.known:
            title += f" (from {basis(importance)})"
        _print_table(console, title, ["parameter", "index", "80 % of resamples", ""], rows, numeric=["index"])
        caution = importance_caution(importance)
        if caution:
            console.print(Text(caution, style="yellow"))


def _print_table(
    console: Console, title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], numeric: Iterable[str]
) -> None:
    console.print()
    print_columns(console, title, heads, rows, numeric)
