"""What accelerators run: networks as typed lists of operators, and the loop nest that each comes down to.

`network("resnet18")` gives a built-in one, `from_onnx` and `from_torch` read others; README.md has examples.
"""

from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor, concatenate
from cosearch_simulators.workloads.from_onnx import from_onnx
from cosearch_simulators.workloads.from_torch import from_torch
from cosearch_simulators.workloads.importing import UnknownOperatorWarning
from cosearch_simulators.workloads.loop_nest import LOOPS, RELEVANT, TENSORS, LoopNest
from cosearch_simulators.workloads.network import Network, OperatorGroup
from cosearch_simulators.workloads.networks import network, networks
from cosearch_simulators.workloads.operators import (
    BatchedMatrixMultiply,
    Convolution,
    MatrixMultiply,
    Operator,
    Precision,
    TransposedConvolution,
)
from cosearch_simulators.workloads.vector_operators import Elementwise, Embedding, Reduction
from cosearch_simulators.workloads.volumes import Convolution3d

__all__ = [
    "LOOPS",
    "RELEVANT",
    "TENSORS",
    "BatchedMatrixMultiply",
    "Convolution",
    "Convolution3d",
    "Elementwise",
    "Embedding",
    "LoopNest",
    "MatrixMultiply",
    "Network",
    "NetworkBuilder",
    "Operator",
    "OperatorGroup",
    "Precision",
    "Reduction",
    "Tensor",
    "TransposedConvolution",
    "UnknownOperatorWarning",
    "concatenate",
    "from_onnx",
    "from_torch",
    "network",
    "networks",
]
