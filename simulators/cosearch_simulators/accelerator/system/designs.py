"""The designs that every engine can cost: an array of units with registers, one buffer, one memory.

They come as columns. What is the same for all of a batch is the `Chip`; what an engine returns is a `Result`
with the metrics of `UNITS`, put together in `result`, so that all engines mean the same by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.silicon.components import EnergyTable
from cosearch_simulators.accelerator.system.architecture import Architecture, Mac, StorageLevel
from cosearch_simulators.core.columns import Columns
from cosearch_simulators.core.names import unknown
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import Elementwise, Network, Precision

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.mapping.templates import Template

Floats = NDArray[np.float64]

UNITS: Mapping[str, str] = {
    "latency_ns": "ns",
    "energy_pj": "pJ",
    "area_mm2": "mm2",
    "edp_pj_s": "pJ s",
    "power_mw": "mW",
    "utilisation": "1",
    "cycles": "1",
    "static_energy_pj": "pJ",
}
"""The metrics of every engine."""


@dataclass(frozen=True)
class Chip:
    """What all designs of a batch have in common.

    Attributes:
        technology_nm: feature size.
        accumulation_bits: of partial sums on the chip.
        static_mw_per_mm2: static power by area, counted over the latency; 0 for none.
        energies: numbers that replace the published ones for the parts that it names.
        template: the dataflow, in place of the one that a design names.
    """

    technology_nm: float = 45.0
    accumulation_bits: int = 32
    static_mw_per_mm2: float = 0.0
    energies: EnergyTable | None = None
    template: Template | None = None


@dataclass(frozen=True, eq=False)
class ArrayDesigns(Columns):
    """n designs. Every column has length n, or 1, which stands for all.

    Attributes:
        array_rows, array_columns: units of the array.
        register_words: of each unit.
        buffer_kib: the shared buffer.
        buffer_banks: equal parts of it; an access wakes one.
        buffer_words_per_cycle: that it reads, and that it writes.
        memory_gb_per_s: of the memory's bus, which reads and writes share.
        dataflow: name of a template, or "flexible".
        bits: of weights and activations.
        clock_ghz: of everything on the chip.
    """

    array_rows: ArrayLike = 16
    array_columns: ArrayLike = 16
    register_words: ArrayLike = 128
    buffer_kib: ArrayLike = 256
    buffer_banks: ArrayLike = 8
    buffer_words_per_cycle: ArrayLike = 32
    memory_gb_per_s: ArrayLike = 12.8
    dataflow: ArrayLike = "weight-stationary"
    bits: ArrayLike = 8
    clock_ghz: ArrayLike = 0.6

    WHAT = "accelerator"
    WORDS: ClassVar[tuple[str, ...]] = ("dataflow",)
    COUNTS = {  # noqa: RUF012
        "array_rows": (1, 4096),
        "array_columns": (1, 4096),
        "register_words": (1, 1 << 24),
        "buffer_kib": (1, 1 << 24),
        "buffer_banks": (1, 1 << 16),
        "bits": (1, 64),
    }
    NUMBERS = {  # noqa: RUF012
        "buffer_words_per_cycle": (1e-9, 1e9),
        "memory_gb_per_s": (1e-9, 1e9),
        "clock_ghz": (1e-6, 1e3),
    }

    def architecture(self, row: int, chip: Chip) -> Architecture:
        """A design as levels of storage."""
        value = {name: np.asarray(getattr(self, name))[row].item() for name in self._fields()}
        bits, clock_ghz = int(value["bits"]), float(value["clock_ghz"])
        memory_words = float(value["memory_gb_per_s"]) / (bits / 8) / clock_ghz
        buffer_words = float(value["buffer_words_per_cycle"])
        found = Architecture(
            name="design",
            technology_nm=chip.technology_nm,
            clock_ghz=clock_ghz,
            mac=Mac(word_bits=bits),
            levels=(
                StorageLevel(
                    name="Registers",
                    kind="register_file",
                    capacity_words=int(value["register_words"]),
                    word_bits=bits,
                ),
                StorageLevel(
                    name="Buffer",
                    capacity_words=int(value["buffer_kib"]) * 8192 // bits,
                    word_bits=bits,
                    banks=int(value["buffer_banks"]),
                    read_bandwidth_words=buffer_words,
                    write_bandwidth_words=buffer_words,
                    array=(int(value["array_columns"]), int(value["array_rows"])),
                ),
                StorageLevel(
                    name="DRAM",
                    kind="dram",
                    word_bits=bits,
                    read_bandwidth_words=memory_words,
                    write_bandwidth_words=memory_words,
                    shared_bandwidth=True,
                ),
            ),
        )
        return found if chip.energies is None else with_parts(found, chip.energies)

    def precision(self, row: int, chip: Chip) -> Precision:
        """Bits of each operand."""
        bits = int(np.asarray(self.bits)[row])
        return Precision(bits, bits, bits, chip.accumulation_bits)


MAC = "MAC"
"""What an energy table calls the multiply-accumulate unit."""


def with_parts(architecture: Architecture, table: EnergyTable, mac: str = MAC) -> Architecture:
    """The accelerator with the table's numbers for the parts that it names; the others keep theirs.

    Args:
        architecture: the accelerator.
        table: energies and areas; parts go by the levels' names.
        mac: what the table calls the multiply-accumulate unit.
    """
    levels = []
    for level in architecture.levels:
        update: dict[str, Any] = {"area_um2": table.area_um2.get(level.name, level.area_um2)}
        if level.name in table.energy_pj:
            update["read_energy_pj"] = table.energy(level.name, ("read",)) / level.block_words
            update["write_energy_pj"] = (
                table.energy(level.name, ("write", "update", "read")) / level.block_words
            )
        levels.append(level.model_copy(update=update))
    unit: dict[str, Any] = {"area_um2": table.area_um2.get(mac, architecture.mac.area_um2)}
    if mac in table.energy_pj:
        unit["energy_pj"] = table.energy(mac, ("compute", "mac_random", "mac", "multiply", "read"))
    units = architecture.mac.model_copy(update=unit)
    return architecture.model_copy(update={"levels": tuple(levels), "mac": units})


def vector_elements(network: Network) -> int:
    """Elements that vector operators move to and from the memory.

    An elementwise operator with one activation is applied to the outputs of the layer before as they leave.
    """
    return sum(
        sum(operator.tensor_elements.values())
        for operator in network.operators
        if operator.loop_nest() is None
        and not (isinstance(operator, Elementwise) and len(operator.operands) == 1)
    )


def with_vectors(
    designs: ArrayDesigns,
    network: Network,
    architectures: Sequence[Architecture],
    cycles: Floats,
    energy: Floats,
) -> tuple[Floats, Floats]:
    """Latency in ns and energy in pJ of layers and vector operators, whose traffic to the memory counts."""
    bits, memory = np.asarray(designs.bits), np.asarray(designs.memory_gb_per_s)
    word_pj = np.array([a.read_pj(a.levels[-1]) for a in architectures])
    elements = vector_elements(network)
    clock_ghz = np.asarray(designs.clock_ghz)
    return cycles / clock_ghz + elements * bits / 8 / memory, energy + elements * word_pj


def areas_mm2(architectures: Sequence[Architecture]) -> Floats:
    """Area of each chip."""
    return np.array([sum(a.area_by_part_mm2().values()) for a in architectures])


def result(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    *,
    latency_ns: Floats,
    energy_pj: Floats,
    area_mm2: Floats,
    reasons: Sequence[str],
) -> Result:
    """All metrics, of what an engine has found; `energy_pj` is without static power, which is added here."""
    clock_ghz = np.asarray(designs.clock_ghz)
    units = np.asarray(designs.array_rows) * np.asarray(designs.array_columns)
    static_pj = np.zeros(len(designs))
    if chip.static_mw_per_mm2:
        static_pj = chip.static_mw_per_mm2 * area_mm2 * latency_ns
        energy_pj = energy_pj + static_pj
    columns = {
        "latency_ns": latency_ns,
        "energy_pj": energy_pj,
        "area_mm2": area_mm2,
        "edp_pj_s": energy_pj * latency_ns * 1e-9,
        "power_mw": energy_pj / latency_ns,
        "utilisation": sum(o.macs for o in network.operators) / (units * clock_ghz * latency_ns),
        "cycles": np.ceil(latency_ns * clock_ghz),
        "static_energy_pj": static_pj,
    }
    return Result.of(columns, reasons)


def result_of_layers(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    architectures: Sequence[Architecture],
    *,
    cycles: Floats,
    energy_pj: Floats,
    reasons: Sequence[str],
) -> Result:
    """The result of designs whose layers take so many cycles and so much energy in all, (n,) each.

    The vector operators between the layers, and the area, are added here.
    """
    latency_ns, energy_pj = with_vectors(designs, network, architectures, cycles, energy_pj)
    return result(
        designs,
        network,
        chip,
        latency_ns=latency_ns,
        energy_pj=energy_pj,
        area_mm2=areas_mm2(architectures),
        reasons=reasons,
    )


def in_groups(
    designs: ArrayDesigns,
    known: Sequence[str],
    keys: NDArray[Any],
    run: Callable[[Any, ArrayDesigns], Result],
) -> Result:
    """The designs that are valid, those of each key in one call; the others with what is wrong with them.

    Args:
        designs: n of them.
        known: the dataflows that an engine has; a template's name is not looked up.
        keys: (n,) of each design.
        run: takes a key and its designs.
    """
    reasons = designs.problems()
    for row, flow in enumerate(np.asarray(designs.dataflow).tolist()):
        if known and flow not in known:
            reasons[row] = reasons[row] or unknown("dataflow", flow, known)
    metrics = {name: np.full(len(designs), np.nan) for name in UNITS}
    fine = np.array([not reason for reason in reasons], bool)
    for key in dict.fromkeys(keys[fine].tolist()):
        rows = np.flatnonzero(fine & (keys == key))
        found = run(key, designs.take(rows))
        for name, column in found.metrics.items():
            metrics[name][rows] = column
        for place, reason in zip(rows.tolist(), found.reason, strict=True):
            reasons[place] = reason
    return Result.of(metrics, reasons)
