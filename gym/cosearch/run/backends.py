"""Which backend a study runs on."""

from __future__ import annotations

from cosearch.errors import UnknownNameError, nearest, unknown_name
from cosearch.problem import Problem
from cosearch.registry import registry
from cosearch.run.backend import Backend, BackendOptions
from cosearch.run.inline import Inline
from cosearch.run.processes import Processes
from cosearch.run.ray_backend import Ray

# Also where `COSEARCH_PLUGINS` names other plugins only: nothing runs without a backend.
BUILT_IN: dict[str, type[Backend]] = {cls.name: cls for cls in (Inline, Processes, Ray)}


def make_backend(problem: Problem, options: BackendOptions, name: str | None = None) -> Backend:
    """The backend with this name; by default this process where that is safe and enough, else workers.

    An address of a cluster means Ray.

    Raises:
        UnknownNameError: if no plugin brings such a backend.
        ArgumentError: for options that it cannot honour.
    """
    if name is None and options.address is not None:
        name = "ray"
    elif name is None:
        name = "processes" if options.workers > 1 or options.limited or problem.isolated else "inline"
    return _class(name)(problem, options)


def check_backend_fits(problem: Problem, options: BackendOptions, name: str | None = None) -> None:
    """Raise what `make_backend` would, as far as that can be said before anything is started."""
    if name is None or _class(name) in BUILT_IN.values():
        make_backend(problem, options, name).close()


def _class(name: str) -> type[Backend]:
    known = {**registry().backends, **BUILT_IN}
    if name not in known:
        error = unknown_name("backend", name, known)
        if nearest(name, known):
            raise error
        raise UnknownNameError(
            f"{error}; others come with plugins: pip install one (`cosearch plugins` lists what is installed)"
        )
    return known[name]
