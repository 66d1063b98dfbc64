"""The backends that come with cosearch: what `check_backend` asks of any, and what is theirs."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

from cosearch import Designs
from cosearch.errors import ArgumentError
from cosearch.run import printing
from cosearch.run.backend import BackendOptions
from cosearch.run.builtin_backends import cosearch_backends
from cosearch.run.inline import Inline
from cosearch.run.part_size import PartSize
from cosearch.run.processes import Processes
from cosearch.run.ray_backend import Ray
from cosearch.run.trial import Done, Piece
from cosearch.testing import ConformanceError, check_backend
from misbehaving_problems import Misbehaving
from small_problems import TwoSpheres

# That of a cluster has tests of its own, which start one.
HERE = [backend_class for backend_class in cosearch_backends() if backend_class is not Ray]


@pytest.mark.parametrize("backend_class", HERE, ids=lambda backend_class: backend_class.name)
def test_it_keeps_the_contract(backend_class):
    check_backend(backend_class)


def deeds(problem: Misbehaving, *deeds: str) -> Designs:
    return problem.space.designs([{"deed": deed, "x": 7} for deed in deeds])


def piece(designs: Designs) -> Piece:
    return Piece(np.arange(len(designs)), designs, "analytical", 0)


# ------------------------------------------------------------------------------ the kit finds what is wrong


class Forgetful(Inline):
    """Loses the last trial of a piece."""

    name = "forgetful"

    def poll(self, timeout_s=None):
        done = super().poll(timeout_s)
        return [
            Done(d.numbers[:-1], d.outcomes.take(slice(0, -1))) if len(d.numbers) > 1 else d for d in done
        ]


class Repeating(Inline):
    """Returns everything twice."""

    name = "repeating"

    def poll(self, timeout_s=None):
        return [*(done := super().poll(timeout_s)), *done]


class Seedless(Inline):
    """Runs everything with seed 0."""

    name = "seedless"

    def submit(self, piece):
        super().submit(Piece(piece.numbers, piece.designs, piece.fidelity, 0))


class OneFidelity(Inline):
    """Runs everything at one fidelity."""

    name = "one-fidelity"

    def submit(self, piece):
        super().submit(Piece(piece.numbers, piece.designs, "rough", piece.seed))


class Shuffling(Inline):
    """Mixes up which outcome is whose."""

    name = "shuffling"

    def poll(self, timeout_s=None):
        return [Done(d.numbers[::-1], d.outcomes) for d in super().poll(timeout_s)]


class Deaf(Inline):
    """Cannot cancel."""

    name = "deaf"

    def cancel(self, numbers):
        pass


class Promising(Inline):
    """Takes limits that it cannot honour; says who fails."""

    name = "promising"

    def __init__(self, problem, options):
        super().__init__(problem, BackendOptions())


@pytest.mark.parametrize(
    ("backend_class", "complaint"),
    [
        (Forgetful, "trials never came back"),
        (Repeating, "comes back twice"),
        (Seedless, "seed 1: the contract asks the outcomes of Problem.evaluate; what came back: a trial"),
        (OneFidelity, "fidelity exact"),
        (Shuffling, "evaluated directly it has"),
        (Deaf, "comes back, which must not"),
    ],
)
def test_the_kit_finds_it(backend_class, complaint, monkeypatch):
    monkeypatch.setattr("cosearch.testing.backends.PATIENCE_S", 0.5)
    with pytest.raises(ConformanceError, match=complaint):
        check_backend(backend_class)


# --------------------------------------------------------------------------------------------------- inline


def test_prints_of_a_simulator_do_not_reach_stdout(capfd):
    problem = Misbehaving()
    backend = Inline(problem, BackendOptions())
    backend.submit(piece(deeds(problem, "prints_megabytes_in_python", "fine")))
    backend.submit(piece(deeds(problem, "prints_surrogates")))
    while backend.poll():
        pass
    print("a result")
    out, err = capfd.readouterr()
    assert out == "a result\n"
    assert 1_000_000 < len(err) < 1_000_200
    last = (
        f"problem misbehaving printed more than {printing.MOST_CHARACTERS} characters; the rest is left out\n"
    )
    assert err.endswith(last)


def test_stdout_is_back_after_ctrl_c_and_when_threads_overlap():
    before = sys.stdout
    with pytest.raises(KeyboardInterrupt):
        run_inline("raises_keyboard_interrupt")
    assert sys.stdout is before
    threads = [threading.Thread(target=run_inline, args=("sleeps_a_little",)) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert sys.stdout is before


def run_inline(deed: str) -> None:
    backend = Inline(Misbehaving(), BackendOptions())
    backend.submit(piece(deeds(backend.problem, deed)))
    backend.poll()


def test_what_ctrl_c_interrupted_still_waits():
    problem = Misbehaving()
    backend = Inline(problem, BackendOptions())
    backend.submit(piece(deeds(problem, "raises_keyboard_interrupt")))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            backend.poll()


def test_a_part_takes_about_a_second():
    size = PartSize()
    for _ in range(10):
        size.learn(size.designs, size.designs * 0.01)
    assert size.designs == 100
    size.learn(100, 1000.0)  # one slow part does not throw it off
    assert size.designs == 25


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (BackendOptions(workers=2), "several workers"),
        (BackendOptions(isolated=True), "isolated designs"),
        (BackendOptions(timeout_s=1), "a time limit for each design"),
        (BackendOptions(memory_mb=1), "a memory limit for each design"),
    ],
)
def test_inline_has_no_limits(options, complaint):
    with pytest.raises(
        ArgumentError, match=f"backend inline cannot have {complaint}; take backend processes"
    ):
        Inline(TwoSpheres(), options)


# ------------------------------------------------------------------------------------------------ processes


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (BackendOptions(workers=0), "workers must be at least 1, not 0"),
        (BackendOptions(timeout_s=0.0), "time limit must be above 0 s, not 0.0"),
        (BackendOptions(timeout_s=float("nan")), "time limit must be above 0 s, not nan"),
        (BackendOptions(memory_mb=0), "memory limit must be at least 1 MB, not 0"),
    ],
)
def test_processes_refuses_what_makes_no_sense(options, complaint):
    with pytest.raises(ArgumentError, match=complaint):
        Processes(TwoSpheres(), options)


@pytest.mark.parametrize("backend_class", HERE)
def test_a_backend_of_this_machine_takes_no_address(backend_class):
    with pytest.raises(ArgumentError, match="takes no address; take backend ray for a cluster"):
        backend_class(TwoSpheres(), BackendOptions(address="auto"))


def test_designs_run_one_by_one_where_that_is_asked():
    assert not Processes(TwoSpheres(), BackendOptions(workers=2)).one_by_one
    for options in (BackendOptions(isolated=True), BackendOptions(timeout_s=1), BackendOptions(memory_mb=9)):
        assert Processes(TwoSpheres(), options).one_by_one


def test_workers_share_a_piece_and_the_cores():
    problem = Misbehaving()
    backend = Processes(problem, BackendOptions(workers=2))
    try:
        designs = problem.space.designs([{"deed": "tells_who_it_is", "x": x} for x in range(40)])
        backend.submit(piece(designs))
        done = []
        while found := backend.poll():
            done += found
        answers = np.concatenate([one.outcomes["value"] for one in done])
        assert len(answers) == 40
        assert set(np.floor(answers)) == {worker.pid for worker in backend._workers}
        assert set(np.round(answers % 1, 2)) == {0.01}  # one thread each
    finally:
        backend.close()


def test_a_worker_that_dies_while_idle_costs_nothing():
    problem = Misbehaving()
    backend = Processes(problem, BackendOptions())
    try:
        for _ in range(2):
            backend.submit(piece(deeds(problem, "fine")))
            (done,) = backend.poll()
            assert done.outcomes.ok.all()
            backend._workers[0].process.kill()
            time.sleep(0.2)
    finally:
        backend.close()


def test_results_larger_than_a_pipe_and_pieces_too():
    problem = TwoSpheres()
    designs = problem.space.sample(200_000, 0)
    backend = Processes(problem, BackendOptions())
    backend._part.designs = len(designs)
    try:
        backend.submit(piece(designs))
        (done,) = backend.poll()
    finally:
        backend.close()
    np.testing.assert_array_equal(done.outcomes["left"], problem.evaluate(designs)["left"])
