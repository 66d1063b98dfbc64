"""Pictures that a problem draws of one design: what an author returns. `drawing` gets them to a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# M. Okabe, K. Ito, "Color Universal Design" (2008): told apart with every kind of colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31")


@dataclass(frozen=True)
class Picture:
    """A plot with its words, as plain data.

    Example:
        ```python
        Picture(
            "Energy by command",
            "Activates cost more than the reads that they are for.",
            [{"type": "bar", "x": ["ACT", "RD"], "y": [410.0, 260.0]}],
            {"yaxis": {"title": {"text": "energy [pJ]"}}},
        )
        ```

    Attributes:
        title: the heading.
        caption: what is to be seen, in a sentence or two.
        traces: Plotly traces; numpy arrays will do, and NaN is a gap. Without colours they get those of the
            page; `PALETTE` has them. Plotly reads `<b>` and the like in its texts as markup. No maps: the
            page loads nothing.
        layout: Plotly layout: axis titles with units, `height` in pixels (default 400), `barmode`, ...
        caution: why to read it with care.
        wide: whether it takes the whole width of the page; several that do not stand beside each other.
        min_width: pixels below which it scrolls.
    """

    title: str
    caption: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    caution: str = ""
    wide: bool = True
    min_width: int = 0
