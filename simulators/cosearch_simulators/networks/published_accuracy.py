"""Accuracies of families that no table covers, predicted from a few published networks, and said to be that.

Each is a monotone curve through published points over the logarithm of a size; nothing is known of how
networks of one size differ. What a source is stands in its `SOURCE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.networks.spaces.nasaic import ResNet9, UNet

Floats = NDArray[np.float64]

# M. Chen et al.: "AutoFormer", ICCV 2021, abstract: parameters in millions and ImageNet top-1 of the
# supernets' best.
AUTOFORMER = ((5.7, 74.7), (22.9, 81.7), (53.7, 82.4))
AUTOFORMER_SOURCE = (
    "predicted from AutoFormer's (ICCV 2021) three published networks by the number of parameters: 5.7 M "
    "74.7 %, 22.9 M 81.7 %, 53.7 M 82.4 %; networks of one size are told apart by nothing else"
)

# tensorflow/models, object_detection/g3doc/tf1_detection_zoo.md at commit 15762ae, mobile models at
# 320 x 320: the mAP on COCO of SSDLite MobileDet in float32.
MOBILEDET_MAP = {"cpu": 24.0, "edgetpu": 25.9, "dsp": 28.9}
MOBILEDET_SOURCE = (
    "predicted from the mAP on COCO of the three published MobileDets (24.0 CPU, 25.9 EdgeTPU, 28.9 DSP; TF1 "
    "detection model zoo) by multiply-accumulates, no more than the largest one's; networks of one size are "
    "told apart by nothing else"
)


def interpolated(points: Sequence[tuple[float, float]], size: Floats) -> Floats:
    """The curve through the points over the logarithm of the size, straight up to the last.

    Beyond the last it is flat, since nothing was published that says how far a larger network goes.

    Args:
        points: (size, accuracy), the smallest first.
        size: (n,).
    """
    x = np.log(np.array([point[0] for point in points]))
    y = np.array([point[1] for point in points])
    at = np.log(size)
    inside = np.interp(at, x, y)
    below = y[0] + (at - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    found: Floats = np.where(at < x[0], below, inside)
    return found


@dataclass(frozen=True)
class Range:
    """A task of NASAIC.

    Attributes:
        what: its accuracy is.
        least: of the smallest network of its space.
        most: of the best one, found without regard to hardware.
    """

    what: str
    least: float
    most: float


# L. Yang et al.: "Co-exploration of neural architectures and heterogeneous ASIC accelerator designs
# targeting multiple tasks", DAC 2020, section V: the lower bounds and the accuracies of architecture search
# alone (table 1). Copied by hand; no second source to check them against was found.
NASAIC = {
    "cifar10": Range("images right at the first guess", 78.93, 94.17),
    "stl10": Range("images right at the first guess", 71.57, 76.50),
    "nuclei": Range("intersection over union", 64.2, 83.94),
}
NASAIC_SOURCE = (
    "accuracies predicted between those of NASAIC's (DAC 2020) smallest and best networks (CIFAR-10 78.93 to "
    "94.17 %, STL-10 71.57 to 76.50 %, nuclei 0.642 to 0.8394), straight over the logarithm of operations; "
    "networks of one size are told apart by nothing else"
)


def nasaic_accuracy(kind: str, macs: Floats) -> Floats:
    """(n,) in %, of networks of NASAIC's spaces.

    Args:
        kind: cifar10, stl10 or nuclei.
        macs: (n,).
    """
    least, most = _extremes(kind)
    known = NASAIC[kind]
    return interpolated([(least, known.least), (most, known.most)], np.maximum(macs, 1.0))


@cache
def _extremes(kind: str) -> tuple[float, float]:
    """Operations of the smallest and the largest network of a task's space."""
    space = UNet() if kind == "nuclei" else ResNet9("stl10" if kind == "stl10" else "cifar10")
    columns = {one.name: [min(one.values), max(one.values)] for one in space.parameters}
    least, most = space.macs(columns)
    return float(least), float(most)
