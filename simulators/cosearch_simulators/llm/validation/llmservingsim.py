"""vLLM's layers of Llama-3.1-8B on an RTX 4090, from the engine's own kernel trace: device time only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm.common.calibration import constants
from cosearch_simulators.llm.devices import DEVICES
from cosearch_simulators.llm.models import MODELS
from cosearch_simulators.llm.validation import operators
from cosearch_simulators.llm.validation.reading import read_table, take
from cosearch_simulators.llm.validation.rows import MeasuredRow
from cosearch_simulators.llm.validation.serving_e2e import architecture


def validate(folder: Path) -> list[MeasuredRow]:
    """Matrix products, and the elementwise layers, of each device that we know.

    Raises:
        SimulatorError: a model is none of ours.
    """
    table = read_table(folder / "layers.parquet")
    rows = []
    for device in np.unique(table["device"]):
        if str(device) not in DEVICES:
            continue
        columns, theirs = products(folder, str(device))
        ours = operators.products_ms(columns, DEVICES, constants)
        rows.append(MeasuredRow.measured("llmservingsim", f"products {device}", ours, theirs, median=0.15))
        others = elementwise(folder)
        others = take(others, others["device"] == device)
        ours = operators.elementwise_ms(others, DEVICES, constants, "traced")
        rows.append(
            MeasuredRow.measured("llmservingsim", f"elementwise {device}", ours, others["ms"], median=0.15)
        )
    return rows


def products(folder: Path, device: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The matrix products of a device as columns, and their ms."""
    table = read_table(folder / "layers.parquet")
    sizes, _ = _sizes(table)
    chosen = take(table, (table["device"] == device) & np.isin(table["layer"], list(sizes)))
    of = np.array([sizes[str(name)] for name in chosen["layer"]])
    columns = {
        "device": chosen["device"],
        "dtype": np.full(of.shape[0], "bf16"),
        "m": chosen["tokens"],
        "n": of[:, 0] / chosen["tp"] ** of[:, 2],
        "k": of[:, 1] / chosen["tp"] ** (1 - of[:, 2]),
    }
    return columns, chosen["time_us"] * 1e-3


def elementwise(folder: Path) -> dict[str, np.ndarray]:
    """The elementwise layers of devices that we know: device, bytes that each moves, ms."""
    table = read_table(folder / "layers.parquet")
    table = take(table, np.isin(table["device"], list(DEVICES)))
    _, widths = _sizes(table)
    here = take(table, np.isin(table["layer"], list(widths)))
    width = np.array([widths[str(name)] for name in here["layer"]])
    return {"device": here["device"], "moved": here["tokens"] * width * 2.0, "ms": here["time_us"] * 1e-3}


def _sizes(table: dict[str, np.ndarray]) -> tuple[dict[str, tuple[float, float, float]], dict[str, float]]:
    """Columns, inner size and 1 if the columns are split, of each product; numbers that others move."""
    name = str(table["model"][0])
    if not architecture(name):
        raise SimulatorError(f"llmservingsim: model {name!r} is none of ours")
    model = MODELS[architecture(name)]
    query, keys = model.heads * model.head_size, model.kv_heads * model.head_size
    products = {
        "qkv_proj": (query + 2 * keys, model.hidden, 1.0),
        "o_proj": (model.hidden, query, 0.0),
        "gate_up_proj": (2 * model.ffn, model.hidden, 1.0),
        "down_proj": (model.hidden, model.ffn, 0.0),
        "lm_head": (model.vocabulary, model.hidden, 1.0),
    }
    others = {
        "act_fn": 3 * model.ffn,
        "layernorm": 4 * model.hidden,
        "final_layernorm": 4 * model.hidden,
        "rotary_emb": 2 * (query + keys),
        "embedding": 2 * model.hidden,
    }
    return products, others
