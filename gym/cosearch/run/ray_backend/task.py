"""What a task does in a Ray worker: load the problem, once for each worker, and run designs.

Where designs have limits or run apart, the Ray worker is a study's `processes` backend with one worker of its
own: on whatever machine that is, the same limits hold and the same processes are ended.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.outcomes import Outcomes, reason_of
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions
from cosearch.run.processes import Processes
from cosearch.run.trial import Done, Piece
from cosearch.space import Designs

DONE, FAILED, UNFIT, UNKNOWN = "done", "failed", "unfit", "unknown"


@dataclass(frozen=True)
class Box:
    """What a worker needs to know of a study; it is put into the cluster once.

    Attributes:
        version: of the study's cosearch.
        options: of one worker.
        path: the study's import path.
        problem: as `packed` made it.
    """

    version: str
    options: BackendOptions
    path: Sequence[str]
    problem: NDArray[np.uint8]


@dataclass
class _Loaded:
    token: str
    problem: Problem
    apart: Processes | None


_loaded: _Loaded | None = None


def own_version() -> str:
    """Of the cosearch that is installed here."""
    try:
        return metadata.version("cosearch")
    except metadata.PackageNotFoundError:
        return "none"


def packed(problem: Problem) -> NDArray[np.uint8]:
    """A problem as bytes, its class with it where that stands in the user's script."""
    from ray import cloudpickle

    return np.frombuffer(cloudpickle.dumps(problem), dtype=np.uint8)


def run_piece(work: bytes, box: tuple[Any] | None) -> tuple[str, Any, float]:
    """Run n designs.

    Args:
        work: pickled, which is one argument for Ray to look at and not four: the token of the study's run
            (a worker keeps the problem of the last that it saw), the index of the designs, of shape
            (n, parameters), their fidelity and their seed.
        box: where the study's `Box` is, within a tuple, so that Ray does not fetch it for each task; None
            where the worker should know the study.

    Returns:
        What came of it, the outcomes or the reason, and the seconds that it took.
    """
    pid = os.getpid()
    token, index, fidelity, seed = pickle.loads(work)
    if box is None and (_loaded is None or _loaded.token != token):
        return UNKNOWN, None, 0.0
    try:
        loaded = _load(token, box)
    except BaseException as error:  # whatever a plugin does at import
        return UNFIT, reason_of(error), 0.0
    began = time.perf_counter()
    try:
        designs = Designs(loaded.problem.space, index)
        if loaded.apart is not None:
            outcomes = _run_apart(loaded.apart, designs, fidelity, seed)
        else:
            outcomes = loaded.problem.run(designs, fidelity=fidelity, seed=seed)
        answer: tuple[str, Any, float] = (DONE, outcomes, time.perf_counter() - began)
    except BaseException as error:  # Ctrl-C's exception, raised by a simulator, is no Ctrl-C
        answer = FAILED, reason_of(error), time.perf_counter() - began
    if os.getpid() != pid:  # a simulator forked and both came back
        os._exit(1)
    return answer


def _load(token: str, box: tuple[Any] | None) -> _Loaded:
    global _loaded
    if _loaded is None or _loaded.token != token:
        if _loaded is not None and _loaded.apart is not None:
            _loaded.apart.close()
        _loaded = None
        assert box is not None
        _loaded = _load_anew(token, box)
    return _loaded


def _load_anew(token: str, box: tuple[Any]) -> _Loaded:
    import ray

    found: Box = ray.get(box[0])
    if own_version() != found.version:
        raise RuntimeError(f"this machine has cosearch {own_version()}, the study {found.version}")
    sys.path.extend(path for path in found.path if path not in sys.path and os.path.isdir(path))
    problem = pickle.loads(found.problem.data)
    if not (found.options.limited or problem.isolated):
        return _Loaded(token, problem, None)
    return _Loaded(token, problem, Processes(problem, found.options, packed=found.problem.tobytes()))


def _run_apart(apart: Processes, designs: Designs, fidelity: str, seed: int) -> Outcomes:
    apart.submit(Piece(np.arange(len(designs)), designs, fidelity, seed))
    done: list[Done] = []
    while found := apart.poll():
        done += found
    order = np.argsort(np.concatenate([one.numbers for one in done]))
    return Outcomes.concat([one.outcomes for one in done]).take(order)
