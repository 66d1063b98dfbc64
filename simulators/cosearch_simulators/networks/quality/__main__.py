"""Learn one table, judge on another: `python -m cosearch_simulators.networks.quality LEARN JUDGE COLUMN`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.learners import LEARNERS
from cosearch_simulators.networks.quality.table import Table
from cosearch_simulators.networks.quality.validation import Bar, held_against


def main(arguments: list[str] | None = None) -> int:
    """Print rank correlation, errors and calibration; 2 where a table is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m cosearch_simulators.networks.quality",
        description="Fit a predictor to one table of measured networks and judge it on another's networks, "
        "less those that are in the first.",
    )
    parser.add_argument("learn", help="Parquet or CSV file whose networks are learned")
    parser.add_argument("judge", help="Parquet or CSV file whose networks are predicted")
    parser.add_argument("column", help="the measured column, such as imagenet_top1")
    parser.add_argument("--kind", choices=tuple(LEARNERS), default="blend", help="of predictor")
    parser.add_argument("--inputs", help="columns of a space of your own that describe a network, by commas")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    inputs = given.inputs.split(",") if given.inputs else None
    try:
        learned = Table.read(given.learn, inputs=inputs)
        judged = Table.read(given.judge, family=learned.family if inputs else None)
        row = held_against(learned, judged, given.column, Bar(given.kind))
    except SimulatorError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    shown = {
        name: value
        for name, value in asdict(row).items()
        if name
        in (
            "metric",
            "learned",
            "refused",
            "cases",
            "kendall",
            "rmse",
            "relative_rmse",
            "median",
            "p95",
            "coverage",
        )
    }
    if given.json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name:14} {value:.6g}" if isinstance(value, float) else f"{name:14} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
