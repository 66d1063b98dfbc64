"""The current design and its metrics as a table of text, for `render_mode="ansi"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosearch.problem import Problem


def render_text(problem: Problem, info: Mapping[str, Any]) -> str:
    """A line a parameter, a line a metric with its unit, and the status.

    Args:
        problem: the problem.
        info: as `DesignEnv.step` returns it.
    """
    directions = {objective.metric: f"  ({objective.direction})" for objective in problem.objectives}
    rows = [(name, str(info["design"].get(name, "-")), "") for name in problem.space.names]
    for name, value in info["metrics"].items():
        number = "-" if value is None else f"{value:.6g}"
        rows.append((name, number, f" {problem.unit(name)}{directions.get(name, '')}"))
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {value:>{widths[1]}}{rest}".rstrip() for name, value, rest in rows]
    status = f"{info['status']}: {info['reason']}" if info["reason"] else info["status"]
    return "\n".join([problem.name, *lines, f"status: {status}"])
