"""Accuracies of families that no table covers, predicted from a few published networks, and said to be that.

Each is a monotone curve through published points over the logarithm of a size; nothing is known of how
networks of one size differ. What a source is stands in its `SOURCE`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# M. Chen et al.: "AutoFormer", ICCV 2021, table 5: parameters in millions and ImageNet top-1 of the
# supernets' best.
AUTOFORMER = ((5.7, 74.7), (22.9, 81.7), (54.0, 82.4))
AUTOFORMER_SOURCE = (
    "predicted from AutoFormer's (ICCV 2021) three published networks by the number of parameters: 5.7 M "
    "74.7 %, 22.9 M 81.7 %, 54 M 82.4 %; networks of one size are told apart by nothing else"
)

# TensorFlow object detection, "TF1 detection model zoo", mobile models at 320 x 320: SSDLite MobileDet's mAP
# on COCO.
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
