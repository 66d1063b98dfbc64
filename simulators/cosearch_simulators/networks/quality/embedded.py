"""What ships with the package: measured tables by name, and predictors that were fitted from them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.networks.quality.judging import Judgement
from cosearch_simulators.networks.quality.learners import LEARNERS
from cosearch_simulators.networks.quality.predictor import Predictor, Target, fit, seen_values
from cosearch_simulators.networks.quality.reading import read_columns
from cosearch_simulators.networks.quality.result import Quality
from cosearch_simulators.networks.quality.table import Table, TableQuality
from cosearch_simulators.networks.quality.units import PERCENT, named_metric

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Published:
    """A published table.

    Attributes:
        file: its name in a folder of reference tables, from which `data/build_embedded.py` makes ours.
        citation: whose it is.
        dropped: columns that we leave out, by how their names begin.
        inputs: the columns that say what was measured, where it is no network of a known family.
    """

    file: str
    citation: str
    dropped: tuple[str, ...] = ()
    inputs: tuple[str, ...] | None = None

    def cut(self, table: Table) -> Table:
        """The table without the columns that are left out."""
        kept = {
            name: values
            for name, values in table.targets.items()
            if not name.startswith(self.dropped or ("\0",))
        }
        return Table(table.name, table.family, table.codes, kept, table.spread, table.rows)


TABLES: Mapping[str, Published] = {
    "ofa-mbv3-accuracy": Published(
        "ofa_mbv3_accuracy_dynast.parquet",
        "sub-networks of Once-for-All MobileNetV3 (w1.0) evaluated on ImageNet without fine-tuning, DyNAS-T",
        ("order", "params", "macs", "r"),
    ),
    "ofa-mbv3-latency": Published(
        "ofa_mbv3_latency.parquet", "latency of Once-for-All's sub-networks on GPUs, HELP", ("arch_idx",)
    ),
    "mnasnet": Published(
        "accel_nasbench.parquet",
        "Accel-NASBench: ImageNet accuracy of a short training, throughput and latency of accelerators",
        ("id", "params", "macs", "train_time", "block"),
    ),
    "nasbench201": Published(
        "nasbench201.parquet",
        "NAS-Bench-201 / NATS-Bench: accuracy of all 15,625 cells; latency of devices, HELP",
        ("arch_idx",),
    ),
    "fbnet-latency": Published(
        "fbnet_latency.parquet", "latency of FBNet's networks on devices, HELP", ("arch_idx", "b")
    ),
    "nasbench-macro": Published(
        "nasbench_macro.parquet", "NAS-Bench-Macro: CIFAR-10 accuracy, three seeds", ("acc", "std")
    ),
    "hat-latency": Published(
        "hat_transformer_latency.parquet",
        "hardware-aware transformers: latency of encoders and decoders on devices",
        ("latency_std",),
        (
            "task",
            "device",
            "encoder_embed_dim",
            "encoder_layer_num",
            "encoder_ffn_embed_dim_avg",
            "encoder_self_attention_heads_avg",
            "decoder_embed_dim",
            "decoder_layer_num",
            "decoder_ffn_embed_dim_avg",
            "decoder_self_attention_heads_avg",
            "decoder_ende_attention_heads_avg",
            "decoder_arbitrary_ende_attn_avg",
        ),
    ),
    "apq-bitfusion": Published(
        "apq_bitfusion_lut.parquet",
        "APQ: convolutions at 4, 6 and 8 bits on the accelerator BitFusion",
        ("pad_flag",),
        ("in_ch", "out_ch", "input_size", "kernel", "stride", "groups", "w_bits", "a_bits"),
    ),
}
"""Embedded tables by name."""


@dataclass(frozen=True)
class Predicted:
    """A predictor that ships with the package.

    Attributes:
        table: of `TABLES`, what it was learned from.
        kind: of learner.
        kinds: of columns that have another.
    """

    table: str
    kind: str = "gaussian-process"
    kinds: Mapping[str, str] = field(default_factory=dict)


PREDICTED: Mapping[str, Predicted] = {
    "ofa-mbv3": Predicted("ofa-mbv3-accuracy"),
    "ofa-mbv3-latency": Predicted("ofa-mbv3-latency"),
    "mnasnet": Predicted("mnasnet", kinds={"val_top1": "blend"}),
}
"""Predictors by name."""

TABULAR: Mapping[str, str] = {
    "nasbench201": "nasbench201",
    "nasbench-macro": "nasbench-macro",
    "mnasnet-table": "mnasnet",
    "ofa-mbv3-table": "ofa-mbv3-accuracy",
    "fbnet-latency": "fbnet-latency",
    "hat-latency": "hat-latency",
    "apq-bitfusion": "apq-bitfusion",
}
"""Sources that look up in an embedded table, by name."""

TRAINED: Mapping[str, tuple[str, str]] = {
    "small-cnn": ("quality", "TrainedQuality"),
    "small-cnn-supernet": ("quality", "SupernetQuality"),
    "small-cnn-scores": ("scores", "ScoreQuality"),
}
"""Sources that make their numbers when they are asked: by name, the module of `training` and the class."""

FIRST = ("top1",)
"""Metrics that a source with several gives where none is asked for, if it has them."""


def names() -> tuple[str, ...]:
    """What `load` knows."""
    return tuple(dict.fromkeys((*PREDICTED, *TABULAR, *TRAINED)))


def load(
    name: str, *, table: str | Path | None = None, metrics: Sequence[str] | None = None, kind: str = "blend"
) -> Quality:
    """A source of quality by name, from the embedded data or from a user's own table.

    Args:
        name: of `names()`.
        table: a Parquet or CSV file in the same format, in place of the embedded table; a predictor is then
            fitted to it. Of sources that train: an npz file with `images` and `classes`.
        metrics: those that are wanted; None: the accuracy, or all where there is none.
        kind: of the predictor that is fitted to a user's table.

    Raises:
        SimulatorError: there is no such source or metric, or the table is broken.

    Example:
        >>> quality = load("nasbench201", metrics=["c10_test_ep200"])
        >>> cell = {f"op_{edge}": ["nor_conv_3x3"] for edge in ("e10", "e20", "e21", "e30", "e31", "e32")}
        >>> quality.evaluate(cell)["c10_test_ep200"].round(2).tolist()
        [93.76]
    """
    if name in PREDICTED:
        return _predictor(name, table, metrics, kind)
    if name in TABULAR:
        return _tabular(name, table, metrics)
    if name in TRAINED:
        module, kind_of = TRAINED[name]
        found = getattr(import_module(f"cosearch_simulators.networks.quality.training.{module}"), kind_of)
        quality: Quality = found(None if table is None else str(table))
        for metric in metrics or ():
            if metric not in quality.metrics:
                raise SimulatorError(f"{name}: {unknown('metric', metric, quality.metrics)}")
        return quality
    raise SimulatorError(unknown("source of quality", name, names()))


@cache
def embedded_table(name: str) -> Table:
    """An embedded table of `TABLES`.

    Raises:
        SimulatorError: there is none of this name.
    """
    if name not in TABLES:
        raise SimulatorError(unknown("table", name, TABLES))
    import pyarrow.parquet

    path = DATA / f"{name}.parquet"
    found = Table.of(read_columns(path), name=name, inputs=TABLES[name].inputs)
    about = pyarrow.parquet.read_schema(path).metadata
    spread = {column: float("nan") for column in found.targets} | json.loads(about[b"spread"])
    return Table(name, found.family, found.codes, found.targets, spread, int(about[b"rows"]))


def target_columns(source: Predicted, table: Table) -> list[str]:
    """The columns of a table that a predictor learns."""
    return [column for column in table.targets if column in source.kinds or named_metric(column)]


def _predictor(name: str, table: str | Path | None, metrics: Sequence[str] | None, kind: str) -> Quality:
    source = PREDICTED[name]
    if table is not None:
        own = Table.read(table)
        if own.family.name != embedded_table(source.table).family.name:
            raise SimulatorError(
                f"{table} has networks of {own.family.name}, {name} needs those of "
                f"{embedded_table(source.table).family.name}"
            )
        known = {named[0]: column for column in own.targets if (named := named_metric(column))}
        return fit(own, [known[metric] for metric in _chosen(str(table), known, metrics)], kind=kind)
    about = _learned(name)
    return _shipped(name, _chosen(name, about, metrics))


@lru_cache(maxsize=16)
def _shipped(name: str, metrics: tuple[str, ...]) -> Predictor:
    source, about = PREDICTED[name], _learned(name)
    table = embedded_table(source.table)
    features = table.family.features(table.codes)
    targets = []
    with np.load(DATA / f"{name}.npz") as file:
        for metric in metrics:
            known = about[metric]
            named = named_metric(known["column"])
            assert named is not None
            arrays = {key.partition("/")[2]: file[key] for key in file.files if key.startswith(f"{metric}/")}
            rows = np.isfinite(table.targets[known["column"]])
            learner = LEARNERS[known["kind"]].of_arrays(arrays, features[rows])
            judged = Judgement(**known["judged"])
            unit = named[1]
            targets.append(Target(metric, unit.name, learner, unit != PERCENT, known["factor"], judged))
    cited = f"{len(table):,} networks ({TABLES[source.table].citation})"
    return Predictor(table.family, targets, seen_values(table), name=name, table=cited)


@cache
def _learned(name: str) -> dict[str, dict[str, Any]]:
    with np.load(DATA / f"{name}.npz") as file:
        found: dict[str, dict[str, Any]] = json.loads(str(file["about"]))
    return found


def _tabular(name: str, table: str | Path | None, metrics: Sequence[str] | None) -> Quality:
    inputs = TABLES[TABULAR[name]].inputs
    own = embedded_table(TABULAR[name]) if table is None else Table.read(table, inputs=inputs)
    wanted = embedded_table(TABULAR[name]).family.name
    if own.family.name != wanted:
        raise SimulatorError(f"{table} has networks of {own.family.name}, {name} needs those of {wanted}")
    known = {named[0]: (column, named[1]) for column in own.targets if (named := named_metric(column))}
    chosen = {metric: known[metric] for metric in _chosen(str(table or name), known, metrics or tuple(known))}
    cited = f"table {table}" if table is not None else f"table, {TABLES[TABULAR[name]].citation}"
    rows = "rows" if inputs else f"networks of {wanted}"
    source = f"{cited}: {len(own):,} {rows}, measured"
    return TableQuality(own, chosen, name=str(table or name), source=source)


def _chosen(name: str, known: Mapping[str, object], metrics: Sequence[str] | None) -> tuple[str, ...]:
    """The metrics that are asked for, or those that are given unasked."""
    if metrics is None:
        first = tuple(metric for metric in FIRST if metric in known)
        return first or tuple(known)
    for metric in metrics:
        if metric not in known:
            raise SimulatorError(f"{name}: {unknown('metric', metric, known)}")
    return tuple(metrics)
