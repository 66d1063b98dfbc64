"""Step times from an engine's own kernel trace, where there is one: the simulator without our step times."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.llm import model_named
from cosearch_simulators.llm.validation.reading import Table, read_table
from cosearch_simulators.llm.validation.serving_e2e import architecture
from cosearch_simulators.serving.step_times import (
    ANSWERS,
    CONTEXT,
    PAST,
    PROMPT,
    SEQUENCES,
    TOKENS,
    StepTimes,
)

Floats = NDArray[np.float64]

IN_A_LAYER = {
    "qkv_proj": 1,
    "o_proj": 1,
    "gate_up_proj": 1,
    "down_proj": 1,
    "act_fn": 1,
    "layernorm": 2,
    "rotary_emb": 1,
}
"""Kernels, and how often each runs in a layer."""
ONCE = ("embedding", "final_layernorm")


def profiled(folder: Path, times: StepTimes, device: str, model: str) -> StepTimes | None:
    """The same instance with the times of the trace; None where its kernels were not traced."""
    layers = read_table(folder / "layers.parquet")
    attention = read_table(folder / "attention_mixed.parquet")
    short = model.rpartition("/")[2]
    layers, attention = (_chosen(table, device, short) for table in (layers, attention))
    if layers["tokens"].size == 0 or attention["time_us"].size == 0:
        return None
    described = model_named(architecture(model))
    count = float(described.full_layers)
    tokens = np.zeros(TOKENS.size)
    for name, often in IN_A_LAYER.items():
        tokens += count * often * _line(layers, name, TOKENS)
    for name in ONCE:
        tokens += _line(layers, name, TOKENS)
    tokens[0] = 0.0
    last = _line(layers, "lm_head", SEQUENCES) + _line(layers, "sampler", SEQUENCES)
    one = last[1]
    return replace(
        times,
        tokens=1e-6 * (tokens + one * (TOKENS > 0)),
        classifier=1e-6 * (last - one),
        answers=1e-6 * count * _grid(attention, "n_decode", "kv_decode", "prefill_chunk", ANSWERS, CONTEXT),
        prompts=1e-6 * count * _grid(attention, "prefill_chunk", "kv_prefill", "n_decode", PROMPT, PAST),
    )


def _chosen(table: Table, device: str, model: str) -> Table:
    rows = np.flatnonzero((table["device"] == device) & (table["model"] == model) & (table["tp"] == 1))
    return {name: column[rows] for name, column in table.items()}


def _line(layers: Table, name: str, at: Floats) -> Floats:
    """Between the traced sizes, and beyond the last on."""
    rows = np.flatnonzero(layers["layer"] == name)
    order = rows[np.argsort(layers["tokens"][rows])]
    x, y = layers["tokens"][order], layers["time_us"][order]
    return _on(at, x, y)


def _on(at: Floats, x: Floats, y: Floats) -> Floats:
    found = np.interp(at, x, y)
    if x.size > 1:
        slope = max((y[-1] - y[-2]) / (x[-1] - x[-2]), 0.0)
        found = np.where(at > x[-1], y[-1] + slope * (at - x[-1]), found)
    return found


def _grid(table: Table, row: str, column: str, without: str, rows: Floats, columns: Floats) -> Floats:
    """Attention of steps that have only prompts or only answers."""
    alone = (table[without] == 0) & (table[row] > 0)
    sizes = np.unique(table[row][alone])
    lines = []
    for size in sizes:
        here = np.flatnonzero(alone & (table[row] == size))
        here = here[np.argsort(table[column][here])]
        lines.append(_on(columns, table[column][here], table["time_us"][here]))
    known = np.array(lines)
    return np.stack([_on(rows, sizes, known[:, k]) for k in range(columns.size)], axis=1)
