"""What hyperparameters matter beside the seed, and whether tuned families tie: ArchGym's experiment.

    python tests/benchmarks/hyperparameter_lottery.py --store FILE            runs, prints the tables
    python tests/benchmarks/hyperparameter_lottery.py --store FILE --write    keeps them in agents/README.md

An agent of each family, with its defaults and nineteen random choices of hyperparameters, five seeds each, as
`cosearch lottery` runs them. What is complete is not run again. Ten minutes on two cores with the defaults;
`--agents` names others, such as `ppo`, which take longer.

S. Krishnan et al., "ArchGym: An Open-Source Gymnasium for Machine Learning Assisted Architecture Design",
ISCA 2023, section 6.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from cosearch.comparison.grid import Subject, lottery_cells, run_grid
from cosearch.report.agents_text import TextTable, lottery_tables
from cosearch.report.lottery import lotteries
from cosearch.store import Store
from grid_progress import printed
from readme_table import ROOT, write_table

PROBLEMS = "nasbench201-device,dram-controller-archgym"
FAMILIES = "ant-colony,nsga2,regularised-evolution,annealing"


def main() -> int:
    """Run what is missing, and say what the whole shows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--problems", default=PROBLEMS)
    parser.add_argument("--agents", default=FAMILIES)
    parser.add_argument("--configs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write the tables into agents/README.md")
    arguments = parser.parse_args()
    subjects = [Subject.parse(text) for text in arguments.problems.split(",")]
    cells = [
        cell
        for agent in arguments.agents.split(",")
        for cell in lottery_cells(
            subjects, agent, arguments.configs, range(arguments.seeds), arguments.budget, seed=0
        )
    ]
    run_grid(cells, str(arguments.store), workers=arguments.workers, done=printed(len(cells)))
    wanted = {cell.name for cell in cells}
    with Store.open(str(arguments.store)) as store:
        studies = [store.read(record) for record in store.studies() if record.name in wanted]
    lines = [line for table in lottery_tables(lotteries(studies)) for line in markdown(table)]
    print("\n".join(lines))
    if arguments.write:
        write_table(ROOT / "agents" / "README.md", "hyperparameter_lottery", lines)
    return 0


def markdown(table: TextTable) -> list[str]:
    """A table as Markdown, under its title."""
    rule = ["---"] * table.words + ["--:"] * (len(table.heads) - table.words)
    rows = [table.heads, rule, *table.rows]
    title = table.title if table.title.endswith("?") else f"{table.title}."
    return [f"{title} {table.caption}", "", *(f"| {' | '.join(row)} |" for row in rows), ""]


if __name__ == "__main__":
    sys.exit(main())
