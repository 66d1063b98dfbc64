"""Damages stores in every way that comes to mind, and counts what a reader meets.

    python tests/benchmarks/damage_stores.py            # a Markdown table, about a minute

Nothing but a `StoreError` of one line may be raised, no study may be read other than it was (a cut WAL may
end it earlier), and damage that names one study leaves the other readable.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Store
from cosearch.errors import StoreError
from readme_table import ROOT, write_table
from stored_studies import append, designs, outcomes, record

OUTCOMES = ("as it was", "a part", "said, other read", "said", "wrong", "traceback")
BAD_VALUES: tuple[object, ...] = (
    None, "", "rubbish", "{", "{}", "[]", "[1", '{"a": 1}', "1" * 400, b"", b"\xff\xfe\x00", b"cosb", -1, 0,
    2**62, 1e300, -0.5, float("inf"), "\ud7ff\u0000",
)  # fmt: skip
Damage = Callable[[Path], None]


def make(folder: Path) -> tuple[Path, Path]:
    """A finished store of two studies, and one as a kill leaves it, with its WAL."""
    whole, killed = folder / "whole.db", folder / "killed.db"
    with Store.open(whole, create=True) as store:
        for name in ("hurt", "other"):
            with store.writer(store.create_study(record(name))) as writer:
                for n in (1,) * 70 + (500, 3):
                    writer.tell(append(writer, n), {"told": writer.stored})
                writer.set_status("finished", "the budget is spent")
        for name in ("hurt", "other"):
            with store.writer(store.study(name)) as writer:
                append(writer, 10)
                for part in ("", "-wal"):
                    shutil.copy(f"{whole}{part}", f"{killed}{part}")
    return whole, killed


def damages(whole: Path, seed: int, count: int) -> Iterator[tuple[str, str, Damage]]:
    """Kinds of damage: the kind, which store, and what does it."""
    chance = random.Random(seed)
    for base, suffix in (("whole", ""), ("killed", "-wal")):
        for _ in range(count):
            kind = "a bit is flipped" + (" in the WAL" if suffix else "")
            yield kind, base, flipped(suffix, chance.random(), chance.randrange(8))
        for _ in range(count):
            yield "the file is cut" if not suffix else "the WAL is cut", base, cut(suffix, chance.random())
        for _ in range(count // 4):
            kind = "a page is zeroed" + (" in the WAL" if suffix else "")
            yield kind, base, zeroed(suffix, chance.random())
    with sqlite3.connect(whole) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        columns = {t: [row[1] for row in connection.execute(f"PRAGMA table_info({t})")] for t in tables}
    for table, names in columns.items():
        yield "a table is missing", "whole", statement(f"DROP TABLE {table}")
        yield "all rows of a table are missing", "whole", statement(f"DELETE FROM {table}")
        own = {"studies": "id = 1", "cosearch_meta": "1"}.get(table, "study_id = 1")
        for where in (own, f"{own} AND rowid = 1" if table == "studies" else f"{own} LIMIT 1"):
            one = f"DELETE FROM {table} WHERE ({', '.join(keys(table))}) IN (SELECT {', '.join(keys(table))} "
            yield "rows of a study are missing", "whole", statement(f"{one} FROM {table} WHERE {where})")
        for name in names:
            yield (
                "a column is missing",
                "whole",
                statement(f"ALTER TABLE {table} RENAME COLUMN {name} TO gone"),
            )
            for value in BAD_VALUES:
                yield "a bad value", "whole", statement(f"UPDATE {table} SET {name} = ? WHERE {own}", value)


def keys(table: str) -> list[str]:
    """The columns that tell rows apart."""
    return {
        "studies": ["id"], "cosearch_meta": ["key"], "progress": ["study_id"],
        "blocks": ["study_id", "block"], "tells": ["study_id", "part"],
    }[table]  # fmt: skip


def flipped(suffix: str, where: float, bit: int) -> Damage:
    """Flip one bit."""

    def damage(path: Path) -> None:
        file = Path(f"{path}{suffix}")
        content = bytearray(file.read_bytes())
        content[int(where * len(content))] ^= 1 << bit
        file.write_bytes(content)

    return damage


def cut(suffix: str, where: float) -> Damage:
    """Cut the file."""

    def damage(path: Path) -> None:
        file = Path(f"{path}{suffix}")
        file.write_bytes(file.read_bytes()[: int(where * file.stat().st_size)])

    return damage


def zeroed(suffix: str, where: float) -> Damage:
    """Zero 4096 bytes."""

    def damage(path: Path) -> None:
        file = Path(f"{path}{suffix}")
        content = bytearray(file.read_bytes())
        at = int(where * len(content)) // 4096 * 4096
        content[at : at + 4096] = bytes(len(content[at : at + 4096]))
        file.write_bytes(content)

    return damage


def statement(sql: str, *values: object) -> Damage:
    """Run SQL, without the checks that a table makes."""

    def damage(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        with contextlib.suppress(sqlite3.IntegrityError):  # SQLite itself does not let it happen
            connection.execute(sql, values)
        connection.close()

    return damage


def meet(path: Path) -> str:
    """Open the store, list, read and take up its studies; what came of it."""
    said: set[str] = set()
    whole: set[str] = set()
    part: set[str] = set()

    def tried(name: str, action: Callable[[], object]) -> object:
        try:
            return action()
        except StoreError as error:
            if not str(error) or "\n" in str(error):
                raise RuntimeError(f"not one line: {error}") from None
            said.add(name)
            return None

    try:
        store = tried("", lambda: Store.open(path))
        if store is None:
            return "said"
        with store:
            studies = tried("", store.studies) or []
            said |= {each.name for each in store.damaged} if studies or "" not in said else set()
            for study in studies:
                data = tried(study.name, functools.partial(store.read, study))
                state = tried(study.name, functools.partial(store.agent_state, study))
                if data is None or study.name in said:
                    continue
                n = len(data.designs)
                same = data.designs == designs(0, n) and all(
                    np.array_equal(data.outcomes[name], column)
                    for name, column in outcomes(0, n).metrics.items()
                )
                if not same or not (state in (None, {}) or isinstance(state, dict)):
                    return "wrong"
                (whole if n >= 573 and len(data.told) == 573 else part).add(study.name)
            for study in studies:
                tried(study.name, lambda study=study: store.writer(study).close())
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "traceback"
    if said:
        return "said, other read" if (whole | part) - said else "said"
    return "as it was" if len(whole) == 2 else "a part"


def counted(count: int, seed: int = 0, every: int = 1) -> dict[str, Counter[str]]:
    """Outcomes by kind of damage; of all damages only every so manyth."""
    found: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bases = dict(zip(("whole", "killed"), make(folder), strict=True))
        for kind, base, damage in itertools.islice(damages(bases["whole"], seed, count), 0, None, every):
            path = folder / "study.db"
            for suffix in ("", "-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
                if Path(f"{bases[base]}{suffix}").exists():
                    shutil.copy(f"{bases[base]}{suffix}", f"{path}{suffix}")
            damage(path)
            outcome = meet(path)
            if outcome in ("wrong", "traceback"):
                print(f"{kind}: {outcome}", getattr(damage, "__closure__", None) and
                      [cell.cell_contents for cell in damage.__closure__ or ()], file=sys.stderr)  # fmt: skip
            found.setdefault(kind, Counter())[outcome] += 1
    return found


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="random damages of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="write the table into gym/README.md")
    options = parser.parse_args()
    found = counted(options.count, options.seed)
    lines = ["| damage | stores | " + " | ".join(OUTCOMES) + " |", "|---|--:|" + "--:|" * len(OUTCOMES)]
    for kind, counts in [*found.items(), ("all", sum(found.values(), Counter()))]:
        cells = " | ".join(str(counts[name]) for name in OUTCOMES)
        lines.append(f"| {kind} | {counts.total()} | {cells} |")
    print("\n".join(lines))
    if options.write:
        write_table(ROOT / "gym" / "README.md", "damage", lines)


if __name__ == "__main__":
    main()
