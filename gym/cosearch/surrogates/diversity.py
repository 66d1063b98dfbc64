"""Whether data of several agents teach more than data of one: ArchGym's experiment on recorded studies.

A surrogate is trained on so many designs of one agent, for each agent in turn, and on as many of all mixed;
each is examined on the same designs, held out of what every agent found. S. Krishnan et al., "ArchGym: An
Open-Source Gymnasium for Machine Learning Assisted Architecture Design", ISCA 2023, section 7.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import SurrogateError
from cosearch.surrogates.examination import scores
from cosearch.surrogates.recorded import Recorded
from cosearch.surrogates.training import DEFAULT, FEWEST, learn

MIXED = "all agents"
TEST_SHARE = 0.2


def diversity(recorded: Recorded, model: str | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Errors of surrogates of one agent's designs each, and of as many designs of all, in JSON types.

    Args:
        recorded: evaluations that at least two agents asked for.
        model: one of `models.MODELS`.
        seed: of what is random.

    Raises:
        SurrogateError: for data of one agent, or too few of one.
    """
    known = recorded.take(recorded.valid)
    agents = sorted(set(known.agents.tolist()))
    if len(agents) < 2:
        raise SurrogateError(
            f"diversity needs designs of at least two agents; these are of {', '.join(agents) or 'none'}"
        )
    rng = np.random.default_rng(seed)
    test: list[NDArray[np.int64]] = []
    rest: dict[str, NDArray[np.int64]] = {}
    for agent in agents:
        rows = rng.permutation(np.flatnonzero(known.agents == agent))
        cut = max(1, round(TEST_SHARE * len(rows)))
        test.append(rows[:cut])
        rest[agent] = rows[cut:]
    size = min(len(rows) for rows in rest.values())
    if size < FEWEST:
        fewest = min(rest, key=lambda agent: len(rest[agent]))
        raise SurrogateError(f"agent {fewest} has too few valid designs for a comparison")
    # each agent counts as much in the examination, however many designs it asked for
    share = min(len(rows) for rows in test)
    tested = known.take(np.concatenate([rows[:share] for rows in test]))
    sources = {agent: rows[:size] for agent, rows in rest.items()}
    sources[MIXED] = _mixed(rest, size)
    compared = []
    for source, chosen in sources.items():
        surrogate = learn(known.take(chosen), model or DEFAULT, None, None, seed)
        predicted = surrogate.values(tested.designs)
        names = surrogate.origin.metric_names
        compared.append(
            {
                "source": source,
                "designs": len(chosen),
                "metrics": {n: scores(tested.values[:, j], predicted[:, j]) for j, n in enumerate(names)},
            }
        )
    return {"tested_on": len(tested), "sources": compared}


def _mixed(rest: dict[str, NDArray[np.int64]], size: int) -> NDArray[np.int64]:
    """As many designs in all, each agent's share of them."""
    shares = np.full(len(rest), size // len(rest))
    shares[: size % len(rest)] += 1
    return np.concatenate([rows[:share] for rows, share in zip(rest.values(), shares, strict=True)])


def write_figure(found: dict[str, Any], path: str | Path) -> None:
    """Draw the comparison: for each metric a bar for each source; one page that needs no network.

    Raises:
        SurrogateError: if the file cannot be written.
    """
    import plotly.graph_objects as go

    names = list(found["sources"][0]["metrics"])
    bars = [
        go.Bar(
            name=f"{row['source']} ({row['designs']:,} designs)",
            x=names,
            y=[100 * (row["metrics"][name]["rmse_of_mean"] or 0.0) for name in names],
        )
        for row in found["sources"]
    ]
    figure = go.Figure(bars)
    figure.update_layout(
        title=f"Trained on as many designs of one agent or of all, examined on {found['tested_on']:,} of all",
        yaxis={"title": "RMSE, % of the mean", "type": "log"},
        barmode="group",
        template="plotly_white",
    )
    try:
        Path(path).write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")
    except OSError as error:
        raise SurrogateError(f"cannot write {path}: {error.strerror}") from None
