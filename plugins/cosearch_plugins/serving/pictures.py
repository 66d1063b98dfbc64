"""Pictures of a fleet: the knee of its rate, its latencies, its batches over time, what its size costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cosearch.pictures import PALETTE, Picture

if TYPE_CHECKING:
    from cosearch_plugins.serving.stream import StreamSettings
    from cosearch_simulators.serving import Fleet, Run, Workload

RATES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
"""Times the stream's; no further than where hardly anybody is served in time."""
PAST_THE_KNEE = 0.3
LOGGED_STEPS = 400
POINTS = 200


class Pictured(Protocol):
    """What pictures need of the problem."""

    @property
    def settings(self) -> StreamSettings:
        """The requests and their levels."""

    def fleet(self, design: Mapping[str, Any]) -> Fleet:
        """The fleet of a design."""

    def stream(self, rate: float = 1.0) -> Workload:
        """The requests, at so many times their rate."""


def serving_pictures(problem: Pictured, design: Mapping[str, Any]) -> Sequence[Picture]:
    """All pictures of one design; none where it cannot serve the stream."""
    from cosearch_plugins.serving.stream import levels_of
    from cosearch_simulators.serving import Options, simulate

    options = Options(warmup_s=problem.settings.warmup_s, log_steps=LOGGED_STEPS, refuse_overload=False)
    run = simulate([problem.fleet(design)], problem.stream(), levels_of(problem.settings), options=options)[0]
    if run.reason:
        return ()
    return (
        _knee(problem, design),
        _latencies(problem, run),
        _over_time(run),
        _steps(run),
        _cost(problem, design),
    )


def _knee(problem: Pictured, design: Mapping[str, Any]) -> Picture:
    from cosearch_plugins.serving.stream import levels_of
    from cosearch_simulators.serving import Options, evaluate

    options = Options(warmup_s=problem.settings.warmup_s, refuse_overload=False)
    fleet, levels = problem.fleet(design), levels_of(problem.settings)
    rates, columns = [], {name: [] for name in ("attainment", "ttft_attainment", "tpot_attainment")}  # type: ignore[var-annotated]
    for times in RATES:
        stream = problem.stream(times)
        found = evaluate([fleet], stream, levels, options=options)
        rates.append(stream.rate)
        for name, column in columns.items():
            column.append(float(np.nan_to_num(found[name][0])))
        if times > 1.0 and columns["attainment"][-1] < PAST_THE_KNEE:
            break
    words = {
        "attainment": "both levels",
        "ttft_attainment": "first token",
        "tpot_attainment": "further tokens",
    }
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": words[name],
            "x": rates,
            "y": column,
            "line": {"color": colour},
        }
        for (name, column), colour in zip(columns.items(), PALETTE, strict=False)
    ]
    now = problem.stream().rate
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "the stream's rate",
            "x": [now, now],
            "y": [0.0, 1.0],
            "line": {"color": "#444", "dash": "dot"},
        }
    )
    return Picture(
        "Attainment against rate",
        "Share of the requests within the service levels, if the same stream came slower or faster: where "
        "the knee is beyond the stream's rate, there is room.",
        traces,
        {
            "xaxis": {"title": {"text": "requests a second"}},
            "yaxis": {"title": {"text": "attainment"}, "range": [0, 1.02]},
        },
    )


def _latencies(problem: Pictured, run: Run) -> Picture:
    from cosearch_simulators.serving.engines.events.layout import GAP, TPOT, TTFT

    traces: list[dict[str, Any]] = []
    for place, (words, which) in enumerate(
        (("to the first token", TTFT), ("of further tokens, as means", TPOT), ("every gap", GAP))
    ):
        edges, below = run.times(which)
        if below[-1] == 0:
            continue
        rows = np.flatnonzero(np.diff(below, prepend=0))
        rows = rows[np.unique(np.linspace(0, rows.size - 1, POINTS).astype(int))]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": words,
                "x": 1e3 * edges[rows],
                "y": below[rows] / below[-1],
                "line": {"color": PALETTE[place], "shape": "hv"},
            }
        )
    for place, level in enumerate((problem.settings.ttft_level_ms, problem.settings.tpot_level_ms)):
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": ("level of the first token", "level of further tokens")[place],
                "x": [level, level],
                "y": [0.0, 1.0],
                "line": {"color": PALETTE[place], "dash": "dot"},
            }
        )
    return Picture(
        "Latencies",
        "Share of the requests (of the gaps) whose time is no longer.",
        traces,
        {
            "xaxis": {"title": {"text": "ms"}, "type": "log"},
            "yaxis": {"title": {"text": "share"}, "range": [0, 1.02]},
        },
    )


def _over_time(run: Run) -> Picture:
    found = run.series
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": words,
            "x": found["s"],
            "y": found[name],
            "yaxis": axis,
            "line": {"color": colour},
        }
        for (name, words, axis), colour in zip(
            (
                ("running", "requests under way", "y"),
                ("waiting", "requests that wait", "y"),
                ("instances", "instances that are on", "y"),
                ("cache_use", "share of the caches in use", "y2"),
            ),
            PALETTE,
            strict=False,
        )
    ]
    return Picture(
        "Queues and caches over time",
        "All instances together.",
        traces,
        {
            "xaxis": {"title": {"text": "s"}},
            "yaxis": {"title": {"text": "requests, instances"}, "rangemode": "tozero"},
            "yaxis2": {"title": {"text": "share"}, "overlaying": "y", "side": "right", "range": [0, 1]},
        },
    )


def _steps(run: Run) -> Picture:
    """The first steps: when each runs, and what is in it."""
    log = run.steps
    traces: list[dict[str, Any]] = []
    for place, (words, keep) in enumerate(
        (
            ("answers only", log[:, 4] == 0),
            ("prompts only", log[:, 3] == 0),
            ("both", (log[:, 3] > 0) & (log[:, 4] > 0)),
        )
    ):
        rows = log[keep]
        if rows.size == 0:
            continue
        x, y, text = [], [], []
        for begin, end, instance, answers, tokens, cache, waiting in rows.tolist():
            word = f"{answers:.0f} answers, {tokens:.0f} tokens of prompts, cache {cache:.0%}"
            word += f", {waiting:.0f} wait"
            x += [begin, end, None]
            y += [instance + 1, instance + 1, None]
            text += [word, word, ""]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": words,
                "x": x,
                "y": y,
                "text": text,
                "hoverinfo": "text+x",
                "line": {"color": PALETTE[place], "width": 9},
            }
        )
    return Picture(
        "Batches",
        f"The first {log.shape[0]} steps of all instances, by what is in them.",
        traces,
        {
            "xaxis": {"title": {"text": "s"}},
            "yaxis": {"title": {"text": "instance"}, "dtick": 1},
            "height": 260,
        },
    )


def _cost(problem: Pictured, design: Mapping[str, Any]) -> Picture:
    """The same fleet with fewer or more instances."""
    from cosearch_plugins.serving.space import INSTANCES, YES
    from cosearch_plugins.serving.stream import levels_of
    from cosearch_simulators.serving import Options, evaluate

    options = Options(warmup_s=problem.settings.warmup_s, refuse_overload=False)
    names = ["instances"] + (["decode_instances"] if design["disaggregated"] == YES else [])
    traces = []
    for place, name in enumerate(names):
        others = [dict(design) | {name: count} for count in INSTANCES]
        found = evaluate(
            [problem.fleet(one) for one in others],
            problem.stream(),
            levels_of(problem.settings),
            options=options,
        )
        ok = found.ok
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{name.replace('_', ' ')} from 1 to {INSTANCES[-1]}",
                "x": found["usd_per_hour"][ok],
                "y": found["attainment"][ok],
                "text": [f"{count} {name}" for count, there in zip(INSTANCES, ok, strict=True) if there],
                "line": {"color": PALETTE[place]},
            }
        )
    return Picture(
        "Cost against attainment",
        "The same fleet with fewer or more instances on the same requests.",
        traces,
        {
            "xaxis": {"title": {"text": "USD an hour"}},
            "yaxis": {"title": {"text": "attainment"}, "range": [0, 1.02]},
        },
    )
