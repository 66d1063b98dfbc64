"""How good a network is, by sources that say what they are: tables, predictors, training, scores."""

from cosearch_simulators.networks.quality.embedded import embedded_table, load, names
from cosearch_simulators.networks.quality.judging import Judgement, kendall
from cosearch_simulators.networks.quality.predictor import Predictor, fit, split
from cosearch_simulators.networks.quality.pruning import contributions, pruned
from cosearch_simulators.networks.quality.result import Columns, Quality, QualityResult
from cosearch_simulators.networks.quality.table import Table, TableQuality

__all__ = [
    "Columns",
    "Judgement",
    "Predictor",
    "Quality",
    "QualityResult",
    "Table",
    "TableQuality",
    "contributions",
    "embedded_table",
    "fit",
    "kendall",
    "load",
    "names",
    "pruned",
    "split",
]
