"""What a design says, and what follows by counting: weights, multiply-accumulates, memory of the cache."""

from __future__ import annotations

from dataclasses import dataclass

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import ConfigurationError

MIXERS = ("attention", "grouped_query", "sliding_window", "short_convolution", "linear_attention")
"""How a layer mixes positions."""

PRECISIONS = {"float32": 4, "bfloat16": 2, "int8": 1}
"""Bytes of a weight of a matrix; `int8` has a scale for each row, and activations in bfloat16."""

ACTIVATION_BYTES = {"float32": 4, "bfloat16": 2, "int8": 2}

HEAD_WIDTH = 32
"""Of every kind of attention."""

GROUP = 4
"""Heads that share a key and a value in grouped-query attention (Ainslie et al., arXiv:2305.13245)."""

TAPS = 3
"""Of the short convolution, as in LFM2 (arXiv:2511.23404)."""

VOCABULARY = 256
"""Bytes."""


@dataclass(frozen=True)
class Architecture:
    """One network.

    Attributes:
        mixers: of each layer, of `MIXERS`.
        width: of the residual stream, a multiple of `HEAD_WIDTH`.
        feed_forward_ratio: hidden width of the feed-forward layers, in widths.
        precision: of `PRECISIONS`, in which it is scored and timed.
        window: positions that a sliding window sees.

    Raises:
        ConfigurationError: a field is out of its range, or an unknown name.
    """

    mixers: tuple[str, ...]
    width: int
    feed_forward_ratio: int
    precision: str
    window: int = 64

    def __post_init__(self) -> None:
        if not self.mixers:
            raise ConfigurationError("a network needs at least one layer")
        for mixer in self.mixers:
            if mixer not in MIXERS:
                raise ConfigurationError(unknown("layer", mixer, MIXERS))
        if self.precision not in PRECISIONS:
            raise ConfigurationError(unknown("precision", self.precision, tuple(PRECISIONS)))
        if self.width < HEAD_WIDTH or self.width % HEAD_WIDTH:
            raise ConfigurationError(
                f"width must be a multiple of {HEAD_WIDTH}, the width of a head, got {self.width}"
            )
        if self.feed_forward_ratio < 1 or self.window < 1:
            raise ConfigurationError("feed_forward_ratio and window must be at least 1")

    @property
    def heads(self) -> int:
        """Of every kind of attention."""
        return self.width // HEAD_WIDTH

    def key_value_heads(self, mixer: str) -> int:
        """Heads that keys and values have."""
        return max(1, self.heads // GROUP) if mixer == "grouped_query" else self.heads

    def matrix_weights(self, mixer: str) -> int:
        """Weights of a layer's matrices, feed-forward included."""
        d = self.width
        if mixer == "short_convolution":
            mixing = d * 3 * d + d * d
        elif mixer == "linear_attention":
            mixing = d * 4 * d + d * self.heads + d * d
        else:
            mixing = d * d + 2 * d * HEAD_WIDTH * self.key_value_heads(mixer) + d * d
        return mixing + 2 * d * self.feed_forward_ratio * d

    @property
    def parameters(self) -> int:
        """All weights; the embedding is the classifier too."""
        d, extra = (
            self.width,
            {"short_convolution": TAPS * self.width, "linear_attention": self.heads + self.width},
        )
        layers = sum(self.matrix_weights(mixer) + extra.get(mixer, 0) + 2 * d for mixer in self.mixers)
        return VOCABULARY * d + layers + d

    @property
    def weight_bytes(self) -> int:
        """Memory of the weights: matrices of layers in the precision, the rest in that of activations."""
        matrices = sum(map(self.matrix_weights, self.mixers))
        return (
            matrices * PRECISIONS[self.precision]
            + (self.parameters - matrices) * ACTIVATION_BYTES[self.precision]
        )

    def cache_bytes(self, context: int) -> int:
        """Memory that decoding one sequence keeps after `context` tokens."""
        return sum(self.layer_cache_bytes(mixer, context) for mixer in self.mixers)

    def layer_cache_bytes(self, mixer: str, context: int) -> int:
        """What of it one layer keeps."""
        size = ACTIVATION_BYTES[self.precision]
        if mixer == "short_convolution":
            return size * (TAPS - 1) * self.width
        if mixer == "linear_attention":
            return size * self.heads * HEAD_WIDTH * HEAD_WIDTH
        seen = min(context, self.window) if mixer == "sliding_window" else context
        return size * 2 * seen * HEAD_WIDTH * self.key_value_heads(mixer)

    def decode_macs(self, context: int) -> int:
        """Multiply-accumulates of one more token after `context` tokens."""
        found = VOCABULARY * self.width
        for mixer in self.mixers:
            found += self.matrix_weights(mixer)
            if mixer == "short_convolution":
                found += TAPS * self.width
            elif mixer == "linear_attention":
                found += 2 * self.heads * HEAD_WIDTH * HEAD_WIDTH
            else:
                seen = min(context + 1, self.window) if mixer == "sliding_window" else context + 1
                found += 2 * seen * self.width
        return found
