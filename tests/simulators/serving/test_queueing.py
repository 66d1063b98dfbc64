"""Queueing theory judges the clock: Lindley's recursion exactly, the formulas up to chance."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch_simulators.serving.validation import queueing


@pytest.mark.parametrize("load", [0.5, 0.95])
def test_a_line_of_one_server_is_lindleys_recursion(load: float) -> None:
    stream = np.random.default_rng(3)
    arrival = np.cumsum(stream.exponential(1.0 / load, 20_000))
    tokens = np.maximum(stream.exponential(1.0 / queueing.TOKEN_S, 20_000).astype(np.int64), 1)
    found = queueing.one_server(arrival, tokens).requests
    expected = queueing.lindley(arrival, tokens * queueing.TOKEN_S)
    assert found["begun_s"] - found["arrival_s"] == pytest.approx(expected, abs=1e-6)
    assert found["last_s"] == pytest.approx(arrival + expected + tokens * queueing.TOKEN_S, abs=1e-6)


def test_the_waits_of_several_servers_are_those_of_kiefer_and_wolfowitz_up_to_a_step() -> None:
    stream = np.random.default_rng(6)
    arrival = np.cumsum(stream.exponential(0.3, 20_000))
    steps = stream.geometric(1 / 200, 20_000)
    found = queueing.many_servers(arrival, steps, 4).requests
    expected = queueing.kiefer_wolfowitz(arrival, steps * queueing.STEP_S, 4)
    extra = found["begun_s"] - found["arrival_s"] - expected
    assert 0 < extra.mean() < queueing.STEP_S


def test_mean_waits_are_those_of_the_formulas() -> None:
    rows = queueing.validate(requests=20_000, seed=4)
    assert len(rows) == 9
    for row in rows:
        bound = row.bound if "same sample" in row.metric else 0.3
        assert row.ours == pytest.approx(row.theirs, rel=bound), row.metric


def test_erlangs_formula_has_the_published_value() -> None:
    """Kleinrock, Queueing Systems I (1975): with one server M/M/1; with two 1 / (1 - rho^2) - 1 services."""
    assert queueing.erlang_wait(0.8, 1.0, 1) == pytest.approx(4.0)
    assert queueing.erlang_wait(1.6, 1.0, 2) == pytest.approx(1.0 / (1.0 - 0.8**2) - 1.0)


def test_no_server_idles_while_somebody_waits() -> None:
    stream = np.random.default_rng(5)
    run = queueing.many_servers(np.cumsum(stream.exponential(0.3, 5_000)), stream.geometric(0.005, 5_000), 4)
    assert run.state is not None
    assert run.state.sim[0]["stalled_s"] == 0.0
    assert run.metrics["waiting_most"] > 10
