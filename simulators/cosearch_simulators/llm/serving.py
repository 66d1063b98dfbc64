"""How a model is served: lengths, requests in flight, precision and the shares of a replica's devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.llm.common.calibration import host_seconds


@dataclass(frozen=True)
class Precision:
    """A number format of weights and of what computes on them.

    Attributes:
        weight_bytes: of one weight, with its share of the scales.
        activation_bytes: of an activation between operators.
        rate: the engine that computes, a field of `Platform`.
        product: whose constants a matrix product gets.
        experts: whose constants routed experts get.
    """

    weight_bytes: float
    activation_bytes: float
    rate: str
    product: str
    experts: str


PRECISIONS: dict[str, Precision] = {
    "bf16": Precision(2.0, 2.0, "bf16", "product/bf16", "experts/bf16"),
    "fp8": Precision(1.0, 2.0, "fp8", "product/fp8", "experts/fp8"),
    "fp8_block": Precision(1.0, 2.0, "fp8", "product/fp8_block", "experts/fp8_block"),
    "int8": Precision(1.0, 2.0, "int8", "product/fp8", "experts/fp8"),
    "nvfp4": Precision(0.5625, 2.0, "fp4", "product/nvfp4", "experts/nvfp4"),
    "mxfp4": Precision(0.53125, 2.0, "bf16", "product/bf16", "experts/w4a16_mxfp4"),
    "int4": Precision(0.53125, 2.0, "bf16", "product/bf16", "experts/w4a16_mxfp4"),
}
"""nvfp4 has a scale byte for 16 weights, mxfp4 one for 32 (OCP MX 1.0); both 4-bit integers and mxfp4 are
weights only, computed on in 16 bits; int8 has the constants of fp8."""

PRECISION_NAMES = tuple(PRECISIONS)


@dataclass(frozen=True)
class Serving:
    """A deployment, or columns of them.

    A replica has `tp * attention_dp * pp` devices. Its attention is split over `tp`, its sequences over
    `attention_dp`; its experts are shared out over `ep` and each split over `tp * attention_dp / ep`.

    Attributes:
        batch: requests that a replica has in flight.
        prompt: tokens of a prompt.
        output: tokens of an answer.
        cached: tokens of the prompt whose keys and values are there already.
        tp: tensor parallelism of attention and of dense parts.
        attention_dp: attention data parallelism.
        pp: pipeline stages.
        ep: expert parallelism.
        replicas: of the whole, which share nothing.
        precision: position in `PRECISION_NAMES`, of all weights but the experts'.
        expert_precision: position in `PRECISION_NAMES`.
        kv_bytes: of one number of the cache.
        host_s: time between steps in which the host, not the device, works; vLLM's unless said otherwise.
        layer_s: least time of a layer where the host launches each kernel; 0 with CUDA graphs.
        slowdown: of the kernels of an older engine, against those that the operators are calibrated on.
        first_s: from a request's arrival to its first step, and from there to the client.
        chunk: tokens of prompts that a step takes beside its decoding requests (chunked prefill); 0 where
            prompts run alone.
        draft: tokens that a small model drafts before each step, 0 without speculative decoding.
        accepted: probability that one of them is accepted.
        draft_share: time of the small model's step, of the large one's.
        offload: 1 where weights without room stay in the host's memory and come over its link in each step.
    """

    batch: Any = 1.0
    prompt: Any = 1024.0
    output: Any = 256.0
    cached: Any = 0.0
    tp: Any = 1.0
    attention_dp: Any = 1.0
    pp: Any = 1.0
    ep: Any = 1.0
    replicas: Any = 1.0
    precision: Any = 0.0
    expert_precision: Any = 0.0
    kv_bytes: Any = 2.0
    host_s: Any = field(default_factory=lambda: host_seconds("vllm")[0])
    layer_s: Any = 0.0
    slowdown: Any = 1.0
    first_s: Any = field(default_factory=lambda: host_seconds("vllm")[1])
    chunk: Any = 0.0
    draft: Any = 0.0
    accepted: Any = 0.7
    draft_share: Any = 0.1
    offload: Any = 0.0


def precision_code(name: str) -> float:
    """The position of a precision.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if name not in PRECISIONS:
        raise ConfigurationError(unknown("precision", name, PRECISIONS))
    return float(PRECISION_NAMES.index(name))
