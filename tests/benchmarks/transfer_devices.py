"""How well unseen devices are predicted from 10 of their latencies: NAS-Bench-201, HELP's training devices.

    python tests/benchmarks/transfer_devices.py --write

Twenty draws; chosen samples and, beside them, samples that are only drawn. What a device allows is the rank
of a sum over operations that was fitted to 12,000 of the device's own latencies, on the others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cosearch.surrogates.device_prior import rank_correlation  # noqa: E402
from cosearch.surrogates.feature_columns import value_columns  # noqa: E402
from cosearch.surrogates.transfer import Transfer, judged  # noqa: E402
from readme_table import write_table  # noqa: E402

README = ROOT / "gym" / "README.md"
TABLE = ROOT.parent / "shared" / "reference" / "nas" / "nasbench201.parquet"
TRAINING = [
    *("lat_1080ti_1", "lat_1080ti_32", "lat_1080ti_256", "lat_silver_4114", "lat_silver_4210r"),
    *("lat_samsung_a50", "lat_pixel3", "lat_essential_ph_1", "lat_samsung_s7"),
]
EDGES = ["op_e10", "op_e20", "op_e21", "op_e30", "op_e31", "op_e32"]
SAMPLES, SEEDS, MANY = 10, 20, 12_000


def allowed(columns: np.ndarray, target: np.ndarray) -> float:
    """The rank that a sum over values reaches which was fitted to most of the device's own numbers."""
    order = np.random.default_rng(0).permutation(len(target))
    known, others = order[:MANY], order[MANY:]
    design = np.column_stack([np.ones(len(columns)), columns])
    weights = np.linalg.lstsq(design[known], target[known], rcond=None)[0]
    return rank_correlation(design[others] @ weights, target[others])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    data = pyarrow.parquet.read_table(TABLE).to_pandas()
    features = [data[edge].tolist() for edge in EDGES]
    columns, _ = value_columns(features)
    learned = Transfer.of(features, data[TRAINING].to_numpy(float), SAMPLES)
    new = [name for name in data.columns if name.startswith("lat_") and name not in TRAINING]
    rows = []
    for name in new:
        target = data[name].to_numpy(float)
        chosen, drawn = (
            np.mean([one["spearman"] for one in judged(learned, target, SEEDS, at_random=at_random)])
            for at_random in (False, True)
        )
        rows.append((name.removeprefix("lat_"), chosen, drawn, allowed(columns, target)))
    rows.append(("mean", *np.mean([row[1:] for row in rows], axis=0)))
    lines = [
        "Written by `python tests/benchmarks/transfer_devices.py --write`.",
        "",
        "| new device | 10 chosen samples | 10 drawn ones | 12,000 samples, a sum over operations |",
        "|---|--:|--:|--:|",
        *(f"| {name} | {chosen:.3f} | {drawn:.3f} | {most:.3f} |" for name, chosen, drawn, most in rows),
    ]
    print("\n".join(lines))
    if given.write:
        write_table(README, "transfer-devices", lines)


if __name__ == "__main__":
    main()
