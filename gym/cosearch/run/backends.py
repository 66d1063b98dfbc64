"""Which backend a study runs on."""

from __future__ import annotations

from cosearch.problem import Problem
from cosearch.registry import backend_class
from cosearch.run.backend import Backend, BackendOptions


def make_backend(problem: Problem, options: BackendOptions, name: str | None = None) -> Backend:
    """The backend with this name; by default this process where that is safe and enough, else workers.

    Raises:
        UnknownNameError: if no plugin brings such a backend.
        ArgumentError: for options that it cannot honour.
    """
    if name is None:
        name = "processes" if options.workers > 1 or options.limited or problem.isolated else "inline"
    return backend_class(name)(problem, options)
