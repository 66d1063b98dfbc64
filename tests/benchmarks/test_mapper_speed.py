"""Speed of the mapper on one core: ResNet-18, all layers with multiplications, on one architecture.

pytest tests/benchmarks/test_mapper_speed.py --benchmark-enable
"""

from __future__ import annotations

import os

import numpy as np

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.accelerator.mapper import map_network
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.workloads import network

RESNET = network("resnet18").fold_batch_norms()


def architecture(across: int, up: int, register_words: int, buffer_words: int) -> CompiledArchitecture:
    port = {"read_bandwidth_words": 16, "write_bandwidth_words": 16}
    return Architecture.model_validate(
        {
            "levels": [
                {"name": "Register", "kind": "register_file", "capacity_words": register_words, **port},
                {"name": "Buffer", "capacity_words": buffer_words, "array": (across, up), **port},
                {"name": "DRAM", "kind": "dram", **port},
            ]
        }
    ).compile()


def test_resnet18_in_50_ms_on_one_core(benchmark) -> None:
    one = [architecture(16, 16, 256, 65_536)]
    mapped = benchmark(lambda: map_network(one, RESNET, threads=1))
    assert mapped.valid.all()
    if benchmark.stats is not None:
        assert benchmark.stats.stats.min < 0.05


def test_many_architectures_take_as_long_as_each_alone(benchmark) -> None:
    rng = np.random.default_rng(0)
    number = 1000 if benchmark.enabled else 10
    many = [
        architecture(*(int(rng.choice(sizes)) for sizes in ([4, 8, 14, 16, 32], [4, 8, 14, 16, 32])),
                     int(rng.choice([16, 64, 256, 512])), int(rng.choice([16_384, 65_536, 262_144])))
        for _ in range(number)
    ]  # fmt: skip
    mapped = benchmark.pedantic(lambda: map_network(many, RESNET), rounds=1, warmup_rounds=0)
    assert mapped.valid.all()
    if benchmark.stats is not None and number == 1000:
        assert benchmark.stats.stats.min < 1000 * 0.05 / min(2, os.cpu_count() or 1)
