"""cosearch: a gym for hardware/software co-design search. The public names, imported where they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cosearch.quiet_interrupt import quiet_if_command

quiet_if_command()  # before anything that takes a while

from cosearch.registry import load_plugins  # noqa: E402

if TYPE_CHECKING:
    from cosearch.agent import Agent
    from cosearch.environments.parallel import parallel_env
    from cosearch.fidelity import Fidelity
    from cosearch.hookspecs import hookimpl
    from cosearch.objectives import Constraint, Metric, Objective
    from cosearch.outcomes import Outcomes
    from cosearch.pictures import Picture
    from cosearch.problem import Problem
    from cosearch.registry import make_problem, register
    from cosearch.resources import Resources
    from cosearch.run.evaluator import Evaluator
    from cosearch.run.options import RunOptions
    from cosearch.run.study import Study
    from cosearch.run.trial import Proposals, Results
    from cosearch.settings import Settings, setting
    from cosearch.space import (
        Categorical,
        Designs,
        DesignSpace,
        Forbidden,
        Integer,
        Ordinal,
        Permutation,
        Real,
    )
    from cosearch.store import Store
    from cosearch.task import Task

__version__ = "0.1.0"

_MODULE_OF = {
    "Agent": "cosearch.agent",
    "Categorical": "cosearch.space",
    "Constraint": "cosearch.objectives",
    "DesignSpace": "cosearch.space",
    "Designs": "cosearch.space",
    "Evaluator": "cosearch.run.evaluator",
    "Fidelity": "cosearch.fidelity",
    "Forbidden": "cosearch.space",
    "Integer": "cosearch.space",
    "Metric": "cosearch.objectives",
    "Objective": "cosearch.objectives",
    "Ordinal": "cosearch.space",
    "Outcomes": "cosearch.outcomes",
    "Permutation": "cosearch.space",
    "Picture": "cosearch.pictures",
    "Problem": "cosearch.problem",
    "Proposals": "cosearch.run.trial",
    "Real": "cosearch.space",
    "Resources": "cosearch.resources",
    "Results": "cosearch.run.trial",
    "RunOptions": "cosearch.run.options",
    "Settings": "cosearch.settings",
    "Store": "cosearch.store",
    "Study": "cosearch.run.study",
    "Task": "cosearch.task",
    "hookimpl": "cosearch.hookspecs",
    "make_problem": "cosearch.registry",
    "parallel_env": "cosearch.environments.parallel",
    "register": "cosearch.registry",
    "setting": "cosearch.settings",
}

__all__ = [
    "Agent",
    "Categorical",
    "Constraint",
    "DesignSpace",
    "Designs",
    "Evaluator",
    "Fidelity",
    "Forbidden",
    "Integer",
    "Metric",
    "Objective",
    "Ordinal",
    "Outcomes",
    "Permutation",
    "Picture",
    "Problem",
    "Proposals",
    "Real",
    "Resources",
    "Results",
    "RunOptions",
    "Settings",
    "Store",
    "Study",
    "Task",
    "hookimpl",
    "make_problem",
    "parallel_env",
    "register",
    "setting",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'cosearch' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


load_plugins()  # last, because plugins import cosearch: every problem now has its Gymnasium ids
