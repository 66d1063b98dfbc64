"""Strategies of joint search: how any agent goes about a space whose parameters are in groups.

`joint` is the agent as it is, on all groups at once. The others drive agents of that class, each over some of
the groups, with the rest held. A strategy and an agent together are an agent, named "successive:nsga2":
whoever takes the name of an agent takes such a name. The setting `groups` says what is searched together, as
`sides` explains: "network,precision/hardware".
"""

from __future__ import annotations

import functools

from cosearch.agent import Agent
from cosearch.errors import ArgumentError, unknown_name
from cosearch.space import DesignSpace
from cosearch.strategies.alternating import AlternatingStrategy
from cosearch.strategies.hierarchical import HierarchicalStrategy
from cosearch.strategies.staged import StagedAgent
from cosearch.strategies.successive import SuccessiveStrategy

JOINT = "joint"
STAGED: dict[str, type[StagedAgent]] = {
    strategy.name: strategy for strategy in (AlternatingStrategy, SuccessiveStrategy, HierarchicalStrategy)
}
STRATEGIES = (JOINT, *STAGED)


def check_strategy(name: str) -> None:
    """Raise `UnknownNameError` if there is no such strategy."""
    if name not in STRATEGIES:
        raise unknown_name("strategy", name, STRATEGIES)


@functools.cache
def strategy_class(strategy: str, agent: type[Agent]) -> type[Agent]:
    """The class of a strategy over an agent; its hyperparameters are those of both.

    Raises:
        UnknownNameError: for a strategy that there is not.
        ArgumentError: for a strategy over a strategy, or an agent that has a hyperparameter of that name.
    """
    check_strategy(strategy)
    if strategy == JOINT:
        return agent
    if issubclass(agent, StagedAgent):
        raise ArgumentError(f"agent {agent.name} has a strategy already: give one")
    base, inner = STAGED[strategy], agent.hyperparameters
    own = base.hyperparameters
    assert own is not None  # each strategy has some
    name = f"{strategy}:{agent.name}"
    for clash in set(own.names) & set(inner.names if inner else ()):
        raise ArgumentError(f"agent {name}: both have a hyperparameter {clash!r}")
    both = DesignSpace([*own, *(inner or ())], inner.forbidden if inner else (), name=own.name)
    made: type[Agent] = type(
        base.__name__,
        (base,),
        {
            "__doc__": base.__doc__,
            "__module__": base.__module__,
            "name": name,
            "inner": agent,
            "hyperparameters": both,
            "generational": agent.generational,
        },
    )
    return made
