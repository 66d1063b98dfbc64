"""Each design's constants as columns: one look-up for an operator, by its precision and class of device."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.llm.common.calibration import FAMILIES, constants
from cosearch_simulators.llm.common.operators import with_tiles
from cosearch_simulators.llm.platforms import LINKS
from cosearch_simulators.llm.serving import PRECISIONS


@cache
def _table(
    operators: tuple[str, ...], classes: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of constants, and their values by constant and (operator, class)."""
    found = [constants(operator, kind) for operator in operators for kind in classes]
    if operators[0].startswith("product/"):
        found = [with_tiles(one) for one in found]
    names = tuple(found[0])
    return names, np.array([[of[name] for of in found] for name in names], np.float64)


def of_operators(xp: Any, operators: tuple[str, ...], classes: tuple[str, ...], place: Any) -> dict[str, Any]:
    """The constants at these places of the (operator, class) table; a column each."""
    names, values = _table(operators, classes)
    columns = xp.take(xp.asarray(values), place, axis=1)
    return {name: columns[i, :] for i, name in enumerate(names)}


def of_products(xp: Any, precision: Any, family: Any) -> dict[str, Any]:
    """Of matrix products, by precision and family codes."""
    operators = tuple(one.product for one in PRECISIONS.values())
    return of_operators(xp, operators, FAMILIES, precision * len(FAMILIES) + family)


def of_experts(xp: Any, precision: Any, family: Any) -> dict[str, Any]:
    """Of routed experts, by precision and family codes."""
    operators = tuple(one.experts for one in PRECISIONS.values())
    return of_operators(xp, operators, FAMILIES, precision * len(FAMILIES) + family)


def of_attention(xp: Any, phase: str, kv_bytes: Any, family: Any) -> dict[str, Any]:
    """Of context or generation attention, by the cache's bytes and family code."""
    operators = (f"{phase}_attention/bf16", f"{phase}_attention/fp8")
    small = xp.astype(kv_bytes < 2.0, xp.int64)
    return of_operators(xp, operators, FAMILIES, small * len(FAMILIES) + family)


def of_links(xp: Any, operation: str, kind: Any) -> dict[str, Any]:
    """Of a collective, by the link's code."""
    return of_operators(xp, (f"collective/{operation}",), LINKS, kind)


@cache
def _precisions() -> dict[str, NDArray[np.float64]]:
    rates = ("bf16", "fp8", "fp4", "int8")
    return {
        "weight_bytes": np.array([one.weight_bytes for one in PRECISIONS.values()]),
        "activation_bytes": np.array([one.activation_bytes for one in PRECISIONS.values()]),
        "rate": np.array([rates.index(one.rate) for one in PRECISIONS.values()]),
    }


def of_precision(xp: Any, platform: Any, precision: Any) -> tuple[Any, Any, Any]:
    """Bytes of a weight and of an activation, and the device's rate for the precision."""
    table = _precisions()
    which = xp.asarray(table["rate"])[precision]
    rate = xp.where(
        which == 0,
        platform.bf16,
        xp.where(which == 1, platform.fp8, xp.where(which == 2, platform.fp4, platform.int8)),
    )
    return (
        xp.asarray(table["weight_bytes"])[precision],
        xp.asarray(table["activation_bytes"])[precision],
        rate,
    )
