"""Where a problem's accuracies come from: the embedded source of a family, or the user's own table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import ArgumentError

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality
    from cosearch_simulators.networks.space import NetworkSpace
    from cosearch_simulators.networks.spaces.once_for_all import OnceForAll


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


def once_for_all(quality: Quality) -> OnceForAll:
    """Once-for-All's networks at the resolutions that a predictor of accuracies has learned.

    Raises:
        ArgumentError: it has learned none of those that are searched.
    """
    from cosearch_simulators.networks.quality.predictor import Predictor
    from cosearch_simulators.networks.spaces.once_for_all import RESOLUTIONS, OnceForAll

    assert isinstance(quality, Predictor)
    learned = quality.learned("resolution")
    both = tuple(size for size in RESOLUTIONS if size in learned)
    if not both:
        raise ArgumentError(
            f"{quality.name}: its networks have resolution {', '.join(map(str, learned))}; at least one of "
            f"{', '.join(map(str, RESOLUTIONS))} is needed"
        )
    return OnceForAll(resolutions=both)


def with_resolution(columns: Mapping[str, Any], family: NetworkSpace) -> Mapping[str, Any]:
    """The columns of networks with their resolution, where all of the family have the same."""
    resolutions: tuple[int, ...] = getattr(family, "resolutions", ())
    if len(resolutions) != 1:
        return columns
    number = len(next(iter(columns.values())))
    return {**columns, "resolution": np.full(number, resolutions[0])}
