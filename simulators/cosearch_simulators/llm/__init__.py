"""Serving language models: which chip, parallelism, precision and model for a service.

>>> import numpy as np
>>> from cosearch_simulators.llm import MODELS, Serving, evaluate, platform_named
>>> found = evaluate(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving(batch=np.array([1.0, 64.0])))
>>> bool(found["tpot_ms"][1] > found["tpot_ms"][0])
True
"""

from cosearch_simulators.llm.devices import DEVICES, Device
from cosearch_simulators.llm.engines.ours.entry import METRICS, UNITS, evaluate
from cosearch_simulators.llm.models import MODELS, Model, model_named
from cosearch_simulators.llm.platforms import Platform, platform_named, platform_of
from cosearch_simulators.llm.serving import PRECISIONS, Precision, Serving, precision_code

__all__ = [
    "DEVICES",
    "METRICS",
    "MODELS",
    "PRECISIONS",
    "UNITS",
    "Device",
    "Model",
    "Platform",
    "Precision",
    "Serving",
    "evaluate",
    "model_named",
    "platform_named",
    "platform_of",
    "precision_code",
]
