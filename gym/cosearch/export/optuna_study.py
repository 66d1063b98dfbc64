"""Studies as an Optuna journal, which `optuna.load_study` and optuna-dashboard open, and back.

A trial for each evaluation: COMPLETE with its objectives, FAIL where the design failed or was rejected,
PRUNED where it was evaluated at another fidelity than the study's. Its parameters are those of
`cosearch.space.convert.optuna`; its attributes have the design as people write it, all metrics, status,
reason, fidelity and seed. Constraints are Optuna's: at most 0 where they are met.
"""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.export.columns import study_of
from cosearch.export.manifest import manifest, read_manifest
from cosearch.outcomes import OK, Outcomes
from cosearch.space.convert.optuna import from_optuna, optuna_distributions, to_optuna
from cosearch.store import StudyData
from cosearch.store.reading import space_of

if TYPE_CHECKING:
    import optuna

MANIFEST = "cosearch"
MISSING = "an Optuna study needs optuna: pip install 'cosearch[optuna]'"


def write_journal(studies: Sequence[StudyData], path: Path) -> None:
    """Write studies as one journal.

    Raises:
        ArgumentError: if optuna is not installed.
        OSError: if the file cannot be written.
    """
    optuna = _optuna()
    from optuna.storages.journal import BaseJournalBackend

    class Lines(BaseJournalBackend):
        """A journal file that is flushed once, at the end, and not after each trial."""

        def __init__(self) -> None:
            self.logs: list[dict[str, Any]] = []

        def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
            yield from self.logs[log_number_from:]

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            # as a reader of the file sees them
            texts = [json.dumps(log, separators=(",", ":")) for log in logs]
            self.logs += [json.loads(text) for text in texts]
            file.writelines(f"{text}\n" for text in texts)

    with path.open("w", encoding="utf-8") as file, _quiet(optuna):
        storage = optuna.storages.JournalStorage(Lines())
        for data in studies:
            _write_study(optuna, storage, data)


def read_journal(path: Path) -> list[StudyData]:
    """The studies of a journal that `write_journal` wrote.

    Raises:
        ArgumentError: if optuna is not installed, or it is no such journal.
    """
    optuna = _optuna()
    from optuna.storages.journal import JournalFileBackend

    if not path.is_file():
        raise ArgumentError(f"there is no journal at {path}")
    found = []
    try:
        with _quiet(optuna):
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
            names = optuna.study.get_all_study_names(storage)
            loaded = [optuna.load_study(study_name=name, storage=storage) for name in names]
            opened = [(one.user_attrs, one.trials) for one in loaded]
    except (ValueError, KeyError, TypeError) as error:
        raise ArgumentError(
            f"{path} is no journal of Optuna, or is damaged ({type(error).__name__})"
        ) from None
    if not opened:
        raise ArgumentError(f"{path} is no journal of Optuna, or holds no study")
    for attributes, trials in opened:
        (record,), (told,) = read_manifest(attributes.get(MANIFEST), path)
        space = space_of(record)
        designs = from_optuna(space, [trial.params for trial in trials])
        notes = [trial.user_attrs for trial in trials]
        try:
            outcomes = _outcomes([metric["name"] for metric in record.metrics], notes)
            columns = {name: list(designs.column(name).tolist()) for name in space.names}
            fidelity, seed = [n["fidelity"] for n in notes], [n["evaluation_seed"] for n in notes]
            how = fidelity, seed, [note["seconds"] for note in notes]
        except (KeyError, TypeError, ValueError) as error:
            raise ArgumentError(f"{path} is damaged ({type(error).__name__}: {error})") from None
        found.append(study_of(record, told, columns, outcomes, how, path))
    return found


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise ArgumentError(MISSING) from None
    return optuna


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Optuna neither logs each study nor warns that names of metrics are experimental."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)


def _write_study(optuna: Any, storage: Any, data: StudyData) -> None:
    directions = [{"min": "minimize", "max": "maximize"}[o.direction] for o in data.objectives]
    try:
        study = optuna.create_study(storage=storage, study_name=data.record.name, directions=directions)
    except optuna.exceptions.DuplicatedStudyError:
        raise ArgumentError(f"two studies are named {data.record.name!r}; export one at a time") from None
    study.set_metric_names([o.metric for o in data.objectives])
    study.set_user_attr(MANIFEST, manifest([data]))
    distributions = optuna_distributions(data.space)
    began = datetime.fromisoformat(data.record.created_at)
    rows = zip(data.designs, to_optuna(data.space, data.designs), strict=True)
    for row, (design, params) in enumerate(rows):
        study.add_trial(_trial(optuna, data, row, design, params, distributions, began))


def _trial(
    optuna: Any, data: StudyData, row: int, design: Any, params: Any, distributions: Any, began: datetime
) -> optuna.trial.FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    outcomes, metrics = data.outcomes, data.outcomes.row(row)
    status = str(outcomes.status[row])
    own = bool(data.at_study_fidelity[row])
    state = TrialState.FAIL if status != OK else TrialState.COMPLETE if own else TrialState.PRUNED
    ended = began + timedelta(seconds=float(data.seconds[row]))
    took = None if outcomes.seconds is None else float(outcomes.seconds[row])
    known = took is not None and math.isfinite(took)
    missed = {}
    if status == OK and data.constraints:
        over = [
            metrics[c.metric] - c.bound if c.operator == "<=" else c.bound - metrics[c.metric]
            for c in data.constraints
        ]
        missed = {"constraints": over}
    attributes: dict[str, Any] = {
        "design": {
            name: list(value) if isinstance(value, tuple) else value for name, value in design.items()
        },
        "metrics": {name: _known(value) for name, value in metrics.items()},
        "status": status,
        "reason": str(outcomes.reason[row]),
        "fidelity": str(data.fidelity[row]),
        "evaluation_seed": int(data.seed[row]),
        "seconds": float(data.seconds[row]),
    }
    if outcomes.standard_error:
        noise = {name: _known(float(column[row])) for name, column in outcomes.standard_error.items()}
        attributes["standard_error"] = noise
    if outcomes.seconds is not None:
        attributes["evaluation_seconds"] = took if known else None
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=None,
        values=[metrics[o.metric] for o in data.objectives] if state == TrialState.COMPLETE else None,
        datetime_start=ended - timedelta(seconds=took) if took is not None and known else ended,
        datetime_complete=ended,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs=attributes,
        system_attrs=missed,
        intermediate_values={},
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _outcomes(metrics: Sequence[str], notes: Sequence[dict[str, Any]]) -> Outcomes:
    def column(values: Sequence[float | None]) -> Any:
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)

    noisy = dict.fromkeys(name for note in notes for name in note.get("standard_error", {}))
    timed = any("evaluation_seconds" in note for note in notes)
    return Outcomes(
        {name: column([note["metrics"][name] for note in notes]) for name in metrics},
        np.array([note["status"] for note in notes], dtype=object),
        [note["reason"] for note in notes],
        standard_error={name: column([note["standard_error"].get(name) for note in notes]) for name in noisy},
        seconds=column([note["evaluation_seconds"] for note in notes]) if timed else None,
    )
