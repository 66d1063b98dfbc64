"""How many evaluations a second a store takes: cosearch's beside Optuna's RDB and journal storages.

    python tests/benchmarks/record_speed.py             # a Markdown table, about a minute

All record the same: 11 parameters and 2 metrics for each evaluation, on the same disk in one run, as fast as
each library's interface goes: cosearch `append` and `tell`, Optuna `add_trial` one at a time and `add_trials`
in batches (which adds one after the other: 10,000 would tell nothing more and take minutes). "A commit" is
what SQLite alone takes for a row of as many bytes, one transaction each, WAL.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
import optuna

from cosearch import DesignSpace, Integer, Outcomes, Store
from cosearch.store import StudyRecord
from readme_table import ROOT, write_table

PARAMETERS, METRICS = 11, ("latency_ns", "energy_pj")
SPACE = DesignSpace([Integer(f"p{i}", 0, 63) for i in range(PARAMETERS)])
BYTES = PARAMETERS + 8 * len(METRICS) + 100


def cosearch_store(folder: Path, batch: int, seconds: float) -> tuple[int, float, int]:
    """Evaluations, seconds and bytes in the file."""
    path = folder / "cosearch.db"
    designs = SPACE.sample(batch, 0)
    values = np.random.default_rng(0).random((2, batch))
    outcomes = Outcomes(dict(zip(METRICS, values, strict=True)), np.zeros(batch, dtype=np.int8))
    with Store.open(path, create=True) as store, store.writer(store.create_study(a_record())) as writer:
        begin = time.perf_counter()
        while (took := time.perf_counter() - begin) < seconds:
            first = writer.stored
            rows = writer.append(np.arange(first, first + batch), designs, outcomes, seconds=took)
            writer.tell(rows, {})
        stored = writer.stored
    return stored, took, path.stat().st_size


def optuna_storage(
    make: Callable[[Path], optuna.storages.BaseStorage],
) -> Callable[..., tuple[int, float, int]]:
    """The same for one of Optuna's storages."""

    def measure(folder: Path, batch: int, seconds: float) -> tuple[int, float, int]:
        study = optuna.create_study(storage=make(folder), directions=["minimize"] * 2)
        scale = {f"p{i}": optuna.distributions.IntDistribution(0, 63) for i in range(PARAMETERS)}
        trials = [
            optuna.trial.create_trial(params=design, distributions=scale, values=[0.5, 0.25])
            for design in SPACE.sample(batch, 0)
        ]
        stored, begin = 0, time.perf_counter()
        while (took := time.perf_counter() - begin) < seconds:
            study.add_trial(trials[0]) if batch == 1 else study.add_trials(trials)
            stored += batch
        return stored, took, sum(file.stat().st_size for file in folder.iterdir())

    return measure


def rdb(folder: Path) -> optuna.storages.BaseStorage:
    """SQLite through SQLAlchemy."""
    return optuna.storages.RDBStorage(f"sqlite:///{folder / 'optuna.db'}")


def journal(folder: Path) -> optuna.storages.BaseStorage:
    """A file of lines."""
    return optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(folder / "optuna.log"))
    )


def commit(synchronous: str) -> Callable[..., tuple[int, float, int]]:
    """SQLite's own commit of a row, whatever the batch."""

    def measure(folder: Path, batch: int, seconds: float) -> tuple[int, float, int]:
        path = folder / "plain.db"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, payload BLOB)")
        payload, stored, begin = os.urandom(BYTES * batch), 0, time.perf_counter()
        while (took := time.perf_counter() - begin) < seconds:
            connection.execute("INSERT INTO rows (payload) VALUES (?)", (payload,))
            stored += batch
        connection.close()
        return stored, took, path.stat().st_size

    return measure


def a_record() -> StudyRecord:
    """A study to write to."""
    return StudyRecord(
        id=0, name="speed", problem="none", problem_version=1, problem_arguments={}, fidelity="exact",
        objectives=["latency_ns:min", "energy_pj:min"],
        metrics=[{"name": name, "unit": "1"} for name in METRICS],
        space=SPACE.to_dict(), space_hash=SPACE.hash(), agent="random", seed=0, budget=1, agent_budget=1,
        created_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


WRITERS: dict[str, Callable[..., tuple[int, float, int]]] = {
    "cosearch, SQLite": cosearch_store,
    "Optuna, RDB (SQLite)": optuna_storage(rdb),
    "Optuna, journal file": optuna_storage(journal),
    "a commit, synchronous=NORMAL": commit("NORMAL"),
    "a commit, synchronous=FULL": commit("FULL"),
}
BATCHES = (1, 100, 10_000)
MOST = {"Optuna, RDB (SQLite)": 100, "Optuna, journal file": 100}


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each figure")
    parser.add_argument("--write", action="store_true", help="write the table into gym/README.md")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lines = [
        "| writer | one at a time, /s | batches of 100, /s | of 10,000, /s | bytes each, by 1 and the most |",
        "|---|--:|--:|--:|--:|",
    ]
    print("\n".join(lines))
    for name, measure in WRITERS.items():
        cells, sizes = [], []
        for batch in BATCHES:
            if batch > MOST.get(name, batch):
                cells.append("-")
                continue
            with tempfile.TemporaryDirectory() as folder:
                stored, took, size = measure(Path(folder), batch, options.seconds)
            cells.append(f"{stored / took:,.0f}")
            sizes.append(f"{size / stored:,.0f}")
        lines.append(f"| {name} | {' | '.join(cells)} | {sizes[0]}, {sizes[-1]} |")
        print(lines[-1], flush=True)
    if options.write:
        write_table(ROOT / "gym" / "README.md", "record", lines)


if __name__ == "__main__":
    main()
