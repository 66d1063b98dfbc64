"""How many designs run at once, so that what is lost with a killed process is about a second's work."""

from __future__ import annotations

PART_SECONDS = 1.0
FIRST_PART = 16


class PartSize:
    """The size of the next part of a piece, from how long the last ones took."""

    def __init__(self) -> None:
        self.designs = FIRST_PART

    def learn(self, designs: int, seconds: float) -> None:
        """Take note of a part that is done; the next is at most four times as large, or as small."""
        fitting = designs * PART_SECONDS / max(seconds, 1e-6)
        self.designs = max(1, int(min(max(fitting, self.designs / 4), self.designs * 4)))
