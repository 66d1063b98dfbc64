"""The problem `hls`: which pragmas make a C kernel fast on an FPGA, by what a tool reported of each point."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import FAILED_CODE, INFEASIBLE_CODE, Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs
from cosearch_plugins.hls.pragmas import PragmaSpace
from cosearch_plugins.tables.reading import Column, numbers, read_table, truth, wanted

RESOURCES = ("bram", "dsp", "lut", "ff")
MOST_SHARE = 20.0
"""Of a resource; a point may want more than the device has, but not so much."""
NOT_VALID = "the tool did not synthesise this point (the table calls it not valid)"


class HlsSettings(Settings):
    """Which table, and which of its kernels."""

    file: InputFile = setting(
        ...,
        "a table as HLSyn's (github.com/UCLA-DM/HLSyn, CC BY-SA 4.0): tool, kernel, point, valid, ...",
    )
    kernel: str = setting("gemm-ncubed", "name of a kernel of the table")
    tool: str = setting("", "name of a tool of the table; empty: the one with the most points of the kernel")
    missing: Literal["nearest", "infeasible"] = setting(
        "nearest", "a design that was not synthesised: has the numbers of the nearest point that was, or none"
    )


class Hls(Problem):
    """Pragmas of a C kernel in high-level synthesis: most points fail, and which do must be learned.

    The numbers are those that a tool reported for the points of a table. A design that is no point of it
    takes the nearest one's; `distance_to_measured` says how far that is.
    """

    Settings = HlsSettings
    settings: HlsSettings
    name = "hls"
    metrics = (
        Metric("cycles", "cycles", "of the kernel once, as the tool reports them after synthesis"),
        Metric("utilisation", "1", "the largest of the four shares below"),
        *(Metric(f"{name}_share", "1", f"of the device's {name.upper()}") for name in RESOURCES),
        Metric(
            "distance_to_measured", "1", "0 for a point of the table; 1 for each pragma that is quite another"
        ),
    )
    objectives = (Objective("cycles", "min"), Objective("utilisation", "min"))
    constraints = (Constraint("utilisation", "<=", 0.8),)
    fidelities = ("table",)
    workloads: ClassVar[tuple[str, ...]] = ()

    def build(self) -> None:
        """Read the points of the kernel."""
        path = Path(self.settings.file)
        columns = read_table(path)
        kernels = wanted(columns, "kernel", path).values
        names = sorted(set(map(str, kernels)))
        if self.settings.kernel not in names:
            raise unknown_name(f"kernel of {path.name}", self.settings.kernel, names)
        mine = kernels == self.settings.kernel
        tools = wanted(columns, "tool", path).values
        known, counts = np.unique(tools[mine].astype(str), return_counts=True)
        tool = self.settings.tool or str(known[counts.argmax()])
        if tool not in known:
            raise unknown_name(f"tool with points of {self.settings.kernel}", tool, known.tolist())
        rows = np.flatnonzero(mine & (tools == tool))
        points = [
            _point(text, int(row), path)
            for row, text in zip(rows, wanted(columns, "point", path).values[rows], strict=True)
        ]
        if any(point.keys() != points[0].keys() for point in points):
            raise ArgumentError(
                f"{path.name}: the points of {self.settings.kernel} have not all the same pragmas"
            )
        found = PragmaSpace(points, f"hls {self.settings.kernel}")
        self.space, self._pragmas = found.space, found
        self.measured = found.measured
        valid = wanted(columns, "valid", path)
        try:
            self.is_valid = np.array([truth(valid.values[row], "valid", int(row)) for row in rows])
        except ArgumentError as error:
            raise ArgumentError(f"{path.name}: {error}") from None
        cycles = _metric(wanted(columns, "cycles", path), rows, self.is_valid, path)
        self.is_valid = self.is_valid & (cycles > 0)  # none at all: the tool did not come so far
        columns_of = [wanted(columns, f"util_{name}", path) for name in RESOURCES]
        shares = np.stack([_metric(one, rows, self.is_valid, path) for one in columns_of], axis=1)
        if self.is_valid.any() and shares[self.is_valid].max() > MOST_SHARE:
            raise ArgumentError(
                f"{path.name}: a util_ column of {self.settings.kernel} reaches "
                f"{shares[self.is_valid].max():g}; expected shares of the device, not percent"
            )
        self._values = np.column_stack([cycles, shares.max(axis=1), shares])
        others = "as the nearest point" if self.settings.missing == "nearest" else "infeasible"
        self.about = (
            f"{self.settings.kernel}: {len(rows):,} points by {tool}, {self.is_valid.mean():.0%} valid; "
            f"what was not synthesised is {others}"
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Look the designs up."""
        place, distance = self._pragmas.nearest(designs)
        values = np.column_stack([self._values[place], distance])
        codes = np.where(self.is_valid[place], 0, FAILED_CODE).astype(np.int8)
        reasons = np.where(self.is_valid[place], "", NOT_VALID).astype(object)
        if self.settings.missing == "infeasible":
            codes[distance > 0] = INFEASIBLE_CODE
            reasons[distance > 0] = "the table has no such point"
        values[codes != 0] = np.nan
        return Outcomes({m.name: values[:, i].copy() for i, m in enumerate(self.metrics)}, codes, reasons)


def _metric(
    column: Column, rows: NDArray[np.int64], is_valid: NDArray[np.bool_], path: Path
) -> NDArray[np.float64]:
    part = Column(column.name, column.values[rows], column.there[rows])
    return numbers(part, is_valid, path, rows)


def _point(text: Any, row: int, path: Path) -> dict[str, Any]:
    try:
        point = json.loads(text)
    except (TypeError, ValueError):
        point = None
    if not isinstance(point, dict) or not point:
        raise ArgumentError(
            f"{path.name}: row {row + 1}: point is {text!r:.60}; expected a JSON object of pragmas"
        )
    return point
