"""Devices from their data sheets: what they compute, hold and move, as a table that can be proof-read.

Rates are dense (no sparsity), bandwidths decimal, capacities as sold. A rate of 0: the device has no engine
for that precision, and does not run it. `link` is what one device sends one way to the others of its node,
`network` what it sends out of the node. Sources, by the order of the columns: NVIDIA's data sheets (A100
80GB SXM4 2021, A10G and L4, L40S, A40, H100 SXM5, H100 NVL, H200 SXM and NVL, GH200, HGX B200/B300, GB200
and GB300 NVL72, RTX 4090 and RTX PRO 6000 Blackwell white papers), AMD's (MI210, MI300X, MI325X), Google
Cloud's "TPU v5p" and "TPU v5e", Intel's Gaudi 2 white paper; Huawei's CloudMatrix 384 paper (arXiv
2506.12708) for the Ascend 910C; the Jetson Orin modules' data sheets (their sparse 8-bit peaks halved, and
halved again for 16 bits), Qualcomm's Snapdragon X Elite and AMD's Ryzen AI 9 HX 370 product briefs (8-bit
peak; 16 bits taken as half of it). Prices an hour are on-demand cloud list prices
rounded to 10 cents as of 2025, for one device; they are assumptions that a user replaces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PRECISIONS = ("bf16", "fp8", "nvfp4", "int8", "int4")
"""Of weights and activations; `int4` and `mxfp4` weights are computed on in bf16."""

GIB = float(1 << 30)


@dataclass(frozen=True)
class Device:
    """One device.

    Attributes:
        name: as `--set device=` takes it.
        family: the class whose constants it gets, of `calibration.FAMILIES`; `geforce`: GPUs whose tensor
            cores add up in 32 bits at half rate.
        bf16_tflops: peak of 16-bit products.
        fp8_tflops: peak of 8-bit floating products, 0 without.
        fp4_tflops: peak of 4-bit floating products, 0 without.
        int8_tflops: peak of 8-bit integer products, 0 without.
        memory_gib: capacity.
        memory_gb_per_s: bandwidth.
        cores: SMs, compute units or matrix cores that work on tiles of their own.
        link_gb_per_s: to the others of the node, one way.
        link_kind: `nvlink`, `pcie` or `other`.
        node: devices of a node.
        network_gb_per_s: out of the node, one way.
        power_w: thermal design power.
        usd_per_hour: price.
        host_gb_per_s: to the host's memory, one way.
    """

    name: str
    family: str
    bf16_tflops: float
    fp8_tflops: float
    fp4_tflops: float
    int8_tflops: float
    memory_gib: float
    memory_gb_per_s: float
    cores: int
    link_gb_per_s: float
    link_kind: str
    node: int
    network_gb_per_s: float
    power_w: float
    usd_per_hour: float
    host_gb_per_s: float = 32.0


# fmt: off
_ROWS = (
    # name, family, bf16, fp8, fp4, int8, GiB, GB/s, cores, link, kind, node, network, W, $/h
    ("a100_sxm", "ampere", 312, 0, 0, 624, 80, 2039, 108, 300, "nvlink", 8, 25, 400, 1.8),
    ("a40", "ampere", 149.7, 0, 0, 299.3, 48, 696, 84, 32, "pcie", 8, 25, 300, 0.5),
    ("a10g", "ampere", 70, 0, 0, 140, 24, 600, 80, 32, "pcie", 8, 12.5, 300, 1.0),
    ("l4", "ada", 121, 242, 0, 242, 24, 300, 58, 32, "pcie", 8, 12.5, 72, 0.8),
    ("l40s", "ada", 362.05, 733, 0, 733, 48, 864, 142, 32, "pcie", 8, 50, 350, 1.0),
    ("rtx4090", "geforce", 165.2, 330.3, 0, 660.6, 24, 1008, 128, 32, "pcie", 8, 12.5, 450, 0.5),
    ("h100_sxm", "hopper", 989, 1978, 0, 1978, 80, 3350, 132, 450, "nvlink", 8, 50, 700, 2.5),
    ("h100_nvl", "hopper", 835, 1671, 0, 1671, 94, 3900, 132, 300, "nvlink", 2, 50, 400, 2.3),
    ("h200_sxm", "hopper", 989, 1978, 0, 1978, 141, 4800, 132, 450, "nvlink", 8, 50, 700, 3.0),
    ("h200_nvl", "hopper", 835, 1671, 0, 1671, 141, 4800, 132, 450, "nvlink", 4, 50, 600, 2.8),
    ("gh200", "hopper", 989, 1978, 0, 1978, 96, 4000, 132, 450, "nvlink", 1, 50, 1000, 2.5),
    ("b200_sxm", "blackwell", 2250, 4500, 9000, 4500, 180, 7700, 148, 900, "nvlink", 8, 100, 1000, 4.5),
    ("gb200", "blackwell", 2500, 5000, 10000, 5000, 186, 8000, 152, 900, "nvlink", 72, 100, 1200, 5.0),
    ("b300_sxm", "blackwell", 2250, 4500, 13500, 150, 270, 8000, 148, 900, "nvlink", 8, 100, 1100, 5.5),
    ("gb300", "blackwell", 2500, 5000, 15000, 165, 288, 8000, 152, 900, "nvlink", 72, 100, 1400, 6.0),
    # GB202 (compute capability 12.0) has Ada's matrix instructions and GDDR, not B200's tcgen05 and HBM.
    ("rtxpro6000", "ada", 468, 936, 1872, 936, 96, 1792, 188, 64, "pcie", 8, 50, 600, 1.5),
    ("mi210", "cdna", 181, 0, 0, 181, 64, 1638, 104, 100, "other", 4, 25, 300, 1.0),
    ("mi300x", "cdna", 1307.4, 2614.9, 0, 2614.9, 192, 5300, 304, 448, "other", 8, 50, 750, 2.5),
    ("mi325x", "cdna", 1307.4, 2614.9, 0, 2614.9, 256, 6000, 304, 448, "other", 8, 50, 1000, 2.8),
    ("tpu_v5e", "other", 197, 0, 0, 394, 16, 819, 4, 50, "other", 8, 25, 200, 1.2),
    ("tpu_v5p", "other", 459, 0, 0, 918, 95, 2765, 8, 200, "other", 8, 25, 450, 4.2),
    ("ascend_910c", "other", 752, 0, 0, 1504, 128, 3200, 48, 196, "other", 8, 25, 700, 2.0),
    ("gaudi2", "other", 432, 865, 0, 0, 96, 2450, 2, 262.5, "other", 8, 37.5, 600, 1.3),
    ("jetson_agx_orin", "other", 42.5, 0, 0, 85, 64, 204.8, 16, 8, "pcie", 1, 1.25, 60, 0.05),
    ("jetson_orin_nano", "other", 16.75, 0, 0, 33.5, 8, 102, 8, 4, "pcie", 1, 0.125, 25, 0.01),
    ("snapdragon_x_elite", "other", 22.5, 0, 0, 45, 32, 135, 6, 8, "pcie", 1, 0.125, 30, 0.03),
    ("ryzen_ai_9_hx370", "other", 25, 0, 0, 50, 32, 120, 32, 8, "pcie", 1, 0.125, 28, 0.03),
)
# fmt: on

_HOST = {"gh200": 450.0, "gb200": 450.0, "gb300": 450.0} | dict.fromkeys(
    (
        "h100_sxm",
        "h100_nvl",
        "h200_sxm",
        "h200_nvl",
        "b200_sxm",
        "b300_sxm",
        "rtxpro6000",
        "mi300x",
        "mi325x",
    ),
    64.0,
)
"""NVLink-C2C, and PCIe 5.0 x16; the others have PCIe 4.0 x16. Boards of one memory have it for both."""

DEVICES: dict[str, Device] = {
    row[0]: replace(Device(*row), host_gb_per_s=_HOST.get(row[0], 32.0)) for row in _ROWS
}
"""By name."""
