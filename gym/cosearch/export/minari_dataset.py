"""Studies as a Minari dataset: what agents tried as episodes of the problem's own environment.

An episode for each evaluation at the study's fidelity, in the order of the search. Its observations and
rewards are those that `gymnasium.make("cosearch/...")` would have given, from the outcomes that were
recorded: nothing is simulated again but the default design, whose metrics are the units of the reward, where
no study has it.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import cosearch
from cosearch.environment_ids import env_id
from cosearch.environments.episodes import Episodes
from cosearch.environments.formulations import FORMULATIONS
from cosearch.environments.options import EpisodeOptions
from cosearch.environments.rewards import reward_class
from cosearch.environments.sequential import Sequential
from cosearch.errors import ArgumentError, unknown_name
from cosearch.export.manifest import manifest
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.run.recorded import problem_of
from cosearch.settings import settings_key
from cosearch.space import Designs, DesignTable
from cosearch.space.convert.gymnasium import to_box, to_multi_discrete
from cosearch.store import StudyData

if TYPE_CHECKING:
    from minari.data_collector.episode_buffer import EpisodeBuffer

MISSING = "a Minari dataset needs minari: pip install 'cosearch[minari]'"
AT_ONCE = 4096  # episodes that are stepped together


def write_episodes(studies: Sequence[StudyData], folder: Path, formulation: str, reward: str) -> int:
    """Write the dataset into `folder/data`; how many episodes it has.

    Raises:
        ArgumentError: if minari is not installed, the studies are not of one problem, or their designs
            cannot be reached in this formulation.
        UnknownNameError: for an unknown formulation or reward.
    """
    try:
        from minari.dataset.minari_storage import MinariStorage
    except ModuleNotFoundError:
        raise ArgumentError(MISSING) from None
    if formulation not in ("oneshot", "sequential"):
        if formulation in FORMULATIONS:
            raise ArgumentError(
                f"formulation {formulation!r} has no episodes of its own in a search; take oneshot or "
                "sequential"
            )
        raise unknown_name("formulation", formulation, ["oneshot", "sequential"])
    if reward_class(reward).improvement:
        raise ArgumentError(f"reward {reward!r} depends on the episodes before; take one that does not")
    problem = _problem(studies)
    own = [study.own() for study in studies]
    designs = Designs.concat([study.designs for study in own])
    outcomes = Outcomes.concat([study.outcomes for study in own])
    options = EpisodeOptions(formulation=formulation, reward=reward, fidelity=studies[0].record.fidelity)
    replayed = _replayed(problem, designs, outcomes)
    spec, one = _spec(problem, studies[0], options), Episodes(replayed, 1, options)
    folder = folder.resolve()  # minari looks for its files twice below a relative one
    (folder / "data").mkdir(parents=True)
    with _without_h5py():
        storage = MinariStorage.new(
            folder / "data", one.observation_space, one.action_space, spec, data_format="hdf5"
        )
    storage.update_metadata(
        {
            "dataset_id": f"cosearch/{problem.name}-{formulation}-v{problem.version}",
            "algorithm_name": ", ".join(dict.fromkeys(study.record.agent for study in studies)),
            "minari_version": _version(),
            "description": f"What cosearch evaluated of {problem.name}, an episode for each evaluation.",
            "cosearch": manifest(studies),
            "metrics": list(problem.metric_names),
            "episodes_of": {study.record.name: len(study.designs) for study in own},
            "requirements": [f"cosearch=={cosearch.__version__}"],
        }
    )
    storage.update_episodes(_episodes(replayed, designs, options))
    return len(designs)


def _problem(studies: Sequence[StudyData]) -> Problem:
    """The problem that all studies are of."""
    first = studies[0].record
    problem = problem_of(first)

    def subject(study: StudyData) -> list[Any]:
        r = study.record
        arguments = settings_key(problem.Settings, r.problem_arguments)
        return [
            r.problem,
            r.problem_version,
            arguments,
            r.space_hash,
            r.objectives,
            r.constraints,
            r.fidelity,
        ]

    for study in studies:
        if subject(study) != subject(studies[0]):
            raise ArgumentError(
                f"studies {first.name!r} and {study.record.name!r} are not of one problem with the same "
                "settings and objectives, so they are episodes of two environments; export one at a time"
            )
    return problem


def _replayed(problem: Problem, designs: Designs, outcomes: Outcomes) -> Problem:
    """The problem, answering from what was recorded; what was not is evaluated."""
    table = DesignTable(problem.space)
    known, new = table.add(Designs(problem.space, designs.index))
    first = np.flatnonzero(new)
    assert (known[first] == np.arange(len(first))).all()

    def evaluate(asked: Designs, **how: Any) -> Outcomes:
        rows = table.find(asked)
        if (rows >= 0).all():
            return outcomes.take(first[rows]).with_metrics(problem.metric_names)
        return problem.evaluate(asked, **how)

    replayed = copy.copy(problem)
    replayed.isolated = False  # type: ignore[misc]
    replayed.evaluate = evaluate  # type: ignore[method-assign,assignment]
    return replayed


def _spec(problem: Problem, study: StudyData, options: EpisodeOptions) -> Any:
    """How Gymnasium makes the environment; None where it cannot: a registered problem holds no parameter."""
    import gymnasium

    if problem.space.held:
        return None
    arguments: dict[str, Any] = dict(study.record.problem_arguments)
    arguments |= {"objectives": study.record.objectives, "constraints": study.record.constraints}
    arguments |= {
        "formulation": options.formulation,
        "reward": options.reward,
        "fidelity": options.fidelity,
    }
    made = gymnasium.make(env_id(problem.name, problem.version), **arguments)
    spec = made.spec
    made.close()
    return spec


def _episodes(problem: Problem, designs: Designs, options: EpisodeOptions) -> Iterator[EpisodeBuffer]:
    for begin in range(0, len(designs), AT_ONCE):
        part = Designs(problem.space, designs.index[begin : begin + AT_ONCE])
        yield from _stepped(Episodes(problem, len(part), options), part, options)


def _stepped(episodes: Episodes, designs: Designs, options: EpisodeOptions) -> Iterator[EpisodeBuffer]:
    """Episodes that end in these designs, stepped together."""
    from minari.data_collector.episode_buffer import EpisodeBuffer

    n, formulation = len(designs), episodes.formulation
    everyone = np.arange(n)
    episodes.begin(everyone, [np.random.default_rng(0)] * n)
    seen: list[list[Any]] = [[row] for row in episodes.observations(everyone).copy()]
    taken: list[list[Any]] = [[] for _ in range(n)]
    rewards: list[list[float]] = [[] for _ in range(n)]
    rows = everyone
    act = _oneshot_actions if not isinstance(formulation, Sequential) else _sequential_actions(formulation)
    while len(rows):
        actions = act(designs, rows)
        earned, ended, _ = episodes.step(rows, actions)
        after = episodes.observations(rows).copy()
        kept = actions if options.formulation == "sequential" else np.asarray(actions)
        kept = kept.astype(episodes.action_space.dtype)
        for k, row in enumerate(rows.tolist()):
            taken[row].append(kept[k])
            rewards[row].append(float(earned[k]))
            seen[row].append(after[k])
        rows = rows[~ended]
    reached = episodes.designs(everyone)
    missed = np.flatnonzero((reached.index != designs.index).any(axis=1))
    if len(missed):
        raise ArgumentError(
            f"formulation {options.formulation} does not reach {len(missed)} of {n} designs "
            f"({formulation.note or 'a forbidden one'}); take oneshot"
        )
    metrics = np.stack([episodes.metrics[name] for name in episodes.problem.metric_names], axis=1)
    status = np.asarray(episodes.codes, dtype=np.int64)
    for row in range(n):
        steps = len(rewards[row])
        yield EpisodeBuffer(
            observations=np.stack(seen[row]),
            actions=np.stack(taken[row]),
            rewards=rewards[row],
            terminations=[False] * (steps - 1) + [True],
            truncations=[False] * steps,
            infos={
                "metrics": np.vstack([np.full((steps, metrics.shape[1]), np.nan), metrics[row]]),
                "status": np.concatenate([np.full(steps, -1), status[row : row + 1]]),
            },
        )


def _oneshot_actions(designs: Designs, rows: NDArray[np.int64]) -> Any:
    from cosearch.environments.oneshot import Oneshot

    space = designs.space
    convert = to_box if Oneshot(space, 1).action == "box" else to_multi_discrete
    return convert(space, designs[rows])


def _sequential_actions(formulation: Sequential) -> Callable[[Designs, NDArray[np.int64]], Any]:
    grid = formulation.grid

    def actions(designs: Designs, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        found = np.zeros(len(rows), dtype=np.int64)
        for k, row in enumerate(rows.tolist()):
            slot = grid.slots[int(formulation.slot[row])]
            at = int(designs.index[row, slot.column])
            if slot.digit is None:
                found[k] = np.argmin(np.abs(slot.positions - at))
            else:  # the digits that were chosen before are part of the order's rank
                left = at - int(formulation._partial[row])
                found[k] = int(np.searchsorted(slot.places, left, side="right")) - 1
        return found

    return actions


@contextlib.contextmanager
def _without_h5py() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise ArgumentError(MISSING) from None


def _version() -> str:
    import minari

    return str(minari.__version__)
