"""Networks for sensor data on microcontrollers: reductions in time for each sensor, then across sensors.

T. King et al.: "MicroNAS for memory and latency constrained hardware aware neural architecture search in time
series classification on microcontrollers", Scientific Reports 15 (2025), 7575: time-reduce cells shorten the
window, sensor-fusion cells let sensors see each other, a dense layer classifies.
"""

from __future__ import annotations

import numpy as np

from cosearch_simulators.networks.batch import BatchBuilder
from cosearch_simulators.networks.parameters import Parameter
from cosearch_simulators.networks.space import NetworkSpace, Reader

MOST_CELLS = 4


class MicroNas(NetworkSpace):
    """One to four time-reduce cells and a sensor-fusion cell.

    Args:
        window: samples in time.
        sensors: channels of the data.
        classes: of activities.
    """

    name = "micronas"
    source = "King et al., 2025"

    def __init__(self, window: int = 128, sensors: int = 9, classes: int = 6) -> None:
        self.window, self.sensors, self.classes = window, sensors, classes
        found = [Parameter("cells", (1, 2, 3, 4), default=2)]
        for cell in range(1, MOST_CELLS + 1):
            when = {"cells": tuple(range(cell, MOST_CELLS + 1))} if cell > 1 else {}
            found.append(Parameter(f"kind_{cell}", ("full", "separable"), when))
            found.append(Parameter(f"filters_{cell}", (8, 16, 32, 64), when, default=16))
            found.append(Parameter(f"kernel_{cell}", (3, 5, 7, 9), when, default=5))
            found.append(Parameter(f"stride_{cell}", (1, 2, 4), when, default=2))
        found.append(Parameter("fusion", ("none", "convolution"), default="convolution"))
        found.append(Parameter("hidden", (0, 16, 32, 64), default=32))
        self.parameters = tuple(found)
        self.stages = ("time", "sensors", "head")

    def build(self, builder: BatchBuilder, columns: Reader, active: Reader) -> None:
        """The operators; rows are time, columns sensors."""
        x = builder.input(1, self.window, self.sensors)
        for cell in range(1, MOST_CELLS + 1):
            there = columns["cells"] >= cell
            kernel, stride = (columns[f"kernel_{cell}"], 1), (columns[f"stride_{cell}"], 1)
            filters, separable = columns[f"filters_{cell}"], columns[f"kind_{cell}"] == "separable"
            name = f"time_{cell}"
            with builder.only(there & ~separable):
                full = builder.convolution(name, x, filters, kernel, stride)
            with builder.only(there & separable):
                apart = builder.convolution(
                    f"{name}.depthwise", x, x.channels, kernel, stride, groups=x.channels
                )
                apart = builder.convolution(f"{name}.pointwise", apart, filters, 1)
            x = builder.where(there, builder.where(separable, apart, full), x)
        builder.stage = 1
        fused = columns["fusion"] == "convolution"
        with builder.only(fused):
            y = builder.convolution("sensors", x, x.channels, (1, self.sensors), (1, self.sensors))
        x = builder.where(fused, y, x)
        builder.stage = 2
        x = builder.global_average("pool", x)
        hidden = columns["hidden"]
        with builder.only(hidden > 0):
            y = builder.linear("hidden", x, np.maximum(hidden, 1))
        x = builder.where(hidden > 0, y, x)
        builder.linear("classifier", x, self.classes)
