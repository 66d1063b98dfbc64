"""Several networks at once on several sub-accelerators: which layer runs where, and when.

The layers of a task run one after the other, each on any sub-accelerator; tasks run side by side. The
schedule is a
list schedule: of the tasks' next layers that with the most work behind it goes first (R. Graham: "Bounds on
multiprocessing timing anomalies", SIAM J. Appl. Math. 17 (1969); by longest remaining path, as HEFT: H.
Topcuoglu et al., IEEE TPDS 13 (2002)), to the sub-accelerator where its finish and its energy, weighted, are
least. That is the mapping problem of L. Yang et al.: "Co-exploration of neural architectures and
heterogeneous ASIC accelerator designs targeting multiple tasks", DAC 2020, section IV.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosearch_simulators.networks.networks import Networks

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Schedules:
    """Of n designs.

    Attributes:
        latency_ns: (n,) until the last layer of the last task is done.
        energy_pj: (n,) of all layers.
        place: for each task the sub-accelerator of each layer, in the order of its `Networks.layer`.
        start_ns: for each task when each layer begins.
    """

    latency_ns: Floats
    energy_pj: Floats
    place: list[NDArray[np.int64]]
    start_ns: list[Floats]


def schedule(
    tasks: Sequence[Networks],
    latency_ns: Sequence[Floats],
    energy_pj: Sequence[Floats],
    energy_weight: Floats,
) -> Schedules:
    """Lay out the tasks of n designs.

    Args:
        tasks: n networks of each task.
        latency_ns: for each task (layers of all, sub-accelerators).
        energy_pj: likewise.
        energy_weight: (n,) what a layer's energy, relative to its least, counts against its finish, relative
            to the earliest.
    """
    starts = np.stack([task.start for task in tasks])
    firsts = np.concatenate([[0], np.cumsum([len(task.layer) for task in tasks])]).astype(np.int64)
    times = np.concatenate(list(latency_ns))
    energies = np.concatenate(list(energy_pj))
    place, begins = np.zeros(len(times), np.int64), np.zeros(len(times))
    out = np.zeros((starts.shape[1] - 1, 2))
    _schedule_all(starts, firsts, times, energies, np.asarray(energy_weight, np.float64), place, begins, out)
    parts = [slice(firsts[number], firsts[number + 1]) for number in range(len(tasks))]
    return Schedules(out[:, 0], out[:, 1], [place[part] for part in parts], [begins[part] for part in parts])


@njit(nogil=True, cache=True, error_model="numpy")
def _schedule_all(starts, firsts, times, energies, weights, place, begins, out):
    tasks, number = starts.shape[0], starts.shape[1] - 1
    places = times.shape[1]
    following, ready, behind = np.zeros(tasks, np.int64), np.zeros(tasks), np.zeros(tasks)
    free = np.zeros(places)
    for design in range(number):
        free[:] = 0.0
        for task in range(tasks):
            following[task], ready[task], behind[task] = starts[task, design], 0.0, 0.0
            for layer in range(starts[task, design], starts[task, design + 1]):
                behind[task] += times[firsts[task] + layer].min()
        energy = 0.0
        while True:
            chosen = -1
            for task in range(tasks):
                waits = following[task] < starts[task, design + 1]
                if waits and (chosen < 0 or behind[task] > behind[chosen]):
                    chosen = task
            if chosen < 0:
                break
            row = firsts[chosen] + following[chosen]
            earliest, least = np.inf, np.inf
            for where in range(places):
                earliest = min(earliest, max(free[where], ready[chosen]) + times[row, where])
                least = min(least, energies[row, where])
            best, where_best = np.inf, 0
            for where in range(places):
                finish = max(free[where], ready[chosen]) + times[row, where]
                score = finish / earliest + weights[design] * energies[row, where] / least
                if score < best:
                    best, where_best = score, where
            begin = max(free[where_best], ready[chosen])
            place[row], begins[row] = where_best, begin
            free[where_best] = ready[chosen] = begin + times[row, where_best]
            energy += energies[row, where_best]
            behind[chosen] -= times[row].min()
            following[chosen] += 1
        out[design, 0], out[design, 1] = ready.max(), energy
