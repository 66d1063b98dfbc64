"""How many designs go on one trip, from how long the last trips took."""

from __future__ import annotations

GROWTH = 4
# A part that takes less is not worth a trip of its own.
LEAST_SECONDS = 0.05


class PartSize:
    """The size of the next part of the work.

    Args:
        seconds: how long a part should take. What a kill may cost is one part.
        first: designs of the first.
    """

    def __init__(self, seconds: float = 1.0, first: int = 16) -> None:
        self.seconds = seconds
        self.designs = first

    def of(self, designs: int, workers: int) -> int:
        """How many of the designs that wait make the next part: something is left for each worker."""
        share = -(-designs // workers)
        return min(self.designs, max(share, int(self.designs * LEAST_SECONDS / self.seconds)))

    def learn(self, designs: int, seconds: float) -> None:
        """Take note of a part that is done; the next is at most four times as large, or as small."""
        fitting = designs * self.seconds / max(seconds, 1e-6)
        self.designs = max(1, int(min(max(fitting, self.designs / GROWTH), self.designs * GROWTH)))
