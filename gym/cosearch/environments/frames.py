"""The search so far as a picture, for `render_mode="rgb_array"` and Gymnasium's `RecordVideo`.

With two or more objectives the first two of all designs evaluated so far, their front and the current design;
with one the best value so far. Beside it the current design and its metrics.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import Front
from cosearch.pictures import PALETTE
from cosearch.problem import Problem

WIDTH, HEIGHT, DPI = 960, 480, 80  # pixels; even, as video codecs want
MOST_POINTS = 20_000  # of which the newest are drawn
MOST_LINES = 24
GREY = "#8A8F98"


class Watched:
    """The outcomes of one environment's designs since it was built."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._front = Front(len(problem.objectives))
        self._points = np.empty((0, len(problem.objectives)))
        self._best: list[float] = []

    def add(self, outcomes: Outcomes) -> None:
        """Take in what was evaluated."""
        good = feasible(self.problem.constraints, outcomes)
        points = minimised(self.problem.objectives, outcomes)
        self._points = np.concatenate([self._points, points])[-MOST_POINTS:]
        for point, meets in zip(points, good, strict=True):
            if meets:
                self._front.add(point[None])
            if len(self.problem.objectives) == 1:
                self._best.append(float(self._front.points[0, 0]) if len(self._front) else np.nan)

    def frame(self, text: str, row: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The picture, (height, width, 3).

        Args:
            text: the current design in lines.
            row: its minimised objectives, (m,); NaN where there are none.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.09, 0.12, 0.5, 0.8))
        signs = np.array([1.0 if o.direction == "min" else -1.0 for o in self.problem.objectives])
        labels = [f"{o.metric} [{self.problem.unit(o.metric)}]" for o in self.problem.objectives]
        if len(signs) == 1:
            axes.plot(np.arange(1, len(self._best) + 1), signs[0] * np.array(self._best), color=PALETTE[0])
            axes.set_xlabel("evaluations")
            axes.set_ylabel(f"best {labels[0]}")
        else:
            points, front = self._points * signs, self._front.points * signs
            axes.plot(points[:, 0], points[:, 1], ".", color=GREY, alpha=0.5, label="evaluated")
            order = np.argsort(front[:, 0])
            axes.plot(front[order, 0], front[order, 1], "o-", color=PALETTE[0], label="front so far")
            axes.plot(row[0] * signs[0], row[1] * signs[1], "*", ms=16, color=PALETTE[1], label="this design")
            axes.set_xlabel(labels[0])
            axes.set_ylabel(labels[1])
            for axis, k in ((axes.set_xscale, 0), (axes.set_yscale, 1)):
                seen = points[~np.isnan(points[:, k]), k]
                if len(seen) and seen.min() > 0 and seen.max() > 20 * seen.min():
                    axis("log")
            axes.legend(loc="best", fontsize=9)
        lines = text.splitlines()
        if len(lines) > MOST_LINES:
            lines = [*lines[: MOST_LINES - 2], "...", lines[-1]]
        figure.text(0.62, 0.94, "\n".join(lines), family="monospace", fontsize=8, va="top", parse_math=False)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()
