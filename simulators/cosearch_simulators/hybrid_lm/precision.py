"""A trained network in the precision in which it is served."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.hybrid_lm.model import HybridModel


class Int8Linear(nn.Module):
    """Weights of 8 bits with a scale for each row, rounded to nearest; activations in bfloat16.

    One token multiplies the packed weights; several convert them first, which then costs little.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        scale = weight.abs().amax(dim=1).clamp_min(1e-12) / 127
        self.register_buffer("weight", torch.round(weight / scale[:, None]).to(torch.int8))
        self.register_buffer("scale", scale.to(torch.bfloat16))

    def forward(self, x: Tensor) -> Tensor:
        """The product, of bfloat16."""
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) == 1:
            product: Tensor = torch._weight_int8pack_mm(rows, self.weight, self.scale)
        else:
            product = F.linear(rows, self.weight.to(torch.bfloat16) * self.scale[:, None])
        return product.reshape(*x.shape[:-1], -1)


def in_precision(model: HybridModel, precision: str) -> HybridModel:
    """The network converted, in place.

    Raises:
        ConfigurationError: this build of PyTorch cannot compute in it.
    """
    if precision == "float32":
        return model
    if precision == "int8" and not hasattr(torch, "_weight_int8pack_mm"):
        raise ConfigurationError(
            f"PyTorch {torch.__version__} has no product with 8-bit weights: use another precision"
        )
    if precision == "int8":
        for layer in model.layers:
            mixer: nn.Module = layer.get_submodule("mixer")
            for owner in (layer, mixer):
                for name, part in list(owner.named_children()):
                    if isinstance(part, nn.Linear) and part.bias is None:
                        setattr(owner, name, Int8Linear(part))
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    return model
