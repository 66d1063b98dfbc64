"""Whether predicted probabilities of being valid mean what they say: HLSyn's points, 30 % of them valid.

    python tests/benchmarks/surrogate_validity.py --write

For each kernel with enough points four fifths are learned from and a fifth is judged, five times, so that
each point is judged once.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cosearch import make_problem  # noqa: E402
from cosearch.surrogates.examination import validity_scores  # noqa: E402
from cosearch.surrogates.inputs import encoded  # noqa: E402
from cosearch.surrogates.validity import Validity  # noqa: E402
from readme_table import write_table  # noqa: E402

README = ROOT / "gym" / "README.md"
FILE = ROOT.parent / "shared" / "reference" / "hls" / "hlsyn.parquet"
FOLDS, FEWEST, FEWEST_OF_A_KIND = 5, 50, 10


def judged(kernel: str) -> tuple[np.ndarray, np.ndarray]:
    """The probability of each point of a kernel, from points that are not it, and whether it is valid."""
    problem = make_problem("hls", file=str(FILE), kernel=kernel)
    valid = np.asarray(problem.is_valid)
    if len(valid) < FEWEST or min(valid.sum(), (~valid).sum()) < FEWEST_OF_A_KIND:
        return np.empty(0), np.empty(0, dtype=bool)
    inputs = encoded(problem.space, problem.measured)
    probability = np.empty(len(valid))
    fold = np.random.default_rng(0).permutation(np.arange(len(valid)) % FOLDS)
    for k in range(FOLDS):
        out = fold == k
        learned = Validity.fit(inputs[~out], valid[~out], 0)
        probability[out] = valid[~out].mean() if learned is None else learned.probability(inputs[out])
    return probability, valid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    import pyarrow.parquet

    kernels = sorted(set(pyarrow.parquet.read_table(FILE, columns=["kernel"])["kernel"].to_pylist()))
    found, rows = [], []
    for kernel in kernels:
        probability, valid = judged(kernel)
        if not len(valid):
            continue
        found.append((probability, valid))
        rows.append((kernel, validity_scores(probability, valid)))
        print(kernel, {k: v for k, v in rows[-1][1].items() if k != "reliability"}, flush=True)
    everything = validity_scores(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    lines = [
        "Written by `python tests/benchmarks/surrogate_validity.py --write`, "
        f"from {len(rows)} kernels of HLSyn with at least {FEWEST} points.",
        "",
        "| kernel | points | valid | log loss | of the share | Brier | of the share | calibration error |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kernel, one in [*rows, ("all", everything)]:
        lines.append(
            f"| {kernel} | {one['designs']:,} | {one['share_valid']:.0%} | {one['log_loss']:.3f} | "
            f"{one['log_loss_of_share']:.3f} | {one['brier']:.3f} | {one['brier_of_share']:.3f} | "
            f"{one['calibration_error']:.3f} |"
        )
    lines += ["", "| said to be valid with | were valid | points |", "|--:|--:|--:|"]
    for row in everything["reliability"]:
        lines.append(f"| {row['predicted']:.0%} | {row['observed']:.0%} | {row['designs']:,} |")
    print("\n".join(lines))
    if given.write:
        write_table(README, "surrogate-validity", lines)


if __name__ == "__main__":
    main()
