"""What narrow numbers and pruned weights cost in top-1 accuracy, from published measurements.

Nobody has measured every network in every precision. So this is a predictor with few, published anchors, and
says so in `SOURCE`: the loss of a network all of whose stages have some bits is that of MobileNetV2 with
these bits; of weights and of activations apart they add up; and a stage has the share of it that it has of
the network's weights, or of its activations. 8 bits and more cost nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.costs.precisions import GROUP, Precisions
from cosearch_simulators.networks.networks import Networks

Floats = NDArray[np.float64]

# K. Wang et al.: "HAQ", CVPR 2019, MobileNetV2 on ImageNet: PACT with 8, 6, 5 and 4 bits for weights and
# activations has 71.81, 71.25, 68.84 and 61.39 % top-1; 4-bit weights alone, by k-means, 71.24 of 71.87 %,
# which is better than evenly spaced numbers, as multipliers have them, would be. Copied by hand:
# the authors' repository (mit-han-lab/haq) gives mixed precisions alone, 71.23 of 72.05 % in 0.6 of the time.
BOTH = {8: 0.0, 6: 71.81 - 71.25, 5: 71.81 - 68.84, 4: 71.81 - 61.39}
WEIGHTS_AT_4 = 71.87 - 71.24
# The noise of rounding, and with it the loss of weights, falls by 4 with each bit.
WEIGHTS = {bits: WEIGHTS_AT_4 * 4.0 ** (4 - bits) if bits < 8 else 0.0 for bits in BOTH}
ACTIVATIONS = {bits: max(0.0, BOTH[bits] - WEIGHTS[bits]) for bits in BOTH}
# A. Zhou et al.: "Learning N:M fine-grained structured sparse neural networks from scratch", ICLR 2021:
# ResNet-50 with 2 of every 4 weights has 77.0 % (also in the authors' aojunzz/NM-sparsity) of 77.3 %.
KEPT = {GROUP: 0.0, 2: 77.3 - 77.0}

SOURCE = (
    "loss by precision: predicted from HAQ's (CVPR 2019) uniform precisions of MobileNetV2, shared out over "
    "stages by their weights and activations (that of 4-bit weights alone was measured with 16 values by "
    "k-means, and is the least for evenly spaced ones); by 2:4 sparsity: from SR-STE's (ICLR 2021) ResNet-50"
)


def top1_loss(networks: Networks, precisions: Precisions) -> Floats:
    """(n,) points of top-1 accuracy that are lost; NaN where a precision has no published anchor.

    Args:
        networks: n of them.
        precisions: n of them.
    """
    return loss_of_stages(networks.weights, networks.activations, precisions)


def loss_of_stages(weights: Floats, activations: Floats, precisions: Precisions) -> Floats:
    """`top1_loss` of networks of which only the elements of each stage are known, each (n, stages)."""
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1.0)
    activations = activations / np.maximum(activations.sum(axis=1, keepdims=True), 1.0)
    lost: Floats = (_looked_up(WEIGHTS, precisions.weight_bits) * weights).sum(axis=1)
    lost = lost + (_looked_up(ACTIVATIONS, precisions.activation_bits) * activations).sum(axis=1)
    return lost + (_looked_up(KEPT, precisions.kept, least=GROUP) * weights).sum(axis=1)


def _looked_up(table: dict[int, float], values: NDArray[np.int64], least: int = 8) -> Floats:
    found = np.full(values.shape, np.nan)
    for value, loss in table.items():
        found[values == value] = loss
    found[values > least] = 0.0
    return found
