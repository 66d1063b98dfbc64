"""Platforms as columns: devices of the table, or chips that a search makes up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm.common.calibration import FAMILIES
from cosearch_simulators.llm.devices import DEVICES, GIB, Device

LINKS = ("ampere", "hopper", "blackwell", "other", "pcie")
"""Classes of links that have constants of their own."""


@dataclass(frozen=True)
class Platform:
    """One kind of device and its links, or columns of them; rates in operations and bytes a second.

    Attributes:
        bf16: peak of 16-bit products.
        fp8: peak of 8-bit floating products, 0 without.
        fp4: peak of 4-bit floating products, 0 without.
        int8: peak of 8-bit integer products, 0 without.
        memory_bytes: capacity.
        bandwidth: of the memory.
        cores: that work on tiles of their own.
        link: to the others of the node, one way.
        network: out of the node, one way.
        node: devices of a node.
        power_w: thermal design power.
        usd_per_hour: price of one device.
        family: position in `calibration.FAMILIES`.
        link_kind: position in `LINKS`.
        host_link: to the host's memory, one way.
    """

    bf16: Any
    fp8: Any
    fp4: Any
    int8: Any
    memory_bytes: Any
    bandwidth: Any
    cores: Any
    link: Any
    network: Any
    node: Any
    power_w: Any
    usd_per_hour: Any
    family: Any
    link_kind: Any
    host_link: Any = 32e9


def platform_of(device: Device) -> Platform:
    """A device of the table."""
    kind = "pcie" if device.link_kind == "pcie" else device.family if device.family in LINKS else "other"
    return Platform(
        bf16=device.bf16_tflops * 1e12,
        fp8=device.fp8_tflops * 1e12,
        fp4=device.fp4_tflops * 1e12,
        int8=device.int8_tflops * 1e12,
        memory_bytes=device.memory_gib * GIB,
        bandwidth=device.memory_gb_per_s * 1e9,
        cores=float(device.cores),
        link=device.link_gb_per_s * 1e9,
        network=device.network_gb_per_s * 1e9,
        node=float(device.node),
        power_w=float(device.power_w),
        usd_per_hour=device.usd_per_hour,
        family=float(FAMILIES.index(device.family)),
        link_kind=float(LINKS.index(kind)),
        host_link=device.host_gb_per_s * 1e9,
    )


def platform_named(name: str) -> Platform:
    """A device by name.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in DEVICES:
        raise ConfigurationError(unknown("device", name, DEVICES))
    return platform_of(DEVICES[name])
