"""Timing rules as data, and their compilation into flat arrays, from which `earliest` makes its own.

A rule says that the `following` commands must come `cycles` after the `preceding` ones at the same node of
`level`. The tables of rules live beside the timings of each standard; nothing here knows a standard.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from operator import mul

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import ConfigurationError

COMMANDS = (
    *("ACT", "PREpb", "PREab", "RD", "RDA", "WR", "WRA", "REFab"),
    *("REFpb", "REFsb", "PDEA", "PDXA", "PDEP", "PDXP", "SREFEN", "SREFEX"),
)
"""The commands that the engine issues; a command's code is its position.

`pb` is per bank, `ab` all banks, `sb` the same bank of every bank group. PDE and PDX enter and leave
power-down, with rows open (A) or all banks precharged (P); SREFEN and SREFEX self-refresh.
"""

READS, WRITES, COLUMNS = ("RD", "RDA"), ("WR", "WRA"), ("RD", "RDA", "WR", "WRA")
PRECHARGES = ("PREpb", "PREab")
"""Commands that many rules have together."""

COMMAND_SCOPE = (
    *("Bank", "Bank", "Rank", "Bank", "Bank", "Bank", "Bank", "Rank"),
    *("Bank", "Bank"),
    *6 * ("Rank",),
)
"""The level of the node that each command addresses. It binds the node, those above it and all below it."""


@dataclass(frozen=True)
class Rule:
    """One line of a standard's timing table.

    Attributes:
        level: at whose nodes the commands are compared, such as "Rank".
        preceding: names of the earlier commands.
        following: names of the later commands.
        cycles: the distance, an expression over the timing names such as "nCWL + nBL + nWR".
        window: counted from the window-th last preceding command (4 for the four-activate window), whichever
            of them it was.
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

    @cached_property
    def nodes_per_level(self) -> tuple[int, ...]:
        """How many nodes the whole channel has at each level."""
        return tuple(accumulate(self.counts, mul))

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


ENTRY_FIELDS = ("following", "cycles", "span", "parent_span", "shift", "window", "history")
"""Of an entry of `CompiledRules`: the command to push back, by how many cycles, for how many banks around the
preceding command's (a power of two), for how many of its siblings' banks instead (0: not a sibling rule),
log2 of the banks under one node of the following command, the window, and where the window's history
starts."""


@dataclass(frozen=True)
class CompiledRules:
    """Rules and tree as int64 arrays. Nodes of a level are numbered from 0; a node's banks are consecutive.

    Attributes:
        twin: (commands,), the command whose earliest cycles each shares: RD for RDA and WR for WRA if all
            rules hold them back alike, else itself.
        command_banks: (commands,), banks under one node of the level that each command addresses.
        first: (commands + 1,), where each preceding command's entries start in `entries`.
        entries: (entries, 7), see `ENTRY_FIELDS`.
        history_size: how many numbers the windows need.
    """

    twin: NDArray[np.int64]
    command_banks: NDArray[np.int64]
    first: NDArray[np.int64]
    entries: NDArray[np.int64]
    history_size: int


def compile_rules(
    rules: Sequence[EvaluatedRule],
    topology: Topology,
    command_cycles: Mapping[str, int] | None = None,
    bus_cycles: Mapping[str, int] | None = None,
    row_bus: Collection[str] = (),
) -> CompiledRules:
    """Flatten rules and tree for the engine. Of rules that bind the same nodes alike, the longest is kept.

    A command that takes several cycles of a command bus keeps all others off the bus meanwhile. One of
    `command_cycles` counts from its last cycle, so a rule stretches by the preceding command's extra cycles
    and shrinks by the following one's; one of `bus_cycles` counts from its first, which the rules allow for.

    Args:
        rules: distances in clock cycles.
        topology: the tree that the rules' levels refer to.
        command_cycles: cycles of the command bus, for the commands that take more than one.
        bus_cycles: likewise.
        row_bus: commands that have a bus of their own beside that of the others.

    Raises:
        ConfigurationError: a rule names a level or command that does not exist, or a window below 1.
    """
    levels = topology.levels
    level_banks = np.array([topology.banks // n for n in topology.nodes_per_level], dtype=np.int64)
    extra = {command: cycles - 1 for command, cycles in (command_cycles or {}).items()}
    longest: dict[_Key, int] = {}
    for rule in rules:
        for preceding in rule.preceding:
            for following in rule.following:
                before, level, after = _codes(rule, preceding, following, levels)
                parent_banks = int(level_banks[level - 1]) if rule.sibling else 0
                together = rule.preceding if rule.window > 1 else ()
                key = (before, after, int(level_banks[level]), parent_banks, rule.window, together)
                cycles = rule.cycles + extra.get(preceding, 0) - extra.get(following, 0)
                longest[key] = max(longest.get(key, 0), cycles)
    for command, more in extra.items():
        for after in range(len(COMMANDS)):
            key = (COMMANDS.index(command), after, topology.banks, 0, 1, ())
            longest[key] = max(longest.get(key, 0), more + 1)

    for command, busy in (bus_cycles or {}).items():
        for after, name in enumerate(COMMANDS):
            if (command in row_bus) == (name in row_bus):
                key = (COMMANDS.index(command), after, topology.banks, 0, 1, ())
                longest[key] = max(longest.get(key, 0), busy)

    command_banks = level_banks[[levels.index(scope) for scope in COMMAND_SCOPE]]
    twin = _twins(longest)
    entries, first, history_size = [], [0], 0
    histories: dict[tuple[object, ...], int] = {}  # of the commands that one window counts together
    for code in range(len(COMMANDS)):
        for (before, after, banks, parent_banks, window, together), cycles in longest.items():
            if before != code or cycles <= 0 or parent_banks == banks or twin[after] != after:
                continue
            # A rule below the level that the preceding command addresses binds all of that command's banks.
            span = max(banks, int(command_banks[before]))
            shift = int(command_banks[after]).bit_length() - 1
            history = histories.setdefault((after, span, window, together), history_size) if together else 0
            entries.append((after, cycles, span, parent_banks, shift, window, history))
            # A window keeps, for each node, which of its cells is the oldest and the last `window` cycles.
            history_size += (
                topology.banks // span * (window + 1) if together and history == history_size else 0
            )
        first.append(len(entries))
    return CompiledRules(
        np.array(twin, dtype=np.int64),
        command_banks,
        np.array(first, dtype=np.int64),
        np.array(entries, dtype=np.int64).reshape(-1, len(ENTRY_FIELDS)),
        history_size,
    )


_Key = tuple[int, int, int, int, int, tuple[str, ...]]


def _twins(longest: Mapping[_Key, int]) -> list[int]:
    def held_back(after: int) -> dict[tuple[object, ...], int]:
        return {(b, *rest): cycles for (b, a, *rest), cycles in longest.items() if a == after}

    twins = list(range(len(COMMANDS)))
    for command, closing in (("RD", "RDA"), ("WR", "WRA")):
        if held_back(COMMANDS.index(command)) == held_back(COMMANDS.index(closing)):
            twins[COMMANDS.index(closing)] = COMMANDS.index(command)
    return twins


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
