"""Reports on the studies of a store: a page for a browser, a summary for a terminal, JSON for a machine.

And the page of a problem, which has the same frame, and the figures of a report for Python.
"""

from cosearch.report.data import report_data
from cosearch.report.figures import front_figure, history_figure, importance_figure
from cosearch.report.page import write_report
from cosearch.report.problem_page import write_problem_page
from cosearch.report.terminal import terminal_report

__all__ = [
    "front_figure",
    "history_figure",
    "importance_figure",
    "report_data",
    "terminal_report",
    "write_problem_page",
    "write_report",
]
