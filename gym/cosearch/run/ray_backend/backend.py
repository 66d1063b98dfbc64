"""The backend `ray`: trials are tasks of a Ray cluster, placed by what the problem says that each needs."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import secrets
import sys
import time
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ProblemError
from cosearch.outcomes import FAILED, Outcomes, reason_of
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions, check_options
from cosearch.run.piecework import Piecework
from cosearch.run.ray_backend.cluster import MEBIBYTE, Cluster, check_ray, message_of
from cosearch.run.trial import Done, Piece
from cosearch.run.worker_process import THREADS

# So often a design may lose the worker that runs it before it fails: perhaps it is what ends the workers.
# A machine that goes away takes many workers, so it is seldom one design's fault.
WORKERS_LOST, MACHINES_LOST = 3, 10
# Once some worker was up, so many in a row may be unable to load the problem.
UNFIT_IN_A_ROW = 3
# How long a cluster may take to get a machine that is large enough for an evaluation.
PLACE_S = 60.0
LONGEST_WAIT_S = 3600.0
# So many tasks for each worker are told where the problem is; later ones only where a worker asks.
BOXES = 4


class Ray(Piecework):
    """On a Ray cluster: as tasks that need what the problem says, one thread for each CPU of it.

    The problem is put into the cluster once; each worker loads it once. What was lost with its worker or
    machine is run again; a design that raises is not. Limits hold wherever the worker is.

    Args:
        problem: what runs; its `resources` say what each trial needs.
        options: workers, limits, and the address of the cluster: `auto`, HOST:PORT, or None for one of its
            own on this machine, with as many CPUs as the workers need, whatever the machine has.

    Raises:
        ArgumentError: for options that make no sense, if Ray is not installed, or if no cluster answers.
        ProblemError: if the problem cannot be sent to another process.
    """

    name: ClassVar[str] = "ray"

    def __init__(self, problem: Problem, options: BackendOptions) -> None:
        check_options(options)
        check_ray(options.address)
        super().__init__(problem, options)
        self._cluster: Cluster | None = None
        self._token = secrets.token_hex(6)
        self._box: Any = None
        self._task: Any = None
        self._running: dict[Any, Piece] = {}
        self._lost: dict[int, int] = {}  # by trial: how often its worker was lost
        self._some_was_up, self._unfit = False, 0
        self._boxes = BOXES * self.capacity  # tasks that are told where the problem is
        self._placed_until = math.inf

    def _is_running(self) -> bool:
        return bool(self._running)

    def _stop_those_with(self, numbers: NDArray[np.int64]) -> list[Piece]:
        return self._stop(
            [ref for ref, piece in self._running.items() if np.isin(piece.numbers, numbers).any()]
        )

    def close(self) -> None:
        """See `Backend.close`; a cluster of the study's own ends, which takes two seconds or so."""
        self._waiting.clear()
        self._done.clear()
        self._stop(list(self._running))
        self._box = self._task = None
        if self._cluster is not None:
            self._cluster.leave()
            self._cluster = None

    # ------------------------------------------------------------------------------------------- handing out

    def _hand_out(self) -> None:
        """Start tasks, as many as there are workers: the cluster may have room for more."""
        if not self._waiting:
            return
        if self._task is None:
            self._join()
        while self._waiting and len(self._running) < self.capacity:
            part = self._next_part()
            work = (self._token, part.designs.index, part.fidelity, part.seed)
            ref = self._task.remote(pickle.dumps(work, protocol=5), self._box if self._boxes > 0 else None)
            self._boxes -= 1
            self._running[ref] = part

    def _join(self) -> None:
        from cosearch.run.ray_backend.task import Box, own_version, packed, run_piece

        try:
            content = packed(self.problem)
        except Exception as error:  # pickle raises whatever the author's objects raise
            raise ProblemError(
                f"problem {self.problem.name} cannot be sent to a Ray worker: {reason_of(error)}"
            ) from None
        needs, address = self.problem.resources, self.options.address
        path = tuple(one for one in sys.path if one)
        variables = {name: os.environ.get(name, str(needs.threads)) for name in THREADS}
        own = {**variables, "PYTHONPATH": os.pathsep.join(path)}
        self._cluster = cluster = Cluster(address, self.capacity, needs, content.nbytes, own)
        if lack := cluster.lacks(needs):
            if cluster.own:
                raise self._too_small(lack)
            self._placed_until = time.monotonic() + PLACE_S
        import ray

        options = replace(self.options, workers=1, address=None)
        self._box = (ray.put(Box(own_version(), options, path, content)),)
        self._task = ray.remote(run_piece).options(
            num_cpus=needs.cpus,
            num_gpus=needs.gpus,
            memory=needs.memory_mb * MEBIBYTE or None,
            resources=dict(needs.custom) or None,
            max_retries=0,  # Ray would run a design again that ends its worker, as often as it does so
            # workers that are up already can be had where they have all that
            runtime_env=None if cluster.variables == own else {"env_vars": own if cluster.own else variables},
            name=f"cosearch {self.problem.name}",
        )

    def _too_small(self, lack: str) -> ProblemError:
        where = "this machine" if self._cluster is None or self._cluster.own else "any machine of the cluster"
        return ProblemError(
            f"problem {self.problem.name} needs {self.problem.resources} for each evaluation, more than "
            f"{where} has (at most {lack}); `ray start --resources` declares what a machine has"
        )

    # ------------------------------------------------------------------------------------------- listening

    def _attend(self, until: float) -> None:
        """Wait for what happens next and take note of it."""
        import ray

        now = time.monotonic()
        until = min(until, now + LONGEST_WAIT_S, self._placed_until)
        refs = list(self._running)
        ready, left = ray.wait(refs, num_returns=1, timeout=max(0.0, until - now), fetch_local=True)
        if not ready and time.monotonic() >= self._placed_until:
            self._check_place()
        if ready and left:
            ready += ray.wait(left, num_returns=len(left), timeout=0)[0]
        for ref, answer in zip(ready, _answers(ready), strict=True):
            piece = self._running.pop(ref)
            if isinstance(answer, Exception):
                self._lose(piece, answer)
            else:
                self._take(piece, *answer)

    def _check_place(self) -> None:
        lack = self._cluster.lacks(self.problem.resources) if self._cluster is not None else ""
        self._placed_until = math.inf
        if lack:
            raise self._too_small(lack)

    def _take(self, piece: Piece, what: str, answer: Any, seconds: float) -> None:
        from cosearch.run.ray_backend.task import DONE, UNFIT, UNKNOWN

        if what == UNKNOWN:  # a worker that is new
            self._boxes = max(self._boxes, 0) + 1
            self._waiting.appendleft(piece)
            return
        if what == UNFIT:
            self._unfit += 1
            if not self._some_was_up or self._unfit >= UNFIT_IN_A_ROW:
                raise ProblemError(
                    f"problem {self.problem.name}: a Ray worker could not load it: {answer}; every machine "
                    "of the cluster needs the same packages"
                )
            self._waiting.appendleft(piece)
            return
        self._some_was_up, self._unfit = True, 0
        if what != DONE:
            self._fail(piece, str(answer))
        elif not isinstance(answer, Outcomes) or len(answer) != len(piece):
            self._fail(piece, "the Ray worker sent what is no answer")
        else:
            self._part.learn(len(piece), seconds)
            self._done.append(Done(piece.numbers, answer, seconds))

    def _lose(self, piece: Piece, error: Exception) -> None:
        """Run again what was lost with its worker, unless it was so too often."""
        from ray import exceptions

        why = message_of(error)
        if isinstance(error, exceptions.LocalRayletDiedError | exceptions.RuntimeEnvSetupError):
            raise ProblemError(f"Ray ended on this machine: {why}; resume the study once it runs again")
        if isinstance(error, exceptions.TaskCancelledError | exceptions.RayTaskError):
            self._fail(piece, why)
            return
        most = MACHINES_LOST if isinstance(error, exceptions.NodeDiedError) else WORKERS_LOST
        number = int(piece.numbers[0])
        self._lost[number] = self._lost.get(number, 0) + (len(piece) == 1)
        if len(piece) > 1:  # perhaps one of them did it: each alone
            self._fail(piece, why)
        elif self._lost[number] < most:
            self._waiting.appendleft(piece)
        else:
            self._fail(piece, f"its Ray worker was lost {self._lost[number]} times: {why}")

    def _fail(self, piece: Piece, why: str) -> None:
        if len(piece) > 1:  # find the one that did it
            self._waiting.extendleft(piece.take(slice(i, i + 1)) for i in reversed(range(len(piece))))
        else:
            outcomes = Outcomes.without_metrics(self.problem.metric_names, [why], FAILED)
            self._done.append(Done(piece.numbers, outcomes))

    def _stop(self, refs: list[Any]) -> list[Piece]:
        """Cancel tasks, and end the workers that run them; the pieces."""
        pieces = [self._running.pop(ref) for ref in refs]
        for ref in refs:
            with contextlib.suppress(Exception):  # Ray itself may be gone
                import ray

                ray.cancel(ref, force=True)
        return pieces


def _answers(refs: list[Any]) -> list[Any]:
    """What tasks returned, or the error that Ray has instead."""
    import ray

    try:
        return list(ray.get(refs))
    except Exception:
        if len(refs) == 1:
            return [_error(refs[0])]
    return [_error(ref) for ref in refs]


def _error(ref: Any) -> Any:
    import ray

    try:
        return ray.get(ref)
    except Exception as error:
        return error
