"""The problem and the agent of a study, from what was recorded of them or from what a user passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosearch.agent import Agent
from cosearch.errors import ArgumentError, StoreError, shown
from cosearch.problem import Problem
from cosearch.registry import agent_class, make_problem
from cosearch.store import StudyRecord
from cosearch.task import Task

IMPORTED = "imported"  # in the place of an agent's name: who made the evaluations of an import


def built_agent(
    agent: str | type[Agent] | Agent, task: Task, seed: int, budget: int, settings: Mapping[str, Any]
) -> Agent:
    """An agent by its name or class, or one that is built already.

    Raises:
        UnknownNameError: for a name that no plugin brings, or an unknown hyperparameter.
        ArgumentError: for an agent that was built otherwise, or for another space.
    """
    if isinstance(agent, Agent):
        if settings and dict(settings) != {k: agent.settings.get(k) for k in settings}:
            raise ArgumentError(f"agent {agent.name} is built already: build it with its settings")
        if agent.space != task.space:
            raise ArgumentError(f"agent {agent.name} was built for another space than the problem's")
        return agent
    built = agent_class(agent) if isinstance(agent, str) else agent
    if not (isinstance(built, type) and issubclass(built, Agent)):
        raise ArgumentError(f"{shown(agent)} is no agent; expected a name, a class or an Agent")
    return built(task, seed=seed, budget=budget, **settings)


def problem_of(record: StudyRecord) -> Problem:
    """The problem of a recorded study, built again as it was.

    Raises:
        CosearchError: if it is not installed, or is not the same any more.
    """
    problem = make_problem(
        record.problem,
        objectives=record.objectives,
        constraints=record.constraints,
        **record.problem_arguments,
    ).hold(record.space.get("held", {}))
    return same_problem(record, problem)


def same_problem(record: StudyRecord, problem: Problem) -> Problem:
    """The problem, if it is the one that was recorded.

    Raises:
        StoreError: if it has another version, space or workload.
    """
    differs = []
    if problem.version != record.problem_version:
        differs.append(f"v{record.problem_version}, here v{problem.version}")
    if problem.space.hash() != record.space_hash:
        differs.append("another design space")
    if differs:
        raise StoreError(
            f"study {record.name!r} was made with another version of problem {record.problem} "
            f"({', '.join(differs)}), whose numbers are others; it can be reported, but not go on: start a "
            "new study"
        )
    # a study of format 1 has a digest of another kind, and no options
    if record.options and problem.workload_digest != record.workload_digest:
        raise StoreError(
            f"study {record.name!r}: the workload's file has changed since the study began; "
            "put the old one back, or start a new study"
        )
    return problem
