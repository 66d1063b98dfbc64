"""The recorded runs: what the scheduler alone is off by, and that no bar has gone from the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.serving.validation import llmservingsim
from cosearch_simulators.serving.validation.every_set import validate
from cosearch_simulators.serving.validation.rows import ServedRow


@pytest.fixture(scope="module")
def rows(reference: Path) -> dict[tuple[str, str], ServedRow]:
    found = llmservingsim.validate(reference / "llm" / "llmservingsim")
    return {(row.group, row.metric): row for row in found}


def test_with_the_engines_own_kernel_times_the_scheduler_keeps_the_bars(
    rows: dict[tuple[str, str], ServedRow],
) -> None:
    """An overloaded RTX 4090: it tests queueing, admission and preemption."""
    group = "rtx4090_Llama-3.1-8B, its kernels as traced"
    assert abs(rows[group, "mean tpot_ms"].signed) < 0.05
    assert abs(rows[group, "mean ttft_ms"].signed) < 0.15
    assert abs(rows[group, "p99 ttft_ms"].signed) < 0.15


def test_llama_on_an_rtx_pro_6000_is_within_the_bars(rows: dict[tuple[str, str], ServedRow]) -> None:
    assert rows["rtxpro6000_Llama-3.1-8B", "mean tpot_ms"].passed
    assert rows["rtxpro6000_Llama-3.1-8B", "mean ttft_ms"].passed


def test_every_setup_has_its_bars(rows: dict[tuple[str, str], ServedRow]) -> None:
    groups = {group for group, _ in rows if "traced" not in group}
    assert len(groups) == 3
    for group in groups:
        assert rows[group, "mean tpot_ms"].bound == 0.05
        assert rows[group, "mean ttft_ms"].bound == 0.15


def test_a_folder_without_a_set_says_so(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="has no reference set of serving: llmservingsim, serving_e2e"):
        validate(tmp_path)
