"""Does `auto` beat what a user could pick instead? Agents on the suite, at several budgets, with statistics.

    python tests/benchmarks/agents_compared.py --store FOLDER            runs, and prints the tables
    python tests/benchmarks/agents_compared.py --store FOLDER --write    and writes them into agents/README.md

An agent may plan by its budget, so each budget has studies of its own, in FOLDER/BUDGET.db. What is complete
is not run again: stop it whenever you like, and start it with more seeds, agents or budgets to go on. Sizes
are options: `--seeds 20=10,500=3` has fewer seeds where the budget is large, `--most qlognehvi=100` keeps an
agent that is slow to small budgets, `--fewer smac=2` or `--fewer smac@50=1` to few seeds, and an agent that
is not installed is left out with a word. With `--judge auto` the exit code is 1 where the bar is missed: at
each budget an interquartile mean of at least that of the best peer, and at least 0.98 of the best agent on
every problem.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import suite
from cosearch.comparison.grid import Subject, cells_of, run_grid
from cosearch.quantities import number
from cosearch.registry import registry
from cosearch.report.agents import AgentsCompared, agents_compared
from cosearch.report.agents_text import estimate_text
from cosearch.store import Store
from grid_progress import printed
from readme_table import ROOT, write_table

BUDGETS = (20, 50, 100, 500, 2000)
PEERS = ("optuna-tpe", "optuna-gp", "optuna-nsga2", "smac", "nsga2", "random")
OURS = ("auto", "qlognehvi", "sobol", "ppo", "maskable-ppo")
SHARE_OF_BEST = 0.98  # that is enough on a single problem
TOLERANCE = 1e-9


def main() -> int:
    """Run what is missing, and say what the whole shows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="folder of the stores, made if need be")
    parser.add_argument("--agents", default=",".join([*OURS, *PEERS]))
    parser.add_argument("--budgets", default=",".join(map(str, BUDGETS)))
    parser.add_argument("--seeds", default="10", help="of each budget, or BUDGET=SEEDS,...")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cheap-ms", type=float, default=5.0, help="slower problems of plugins are left out")
    parser.add_argument("--problems", default="", help="regular expression; default the whole suite")
    parser.add_argument("--most", action="append", default=[], metavar="AGENT=BUDGET", help="repeatable")
    parser.add_argument(
        "--fewer", action="append", default=[], metavar="AGENT[@BUDGET]=SEEDS", help="repeatable"
    )
    parser.add_argument("--judge", default="auto", help="the agent that the bar is for")
    parser.add_argument("--write", action="store_true", help="write the tables into agents/README.md")
    arguments = parser.parse_args()
    agents = [name for name in arguments.agents.split(",") if name in registry().agents]
    for name in set(arguments.agents.split(",")) - set(agents):
        print(f"left out: agent {name} is not installed", flush=True)
    most, fewer = _numbers(arguments.most), _numbers(arguments.fewer)
    seeds = _numbers(arguments.seeds.split(",")) if "=" in arguments.seeds else {}
    subjects = [s for s in suite.subjects(arguments.cheap_ms) if re.search(arguments.problems, str(s))]
    arguments.store.mkdir(parents=True, exist_ok=True)
    found: dict[int, AgentsCompared] = {}
    for budget in map(int, arguments.budgets.split(",")):
        count = seeds.get(str(budget), 1) if seeds else int(arguments.seeds)
        able = {
            name: min(count, fewer.get(f"{name}@{budget}", fewer.get(name, count)))
            for name in agents
            if budget <= most.get(name, budget)
        }
        compared = at_budget(subjects, able, budget, arguments)
        if compared is not None:
            found[budget] = compared
    if not found:
        print("nothing can be compared: no front is known (tests/benchmarks/known_fronts.py finds them)")
        return 1
    lines = [*overall(found, agents, arguments.judge), "", *by_problem(found, arguments.judge)]
    print("\n".join(lines))
    if arguments.write:
        write_table(ROOT / "agents" / "README.md", "agents_compared", lines)
    missed = bar_missed(found, arguments.judge)
    print("\n".join(missed))
    return 1 if missed else 0


def _numbers(texts: Sequence[str]) -> dict[str, int]:
    """NAME=NUMBER, by name."""
    return {name: int(number) for name, _, number in (text.partition("=") for text in texts)}


def at_budget(
    subjects: Sequence[Subject], seeds: Mapping[str, int], budget: int, arguments: argparse.Namespace
) -> AgentsCompared | None:
    """Run what is missing of one budget, so many seeds of each agent; what its studies say."""
    store = str(arguments.store / f"{budget}.db")
    cells = [
        cell
        for seed in range(max(seeds.values(), default=0))
        for cell in cells_of(subjects, [name for name in seeds if seed < seeds[name]], [seed], budget)
    ]
    run_grid(
        cells,
        store,
        workers=arguments.workers,
        plugins=[suite.PLUGIN],
        done=printed(len(cells), f"budget {budget}: "),
    )
    wanted = {cell.name for cell in cells}
    with Store.open(store) as opened:
        studies = [opened.read(record) for record in opened.studies() if record.name in wanted]
    compared = agents_compared(studies)
    for line in compared.left_out if compared else ():
        print(f"left out at {budget}: {line}", flush=True)
    return compared


def overall(found: dict[int, AgentsCompared], agents: Sequence[str], judge: str) -> list[str]:
    """The interquartile mean of each agent at each budget, as Markdown; the best of each is bold."""
    problems = max(len(c.problems) for c in found.values())
    lines = [
        f"Interquartile mean of normalised hypervolume over {problems} problems, with 95 % stratified "
        "bootstrap intervals where there are several seeds:",
        "",
        f"| agent | {' | '.join(f'{b:,}' for b in found)} | time for each suggestion |",
        f"|---|{'--:|' * (len(found) + 1)}",
        f"| seeds | {' | '.join(map(_seeds, found.values()))} | |",
    ]
    for agent in agents:
        cells = []
        for budget, compared in found.items():
            if agent not in compared.agents:
                cells.append("")
                continue
            text = estimate_text(compared.at_budget(compared.curves[agent], budget))
            best = max(float(curve.value[-1]) for curve in compared.curves.values())
            cells.append(f"**{text}**" if float(compared.curves[agent].value[-1]) == best else text)
        seconds = [c.seconds[agent][0] for c in found.values() if agent in c.agents]
        if seconds:
            cells.append(f"{number(1000 * max(seconds), 3)} ms")
            lines.append(f"| `{agent}` | {' | '.join(cells)} |")
    return lines


def _seeds(compared: AgentsCompared) -> str:
    """How many there are of each agent on each problem, the fewest and the most."""
    counts = [len(runs) for agent in compared.agents for runs in compared.scores(agent, compared.budget)]
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def by_problem(found: dict[int, AgentsCompared], judge: str) -> list[str]:
    """For each problem the judged agent's mean and the best agent's, as Markdown."""
    titles = list(dict.fromkeys(p.title for c in found.values() for p in c.problems))
    named = (
        f"`{judge}` and the best agent"
        if any(judge in c.agents for c in found.values())
        else "The best agent"
    )
    lines = [
        f"{named} on each problem, means over seeds:",
        "",
        f"| problem | front | {' | '.join(f'{b:,}' for b in found)} |",
        f"|---|---|{'---|' * len(found)}",
    ]
    for title in titles:
        cells, kind = [], ""
        for compared in found.values():
            means = {p.title: (p, e) for p, e in compared.by_problem}
            if title not in means:
                cells.append("")
                continue
            problem, estimates = means[title]
            kind = "exact" if problem.front.exact else "best known"
            best = max(compared.agents, key=lambda agent: float(estimates[agent].value))
            ours = f"{estimates[judge].value:.3f}, " if judge in compared.agents and best != judge else ""
            cells.append(f"{ours}`{best}` {estimates[best].value:.3f}")
        lines.append(f"| `{title}` | {kind} | {' | '.join(cells)} |")
    return lines


def bar_missed(found: dict[int, AgentsCompared], judge: str) -> list[str]:
    """A line for each part of the bar that the judged agent misses."""
    missed = []
    for budget, compared in found.items():
        if judge not in compared.agents:
            missed.append(f"the bar cannot be judged at {budget}: {judge} was not run")
            continue
        ours = float(compared.curves[judge].value[-1])
        peers = {p: float(compared.curves[p].value[-1]) for p in PEERS if p in compared.agents and p != judge}
        if peers and max(peers.values()) > ours + TOLERANCE:
            best = max(peers, key=peers.__getitem__)
            missed.append(f"at {budget}: {judge} has {ours:.3f}, {best} {peers[best]:.3f}")
        for problem, estimates in compared.by_problem:
            best = max(compared.agents, key=lambda agent: float(estimates[agent].value))
            top, own = float(estimates[best].value), float(estimates[judge].value)
            if own < SHARE_OF_BEST * top:
                missed.append(f"at {budget} on {problem.title}: {judge} has {own:.3f}, {best} {top:.3f}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
