"""Where a problem's accuracies come from: the embedded source of a family, or the user's own table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosearch.errors import ArgumentError

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality


def load_quality(path: str | None, embedded: str, metric: str) -> Quality:
    """The quality of the file, or the embedded one.

    Args:
        path: of a table; None for the embedded source.
        embedded: its name.
        metric: that is needed.

    Raises:
        ArgumentError: the file cannot be used, or does not have the metric.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.networks.quality import load

    try:
        quality = load(embedded if path is None else path)
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None
    if metric not in quality.metrics:
        raise ArgumentError(f"{path or embedded} has no {metric}, only {', '.join(quality.metrics)}")
    return quality
