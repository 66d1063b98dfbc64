"""Makes the embedded tables and predictors from a folder of the published tables.

    python -m cosearch_simulators.networks.data.build_embedded FOLDER [NAME ...]

With names it makes these sources only. Every table keeps all networks and all measured columns, repeated rows
averaged; the predictors are fitted with seed 0 and judged on a held-out fifth first.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.networks.quality.embedded import DATA, PREDICTED, TABLES, target_columns
from cosearch_simulators.networks.quality.predictor import fit
from cosearch_simulators.networks.quality.table import Table


def write_table(table: Table, path: Path) -> None:
    """A table as compact Parquet: parameters by name, targets as float32."""
    import pyarrow
    import pyarrow.parquet

    columns = table.columns()
    numbers = {name: pyarrow.array(values.astype(np.float32)) for name, values in table.targets.items()}
    kinds = {"i": pyarrow.int16(), "f": pyarrow.float64()}
    arrays = {
        name: pyarrow.array(values.tolist(), kinds.get(values.dtype.kind, pyarrow.string()))
        for name, values in columns.items()
    }
    whole = pyarrow.table(arrays | numbers)
    whole = whole.replace_schema_metadata(
        {"spread": json.dumps(_finite(table.spread)), "rows": str(table.rows)}
    )
    pyarrow.parquet.write_table(
        whole,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=list(arrays),
        column_encoding=dict.fromkeys(numbers, "BYTE_STREAM_SPLIT"),
        write_statistics=False,
    )


def write_predictor(name: str) -> None:
    """The learned arrays of all metrics, and what was found on held-out rows, as one npz."""
    from cosearch_simulators.networks.quality.embedded import embedded_table

    source = PREDICTED[name]
    table = embedded_table(source.table)
    kept: dict[str, Any] = {}
    about: dict[str, Any] = {}
    for column in target_columns(source, table):
        kind = source.kinds.get(column, source.kind)
        (target,) = fit(table, column, kind=kind).targets
        kept |= {f"{target.metric}/{key}": array for key, array in target.learner.arrays().items()}
        assert target.judged is not None
        about[target.metric] = {
            "column": column,
            "kind": kind,
            "factor": target.factor,
            "judged": asdict(target.judged),
        }
        print(f"{name} {target.metric}: {target.judged}", flush=True)
    np.savez_compressed(DATA / f"{name}.npz", about=np.array(json.dumps(about)), **kept)


def _finite(spread: object) -> dict[str, float]:
    assert isinstance(spread, dict)
    return {name: float(f"{value:.6g}") for name, value in spread.items() if np.isfinite(value)}


def main(folder: Path, names: list[str]) -> None:
    """All tables, then all predictors."""
    for name, published in TABLES.items():
        if not names or name in names:
            write_table(
                published.cut(Table.read(folder / published.file, inputs=published.inputs)),
                DATA / f"{name}.parquet",
            )
    for name in PREDICTED:
        if not names or name in names:
            write_predictor(name)
    total = sum(path.stat().st_size for path in DATA.iterdir() if path.suffix in (".parquet", ".npz"))
    print(f"{total / 1e6:.2f} MB in all")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
