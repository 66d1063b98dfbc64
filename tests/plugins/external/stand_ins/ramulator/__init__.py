"""Speaks Ramulator 2.1's Python interface: components with options, Simulation.run() and .stats."""

import os
import sys
import time
from types import SimpleNamespace


class Component:
    def __init__(self, **options):
        self.options = options


class DDR4(Component):
    def __init__(self, *, org_preset, timing_preset, rank=1):
        super().__init__(org_preset=org_preset, timing_preset=timing_preset, rank=rank)
        if not timing_preset.startswith("DDR4_"):
            raise ValueError(f"Unknown timing preset {timing_preset}")


class GenericDDR(Component):
    def __init__(
        self,
        *,
        dram,
        scheduler,
        refresh_manager,
        row_policy,
        addr_mapper,
        wr_low_watermark=0.2,
        wr_high_watermark=0.8,
        read_buffer_size=32,
        write_buffer_size=32,
        controller_plugins=(),
    ):
        super().__init__(row_policy=row_policy, read=read_buffer_size)


class ClosedCAP(Component):
    def __init__(self, *, cap=4):
        super().__init__(cap=cap)


def _none(name):
    return type(name, (Component,), {"__init__": lambda self: Component.__init__(self)})


dram = SimpleNamespace(DDR4=DDR4)
controller = SimpleNamespace(GenericDDR=GenericDDR)
scheduler = SimpleNamespace(FRFCFS=_none("FRFCFS"), FRFCFSRowHit=_none("FRFCFSRowHit"))
refresh_manager = SimpleNamespace(AllBank=_none("AllBank"), NoRefresh=_none("NoRefresh"))
row_policy = SimpleNamespace(Open=_none("Open"), ClosedCAP=ClosedCAP)
addr_mapper = SimpleNamespace(**{n: _none(n) for n in ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")})
channel_mapper = SimpleNamespace(CacheLineInterleave=_none("CacheLineInterleave"))


class GenericDRAM(Component):
    def __init__(self, *, clock_ratio, controllers, channel_mapper):
        super().__init__(controllers=controllers)


class LoadStoreTrace(Component):
    def __init__(self, *, clock_ratio, path):
        super().__init__(path=path)


memory_system = SimpleNamespace(GenericDRAM=GenericDRAM)
frontend = SimpleNamespace(LoadStoreTrace=LoadStoreTrace)


class Simulation:
    def __init__(self, frontend, memory_system):
        self.frontend, self.memory = frontend, memory_system

    def run(self):
        print("[ramulator] Loading trace file")
        mode = os.environ.get("STAND_IN", "ok")
        if mode == "crash":
            print(
                "terminate called after throwing an instance of 'std::runtime_error'",
                file=sys.stderr,
                flush=True,
            )
            os.abort()
        if mode == "hang":
            time.sleep(600)
        with open(self.frontend.options["path"]) as trace:
            self.requests = [line.split() for line in trace]
        if any(op not in ("LD", "ST") for op, _ in self.requests):
            raise RuntimeError("Trace line: unknown type (expected LD or ST)")

    @property
    def stats(self):
        n = len(self.requests)
        (controller,) = self.memory.options["controllers"]
        capped = isinstance(controller.options["row_policy"], ClosedCAP)
        cycles = n * (12 if capped else 8) + 400 // controller.options["read"]
        found = {
            "cycles": cycles,
            "avg_read_latency": 40.5,
            "row_hits": n // 2,
            "row_misses": n - n // 2,
            "row_conflicts": 0,
            "num_read_reqs": n,
            "num_write_reqs": 0,
            "total_throughput_MBps": 3149.97,
        }
        if os.environ.get("STAND_IN") == "truncated":
            del found["total_throughput_MBps"]
        return {"frontend": {}, "memory_system": {"controller": found}}
