"""Where a problem's accuracies come from: the embedded source of a family, or the user's own table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosearch.errors import ArgumentError

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality


def load_quality(path: str | None, embedded: str, metric: str) -> Quality:
    """A predictor that is fitted to the file, or the embedded one.

    Args:
        path: of a table of measured networks; None for the embedded source.
        embedded: name of the source.
        metric: that is needed.

    Raises:
        ArgumentError: the file cannot be used, or does not have the metric.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.networks.quality import load

    try:
        return load(embedded, table=path, metrics=[metric])
    except SimulatorError as error:
        raise ArgumentError(str(error)) from None
