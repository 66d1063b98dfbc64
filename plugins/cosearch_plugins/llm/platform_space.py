"""The space of `llm-platform`, and its designs as the simulator's machines.

Columns may be NumPy's or torch's, so that the same code is differentiated; words are looked up as numbers
first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.errors import ArgumentError, unknown_name
from cosearch.space import Categorical, DesignSpace, Forbidden, Ordinal

if TYPE_CHECKING:
    from cosearch_simulators.llm.machines import Machine, Tier

FIRST = ("lpddr5x", "gddr6", "hbm2e", "hbm3")
SECOND = ("none", "ddr5", "flash", "flash_compute")
GIVEN = ("nothing", "attention", "everything")

CHIP = (
    Ordinal("arrays", (1, 2, 4, 8, 16, 32, 64), default=8, description="systolic arrays"),
    Ordinal("side", (16, 32, 64, 128, 256), default=128, description="rows and columns of an array"),
    Ordinal("clock_ghz", (0.5, 0.8, 1.0, 1.2, 1.5, 2.0), default=1.0),
    Ordinal("lanes", (64, 128, 256, 512, 1024, 2048, 4096), default=1024, description="of the vector units"),
    Ordinal("sram_mib", (1, 2, 4, 8, 16, 32, 64, 128, 256), default=32),
    Categorical(
        "execution",
        ("kernels", "dataflow"),
        default="kernels",
        description="dataflow keeps a layer's intermediates on the chip, as SN40L does",
    ),
)
INSIDE = (
    Categorical(
        "in_banks",
        GIVEN,
        default="nothing",
        description="what multipliers in the memory's banks do: attention (NeuPIMs), everything (PIM-GPT)",
    ),
    Ordinal("row_buffers", (1, 2), default=2, description="of a bank", when={"in_banks": GIVEN[1:]}),
    Categorical(
        "batches",
        ("whole", "interleaved"),
        default="interleaved",
        description="whether halves of a batch take turns at arrays and banks",
        when={"in_banks": ["attention"]},
    ),
)
BEHIND = (
    Categorical(
        "second", SECOND, default="none", description="memory behind it; the dies of flash_compute multiply"
    ),
    Ordinal(
        "second_units",
        (1, 2, 4, 8, 16, 32),
        default=8,
        description="of `second`",
        when={"second": SECOND[1:]},
    ),
    Categorical("first_in", ("cache", "weights"), default="cache", description="that gets `memory` first"),
)
SCALE = (
    Ordinal("chips", (1, 2, 4, 8), default=1, description="that the model is split over, by tensor"),
    Ordinal("links", (1, 2, 4, 8, 12, 18), default=4, description="of 25 GB/s one way"),
)
DECODING = (
    Ordinal("draft", (0, 2, 4, 6), default=0, description="tokens that a small model drafts before a step"),
)


def space_of(memories: Sequence[str] = FIRST) -> DesignSpace:
    """The space where the first memory is one of these.

    Raises:
        ArgumentError: there is none, or one is not known.
    """
    for name in memories:
        if name not in FIRST:
            raise unknown_name("memory", name, FIRST)
    if not memories:
        raise ArgumentError("memories must name at least one memory")
    start = "hbm2e" if "hbm2e" in memories else memories[0]
    inside = INSIDE if any(name != "lpddr5x" for name in memories) else ()
    memory = (
        Categorical("memory", tuple(memories), default=start),
        Ordinal("units", (1, 2, 3, 4, 6, 8, 12, 16), default=4, description="of `memory`"),
        *inside,
        *BEHIND,
    )
    rules = [
        Forbidden(
            "in_banks != 'nothing' and memory == 'lpddr5x'",
            reason="no multipliers in LPDDR5X's banks are known",
        )
    ]
    return DesignSpace(
        [*CHIP, *memory, *SCALE, *DECODING],
        name="llm-platform",
        forbidden=rules if inside and "lpddr5x" in memories else [],
        groups={
            "chip": [one.name for one in CHIP],
            "memory": [one.name for one in memory],
            "scale": [one.name for one in SCALE],
            "decoding": [one.name for one in DECODING],
        },
    )


SPACE = space_of()

FIELDS = (
    "gib",
    "gb_per_s",
    "pj_per_bit",
    "interface_mm2",
    "usd_per_gib",
    "inside_gb_per_s",
    "inside_blocked_gb_per_s",
    "inside_ops_per_s",
    "inside_pj_per_bit",
    "inside_price",
    "stacked",
)


def words_as_numbers(columns: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Columns of words and of what is inactive as float64 columns that the simulator computes on."""
    from cosearch_simulators.llm.common.memories import MEMORIES

    def number(name: str, missing: float) -> Any:
        given = columns.get(name)
        return np.full(count, missing) if given is None else np.asarray(given, np.float64)

    places: dict[str, Any] = {}

    def looked_up(name: str, missing: str, table: Mapping[str, float]) -> Any:
        if name not in places:
            given = np.asarray(columns.get(name, np.full(count, missing)))
            place = np.zeros(count, np.int64)
            for number, word in enumerate(table):
                place[given == word] = number
            places[name] = place
        return np.array(list(table.values()))[places[name]]

    found = {
        name: number(name, missing)
        for name, missing in {
            "arrays": 1, "side": 1, "clock_ghz": 1, "lanes": 1, "sram_mib": 1, "units": 1, "row_buffers": 2,
            "second_units": 0, "chips": 1, "links": 1, "draft": 0,
        }.items()
    }  # fmt: skip
    for place, name, kinds in (("first", "memory", FIRST), ("second", "second", SECOND)):
        for of in FIELDS:
            # A tier that is not there has no room; its rate must still divide.
            missing = 1.0 if of in ("gb_per_s", "inside_price") else 0.0
            values = {kind: getattr(MEMORIES.get(kind), of, missing) for kind in kinds}
            found[f"{place}.{of}"] = looked_up(name, kinds[0], values)
    found["second_there"] = looked_up("second", "none", {kind: float(kind != "none") for kind in SECOND})
    found["in_banks"] = looked_up("in_banks", "nothing", {kind: float(i) for i, kind in enumerate(GIVEN)})
    found["in_dies"] = looked_up("second", "none", {kind: 2.0 * (kind == "flash_compute") for kind in SECOND})
    turns = looked_up("batches", "whole", {"whole": 0.0, "interleaved": 1.0})
    found["interleaved"] = turns * (found["in_banks"] == GIVEN.index("attention"))
    found["fused"] = looked_up("execution", "kernels", {"kernels": 0.0, "dataflow": 1.0})
    found["cache_first"] = looked_up("first_in", "cache", {"cache": 1.0, "weights": 0.0})
    return found


def machine_of(xp: Any, n: Mapping[str, Any]) -> tuple[Machine, Sequence[Tier], dict[str, Any]]:
    """The machine, its tiers, and area (of one die), price and idle power as columns.

    Args:
        xp: the array namespace.
        n: what `words_as_numbers` gave, or the same as arrays of another library.
    """
    from cosearch_simulators.llm.common.npu_silicon import IDLE_W_PER_MM2, die_usd, npu_mm2
    from cosearch_simulators.llm.devices import GIB
    from cosearch_simulators.llm.machines import Machine, Tier

    macs = n["arrays"] * n["side"] ** 2
    second = n["second_units"] * n["second_there"]
    interfaces = n["units"] * n["first.interface_mm2"] + second * n["second.interface_mm2"]
    area = npu_mm2(macs, n["lanes"], n["sram_mib"], interfaces, n["links"])
    first_price = xp.where(n["in_banks"] > 0.5, n["first.inside_price"], xp.ones_like(area))
    memories_usd = n["units"] * n["first.gib"] * n["first.usd_per_gib"] * first_price
    memories_usd = (
        memories_usd + second * n["second.gib"] * n["second.usd_per_gib"] * n["second.inside_price"]
    )
    one_buffer = n["row_buffers"] < 1.5
    within = xp.where(one_buffer, n["first.inside_blocked_gb_per_s"], n["first.inside_gb_per_s"])
    blocked = xp.where(one_buffer, xp.ones_like(within), xp.zeros_like(within))
    first = Tier(
        capacity_bytes=n["units"] * n["first.gib"] * GIB,
        bandwidth=n["units"] * n["first.gb_per_s"] * 1e9,
        pj_per_bit=n["first.pj_per_bit"],
        inside_bandwidth=n["units"] * within * 1e9,
        inside_rate=n["units"] * n["first.inside_ops_per_s"],
        inside_pj_per_bit=n["first.inside_pj_per_bit"],
        inside=n["in_banks"],
        blocked=blocked,
    )
    behind = Tier(
        capacity_bytes=second * n["second.gib"] * GIB,
        bandwidth=xp.where(second > 0, second, xp.ones_like(second)) * n["second.gb_per_s"] * 1e9,
        pj_per_bit=n["second.pj_per_bit"],
        inside_bandwidth=second * n["second.inside_gb_per_s"] * 1e9,
        inside_rate=second * n["second.inside_ops_per_s"],
        inside_pj_per_bit=n["second.inside_pj_per_bit"],
        inside=n["in_dies"],
        blocked=0.0 * second,
    )
    machine = Machine(
        arrays=n["arrays"],
        side=n["side"],
        clock_ghz=n["clock_ghz"],
        lanes=n["lanes"],
        sram_bytes=n["sram_mib"] * float(1 << 20),
        launch_s=2e-6 + 0.0 * area,
        fused=n["fused"],
        interleaved=n["interleaved"],
        cache_first=n["cache_first"],
        link=n["links"] * 25e9,
        hop_s=1e-6 + 0.0 * area,
        mac_pj=0.6 + 0.0 * area,
        sram_pj_per_bit=0.1 + 0.0 * area,
        static_w=IDLE_W_PER_MM2 * area,
    )
    return machine, (first, behind), {"die_mm2": area, "usd": (die_usd(area) + memories_usd) * n["chips"]}
