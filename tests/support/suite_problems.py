"""Problems of the suite on which agents are measured that no plugin brings, as a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cosearch import (
    Categorical,
    Constraint,
    Designs,
    DesignSpace,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Permutation,
    Problem,
    Real,
    Settings,
    hookimpl,
    setting,
)
from cosearch.errors import ArgumentError
from cosearch.settings import InputFile

NASBENCH201 = Path(__file__).parents[3] / "shared" / "reference" / "nas" / "nasbench201.parquet"
EDGES = ("e10", "e20", "e21", "e30", "e31", "e32")
OPERATIONS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
DEVICES = ("pixel3", "gold_6226", "titan_rtx_256", "1080ti_1", "samsung_s7")
Device = Literal["pixel3", "gold_6226", "titan_rtx_256", "1080ti_1", "samsung_s7"]


class NasBench201Settings(Settings):
    """Where the measurements are, and of which device."""

    device: Device = setting("pixel3", "whose latency counts")
    file: InputFile = setting(str(NASBENCH201), "the table of all cells")


class NasBench201(Problem):
    """All 15,625 cells of NAS-Bench-201: measured accuracy on CIFAR-10 against measured latency of a device.

    X. Dong, Y. Yang, "NAS-Bench-201" (ICLR 2020); latencies of H. Lee et al., "HELP" (NeurIPS 2021).
    """

    name = "nasbench201"
    Settings = NasBench201Settings
    space = DesignSpace([Categorical(edge, OPERATIONS) for edge in EDGES], name="nasbench201")
    metrics = (Metric("top1", "%", "test accuracy on CIFAR-10 after 200 epochs"), Metric("latency_ms", "ms"))
    objectives = (Objective("top1", "max"), Objective("latency_ms", "min"))

    def build(self) -> None:
        """Read the table; row k of it is the cell whose operations are k's digits in base 5."""
        import pandas as pd

        columns = [f"op_{edge}" for edge in EDGES]
        device = f"lat_{self.settings.device}"
        try:
            table = pd.read_parquet(self.settings.file, columns=[*columns, "c10_test_ep200", device])
        except OSError as error:
            raise ArgumentError(f"problem {self.name}: cannot read {self.settings.file}: {error}") from None
        order = np.argsort(_place(table[columns].to_numpy()))
        self._top1 = table["c10_test_ep200"].to_numpy(dtype=np.float64)[order]
        self._latency = table[device].to_numpy(dtype=np.float64)[order]

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        """Look the cells up."""
        rows = _place(designs.index)
        return {"top1": self._top1[rows], "latency_ms": self._latency[rows]}


def _place(operations: np.ndarray) -> np.ndarray:
    return operations @ 5 ** np.arange(len(EDGES))[::-1]


class MixedChip(Problem):
    """A made-up accelerator with twenty parameters of every kind, conditions and a constraint.

    Its formulas are smooth trade-offs and interactions that no real chip has to have: it is there for its
    structure.
    """

    name = "mixed-chip"
    space = DesignSpace(
        [
            Ordinal("rows", [4, 8, 16, 32, 64, 128]),
            Ordinal("columns", [4, 8, 16, 32, 64, 128]),
            Categorical("dataflow", ["weight_stationary", "output_stationary", "row_stationary"]),
            Ordinal("weight_bits", [2, 4, 8, 16]),
            Ordinal("activation_bits", [4, 8, 16]),
            Categorical("compression", [False, True]),
            Integer("index_bits", 2, 8, when={"compression": True}),
            Categorical("sparse_format", ["csr", "bitmap", "run_length"], when={"compression": True}),
            Integer("buffer_kb", 16, 4096, log=True),
            Ordinal("banks", [1, 2, 4, 8, 16, 32]),
            Categorical("prefetch", ["none", "next", "stride"]),
            Integer("prefetch_depth", 1, 16, when={"prefetch": ["next", "stride"]}),
            Real("voltage_v", 0.6, 1.1),
            Real("clock_mhz", 100, 2000, log=True),
            Categorical("dram", ["ddr4", "lpddr4", "hbm2"]),
            Integer("hbm_stacks", 1, 4, when={"dram": "hbm2"}),
            Integer("channels", 1, 8, when={"dram": ["ddr4", "lpddr4"]}),
            Permutation("loop_order", ["K", "C", "P", "Q"]),
            Ordinal("tile_k", [1, 2, 4, 8, 16, 32, 64]),
            Ordinal("tile_p", [1, 2, 4, 7, 14, 28]),
        ],
        forbidden=["banks > buffer_kb"],
        name="mixed-chip",
    )
    metrics = (
        Metric("latency_us", "us", "of one inference"),
        Metric("energy_uj", "uJ", "of one inference"),
        Metric("error", "%", "of the classification"),
        Metric("area_mm2", "mm2", "of the chip"),
    )
    objectives = (Objective("latency_us"), Objective("energy_uj"), Objective("error"))
    constraints = (Constraint("area_mm2", "<=", 4.0),)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        """The formulas, over columns; an inactive parameter is masked."""
        d = {name: designs[name] for name in self.space.names}
        lanes = d["rows"].astype(float) * d["columns"]
        weight, activation = d["weight_bits"].astype(float), d["activation_bits"].astype(float)
        buffer, volts, clock = d["buffer_kb"].astype(float), d["voltage_v"], d["clock_mhz"]
        packed, decode = np.ones(len(designs)), np.zeros(len(designs))
        on = designs.active("index_bits")
        overhead = np.select(
            [d["sparse_format"] == "csr", d["sparse_format"] == "bitmap"], [0.09, 0.05], 0.06
        )
        packed[on] = 0.45 + (overhead * np.abs(d["index_bits"] - np.log2(buffer) / 2))[on]
        decode[on] = 0.04
        tile = d["tile_k"].astype(float) * d["tile_p"]
        footprint = tile * (weight + activation) / 64
        fits = np.minimum(1.0, buffer / (footprint * 4))
        outer = d["loop_order"][:, -1]
        reuse = np.sqrt(tile) * fits * np.where(outer == "K", 1.3, np.where(outer == "P", 1.1, 0.9))
        reuse *= np.select(
            [d["dataflow"] == "row_stationary", d["dataflow"] == "weight_stationary"],
            [1.25, np.where(d["loop_order"][:, 0] == "P", 1.5, 0.9)],
            np.where(d["loop_order"][:, 0] == "C", 1.45, 0.95),
        )
        traffic = 4e4 * (weight * packed + activation) / (1 + reuse)
        hbm = d["dram"] == "hbm2"
        bandwidth = np.select(
            [hbm, d["dram"] == "lpddr4"],
            [250.0 * d["hbm_stacks"], 12.8 * d["channels"]],
            19.2 * d["channels"],
        )
        hidden = np.zeros(len(designs))
        ahead = designs.active("prefetch_depth")
        right = np.where(d["prefetch"] == "stride", 6.0, 3.0)
        hidden[ahead] = (0.6 * np.exp(-np.abs(np.log2(d["prefetch_depth"] / right))))[ahead]
        fastest = 2600 * (volts - 0.42)  # an alpha-power law, linear here
        real_clock = np.minimum(clock, fastest)
        busy = np.minimum(1.0, d["tile_k"] / d["columns"]) * np.minimum(1.0, 4 * d["tile_p"] / d["rows"])
        compute = 6e6 / (lanes * np.maximum(busy, 0.02) * real_clock) * (1 + decode)
        conflicts = 1 + 2.0 / d["banks"]
        memory = traffic * conflicts * (1 - hidden) / (8e3 * bandwidth / 100)
        latency = np.maximum(compute, memory) + 0.2 * np.minimum(compute, memory) + 1.0
        each_bit = np.select([hbm, d["dram"] == "lpddr4"], [4.0, 6.0], 15.0)
        energy = 6.0 * volts**2 * weight * activation / 64 * (1 + decode) + traffic * each_bit * 1e-4
        energy += (
            (0.002 * lanes + 0.004 * buffer / 4 + 0.4 * np.log2(1 + d["banks"])) * volts**3 * latency * 0.05
        )
        energy += np.where(hbm, 0.03 * d["hbm_stacks"], 0.008 * d["channels"]) * latency
        overclocked = np.maximum(clock / fastest - 1, 0.0)
        error = (
            6.0 + 24.0 * 2.0**-weight * 4 + 8.0 * 2.0 ** -(activation / 2) + 1.2 * on + 40 * overclocked**2
        )
        area = 0.3 + 1.2e-4 * lanes * (weight + activation) / 2 + 2.4e-3 * buffer + 0.03 * d["banks"]
        area += np.where(hbm, 1.5 * d["hbm_stacks"], 0.35 * d["channels"]) + 0.4 * on
        return {"latency_us": latency, "energy_uj": energy, "error": error, "area_mm2": area}


@hookimpl
def cosearch_problems() -> list[type[Problem]]:
    """The two."""
    return [NasBench201, MixedChip]
