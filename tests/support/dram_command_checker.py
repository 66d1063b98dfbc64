"""Holds a list of DRAM commands against a device's timing rules and states, by brute force.

Nothing here is shared with the simulator but the tables: each rule is applied to each command by looking back
over all commands before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cosearch_simulators.dram.common.device import STANDARDS, Device

Command = tuple[int, str, int]
"""Cycle, name, bank (of a rank's command: the rank's first; of REFsb: the first of the same banks)."""

_RANK_COMMANDS = {"PREab", "REFab", "PDEA", "PDXA", "PDEP", "PDXP", "SREFEN", "SREFEX"}


def violations(device: Device, commands: Sequence[Command]) -> list[str]:
    """What is wrong with the commands, a line each."""
    return [*_timing(device, commands), *_states(device, commands), *_bus(device, commands)]


def _banks_of(device: Device, name: str, bank: int) -> list[int]:
    rank_banks = device.topology.banks // device.ranks
    if name in _RANK_COMMANDS:
        return list(range(bank, bank + rank_banks))
    if name == "REFsb":
        end = (bank // rank_banks + 1) * rank_banks
        return list(range(bank, end, device.topology.counts[-1]))
    return [bank]


def _timing(device: Device, commands: Sequence[Command]) -> Iterable[str]:
    native = STANDARDS.get(device.standard)
    extra = (
        {}
        if device.bus_cycles != (1,) * len(device.bus_cycles)
        else dict(native.command_cycles if native else {})
    )
    sizes = dict(
        zip(
            device.topology.levels,
            (device.topology.banks // nodes for nodes in device.topology.nodes_per_level),
            strict=True,
        )
    )
    longest = max(rule.cycles * (rule.window if rule.window > 1 else 1) for rule in device.rules) + 16
    # A command counts from its last cycle on the bus where the standard's rules are stated so.
    counted = [(cycle + extra.get(name, 1) - 1, name, bank) for cycle, name, bank in commands]
    for rule in device.rules:
        size = sizes[rule.level]
        parent = sizes[device.topology.levels[device.topology.levels.index(rule.level) - 1]]
        if rule.sibling and parent == size:
            continue
        following = set(rule.following)
        for i, (cycle, name, bank) in enumerate(counted):
            if name not in following:
                continue
            for node in {b // size for b in _banks_of(device, name, bank)}:
                seen = 0
                for j in range(i - 1, -1, -1):
                    before, earlier, other = counted[j]
                    if cycle - before > longest:
                        break
                    if earlier not in rule.preceding:
                        continue
                    nodes = {b // size for b in _banks_of(device, earlier, other)}
                    if rule.sibling:
                        related = node not in nodes and any(
                            n * size // parent == node * size // parent for n in nodes
                        )
                    else:
                        related = node in nodes
                    if related:
                        seen += 1
                        if seen == rule.window:
                            if cycle - before < rule.cycles:
                                yield (
                                    f"{earlier} at {before} and {name} at {cycle} (bank {other} and {bank}): "
                                    f"{cycle - before} cycles, {rule}"
                                )
                            break


def _states(device: Device, commands: Sequence[Command]) -> Iterable[str]:
    rank_banks = device.topology.banks // device.ranks
    is_open = [False] * device.topology.banks
    asleep = [""] * device.ranks
    wakes = {"PDEA": "PDXA", "PDEP": "PDXP", "SREFEN": "SREFEX"}
    for cycle, name, bank in commands:
        rank, banks = bank // rank_banks, _banks_of(device, name, bank)
        where = f"{name} at {cycle} (bank {bank})"
        rank_is_open = any(is_open[rank * rank_banks : (rank + 1) * rank_banks])
        if asleep[rank] and name != asleep[rank]:
            yield f"{where} while the rank waits for {asleep[rank]}"
        if name in wakes.values() and asleep[rank] != name:
            yield f"{where} while the rank is not in that state"
        if name in ("ACT", "REFpb", "REFsb", "REFab") and any(is_open[b] for b in banks):
            yield f"{where} of an open bank"
        if name in ("RD", "RDA", "WR", "WRA", "PREpb") and not is_open[bank]:
            yield f"{where} of a closed bank"
        if name in ("PDEP", "SREFEN") and rank_is_open:
            yield f"{where} with open banks"
        if name == "PDEA" and not rank_is_open:
            yield f"{where} with no open bank"
        if name == "ACT":
            is_open[bank] = True
        elif name in ("RDA", "WRA", "PREpb", "PREab"):
            for b in banks:
                is_open[b] = False
        if name in wakes:
            asleep[rank] = wakes[name]
        elif name in wakes.values():
            asleep[rank] = ""


def _bus(device: Device, commands: Sequence[Command]) -> Iterable[str]:
    from cosearch_simulators.dram.common.rules import COMMANDS

    free = [0, 0]
    for cycle, name, _ in commands:
        code = COMMANDS.index(name)
        bus = device.bus_of[code]
        if cycle < free[bus]:
            yield f"{name} at {cycle}: the command bus is busy until {free[bus]}"
        free[bus] = cycle + device.bus_cycles[code]
