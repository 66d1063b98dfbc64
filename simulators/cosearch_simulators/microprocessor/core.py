"""Cycles, energy and area of out-of-order cores, batched over designs.

Time follows T. Karkhanis, J. Smith: "A first-order superscalar processor model", ISCA 2004 (within 5.8 % of
detailed simulation on average, they report): a steady rate, and cycles lost at each mispredicted branch, each
miss of the instruction cache and each long miss of the data cache, taken one by one.

What it leaves out: the clock does not fall where the core grows wider, memory bandwidth, functional units
other than by the width, prefetching, SIMD. The numbers are for comparing cores with each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.core.columns import Columns
from cosearch_simulators.core.result import Result
from cosearch_simulators.microprocessor import programs
from cosearch_simulators.microprocessor.programs import Program

UNITS: Mapping[str, str] = {
    "ipc": "1",
    "time_ns": "ns",
    "energy_pj": "pJ",
    "power_mw": "mW",
    "area_mm2": "mm2",
    "base_cpi": "cycles",
    "branch_cpi": "cycles",
    "instruction_cache_cpi": "cycles",
    "memory_cpi": "cycles",
}
"""Of every metric; time and energy are those of one instruction on average."""

FRONT_END_CYCLES = 5
L2_CYCLES = 8
MEMORY_CYCLES = 200
"""Karkhanis and Smith's baseline machine."""
CLOCK_GHZ = 1.0
WORD_BITS = 64

# M. Horowitz: "Computing's energy problem", ISSCC 2014: fetching, decoding and controlling an instruction of
# a simple core at 45 nm.
CONTROL_PJ = 70.0
# S. Rixner et al.: "Register organization for media processing", HPCA 2000: a register cell grows with the
# square of its ports, since each takes a wire in both directions; one read and one write port are taken as 1.
CELL_PORTS = 2.0
ROB_BITS = 76  # a result or its tag, program counter bits, flags: an assumption
QUEUE_BITS = 48  # two tags, operation, flags: an assumption
LSQ_BITS = 120  # an address and a word: an assumption

_STEPS = 400


@dataclass(frozen=True)
class Cores(Columns):
    """n cores as columns.

    Attributes:
        width: instructions fetched, issued and retired in a cycle at most.
        rob_entries: of the reorder buffer.
        queue_entries: of the issue window.
        load_store_entries: of the load and store queues together.
        predictor: of branches; `programs.PREDICTOR_ACCURACY`.
        instruction_kib, data_kib: of the first-level caches.
        instruction_ways, data_ways: their associativity.
        l2_kib: of the second level, 8 ways.
    """

    width: NDArray[np.int64]
    rob_entries: NDArray[np.int64]
    queue_entries: NDArray[np.int64]
    load_store_entries: NDArray[np.int64]
    predictor: NDArray[np.str_]
    instruction_kib: NDArray[np.int64]
    instruction_ways: NDArray[np.int64]
    data_kib: NDArray[np.int64]
    data_ways: NDArray[np.int64]
    l2_kib: NDArray[np.int64]

    WHAT: ClassVar[str] = "core"
    NAMES: ClassVar[Mapping[str, tuple[str, ...]]] = {"predictor": tuple(programs.PREDICTOR_ACCURACY)}
    COUNTS: ClassVar[Mapping[str, tuple[int, int]]] = {
        "width": (1, 16),
        "rob_entries": (4, 1024),
        "queue_entries": (2, 512),
        "load_store_entries": (2, 512),
        "instruction_kib": (1, 1024),
        "instruction_ways": (1, 64),
        "data_kib": (1, 1024),
        "data_ways": (1, 64),
        "l2_kib": (32, 16384),
    }


def evaluate(cores: Cores, program: Program, *, technology_nm: float = 45.0) -> Result:
    """The metrics of `UNITS`; a core of impossible values, or of a window above its buffer, is refused."""
    reasons = cores.problems()
    for row in np.flatnonzero(np.asarray(cores.queue_entries) > np.asarray(cores.rob_entries)):
        reasons[row] = reasons[row] or "the issue window is larger than the reorder buffer that feeds it"
    able = np.array([not reason for reason in reasons])
    columns = {name: np.full(len(cores), np.nan) for name in UNITS}
    if able.any():
        mine = cores.take(np.flatnonzero(able))
        cpi = cycles(mine, program)
        total = sum(cpi.values(), np.zeros(len(mine)))
        energy = energy_pj(mine, technology_nm)
        found = {
            "ipc": 1.0 / total,
            "time_ns": total / CLOCK_GHZ,
            "energy_pj": energy,
            "power_mw": energy / (total / CLOCK_GHZ),
            "area_mm2": area_mm2(mine, technology_nm),
            **cpi,
        }
        for name, values in found.items():
            columns[name][able] = values
    return Result.of(columns, reasons)


def cycles(cores: Cores, program: Program) -> dict[str, NDArray[np.float64]]:
    """Cycles for each instruction by cause, float64 (n,) each."""
    width = np.asarray(cores.width, float)
    rob = np.asarray(cores.rob_entries, float)
    window = np.minimum(np.asarray(cores.queue_entries, float), rob)
    # So many of the instructions in flight touch memory, and each of them needs a place.
    reach = np.asarray(cores.load_store_entries, float) / (programs.LOAD_SHARE + programs.STORE_SHARE)
    window, rob = np.minimum(window, reach), np.minimum(rob, reach)
    data = programs.misses(programs.DATA_MISSES, np.asarray(cores.data_kib, float), cores.data_ways)
    instruction = programs.misses(
        programs.INSTRUCTION_MISSES, np.asarray(cores.instruction_kib, float), cores.instruction_ways
    )
    l2 = programs.misses(programs.UNIFIED_MISSES, np.asarray(cores.l2_kib, float), np.full(len(cores), 8))
    l2 = np.minimum(l2, data + instruction)
    # A miss that the second level serves is an instruction of longer latency.
    latency = program.latency_cycles + np.maximum(data - l2, 0.0) / 1000 * L2_CYCLES
    steady = np.minimum(width, program.alpha * window**program.beta / latency)
    steady = np.maximum(steady, 1e-3)
    drain, ramp = _transients(width, window, latency, steady, program)
    predicted = np.array([programs.PREDICTOR_ACCURACY[name] for name in np.asarray(cores.predictor).tolist()])
    mispredicted = programs.BRANCH_SHARE * (1 - predicted)
    # A miss waits together with those that follow it within one reorder buffer's worth of instructions.
    long_miss = MEMORY_CYCLES / (1.0 + rob * l2 / 1000)
    return {
        "base_cpi": 1.0 / steady,
        "branch_cpi": mispredicted * (FRONT_END_CYCLES + drain + ramp),
        "instruction_cache_cpi": instruction / 1000 * L2_CYCLES,
        "memory_cpi": l2 / 1000 * long_miss,
    }


def _transients(
    width: NDArray[np.float64],
    window: NDArray[np.float64],
    latency: NDArray[np.float64],
    steady: NDArray[np.float64],
    program: Program,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cycles that are lost while the window drains before a mispredicted branch and fills again after it."""

    def rate(held: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.minimum(width, program.alpha * np.maximum(held, 0.0) ** program.beta / latency)

    full = np.minimum((steady * latency / program.alpha) ** (1 / program.beta), window)
    held, drain = full.copy(), np.zeros_like(full)
    empty, ramp = np.zeros_like(full), np.zeros_like(full)
    for _ in range(_STEPS):
        going = held > 1.0
        issued = np.minimum(rate(held), held)
        drain += np.where(going, 1.0 - issued / steady, 0.0)
        held -= np.where(going, issued, 0.0)
        issued = np.minimum(rate(empty), empty)
        filling = issued < 0.99 * steady
        ramp += np.where(filling, 1.0 - issued / steady, 0.0)
        empty = np.minimum(empty - issued + width, window)
        if not going.any() and not filling.any():
            break
    return drain, ramp


def _arrays_bits(cores: Cores) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Bits, and ports of the cells, of what is built of registers."""
    width = np.asarray(cores.width, float)
    rob = np.asarray(cores.rob_entries, float)
    return {
        "registers": ((rob + 32) * WORD_BITS, 3 * width),
        "rob": (rob * ROB_BITS, 2 * width),
        "queue": (np.asarray(cores.queue_entries, float) * QUEUE_BITS, 2 * width),
        "load_store": (np.asarray(cores.load_store_entries, float) * LSQ_BITS, np.maximum(width / 2, 1) + 1),
    }


def area_mm2(cores: Cores, technology_nm: float = 45.0) -> NDArray[np.float64]:
    """Caches, predictor, queues of registers with their ports, an adder for each way; no wires, no pads."""
    flip_flop = components.register_area_um2(1, technology_nm)
    area = sum(bits * flip_flop * (ports / CELL_PORTS) ** 2 for bits, ports in _arrays_bits(cores).values())
    kib = sum(np.asarray(column, float) for column in (cores.instruction_kib, cores.data_kib, cores.l2_kib))
    kib = kib + np.array([programs.PREDICTOR_KIB[name] for name in np.asarray(cores.predictor).tolist()])
    area = area + kib * components.sram_area_um2(8192, technology_nm)
    datapath = components.mac_area_um2(32, technology_nm) + 2 * components.ADD_UM2[
        32
    ] * components.area_scale(technology_nm)
    return (area + np.asarray(cores.width) * datapath) / 1e6


def energy_pj(cores: Cores, technology_nm: float = 45.0) -> NDArray[np.float64]:
    """Energy of one instruction on average, without leakage and without what goes off the chip."""
    scale = components.energy_scale(technology_nm)

    def access(kib: NDArray[np.float64], bits: float = WORD_BITS) -> NDArray[np.float64]:
        return np.array([components.sram_energy_pj(one * 8192, bits, technology_nm) for one in kib])

    queues = sum(  # a wire of a port is as long as the cell is wide: energy goes with the area's root
        np.sqrt(bits * (ports / CELL_PORTS) ** 2) for bits, ports in _arrays_bits(cores).values()
    )
    reference = np.sqrt(8192.0 * 8)  # of an 8 KiB array, whose access Horowitz gives
    predictor = np.array([programs.PREDICTOR_KIB[name] for name in np.asarray(cores.predictor).tolist()])
    data = programs.misses(programs.DATA_MISSES, np.asarray(cores.data_kib, float), cores.data_ways) / 1000
    instruction = (
        programs.misses(
            programs.INSTRUCTION_MISSES, np.asarray(cores.instruction_kib, float), cores.instruction_ways
        )
        / 1000
    )
    return (
        CONTROL_PJ * scale
        + queues / reference * components.sram_energy_pj(8192.0 * 8, WORD_BITS, technology_nm)
        + access(np.asarray(cores.instruction_kib, float), 32)
        + (programs.LOAD_SHARE + programs.STORE_SHARE) * access(np.asarray(cores.data_kib, float))
        + programs.BRANCH_SHARE * access(predictor, 2)
        + (data + instruction) * access(np.asarray(cores.l2_kib, float), 512)
    )
