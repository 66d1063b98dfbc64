"""A DRAM channel simulated one clock cycle at a time, as plainly as possible: what the engine must equal.

It shares nothing with the simulator but what it is given: a device's timings and rules, and the controller's
settings. Queues are lists, and rules are looked up by the times at which commands were issued.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from cosearch_simulators.dram import Controllers, Device, Trace
from cosearch_simulators.dram.common.device import STANDARDS

COMMANDS = ("ACT", "PREpb", "PREab", "RD", "RDA", "WR", "WRA", "REFab", "REFpb", "REFsb")
REFRESHES = {
    "all_bank": ("REFab", "nREFI"),
    "per_bank": ("REFpb", "nREFIpb"),
    "same_bank": ("REFsb", "nREFIsb"),
}


@dataclass
class Request:
    age: int
    write: bool
    transaction: int
    path: tuple[int, ...]  # channel, rank, [bank group,] bank
    row: int
    arrive: int
    counted: bool = False


@dataclass
class Channel:
    """The banks' rows and, for each rule and node, when its preceding command was last issued there."""

    device: Device
    clock: int = 0
    open_row: dict[tuple[int, ...], int] = field(default_factory=dict)
    issued: dict[tuple[int, tuple[int, ...]], list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        longer = STANDARDS[self.device.standard].command_cycles
        levels = self.device.topology.levels
        self.rules = []
        for rule in self.device.rules:
            for p in [rule.preceding] if rule.window > 1 else [(p,) for p in rule.preceding]:
                for f in rule.following:
                    cycles = rule.cycles + longer.get(p[0], 1) - longer.get(f, 1)
                    depth = levels.index(rule.level) + 1
                    self.rules.append((p, f, depth, cycles, rule.window, rule.sibling))
        for p, cycles in longer.items():
            self.rules += [((p,), f, 1, cycles, 1, False) for f in COMMANDS]
        standard = STANDARDS[self.device.standard]  # these rules count from a command's first cycle
        for p, cycles in standard.bus_cycles.items():
            same_bus = [f for f in COMMANDS if (f in standard.row_bus) == (p in standard.row_bus)]
            self.rules += [((p,), f, 1, cycles, 1, False) for f in same_bus]

    def ready(self, command: str, path: tuple[int, ...]) -> bool:
        if path[2:] and None in path:  # the same bank of every group
            groups = range(self.device.topology.counts[2])
            return all(self.ready(command, (*path[:2], group, path[3])) for group in groups)
        for number, (_, following, depth, cycles, window, sibling) in enumerate(self.rules):
            if following != command:
                continue
            node = path[:depth]
            if sibling:
                others = range(self.device.topology.counts[depth - 1])
                nodes = [(*node[:-1], other) for other in others if other != node[-1]]
            else:
                nodes = [node]
            for other in nodes:
                times = self.issued.get((number, other), [])
                if len(times) >= window and self.clock < times[-window] + cycles:
                    return False
        return True

    def issue(self, command: str, path: tuple[int, ...], row: int = -1) -> None:
        if path[2:] and None in path:
            for group in range(self.device.topology.counts[2]):
                self.issue(command, (*path[:2], group, path[3]))
            return
        for number, (preceding, _, depth, *_) in enumerate(self.rules):
            if command in preceding:
                self.issued.setdefault((number, path[:depth]), []).append(self.clock)
        if command == "ACT":
            self.open_row[path] = row
        elif command in ("PREpb", "PREab", "RDA", "WRA"):
            for bank in [bank for bank in self.open_row if bank[: len(path)] == path]:
                del self.open_row[bank]


def split(device: Device, mapping: str, transaction: int) -> tuple[tuple[int, ...], int]:
    """Path and row of a transaction, by the reference's description of the mappings."""
    counts = dict(zip(device.topology.levels, device.topology.counts, strict=True))
    bits = {level: int(np.log2(n)) for level, n in counts.items()}
    below = [level for level in device.topology.levels if level != "Channel"]
    bits["Column"] = int(np.log2(device.chip.columns // device.prefetch))
    bits["Row"] = int(np.log2(device.chip.rows))
    order = {
        "RoBaRaCoCh": ["Column", *below, "Row"],
        "ChRaBaRoCo": ["Column", "Row", *reversed(below)],
        "MOP4CLXOR": ["Low", *below, "High", "Row"],
    }[mapping]
    bits["Low"], bits["High"] = 2, bits["Column"] - 2
    value = {}
    for name in order:
        value[name] = transaction & ((1 << bits[name]) - 1)
        transaction >>= bits[name]
    if mapping == "MOP4CLXOR":
        column = value["High"] << 2 | value["Low"]
        for name in [*below, "Row"]:
            value[name] ^= column & ((1 << bits[name]) - 1)
            column >>= bits[name]
    return (0, *(value[level] for level in below)), value["Row"]


def run(device: Device, controllers: Controllers, trace: Trace, *, drain: bool = False) -> dict[str, float]:
    """The counts of one design, in the words of `DramResult`."""
    c = {name: np.asarray(getattr(controllers, name))[0] for name in controllers.__dataclass_fields__}
    channel, count = Channel(device), Counter()
    queues: dict[bool, list[Request]] = {False: [], True: []}
    size = {False: c["read_queue"], True: c["write_queue"]}
    low = np.float32(c["write_low_watermark"]) * np.float32(c["write_queue"])
    high = np.float32(c["write_high_watermark"]) * np.float32(c["write_queue"])
    active: list[Request] = []
    guards: Counter[tuple[int, ...]] = Counter()
    priority: list[tuple[str, tuple[int, ...]]] = []
    accesses: Counter[tuple[int, ...]] = Counter()
    injected: set[tuple[int, ...]] = set()
    departures: list[tuple[int, int]] = []
    banks = [(0,)]
    for n in device.topology.counts[1:]:
        banks = [(*path, i) for path in banks for i in range(n)]
    cap = c["row_cap"] if c["row_policy"] == "closed_cap" else None
    writing, position, refreshes, last_data = False, 0, 0, 0

    def needs(r: Request) -> str:
        if r.path not in channel.open_row:
            return "ACT"
        return "PREpb" if channel.open_row[r.path] != r.row else ("WR" if r.write else "RD")

    def closes_active(command: str, path: tuple[int, ...]) -> bool:
        closing = command in ("PREpb", "PREab") and bool(active)
        return closing and any(n > 0 and bank[: len(path)] == path for bank, n in guards.items())

    while True:
        if position < len(trace) and (trace.cycle is None or trace.cycle[position] <= channel.clock):
            transaction = int(trace.address_byte[position]) // device.transaction_bytes
            write = bool(trace.is_write[position])
            if any(w.transaction == transaction for w in queues[True]):
                count["writes_coalesced" if write else "reads_forwarded"] += 1
                if not write:
                    departures.append((channel.clock + 1, 1))
                    last_data = max(last_data, channel.clock + 1)
                position += 1
            elif len(queues[write]) < size[write]:
                path, row = split(device, c["address_mapping"], transaction)
                queues[write].append(Request(position, write, transaction, path, row, channel.clock))
                position += 1
        waiting = drain and (queues[False] or queues[True] or active or channel.clock < last_data)
        if position == len(trace) and not waiting:
            break
        channel.clock += 1
        kind, interval = REFRESHES.get(c["refresh"], ("", ""))
        if kind and channel.clock % device.timings[interval] == 0:
            for rank in range(device.ranks):
                in_rank = [bank for bank in banks if bank[:2] == (0, rank)]
                turns = {
                    "REFab": [(0, rank)],
                    "REFpb": in_rank,
                    "REFsb": [(0, rank, None, bank[-1]) for bank in in_rank if bank[2] == 0],
                }[kind]
                priority.append((kind, turns[refreshes % len(turns)]))
                count["maintenance_requests"] += 1
            refreshes += 1
        for bank in banks if cap is not None else []:
            if accesses[bank] >= cap and bank not in injected and channel.ready("PREpb", bank):
                priority.append(("PREpb", bank))
                injected.add(bank)
                count["maintenance_requests"] += 1

        chosen, command, path, source = None, None, None, None
        for r in sorted(active, key=lambda r: r.age):
            if channel.ready(needs(r), r.path):
                chosen, command, path, source = r, needs(r), r.path, active
                break
        if command is None and priority:
            wanted, node = priority[0]
            if wanted == "REFab" and any(bank[:2] == node for bank in channel.open_row):
                wanted = "PREab"
            elif wanted in ("REFpb", "REFsb"):
                pattern = node
                members = [b for b in banks if all(p in (None, x) for p, x in zip(pattern, b, strict=True))]
                still_open = [bank for bank in members if bank in channel.open_row]
                if still_open:
                    wanted, node = "PREpb", still_open[0]
            if channel.ready(wanted, node) and not closes_active(wanted, node):
                command, path = wanted, node
                if wanted == priority[0][0]:
                    priority.pop(0)
        elif command is None:
            if not writing:
                writing = len(queues[True]) > high or not queues[False]
            elif len(queues[True]) < low and queues[False]:
                writing = False
            queue = queues[writing]
            hits = {}
            for r in queue:
                if needs(r) in ("RD", "WR"):
                    hits.setdefault(r.path, r.age)
            for r in queue:
                next_command = needs(r)
                kept = closes_active(next_command, r.path)
                if (
                    c["scheduler"] == "frfcfs_row_hit"
                    and next_command == "PREpb"
                    and hits.get(r.path, r.age) < r.age
                ):
                    continue
                if channel.ready(next_command, r.path) and not kept:
                    chosen, command, path, source = r, next_command, r.path, queue
                    break
                if c["scheduler"] == "fcfs":
                    break
        if command is None:
            continue

        if chosen is not None and not chosen.counted:
            chosen.counted = True
            kind = {"ACT": "row_misses", "PREpb": "row_conflicts"}.get(command, "row_hits")
            count[kind] += 1
        if (
            cap is not None
            and command in ("RD", "WR")
            and accesses[path] >= cap
            and channel.ready(command + "A", path)
        ):
            command += "A"
        channel.issue(command, path, chosen.row if chosen else -1)
        count[command] += 1
        if command in ("RD", "WR"):
            accesses[path] += 1
        elif command in ("PREpb", "PREab", "RDA", "WRA"):
            for bank in [b for b in banks if b[: len(path)] == path]:
                accesses[bank] = 0
                injected.discard(bank)
        if chosen is not None and command == "ACT":
            guards[path] += 1
            if source is not active:
                source.remove(chosen)
                active.append(chosen)
        elif chosen is not None and command != "PREpb":
            source.remove(chosen)
            guards[path] -= source is active
            if chosen.write:
                count["writes_served"] += 1
                last_data = max(last_data, channel.clock + device.write_latency_cycles)
            else:
                count["reads_served"] += 1
                depart = channel.clock + device.read_latency_cycles
                departures.append((depart, depart - chosen.arrive))
                last_data = max(last_data, depart)

    total = 0
    for depart, latency in departures:
        if depart > channel.clock:
            break
        total += latency
    return {
        "cycles": channel.clock,
        "average_read_latency_cycles": total / count["reads_served"] if count["reads_served"] else 0.0,
        "activates": count["ACT"],
        "precharges": count["PREpb"] + count["PREab"],
        "auto_precharges": count["RDA"] + count["WRA"],
        "refreshes": count["REFab"],
        "bank_refreshes": count["REFpb"] + count["REFsb"],
        **{
            name: count[name]
            for name in (
                "row_hits",
                "row_misses",
                "row_conflicts",
                "reads_served",
                "writes_served",
                "reads_forwarded",
                "writes_coalesced",
                "maintenance_requests",
            )
        },
    }
