"""What a trip to a backend costs, for one design and in pieces of 1,000 (pytest-benchmark)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

from cosearch.run.backend import Backend, BackendOptions
from cosearch.run.inline import Inline
from cosearch.run.processes import Processes
from cosearch.run.trial import Piece
from small_problems import TwoSpheres

PIECE, PIECES = 1000, 20
BACKENDS = {
    "inline": lambda problem: Inline(problem, BackendOptions()),
    "processes, 1 worker": lambda problem: Processes(problem, BackendOptions()),
    "processes, 2 workers": lambda problem: Processes(problem, BackendOptions(workers=2)),
    "processes, limited": lambda problem: Processes(problem, BackendOptions(timeout_s=60, memory_mb=1000)),
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend whose workers are up."""
    made = BACKENDS[request.param](TwoSpheres())
    search(made, pieces(64, 64))
    yield made
    made.close()


def pieces(designs: int, each: int) -> list[Piece]:
    """Pieces of so many designs each."""
    sampled = TwoSpheres.space.sample(designs, 0)
    whole = Piece(np.arange(designs), sampled, "analytical", 0)
    return [whole.take(slice(i, i + each)) for i in range(0, designs, each)]


def search(backend: Backend, handed_over: list[Piece]) -> int:
    """Keep as many pieces under way as the backend takes; how many trials came back."""
    waiting, back = iter(handed_over), 0
    expected = sum(map(len, handed_over))
    for piece in islice(waiting, 2 * backend.capacity):
        backend.submit(piece)
    while back < expected:
        back += sum(len(done.numbers) for done in backend.poll())
        if (piece := next(waiting, None)) is not None:
            backend.submit(piece)
    return back


def test_a_trip_for_one_design(benchmark: Any, backend: Backend) -> None:
    (piece,) = pieces(1, 1)

    def trip() -> int:
        backend.submit(piece)
        return len(backend.poll())

    assert benchmark(trip) == 1


def test_pieces_of_a_thousand(benchmark: Any, backend: Backend) -> None:
    handed_over = pieces(PIECE * PIECES, PIECE)
    if getattr(backend, "one_by_one", False):
        handed_over = handed_over[:1]
    back = benchmark(search, backend, handed_over)
    assert back == sum(map(len, handed_over))
    if benchmark.stats is not None:
        benchmark.extra_info["designs for each second"] = round(back / benchmark.stats["median"])
