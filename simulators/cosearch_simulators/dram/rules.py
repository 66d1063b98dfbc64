"""Timing rules as data, and their compilation into the flat arrays that the engine walks.

A rule says that the `following` commands must come `cycles` after the `preceding` ones at the same node of
`level`. The tables of rules live beside the timings of each standard; nothing here knows a standard.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError

COMMANDS = ("ACT", "PREpb", "PREab", "RD", "RDA", "WR", "WRA", "REFab")
"""The commands that the engine issues; a command's code is its position. `pb` is per bank, `ab` all banks."""

COMMAND_SCOPE = ("Bank", "Bank", "Rank", "Bank", "Bank", "Bank", "Bank", "Rank")
"""The level of the node that each command addresses. It binds the node, those above it and all below it."""


@dataclass(frozen=True)
class Rule:
    """One line of a standard's timing table.

    Attributes:
        level: at whose nodes the commands are compared, such as "Rank".
        preceding: names of the earlier commands.
        following: names of the later commands.
        cycles: the distance, an expression over the timing names such as "nCWL + nBL + nWR".
        window: counted from the window-th last preceding command (4 for the four-activate window).
        sibling: the preceding command was sent to another node of the same level (rank switch).
    """

    level: str
    preceding: tuple[str, ...]
    following: tuple[str, ...]
    cycles: str
    window: int = 1
    sibling: bool = False


@dataclass(frozen=True)
class EvaluatedRule:
    """A rule whose distance is a number of clock cycles."""

    level: str
    preceding: tuple[str, ...]
    following: tuple[str, ...]
    cycles: int
    window: int
    sibling: bool


@dataclass(frozen=True)
class Topology:
    """The tree of nodes of one channel, level by level from "Channel" down to "Bank".

    Attributes:
        levels: names from the root down.
        counts: children of each node's parent at that level; the root counts 1.
    """

    levels: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def nodes_per_level(self) -> tuple[int, ...]:
        """How many nodes the whole channel has at each level."""
        return tuple(int(n) for n in np.cumprod(self.counts))

    @property
    def banks(self) -> int:
        """How many banks the channel has."""
        return self.nodes_per_level[-1]


def cycles_of(expression: str, timings: Mapping[str, int]) -> int:
    """The value of a sum or difference of timing names and whole numbers, such as "nCL + nBL + 2 - nCWL".

    Raises:
        ConfigurationError: the expression names an unknown timing or uses another operation.
    """
    try:
        return _value(ast.parse(expression, mode="eval").body, timings)
    except (KeyError, TypeError, SyntaxError) as error:
        raise ConfigurationError(f"cannot evaluate the timing rule {expression!r}: {error}") from error


def _value(node: ast.expr, timings: Mapping[str, int]) -> int:
    if isinstance(node, ast.Name):
        return timings[node.id]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        left, right = _value(node.left, timings), _value(node.right, timings)
        return left + right if isinstance(node.op, ast.Add) else left - right
    raise TypeError("only timing names, whole numbers, + and - are allowed")


def evaluate(rules: Sequence[Rule], timings: Mapping[str, int]) -> tuple[EvaluatedRule, ...]:
    """The rules with their distances in clock cycles."""
    return tuple(
        EvaluatedRule(r.level, r.preceding, r.following, cycles_of(r.cycles, timings), r.window, r.sibling)
        for r in rules
    )


@dataclass(frozen=True)
class CompiledRules:
    """Rules and tree as int64 arrays; nodes are numbered level by level, the channel is node 0.

    Attributes:
        bank_nodes: (banks, levels), the node of each level that a bank lies under.
        level_first_node: (levels,), the lowest node number of each level.
        level_banks: (levels,), banks under one node of each level.
        first: (commands + 1,), where each command's entries start in `entries`.
        entries: (entries, 6): level, following command, cycles, window, sibling, history offset.
        history_size: how many past command times the windows need.
        refresh_level: the level of the node that a refresh command addresses.
    """

    bank_nodes: NDArray[np.int64]
    level_first_node: NDArray[np.int64]
    level_banks: NDArray[np.int64]
    first: NDArray[np.int64]
    entries: NDArray[np.int64]
    history_size: int
    refresh_level: int


def compile_rules(
    rules: Sequence[EvaluatedRule], topology: Topology, command_cycles: Mapping[str, int] | None = None
) -> CompiledRules:
    """Flatten rules and tree for the engine. Of rules that bind the same pair alike, the longest is kept.

    A command that takes several cycles of the command bus keeps all others off the bus meanwhile. It counts from its
    last cycle, so a rule stretches by the preceding command's extra cycles and shrinks by the following one's.

    Args:
        rules: distances in clock cycles.
        topology: the tree that the rules' levels refer to.
        command_cycles: cycles of the command bus, for the commands that take more than one.

    Raises:
        ConfigurationError: a rule names a level or command that does not exist, or a window below 1.
    """
    levels, nodes, banks = topology.levels, topology.nodes_per_level, topology.banks
    first_node = np.concatenate([[0], np.cumsum(nodes)[:-1]]).astype(np.int64)
    level_banks = np.array([banks // n for n in nodes], dtype=np.int64)
    bank_nodes = first_node + np.arange(banks, dtype=np.int64)[:, None] // level_banks

    extra = {command: cycles - 1 for command, cycles in (command_cycles or {}).items()}
    occupancy = tuple(
        EvaluatedRule(levels[0], (command,), COMMANDS, cycles + 1, 1, False)
        for command, cycles in extra.items()
        if cycles > 0
    )
    longest: dict[tuple[int, int, int, int, bool], int] = {}
    for rule in (*occupancy, *rules):
        on_the_bus = rule in occupancy
        for preceding in rule.preceding:
            for following in rule.following:
                key = (*_codes(rule, preceding, following, levels), rule.window, rule.sibling)
                shift = 0 if on_the_bus else extra.get(preceding, 0) - extra.get(following, 0)
                longest[key] = max(longest.get(key, 0), rule.cycles + shift)

    entries, first, history_size = [], [0], 0
    for command in range(len(COMMANDS)):
        for (preceding, level, following, window, sibling), cycles in longest.items():
            if preceding == command and cycles > 0:
                entries.append((level, following, cycles, window, sibling, history_size))
                history_size += nodes[level] * window if window > 1 else 0
        first.append(len(entries))
    return CompiledRules(
        bank_nodes,
        first_node,
        level_banks,
        np.array(first, dtype=np.int64),
        np.array(entries, dtype=np.int64).reshape(-1, 6),
        history_size,
        levels.index("Rank"),
    )


def _codes(
    rule: EvaluatedRule, preceding: str, following: str, levels: tuple[str, ...]
) -> tuple[int, int, int]:
    if rule.level not in levels:
        raise ConfigurationError(f"timing rule at level {rule.level!r}: the levels are {', '.join(levels)}")
    for command in (preceding, following):
        if command not in COMMANDS:
            raise ConfigurationError(f"timing rule for {command!r}: the commands are {', '.join(COMMANDS)}")
    if rule.window < 1:
        raise ConfigurationError(
            f"timing rule {preceding} to {following}: window must be 1 or more, got {rule.window}"
        )
    return COMMANDS.index(preceding), levels.index(rule.level), COMMANDS.index(following)
