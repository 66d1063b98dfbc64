"""Measuring blocks and networks, and the source of quality that adds the blocks' times up."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.families import FAMILIES, Family
from cosearch_simulators.networks.quality.families.blocks import Block, blocks_of
from cosearch_simulators.networks.quality.judging import Judgement
from cosearch_simulators.networks.quality.latency.onnx_graph import model_of
from cosearch_simulators.networks.quality.result import Columns, Quality, QualityResult

MEASURED_FAMILIES = {family.name: family for family in FAMILIES if family.name in ("ofa-mbv3", "mnasnet")}
WARM_UP, REPEATS = 3, 15
QUANTILE = 0.1
"""Of the runs' times: what others on the machine add is left out, so far as it can be."""

LEAST_S = 0.02
"""A block is run again until it has taken so long."""


def latency_ms(blocks: Sequence[Block], *, batch: int = 1, threads: int = 1, repeats: int = REPEATS) -> float:
    """Time of a chain of blocks on this machine's processor.

    Args:
        blocks: each takes what the one before gives.
        batch: images at once.
        threads: of ONNX Runtime.
        repeats: at least so many runs are timed.

    Raises:
        SimulatorError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise SimulatorError(
            "measuring latency needs ONNX Runtime: pip install 'cosearch[onnxruntime]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model_of(blocks, batch), options, ["CPUExecutionProvider"])
    shape = (batch, blocks[0].inputs, blocks[0].side, blocks[0].side)
    feed = {"x": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    for _ in range(WARM_UP):
        session.run(None, feed)
    # With one thread the runs are this thread's; its processor time leaves out others on the machine.
    clock = time.thread_time if threads == 1 else time.perf_counter
    times: list[float] = []
    while len(times) < repeats or sum(times) < LEAST_S:
        start = clock()
        session.run(None, feed)
        times.append(clock() - start)
    return 1000 * float(np.quantile(times, QUANTILE))


class LatencyTable(Quality):
    """The latency of a network as the sum of its blocks', each measured once.

    Args:
        family: whose networks they are.
        blocks_ms: by `Block.name`, in ms.
        overhead_ms: added to the sum, fitted by `calibrated` to whole networks.
        about: where it was measured.
    """

    def __init__(
        self, family: Family, blocks_ms: Mapping[str, float], *, overhead_ms: float = 0.0, about: str = ""
    ) -> None:
        self.family, self.blocks_ms, self.overhead_ms = family, dict(blocks_ms), overhead_ms
        self.name = f"{family.name}-onnxruntime"
        self.metrics = {"latency_ms": "ms"}
        self.source = f"table of {len(blocks_ms)} blocks measured with ONNX Runtime, summed; {about}".rstrip(
            "; "
        )

    @classmethod
    def measure(
        cls,
        family: Family,
        columns: Columns,
        *,
        batch: int = 1,
        threads: int = 1,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> LatencyTable:
        """Measure every distinct block of these networks."""
        codes, problems = family.codes(columns)
        wrong = next((text for text in problems if text), None)
        if wrong:
            raise SimulatorError(wrong)
        distinct = {block.name: block for code in codes for block in blocks_of(family, code)}
        times = {}
        for done, (name, block) in enumerate(distinct.items()):
            progress(done, len(distinct))
            times[name] = latency_ms([block], batch=batch, threads=threads)
        progress(len(distinct), len(distinct))
        return cls(family, times, about=f"batch {batch}, {threads} threads, this machine")

    def evaluate(self, columns: Columns, *, fidelity: str | None = None, seed: int = 0) -> QualityResult:
        """Add up; a network with a block that was not measured is infeasible."""
        self.checked_fidelity(fidelity)
        codes, problems = self.family.codes(columns)
        found = np.full(len(codes), np.nan)
        for row, code in enumerate(codes):
            if problems[row]:
                continue
            names = [block.name for block in blocks_of(self.family, code)]
            missing = next((name for name in names if name not in self.blocks_ms), None)
            if missing:
                problems[row] = f"the block {missing} was not measured"
            else:
                found[row] = self.overhead_ms + sum(self.blocks_ms[name] for name in names)
        return QualityResult.of({"latency_ms": found}, problems)

    def against_whole(
        self, columns: Columns, *, batch: int = 1, threads: int = 1
    ) -> tuple[Judgement, np.ndarray]:
        """How far sums are from whole networks, which are measured here.

        Returns:
            The judgement, and by network the sum and the whole in ms, (n, 2).
        """
        codes, _ = self.family.codes(columns)
        whole = [latency_ms(blocks_of(self.family, code), batch=batch, threads=threads) for code in codes]
        summed = self.evaluate(columns)["latency_ms"]
        return Judgement.of(summed, whole), np.stack([summed, np.array(whole)], axis=1)

    def calibrated(self, pairs: np.ndarray) -> LatencyTable:
        """The table with what sums lack, or have too much, in pairs as `against_whole` gives them."""
        more = float(np.median(pairs[:, 1] - pairs[:, 0]))
        return LatencyTable(
            self.family, self.blocks_ms, overhead_ms=self.overhead_ms + more, about=self.source
        )

    def write(self, path: str | Path) -> None:
        """As CSV: block, latency_ms."""
        rows = [("overhead", self.overhead_ms), *self.blocks_ms.items()]
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("block", "latency_ms"), *rows])

    @classmethod
    def read(cls, family: Family, path: str | Path) -> LatencyTable:
        """The table of a CSV file.

        Raises:
            SimulatorError: it cannot be read, or a line is no block with its milliseconds.
        """
        try:
            rows = list(csv.reader(read_text(path).splitlines()))
        except OSError as error:
            raise SimulatorError(f"cannot read {path}: {error.strerror}") from error
        if not rows or rows[0] != ["block", "latency_ms"]:
            raise SimulatorError(f"{path}: expected the columns block,latency_ms")
        times: dict[str, float] = {}
        for number, row in enumerate(rows[1:], start=2):
            try:
                (name, text) = row
                value = float(text)
            except ValueError:
                raise SimulatorError(f"{path}, line {number}: expected a block and its ms") from None
            if name in times or not np.isfinite(value) or (value <= 0 and name != "overhead"):
                raise SimulatorError(f"{path}, line {number}: a block twice, or no positive number of ms")
            times[name] = value
        return cls(family, times, overhead_ms=times.pop("overhead", 0.0), about=str(path))
