"""The problem `cnn-fpga`: a mobile network and its precision on the array that an FPGA has room for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.accelerator.mapped_network import Goal
from cosearch_plugins.networks.accuracy import load_quality, once_for_all, with_resolution
from cosearch_plugins.networks.hardware import BANKS, DATAFLOWS
from cosearch_plugins.networks.joint import FIDELITIES
from cosearch_plugins.networks.spaces import columns_of, design_space
from cosearch_plugins.shared_settings import Threads

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import Quality
    from cosearch_simulators.networks.space import NetworkSpace

HARDWARE = (
    Ordinal("array_rows", (8, 16, 24, 32, 48, 64, 96, 128), default=16),
    Ordinal("array_columns", (8, 16, 24, 32, 48, 64, 96, 128), default=16),
    Ordinal("register_bytes", (8, 16, 32, 64), default=16, description="of each unit, in LUTs"),
    Ordinal("buffer_kib", (64, 128, 256, 512, 1024, 2048, 4096), default=256),
    Categorical("buffer_in", ("bram", "uram"), description="the blocks of memory that make the buffer"),
    Categorical("dataflow", DATAFLOWS, description="that the array is wired for"),
)


class CnnFpgaSettings(Settings):
    """Which board, which networks and how their accuracy is known."""

    board: Literal["zedboard", "kv260", "zcu104", "zcu102", "u250"] = setting(
        "zcu102", "whose DSP slices, blocks of memory, LUTs and memory bandwidth there are"
    )
    clock_mhz: float = setting(200.0, "of the array", unit="MHz", ge=10, le=800)
    quality: InputFile | None = setting(
        None,
        "a table of measured Once-for-All networks with a column top1, instead of the embedded predictor",
    )
    mapped_for: Goal = setting("latency", "what each layer's mapping is the best for")
    threads: Threads = None


class CnnFpga(Problem):
    """A sub-network of Once-for-All in 4, 8 or 16 bits on an array of multipliers on a named FPGA board.

    Narrow operands share DSP slices: four products of 4 bits or two of 8 in a DSP48E2. What does not fit the
    board is infeasible, with the resource that is short. Time is that of the best mapping of each layer.

    Example:
        >>> problem = CnnFpga()
        >>> problem.evaluate(problem.space.designs([problem.space.default()])).status.tolist()
        ['ok']
    """

    Settings = CnnFpgaSettings
    settings: CnnFpgaSettings
    name = "cnn-fpga"
    metrics = (
        Metric("top1", "%", "of ImageNet's images, right at the first guess; predicted"),
        Metric("latency_ns", "ns", "of one image, from the first load of the first layer to the last store"),
        Metric("dsp", "1", "DSP slices"),
        Metric("bram", "1", "blocks of 36 Kb"),
        Metric("uram", "1", "blocks of 288 Kb"),
        Metric("lut", "1", "look-up tables"),
        Metric("largest_share", "1", "of the scarcest resource, what is used of it"),
        Metric("utilisation", "1", "multiply-accumulates done, of one for each unit in each cycle"),
        Metric("macs", "1", "multiply-accumulates of one image"),
    )
    objectives = (Objective("top1", "max"), Objective("latency_ns", "min"), Objective("largest_share", "min"))
    fidelities = FIDELITIES
    default_fidelity = "mapper"

    def build(self) -> None:
        """The networks, their precision and the array as one space."""
        from cosearch_simulators.networks.compression_loss import SOURCE

        bits = Ordinal("bits", (4, 8, 16), default=8, description="of weights and activations")
        self.space = DesignSpace.join(
            network=design_space(self.family.parameters, self.family.name),
            precision=DesignSpace([bits], name="precision"),
            hardware=DesignSpace(HARDWARE, name="fpga"),
            name=self.name,
        )
        self.about = (
            f"{self.family.name} ({self.family.source}) on {self.settings.board}; top1: "
            f"{self.quality.source}; {SOURCE}"
        )

    @cached_property
    def family(self) -> NetworkSpace:
        """The networks."""
        return once_for_all(self.quality)

    @cached_property
    def quality(self) -> Quality:
        """Where accuracies come from."""
        return load_quality(self.settings.quality, "ofa-mbv3", "top1")

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs at once; those that do not fit the board are not mapped."""
        from cosearch_simulators.networks.compression_loss import top1_loss
        from cosearch_simulators.networks.costs import Precisions
        from cosearch_simulators.networks.fpga import BOARDS, needs, shortage

        board = BOARDS[self.settings.board]
        columns, hardware = columns_of(designs, "network"), columns_of(designs, "hardware")
        bits = np.asarray(designs["precision.bits"])
        rows, across = hardware["array_rows"], hardware["array_columns"]
        needed = needs(
            board,
            units=rows * across,
            bits=bits,
            register_bytes=hardware["register_bytes"],
            buffer_kib=hardware["buffer_kib"],
            buffer_bytes_per_cycle=(rows + across) * bits / 8,
            in_uram=hardware["buffer_in"] == "uram",
        )
        reason = shortage(board, needed, self.settings.board)
        fits = np.flatnonzero(reason == "")
        networks = self.family.networks(columns)
        chosen = Precisions.of(len(designs), len(self.family.stages), bits, bits)
        known = self.quality.evaluate(with_resolution(columns, self.family))
        share = np.max([column / max(getattr(board, name), 1) for name, column in needed.items()], axis=0)
        metrics = {
            "top1": known.metrics["top1"] - top1_loss(networks, chosen),
            "latency_ns": np.full(len(designs), np.nan),
            **needed,
            "largest_share": share,
            "utilisation": np.full(len(designs), np.nan),
            "macs": networks.macs,
        }
        codes = np.where(reason == "", known.status, 1).astype(np.int8)
        reason = np.where(reason == "", known.reason, reason)
        if len(fits):
            found = self._timed(networks.take(fits), chosen.take(fits), hardware, bits, fits, fidelity)
            for name in ("latency_ns", "utilisation"):
                metrics[name][fits] = found.metrics[name]
            bad = fits[found.codes > 0]
            codes[bad], reason[bad] = found.codes[found.codes > 0], found.reason[found.codes > 0]
        errors = {name: known.standard_error[name] for name in ("top1",) if name in known.standard_error}
        return Outcomes(metrics, codes, reason, standard_error=errors or None)

    def _timed(
        self,
        networks: Any,
        chosen: Any,
        hardware: Mapping[str, NDArray[Any]],
        bits: NDArray[np.int64],
        fits: NDArray[np.int64],
        fidelity: str,
    ) -> Any:
        from cosearch_simulators.networks.costs import Accelerators, evaluate
        from cosearch_simulators.networks.fpga import BOARDS

        mine = {name: column[fits] for name, column in hardware.items() if name != "buffer_in"}
        width = bits[fits]
        machines = Accelerators(
            **mine,
            multiplier=np.char.add("fixed-", width.astype(str)),
            buffer_banks=BANKS,
            buffer_bytes_per_cycle=(mine["array_rows"] + mine["array_columns"]) * width / 8,
            memory_gb_per_s=BOARDS[self.settings.board].memory_gb_per_s,
            clock_ghz=self.settings.clock_mhz / 1e3,
        )
        settings = self.settings
        return evaluate(
            *(networks, machines, chosen),
            fidelity=fidelity,
            goal=settings.mapped_for,
            threads=settings.threads,
        )

    def features(self, designs: Designs) -> dict[str, NDArray[np.float64]]:
        """Cheap descriptors of each network: its size, and every choice."""
        table = self.family.features(columns_of(designs, "network"))
        return dict(zip(self.family.feature_names, table.T, strict=True))
