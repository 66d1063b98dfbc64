"""Finding a known front: every design of a small space, or a long search of a large one; and keeping it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.comparison.fronts import Key, entry_key, key_of_problem, read_entries
from cosearch.errors import ProblemError, SpaceError
from cosearch.objectives import Objective, feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import REFERENCE_MARGIN, hypervolume, pareto_mask
from cosearch.problem import Problem
from cosearch.run.evaluator import Evaluator
from cosearch.run.study import Study
from cosearch.space import Designs

CHUNK = 1024  # designs that are evaluated at once
KEPT_POINTS = 60  # of a front, the best in each objective among them
FIRST_SEED = 1_000_000  # of the searches for a front: far from those that anybody compares
SAMPLED = 1024  # random designs
REACHED_BY = 0.25  # of them, which say what a reference is at least

Say = Callable[[str], None]


def find_front(
    problem: Problem,
    *,
    list_up_to: int = 50_000,
    budget: int = 20_000,
    agents: Sequence[str] = ("nsga2", "random"),
    seeds: int = 2,
    known: dict[str, Any] | None = None,
    made_by: str = "cosearch.comparison.finding",
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The entry of a problem's front, as `keep_front` writes it.

    Args:
        problem: with its arguments, objectives and constraints.
        list_up_to: a space of at most so many allowed designs is listed, and its front is exact.
        budget: of each search of a larger one.
        agents: that search it.
        seeds: with so many seeds each, none of which anybody else uses.
        known: an entry from before, whose designs are begun with: a front only grows.
        made_by: what is said of how it was found.
        say: called with what is being done.

    Raises:
        ProblemError: no feasible design was found.
    """
    size = _size(problem)
    exact = size <= list_up_to
    if exact:
        designs = problem.space.enumerate(list_up_to)
        outcomes = _evaluated(problem, designs, say)
        how = f"each of its {len(designs):,} allowed designs evaluated"
    else:
        designs, outcomes = _searched(problem, budget, agents, seeds, known, say)
        runs = " and ".join(agents)
        how = f"the best of {len(designs):,} designs that {runs} found, {seeds} seeds of {budget:,} each"
    return front_entry(problem, designs, outcomes, exact=exact, obtained=f"{how} ({made_by})", say=say)


def front_entry(
    problem: Problem,
    designs: Designs,
    outcomes: Outcomes,
    *,
    exact: bool,
    obtained: str,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """The entry of the front of some evaluated designs.

    Raises:
        ProblemError: none of them is feasible.
    """
    good = np.flatnonzero(feasible(problem.constraints, outcomes))
    if not len(good):
        raise ProblemError(f"problem {problem.name}: none of {len(designs):,} designs is feasible")
    values = minimised(problem.objectives, outcomes)
    rows = good[pareto_mask(values[good])]
    _, first = np.unique(values[rows], axis=0, return_index=True)
    rows = rows[np.sort(first)]
    front = values[rows]
    reference = reference_of(problem.objectives, front, values[good] if exact else _random(problem, say))
    signs = np.array([1.0 if o.direction == "min" else -1.0 for o in problem.objectives])
    kept = rows[spread(front, KEPT_POINTS)]
    return {
        **key_of_problem(problem),
        "exact": exact,
        "obtained": obtained,
        "front_size": len(rows),
        "reference": (signs * reference).tolist(),
        "hypervolume": share_of_box(front, reference),
        "points": [
            {"design": design, "values": (signs * values[row]).tolist()}
            for row, design in zip(kept.tolist(), designs[kept].to_dicts(), strict=True)
        ],
    }


def keep_front(entry: dict[str, Any], path: Path) -> None:
    """Put an entry into a file of fronts, in the place of one about the same."""
    entries = read_entries(path) if path.exists() else []
    entries = [one for one in entries if entry_key(one) != entry_key(entry)] + [entry]
    entries.sort(key=lambda one: json.dumps(entry_key(one), sort_keys=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    text = ",\n".join(map(_compact, entries))
    path.write_text(f"[\n{text}\n]\n", encoding="utf-8")


def kept_entry(problem: Problem, path: Path) -> dict[str, Any] | None:
    """The entry of a file that is about this problem."""
    key: Key = json.loads(json.dumps(key_of_problem(problem)))
    entries = read_entries(path) if path.exists() else []
    return next((entry for entry in entries if entry_key(entry) == key), None)


def spread(front: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """The rows of at most so many points of a front: the best in each objective, and an even choice between.

    The first of them are the extremes; each further one is that farthest from those chosen already.
    """
    n = len(front)
    if n <= most:
        return np.arange(n)
    low = front.min(axis=0) / 2  # halves, because the difference of the largest numbers is none
    span = front.max(axis=0) / 2 - low
    unit = (front / 2 - low) / np.where(span > 0, span, 1.0)
    chosen = list(dict.fromkeys(unit.argmin(axis=0).tolist()))[:most]
    distance = np.min([((unit - unit[row]) ** 2).sum(axis=1) for row in chosen], axis=0)
    while len(chosen) < most:
        row = int(distance.argmax())
        chosen.append(row)
        distance = np.minimum(distance, ((unit - unit[row]) ** 2).sum(axis=1))
    return np.sort(np.array(chosen))


def reference_of(
    objectives: Sequence[Objective], front: NDArray[np.float64], random: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The worst values that count: an objective's own reference where it has one.

    Otherwise a tenth of the front's range behind its worst value or, where that is worse, the value that a
    quarter of random designs reach: a front of few designs would leave almost everything without a score.

    Args:
        objectives: m objectives.
        front: minimised, shape (k, m).
        random: random feasible designs, or all, shape (n, m).
    """
    worst, best = front.max(axis=0), front.min(axis=0)
    reference: NDArray[np.float64] = worst + REFERENCE_MARGIN * (worst - best)
    if len(random):
        reference = np.maximum(reference, np.quantile(random, REACHED_BY, axis=0))
    for k, objective in enumerate(objectives):
        if objective.reference is not None:
            reference[k] = objective.reference if objective.direction == "min" else -objective.reference
    return np.where(reference > best, reference, best + np.maximum(abs(best), 1.0))


def share_of_box(front: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """The hypervolume of a front as a share of the box between its best values and the reference."""
    ideal = front.min(axis=0)
    return hypervolume((front - ideal) / (reference - ideal), np.ones(front.shape[1]))


def _compact(entry: dict[str, Any]) -> str:
    """An entry as JSON with a line for each point."""
    head = json.dumps({name: value for name, value in entry.items() if name != "points"}, indent=1)
    points = ",\n".join(f"  {json.dumps(point)}" for point in entry["points"])
    return f'{head.removesuffix("}").rstrip()},\n "points": [\n{points}\n ]\n}}'


def _size(problem: Problem) -> float:
    try:
        return problem.space.cardinality()
    except SpaceError:  # too many to count
        return np.inf


def _evaluated(problem: Problem, designs: Designs, say: Say) -> Outcomes:
    found = []
    with Evaluator(problem) as evaluator:
        for first in range(0, len(designs), CHUNK):
            found.append(evaluator.evaluate(designs[first : first + CHUNK]))
            say(f"{problem.name}: {min(first + CHUNK, len(designs)):,} of {len(designs):,} designs evaluated")
    return Outcomes.concat(found)


def _searched(
    problem: Problem,
    budget: int,
    agents: Sequence[str],
    seeds: int,
    known: dict[str, Any] | None,
    say: Say,
) -> tuple[Designs, Outcomes]:
    designs, outcomes = [], []
    if known is not None:
        designs.append(problem.space.designs([point["design"] for point in known["points"]]))
        outcomes.append(problem.evaluate(designs[0]))
    for agent in agents:
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            say(f"{problem.name}: {agent} searches, seed {seed}")
            data = Study.create(problem, agent, budget=budget, seed=seed).run().own()
            designs.append(problem.space.from_index(data.designs.index))
            outcomes.append(data.outcomes)
    return Designs.concat(designs), Outcomes.concat(outcomes)


def _random(problem: Problem, say: Say) -> NDArray[np.float64]:
    """The objectives of random feasible designs, minimised, shape (n, m)."""
    say(f"{problem.name}: {SAMPLED:,} random designs, which say what a reference is at least")
    sampled = problem.evaluate(problem.space.sample(SAMPLED, np.random.default_rng(0)))
    return minimised(problem.objectives, sampled)[feasible(problem.constraints, sampled)]
