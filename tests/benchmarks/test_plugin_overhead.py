"""What the plugin layer may add to a simulator, in processor time."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from plugin_overhead import BATCH_ASKED_US, SINGLE_ASKED_US, overheads_us


def test_the_layer_costs_no_more_than_is_asked() -> None:
    for way, (batch_us, single_us) in overheads_us(repeats=2).items():
        assert not batch_us > BATCH_ASKED_US, way
        assert single_us < SINGLE_ASKED_US, way
