"""The conformance check of backends: real trials of a problem whose designs also raise, crash and hang."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import FAILED, Outcomes
from cosearch.problem import Problem
from cosearch.run.backend import Backend, BackendOptions
from cosearch.run.trial import Piece
from cosearch.space import Categorical, Designs, DesignSpace, Integer
from cosearch.testing.conformance import expect, require, require_docstring, require_name

# Longer than this no answer may take: a cluster may have to start.
PATIENCE_S = 60.0
# A time limit for each design, and what a design that goes beyond it takes.
LIMIT_S, LONG_S = 1.0, 600
# A memory limit for each design, and what a design that goes beyond it takes.
LIMIT_MB, MUCH_MB = 256, 4096
SIZES = (1, 2, 7, 1, 30, 100, 1, 258)


class Chores(Problem):
    """Numbers that tell design, fidelity and seed apart, and designs that go wrong."""

    name = "chores"
    fidelities = ("rough", "exact")
    space = DesignSpace(
        [
            Categorical(
                "chore", ["none", "nap", "raise", "reject", "nan", "crash", "hang", "start", "memory"]
            ),
            Integer("x", 0, 99_999),
        ]
    )
    metrics = (Metric("value", "1"), Metric("other", "1"))
    objectives = (Objective("value", "min"),)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any] | Outcomes:
        """Do the chores."""
        x = designs["x"].astype(float)
        values = x / 7 + 1e6 * seed + (1e9 if fidelity == "exact" else 0)
        errors = []
        for i, chore in enumerate(designs["chore"].tolist()):
            if chore in CHORES:
                CHORES[chore](int(x[i]))
            if chore == "nan":
                values[i] = np.nan
            errors.append("not allowed" if chore == "reject" else "")
        return Outcomes.of({"value": values, "other": np.sqrt(x)}, errors=errors)


def _raise(x: int) -> None:
    raise RuntimeError("the pipe burst")


def _start(x: int) -> None:
    subprocess.Popen(["sleep", str(LONG_S + x)], start_new_session=True).wait()


CHORES: dict[str, Callable[[int], object]] = {
    "nap": lambda x: time.sleep(0.1),
    "raise": _raise,
    "crash": lambda x: os._exit(3),
    "hang": lambda x: time.sleep(LONG_S),
    "start": _start,
    "memory": lambda x: np.ones(MUCH_MB * 131072).sum(),
}


def check_backend(backend_class: type[Backend], *, workers: int = 2) -> None:
    """Check that a backend keeps its contract.

    What it cannot do (several workers, isolated designs, a time or memory limit) it says by raising
    `ArgumentError` in its constructor, and is not asked for.

    Args:
        backend_class: the backend.
        workers: of the checks with several.

    Raises:
        ConformanceError: what the contract asks, and what came back.
    """
    require_name(backend_class.name, backend_class)
    who = f"backend {backend_class.name!r}"
    require_docstring(who, backend_class)
    options = {
        "one worker": BackendOptions(),
        f"{workers} workers": BackendOptions(workers=workers),
        "isolated designs": BackendOptions(isolated=True),
        "a time limit": BackendOptions(timeout_s=LIMIT_S),
        "a memory limit": BackendOptions(memory_mb=LIMIT_MB),
    }
    offered = {name: chosen for name, chosen in options.items() if _offers(backend_class, chosen)}
    require(
        "one worker" in offered or "isolated designs" in offered,
        f"{who} takes neither BackendOptions() nor BackendOptions(isolated=True)",
    )
    for name, chosen in offered.items():
        checked = _Check(backend_class, chosen, f"{who} with {name}")
        checked.numbers()
        if not chosen.limited:
            checked.cancelling()
        if chosen.isolated:
            checked.failing("crash")
        if chosen.timeout_s is not None:
            checked.waiting()
            checked.failing("hang", "start")
        if chosen.memory_mb is not None:
            checked.failing("memory")


def _offers(backend_class: type[Backend], options: BackendOptions) -> bool:
    try:
        backend_class(Chores(), options).close()
    except ArgumentError:
        return False
    return True


class _Check:
    """The checks of a backend with some options."""

    def __init__(self, backend_class: type[Backend], options: BackendOptions, who: str) -> None:
        self.backend_class, self.options, self.who = backend_class, options, who
        self.problem = Chores()

    @contextlib.contextmanager
    def backend(self) -> Iterator[Backend]:
        """A new backend, closed twice at the end."""
        backend = self.backend_class(Chores(), self.options)
        try:
            expect(
                backend.capacity >= 1,
                self.who,
                "a capacity of one at least",
                f"capacity is {backend.capacity}",
            )
            began = time.monotonic()
            none = "a poll that returns nothing at once where nothing runs"
            expect(len(backend.poll(LONG_S)) == 0, self.who, none, "trials that nobody submitted")
            seconds = time.monotonic() - began
            expect(seconds < PATIENCE_S, self.who, none, f"poll waits for {seconds:.0f} s")
            yield backend
        finally:
            backend.close()
        backend.close()

    def pieces(self, *chores: str) -> list[Piece]:
        """Pieces of many sizes, at each fidelity and two seeds, some of whose designs do a chore."""
        rng = np.random.default_rng(0)
        pieces, number = [], 5
        for i, size in enumerate(SIZES):
            rows = [
                {
                    "chore": rng.choice(chores) if rng.random() < 0.1 else "none",
                    "x": int(rng.integers(99_999)),
                }
                for _ in range(size)
            ]
            numbers = rng.permutation(np.arange(number, number + size))
            fidelity = self.problem.fidelity_names[i % 2]
            pieces.append(Piece(numbers, self.problem.space.designs(rows), fidelity, i // 2 % 2))
            number += size
        return pieces

    def designs(self, *chores: str, x: int = 1) -> list[Piece]:
        """One piece for each chore."""
        designs = self.problem.space.designs([{"chore": chore, "x": x} for chore in chores])
        return [Piece(np.array([i]), designs[i : i + 1], "rough", 0) for i in range(len(chores))]

    def collect(self, backend: Backend, expected: Sequence[int]) -> dict[int, tuple[Any, ...]]:
        """What comes back for the trials expected, each once: {number: row}."""
        found: dict[int, tuple[Any, ...]] = {}
        once = "each trial that was submitted and not cancelled, once"
        until = time.monotonic() + PATIENCE_S
        while set(expected) - set(found):
            expect(
                time.monotonic() < until, self.who, once,
                f"{len(set(expected) - set(found))} of {len(expected)} trials never came back",
            )  # fmt: skip
            for done in backend.poll(1.0):
                rows = _rows(done.outcomes)
                expect(
                    len(rows) == len(done.numbers), self.who, "one outcome for each trial number",
                    f"{len(rows)} outcomes for {len(done.numbers)} numbers",
                )  # fmt: skip
                for number, row in zip(done.numbers.tolist(), rows, strict=True):
                    expect(number in expected, self.who, once, f"trial {number} comes back, which must not")
                    expect(number not in found, self.who, once, f"trial {number} comes back twice")
                    found[number] = row
        expect(len(backend.poll(0.0)) == 0, self.who, once, "more trials than were submitted")
        return found

    def numbers(self) -> None:
        """Each trial comes back once, with the numbers of `Problem.evaluate`, twice on one backend."""
        with self.backend() as backend:
            for _ in range(2):
                pieces = self.pieces("raise", "reject", "nan")
                for piece in pieces:
                    backend.submit(piece)
                found = self.collect(backend, np.concatenate([piece.numbers for piece in pieces]).tolist())
                for piece in pieces:
                    expected = self.problem.evaluate(piece.designs, fidelity=piece.fidelity, seed=piece.seed)
                    for number, row in zip(piece.numbers.tolist(), _rows(expected), strict=True):
                        expect(
                            _equal(found[number], row),
                            f"{self.who}, fidelity {piece.fidelity}, seed {piece.seed}",
                            "the outcomes of Problem.evaluate",
                            f"a trial has {found[number]}; evaluated directly it has {row}",
                        )

    def cancelling(self) -> None:
        """What is cancelled never comes back, whether it runs or waits; all else does."""
        with self.backend() as backend:
            pieces = self.designs(*["nap"] * (backend.capacity + 4))
            for piece in pieces:
                backend.submit(piece)
            backend.cancel(np.array([0, len(pieces) - 1, len(pieces) + 5]))
            self.collect(backend, range(1, len(pieces) - 1))
            backend.submit(self.designs("none")[0])
            self.collect(backend, [0])
        with self.backend() as backend:  # closed while it is busy
            for piece in pieces:
                backend.submit(piece)

    def waiting(self) -> None:
        """`poll` comes back in time, and `cancel` and `close` end what hangs."""
        with self.backend() as backend:
            self._submit_and_collect(backend, "none")
            backend.submit(self.designs("nap")[0])
            self._soon("poll(0)", lambda: backend.poll(0.0), 0.09)
            backend.cancel(np.array([0]))
            backend.submit(self.designs("hang")[0])
            self._soon("poll(0.2)", lambda: backend.poll(0.2), LIMIT_S)
            backend.cancel(np.array([0]))
            self._submit_and_collect(backend, "none")
            backend.submit(self.designs("hang")[0])
            backend.poll(0.2)
            self._soon("close() of a busy backend", backend.close, 10.0)

    def failing(self, *chores: str) -> None:
        """A design that goes wrong fails with a reason, and costs no other one; nothing of it is left."""
        x = random.SystemRandom().randrange(10_000, 99_999)
        with self.backend() as backend:
            for chore in chores:
                pieces = self.designs("none", chore, *["none"] * 5, x=x)
                for piece in pieces:
                    backend.submit(piece)
                found = self.collect(backend, range(len(pieces)))
                for number, (status, reason, *_) in found.items():
                    wrong = status != FAILED or not reason if number == 1 else status != "ok"
                    expect(
                        not wrong,
                        self.who,
                        "that a design which goes wrong fails with a reason, and costs no other",
                        f"of designs of which the second does {chore!r}, number {number + 1} has status "
                        f"{status}, reason {reason!r}",
                    )
                expect(
                    not _runs("sleep", str(LONG_S + x)),
                    self.who,
                    "that nothing is left of a design that was ended",
                    "a process that a design started goes on after the design was ended",
                )

    def _submit_and_collect(self, backend: Backend, chore: str) -> None:
        backend.submit(self.designs(chore)[0])
        self.collect(backend, [0])

    def _soon(self, what: str, act: Callable[[], object], limit_s: float) -> None:
        began = time.monotonic()
        act()
        seconds = time.monotonic() - began
        expect(seconds < limit_s, self.who, f"{what} within {limit_s:g} s", f"{what} takes {seconds:.2f} s")


def _rows(outcomes: Outcomes) -> list[tuple[Any, ...]]:
    """Status, reason and numbers of each design."""
    columns = [column.tolist() for _, column in sorted(outcomes.metrics.items())]
    return list(zip(outcomes.status.tolist(), outcomes.reason.tolist(), *columns, strict=True))


def _equal(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return repr(one) == repr(other)  # NaN is NaN here


def _runs(*command: str) -> bool:
    """Whether this machine runs the command, if it says so."""
    wanted = b"".join(word.encode() + b"\0" for word in command)
    if sys.platform != "linux":
        return False
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes() == wanted:
                return True
    return False
