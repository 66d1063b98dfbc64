"""The table of BOOM cores of the ICCAD 2022 contest as a design space.

Its 15,633 rows are, for each decode width, all combinations of a few variants of each component. So a design
is a width and, active for that width only, one variant of each component: every design is a row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.space import Designs, DesignSpace, DesignTable, Ordinal
from cosearch.space.parameters import Parameter
from cosearch_plugins.tables.reading import Column, read_table, wanted

WIDTH = "decode_width"
COMPONENTS = {
    "fetch": ("fetch_width", "fetch_buffer", "ftq", "branch_tags"),
    "rob": ("rob",),
    "issue": (
        *("mem_dispatch", "mem_issue", "mem_entries", "int_dispatch", "int_issue", "int_entries"),
        *("fp_dispatch", "fp_issue", "fp_entries"),
    ),
    "registers": ("int_regs", "fp_regs"),
    "load_store": ("ldq", "stq"),
    "instruction_cache": ("ic_sets", "ic_ways", "ic_itlb_sets", "ic_itlb_ways"),
    "data_cache": ("dc_sets", "dc_ways", "dc_repl", "dc_mshr", "dc_dtlb_sets", "dc_dtlb_ways"),
}
"""A variant is written as the values of these columns, joined by dashes."""
FRONT_END, WINDOW, CACHES = "front_end", "window", "caches"
_GROUP = {"fetch": FRONT_END, "instruction_cache": CACHES, "data_cache": CACHES}


class BoomTable:
    """The rows as designs.

    Args:
        path: the table.
        metrics: columns that are metrics.

    Raises:
        ArgumentError: a column is missing, or a design stands twice.

    Attributes:
        space: the design space.
        values: float64 (rows, metrics).
    """

    def __init__(self, path: Path, metrics: tuple[str, ...]) -> None:
        columns = read_table(path)
        parts = {name: [wanted(columns, one, path) for one in names] for name, names in COMPONENTS.items()}
        width = wanted(columns, WIDTH, path).values
        labels = {name: _labels(found) for name, found in parts.items()}
        widths = [int(one) for one in np.unique(width)]
        parameters: list[Parameter] = [Ordinal(WIDTH, widths)]
        groups: dict[str, list[str]] = {FRONT_END: [WIDTH], WINDOW: [], CACHES: []}
        rows = {WIDTH: width.tolist()}
        for name, texts in labels.items():
            for one in widths:
                mine = width == one
                known = sorted(
                    set(texts[mine].tolist()), key=lambda text: [int(part) for part in text.split("-")]
                )
                if len(known) == 1:
                    continue
                label = f"{name}_of_{one}"
                what = " - ".join(COMPONENTS[name])
                parameters.append(Ordinal(label, known, when={WIDTH: one}, description=what))
                groups[_GROUP.get(name, WINDOW)].append(label)
                rows[label] = [
                    text if here else None for text, here in zip(texts.tolist(), mine, strict=True)
                ]
        self.space = DesignSpace(parameters, name="microprocessor", groups=groups)
        designs = self.space.designs(
            [
                {name: column[row] for name, column in rows.items() if column[row] is not None}
                for row in range(len(width))
            ]
        )
        self._known = DesignTable(self.space)
        _, new = self._known.add(designs)
        if not new.all():
            raise ArgumentError(f"{path.name}: row {int(np.flatnonzero(~new)[0]) + 1} stands there twice")
        self.values = np.stack(
            [np.asarray(wanted(columns, one, path).values, float) for one in metrics], axis=1
        )

    def __len__(self) -> int:
        return len(self._known)

    def find(self, designs: Designs) -> NDArray[np.int64]:
        """The row of each design, -1 where there is none."""
        return self._known.find(designs)


def _labels(columns: list[Column]) -> NDArray[np.str_]:
    texts = [column.values.astype(np.int64).astype(str) for column in columns]
    joined = texts[0]
    for text in texts[1:]:
        joined = np.char.add(np.char.add(joined, "-"), text)
    return joined
