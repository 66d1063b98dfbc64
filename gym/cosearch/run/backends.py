"""Which backend a study runs on."""

from __future__ import annotations

from cosearch.errors import UnknownNameError
from cosearch.problem import Problem
from cosearch.registry import backend_class
from cosearch.run.backend import Backend, BackendOptions
from cosearch.run.inline import Inline
from cosearch.run.processes import Processes

BUILT_IN = (Inline, Processes)


def make_backend(problem: Problem, options: BackendOptions, name: str | None = None) -> Backend:
    """The backend with this name; by default this process where that is safe and enough, else workers.

    Raises:
        UnknownNameError: if no plugin brings such a backend.
        ArgumentError: for options that it cannot honour.
    """
    if name is None:
        name = "processes" if options.workers > 1 or options.limited or problem.isolated else "inline"
    return _class(name)(problem, options)


def check_backend_fits(problem: Problem, options: BackendOptions, name: str | None = None) -> None:
    """Raise what `make_backend` would, as far as that can be said before anything is started."""
    if name is None or _class(name) in BUILT_IN:
        make_backend(problem, options, name).close()


def _class(name: str) -> type[Backend]:
    try:
        return backend_class(name)
    except UnknownNameError as error:
        raise UnknownNameError(
            f"{error}; others come with plugins: pip install one (`cosearch plugins` lists what is installed)"
        ) from None
