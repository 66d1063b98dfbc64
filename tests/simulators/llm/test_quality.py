"""Scaling laws: what their authors say of them, their ranges and errors; the predictions of HW-GPT-Bench."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm.hw_gpt import read_hw_gpt
from cosearch_simulators.llm.quality import (
    LAWS,
    PRECISION,
    law_named,
    loss,
    loss_error,
    outside,
    outside_precision,
    weights_that_count,
)


def test_the_replication_trains_as_many_tokens_for_each_weight_as_chinchilla_was() -> None:
    """Besiroglu et al.: about 20 tokens a weight at Chinchilla's budget; Hoffmann's constants say more."""
    budget = 5.76e23
    weights = np.logspace(9.5, 12, 4000)
    ratio = {}
    for name, law in LAWS.items():
        best = weights[np.argmin(loss(law, weights, budget / (6 * weights)))]
        ratio[name] = budget / (6 * best) / best
    assert 10 < ratio["replication"] < 30
    assert ratio["chinchilla"] > 60


def test_chinchilla_and_gopher_stand_as_they_were_measured() -> None:
    """Hoffmann et al.: the 70B model on 1.4e12 tokens is better than the 280B one on 3e11."""
    for law in LAWS.values():
        assert loss(law, 70e9, 1.4e12) < loss(law, 280e9, 3e11)


def test_the_error_is_that_of_drawn_constants() -> None:
    law = LAWS["replication"]
    rng = np.random.default_rng(0)
    start = (law.irreducible, law.weights_factor, law.weights_power, law.tokens_factor, law.tokens_power)
    # A tenth of the errors, where the law is straight; the whole is ten times that.
    e, a, alpha, b, beta = (rng.normal(m, 0.1 * s, 200_000) for m, s in zip(start, law.errors, strict=True))
    drawn = e + a * 1e9**-alpha + b * 1e11**-beta
    assert loss_error(law, 1e9, 1e11) == pytest.approx(10 * drawn.std(), rel=0.05)


def test_few_bits_count_as_fewer_weights() -> None:
    """Kumar et al., equation 4; the best precision of equation 5 with their gamma of weights is 5.1 bits."""
    bits = np.array([3.0, 4.0, 8.0, 16.0])
    counted = weights_that_count(1e9, bits)
    assert np.all(np.diff(counted) > 0)
    assert counted[-1] == 1e9
    assert weights_that_count(1.0, 4.0) == pytest.approx(1 - np.exp(-4 / 2.6745), rel=0.005)
    assert weights_that_count(1.0, 8.0, 8.0, 8.0) < weights_that_count(1.0, 8.0)
    grid = np.linspace(2, 12, 2001)
    best = grid[np.argmax((1 - np.exp(-grid / PRECISION.weight_bits)) ** 3 / grid)]
    assert best == pytest.approx(5.1, abs=0.05)


def test_what_is_outside_a_law_says_so() -> None:
    law = law_named("replication")
    assert outside(law, 1e9, 1e11) == ""
    assert "20 million weights are outside the law's 70 to 16000 million" in outside(law, 20e6, 1e11)
    assert "1000 billion tokens are outside the law's 5 to 500 billion" in outside(law, 1e9, 1e12)
    assert outside_precision(np.array([1e9, 1e9, 5e9]), 2e10, np.array([4, 2, 16])).tolist() == [
        False,
        True,
        False,
    ]
    with pytest.raises(SimulatorError, match="did you mean 'chinchilla'"):
        law_named("chincilla")


def test_the_predictions_are_those_of_the_table_and_say_what_they_are(reference: Path) -> None:
    """The set's own page: predicted 21.30 to 43.02 at scale s; the largest network is predicted best."""
    found = read_hw_gpt(reference / "nas" / "hw_gpt" / "perplexity.parquet", "s")
    assert "not measured" in found.source
    assert found.perplexity.min() == pytest.approx(21.30, abs=0.01)
    assert found.perplexity.max() == pytest.approx(43.02, abs=0.01)
    assert found.shape[found.perplexity.argmin()].tolist() == [768, 12, 4, 12]
    nearest, away = found.nearest(np.array([[768.0, 12.0, 4.0, 12.0], [700.0, 11.0, 3.0, 8.0]]))
    assert nearest[0] == found.perplexity.min()
    assert away[0] == 0
    assert away[1] > 0


def test_a_table_of_another_kind_is_one_line(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="unknown scale 'x'"):
        read_hw_gpt(reference / "nas" / "hw_gpt" / "perplexity.parquet", "x")
    with pytest.raises(SimulatorError, match="has no column scale"):
        read_hw_gpt(reference / "nas" / "accel_nasbench.parquet", "s")
    (tmp_path / "no.parquet").write_text("no")
    with pytest.raises(SimulatorError, match="cannot read"):
        read_hw_gpt(tmp_path / "no.parquet", "s")
