"""The network: an embedding of bytes, layers of a mixer and a feed-forward part, the embedding again."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosearch_simulators.hybrid_lm.architecture import VOCABULARY, Architecture
from cosearch_simulators.hybrid_lm.layers import Attention, LinearAttention, Memory, ShortConvolution


def mixer_of(architecture: Architecture, mixer: str) -> Attention | ShortConvolution | LinearAttention:
    """The part of a layer that mixes positions."""
    if mixer == "short_convolution":
        return ShortConvolution(architecture)
    return LinearAttention(architecture) if mixer == "linear_attention" else Attention(architecture, mixer)


class Layer(nn.Module):
    """A mixer and a feed-forward part, each on what stands before it, normalised."""

    def __init__(self, architecture: Architecture, mixer: str) -> None:
        super().__init__()
        d, hidden = architecture.width, architecture.feed_forward_ratio * architecture.width
        self.mixer_norm, self.feed_forward_norm = nn.RMSNorm(d), nn.RMSNorm(d)
        self.mixer = mixer_of(architecture, mixer)
        self.up, self.down = nn.Linear(d, hidden, bias=False), nn.Linear(hidden, d, bias=False)
        shrink = (2 * len(architecture.mixers)) ** -0.5  # of what enters the residual stream
        for into in (self.mixer.out, self.down):
            into.weight.data.mul_(shrink)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Of (batch, length, width), likewise."""
        x = x + self.mixer(self.mixer_norm(x), memory)
        return x + self.down(F.gelu(self.up(self.feed_forward_norm(x))))


class HybridModel(nn.Module):
    """A language model over bytes.

    Args:
        architecture: the network.
        seed: of the weights.
    """

    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = nn.Embedding(VOCABULARY, architecture.width)
            nn.init.normal_(self.embedding.weight, std=architecture.width**-0.5)
            self.layers = nn.ModuleList(Layer(architecture, mixer) for mixer in architecture.mixers)
            self.norm = nn.RMSNorm(architecture.width)

    def forward(self, tokens: Tensor, memories: list[Memory] | None = None) -> Tensor:
        """Scores of the next byte, (batch, length, 256), of tokens (batch, length).

        Args:
            tokens: bytes as int64.
            memories: one for each layer, changed in place: tokens then go on where the last ones ended.
        """
        x = self.embedding(tokens)
        for i, layer in enumerate(self.layers):
            x = layer(x, None if memories is None else memories[i])
        return F.linear(self.norm(x), self.embedding.weight)

    def new_memories(self) -> list[Memory]:
        """Of a sequence that has not begun."""
        return [{} for _ in self.layers]
