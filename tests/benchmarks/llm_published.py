"""Published results of machines with several memories beside ours; --write puts the table into the README.

PYTHONPATH=simulators:tests/support python tests/benchmarks/llm_published.py --write
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from llm_published import results
from readme_table import ROOT, write_table

README = ROOT / "simulators" / "cosearch_simulators" / "llm" / "README.md"


def main() -> None:
    """Print the table, and write it where asked."""
    lines = ["| published | there | here | what differs |", "|---|--:|--:|---|"]
    lines += [f"| {one.what} | {one.there:.4g} | {one.here:.3g} | {one.differs} |" for one in results()]
    print("\n".join(lines))
    if "--write" in sys.argv:
        write_table(README, "llm-published", lines)


if __name__ == "__main__":
    main()
