"""Measure a latency table here: `python -m cosearch_simulators.networks.quality.latency FAMILY`."""

from __future__ import annotations

import argparse
import sys

import numpy as np

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.latency.measured import MEASURED_FAMILIES, LatencyTable


def main(arguments: list[str] | None = None) -> int:
    """Measure the blocks of random networks, and how far their sums are from whole networks."""
    parser = argparse.ArgumentParser(
        prog="python -m cosearch_simulators.networks.quality.latency",
        description="Measure every block of random networks with ONNX Runtime, and whole networks beside.",
    )
    parser.add_argument("family", choices=tuple(MEASURED_FAMILIES))
    parser.add_argument("--networks", type=int, default=40, help="whose blocks are measured; default 40")
    parser.add_argument("--whole", type=int, default=20, help="of them, how many are measured whole too")
    parser.add_argument("--resolution", type=int, default=224, help="of ofa-mbv3")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a CSV file for the table")
    given = parser.parse_args(arguments)
    if min(given.networks, given.whole, given.batch, given.threads) < 1 or given.whole > given.networks:
        parser.error("numbers must be 1 or more, and --whole at most --networks")
    family = MEASURED_FAMILIES[given.family]
    rng = np.random.default_rng(given.seed)
    columns = {name: rng.choice(np.array(values), given.networks) for name, values in family.values.items()}
    if "resolution" in columns:
        columns["resolution"][:] = given.resolution
    options = {"batch": given.batch, "threads": given.threads}
    try:
        table = LatencyTable.measure(family, columns, **options)
        some = {name: column[: given.whole] for name, column in columns.items()}
        found, pairs = table.against_whole(some, **options)
        if given.out:
            table.write(given.out)
    except (SimulatorError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(table.blocks_ms)} blocks measured; {found.rows} whole networks beside their sums:")
    bias = float(np.mean(pairs[:, 0] / pairs[:, 1]) - 1)
    print(f"sums are off by {bias:+.1%} on average, relative RMSE {found.relative_rmse:.1%}")
    print(f"Kendall tau {found.kendall:.3f}, Spearman {found.spearman:.3f}")
    half = len(pairs) // 2
    if half >= 2:
        rest = table.calibrated(pairs[:half]).overhead_ms + pairs[half:, 0]
        left = np.sqrt(np.mean((rest / pairs[half:, 1] - 1) ** 2))
        print(f"with the median difference of one half added, relative RMSE {left:.1%} on the other")
    return 0


if __name__ == "__main__":
    sys.exit(main())
