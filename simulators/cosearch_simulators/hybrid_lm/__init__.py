"""Small language models of mixed layers, trained and timed for real on this machine.

A design says how each layer mixes positions (full, grouped-query or sliding-window attention, a gated short
convolution, gated linear attention), and the width, depth, feed-forward width and precision. Its quality is
bits for each byte of held-out text after really training it; its latency is measured by really running it.
LFM2 (arXiv:2511.23404) and Nemotron-Flash (arXiv:2511.18890) do so on large machines; this fits a laptop.

`architecture` describes and counts, `corpus` is the text, `layers` and `model` are the network in PyTorch,
`training` trains and scores it, `precision` converts it, `timing` measures it, `evaluation` takes designs.
"""

from __future__ import annotations

from cosearch_simulators.hybrid_lm.architecture import MIXERS, PRECISIONS, Architecture
from cosearch_simulators.hybrid_lm.corpus import Corpus, read_text, standard_library
from cosearch_simulators.hybrid_lm.evaluation import Measurement, evaluate

__all__ = [
    "MIXERS",
    "PRECISIONS",
    "Architecture",
    "Corpus",
    "Measurement",
    "evaluate",
    "read_text",
    "standard_library",
]
