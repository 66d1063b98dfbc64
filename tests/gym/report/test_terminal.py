"""The report in a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from cosearch.report import terminal_report
from cosearch.report.comparison import compare
from cosearch.report.page import report_page
from report_studies import ALL_OBJECTIVES, make_study


def printed(*studies, width=200):
    console = Console(file=io.StringIO(), width=width, markup=True, highlight=False)
    terminal_report(studies, console)
    return console.file.getvalue()


def test_everything_is_there():
    study = make_study(200)
    text = printed(study)
    (group,) = compare([study])
    for expected in (
        "Studies",
        "Pareto designs",
        "latency [ms]",
        "energy [uJ]",
        "area_mm2 [mm2]",
        "How to reproduce",
    ):
        assert expected in text
    assert "Importance of the parameters for energy_pj" in text
    assert study.record.command in text
    for row in group.front_rows[:20]:
        assert group.scale("latency_ns").text(group.outcomes["latency_ns"][row]) in text


def test_few_designs_bring_a_caution():
    assert "13 parameters" in printed(make_study(60))


def test_what_agents_did_is_said_once():
    told = [f"auto: from evaluation {k} [x]: why" for k in range(1, 9)]
    studies = [replace(make_study(20, seed=k), account=tuple(told)) for k in range(2)]
    text = printed(*studies)
    assert all(text.count(line) == 1 for line in told[:6])
    assert "2 more lines of what agents did" in text
    page = report_page(studies)
    assert all(page.count(line) == 2 for line in told)
    assert "what it did" not in report_page([make_study(20)])


def test_names_are_no_markup_and_no_control_codes():
    text = printed(
        make_study(20, name="[red]x[/red]\x1b[2J", agent="[bold]a", command="cosearch \x07[link=x]")
    )
    assert "[red]x[/red]\\x1b[2J" in text
    assert "[bold]a" in text
    assert "cosearch \\x07[link=x]" in text
    assert "\x1b" not in text


def test_without_a_feasible_design():
    text = printed(make_study(30, constraints=["area_mm2<=0.01"]))
    assert "No feasible design in 30 evaluations." in text
    assert "area_mm2<=0.01 is not met" in text
    assert "Pareto designs (" not in text


def test_reasons_that_are_not_shown_are_counted():
    bounds = ["area_mm2<=3", "latency_ns<=300000", "energy_pj<=10000000"]
    assert "2 more designs for 1 other reason\n" in printed(make_study(30, constraints=bounds)).replace(
        " \n", "\n"
    )


def test_narrow_terminal_and_single_objective():
    text = printed(make_study(50, ALL_OBJECTIVES[:1]), make_study(50, ALL_OBJECTIVES[:1], seed=1), width=80)
    assert "Best designs" in text
    assert max(len(line) for line in text.splitlines() if "cosearch search" not in line) <= 80
