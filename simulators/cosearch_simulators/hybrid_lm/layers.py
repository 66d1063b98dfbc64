"""The layers in PyTorch: each runs over a whole sequence, or over one more token with what it remembers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosearch_simulators.hybrid_lm.architecture import HEAD_WIDTH, TAPS, Architecture

ROTARY_BASE = 10_000.0
"""Su et al., RoFormer, arXiv:2104.09864."""

CHUNK = 64
"""Positions that linear attention handles at once; between chunks it keeps its state."""

Memory = dict[str, Any]
"""What a layer remembers of a sequence."""


def rotated(x: Tensor, start: int) -> Tensor:
    """Rotary position embedding of (batch, heads, length, width) that begins at position `start`."""
    half = x.shape[-1] // 2
    rates = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float32) / half)
    angles = torch.arange(start, start + x.shape[-2], dtype=torch.float32)[:, None] * rates
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class Attention(nn.Module):
    """Causal attention; keys and values may be shared by heads, and a window may limit how far it sees."""

    def __init__(self, architecture: Architecture, mixer: str) -> None:
        super().__init__()
        d = architecture.width
        self.heads, self.shared = architecture.heads, architecture.key_value_heads(mixer)
        self.window = architecture.window if mixer == "sliding_window" else None
        self.query = nn.Linear(d, d, bias=False)
        self.key_value = nn.Linear(d, 2 * self.shared * HEAD_WIDTH, bias=False)
        self.out = nn.Linear(d, d, bias=False)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Mix (batch, length, width); with a memory, after what it remembers."""
        batch, length, d = x.shape
        start = 0 if memory is None else memory.get("length", 0)
        query = self.query(x).view(batch, length, self.heads, HEAD_WIDTH).transpose(1, 2)
        both = self.key_value(x).view(batch, length, 2, self.shared, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        query, key, value = rotated(query, start), rotated(both[0], start), both[1]
        if memory is not None:
            if start:
                key, value = torch.cat([memory["key"], key], 2), torch.cat([memory["value"], value], 2)
            kept = key.shape[2] if self.window is None else self.window
            memory.update(key=key[:, :, -kept:], value=value[:, :, -kept:], length=start + length)
        if length == 1:  # all that is remembered is before it
            seen = key.shape[2] if self.window is None else self.window
            mixed = self._attend(query, key[:, :, -seen:], value[:, :, -seen:])
        elif self.window is None and not start:
            mixed = self._attend(query, key, value, causal=True)
        else:
            mixed = self._attend(query, key, value, mask=self._mask(length, key.shape[2]))
        return self.out(mixed.transpose(1, 2).reshape(batch, length, d))

    def _mask(self, length: int, known: int) -> Tensor:
        ago = torch.arange(known - length, known)[:, None] - torch.arange(known)[None]
        return (ago >= 0) & (ago < (known if self.window is None else self.window))

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, *, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        grouped = self.shared != self.heads
        return F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, enable_gqa=grouped
        )


class ShortConvolution(nn.Module):
    """LFM2's gated short convolution: gate, depthwise causal convolution, gate (arXiv:2511.23404)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        d = architecture.width
        self.into = nn.Linear(d, 3 * d, bias=False)
        self.taps = nn.Parameter(torch.randn(d, 1, TAPS) / TAPS**0.5)
        self.out = nn.Linear(d, d, bias=False)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Mix (batch, length, width); with a memory, after what it remembers."""
        before, after, inner = self.into(x).chunk(3, dim=-1)
        gated = (before * inner).transpose(1, 2)
        past = None if memory is None else memory.get("past")
        padded = F.pad(gated, (TAPS - 1, 0)) if past is None else torch.cat([past, gated], dim=2)
        if memory is not None:
            memory["past"] = padded[:, :, -(TAPS - 1) :]
        if gated.shape[2] == 1:
            mixed = (padded * self.taps[:, 0]).sum(dim=2, keepdim=True)
        else:
            mixed = F.conv1d(padded, self.taps, groups=self.taps.shape[0])
        return self.out(after * mixed.transpose(1, 2))


class LinearAttention(nn.Module):
    """Linear attention whose state fades by a gate for each head and token.

    S_t = a_t S_{t-1} + k_t v_t^T, o_t = q_t S_t: Mamba-2's recurrence with a scalar gate (Dao and Gu,
    arXiv:2405.21060), in chunks.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        d, self.heads = architecture.width, architecture.heads
        self.into = nn.Linear(d, 4 * d, bias=False)
        self.gate = nn.Linear(d, self.heads, bias=True)
        nn.init.constant_(self.gate.bias, 3.0)  # at first most of the state stays
        self.norm = nn.RMSNorm(d)
        self.out = nn.Linear(d, d, bias=False)

    def forward(self, x: Tensor, memory: Memory | None = None) -> Tensor:
        """Mix (batch, length, width); with a memory, after what it remembers."""
        batch, length, d = x.shape
        query, key, value, output_gate = self.into(x).chunk(4, dim=-1)
        query, key, value = (
            part.view(batch, length, self.heads, HEAD_WIDTH).transpose(1, 2) for part in (query, key, value)
        )
        query, key = F.silu(query), F.silu(key) * HEAD_WIDTH**-0.5
        fade = F.logsigmoid(self.gate(x)).transpose(1, 2)  # (batch, heads, length)
        state = None if memory is None else memory.get("state")
        if state is None:
            state = x.new_zeros(batch, self.heads, HEAD_WIDTH, HEAD_WIDTH)
        parts = []
        for first in range(0, length, CHUNK):
            here = slice(first, first + CHUNK)
            part, state = _chunk(
                query[:, :, here], key[:, :, here], value[:, :, here], fade[:, :, here], state
            )
            parts.append(part)
        if memory is not None:
            memory["state"] = state
        mixed = torch.cat(parts, dim=2).transpose(1, 2).reshape(batch, length, d)
        return self.out(self.norm(mixed) * F.silu(output_gate))


def _chunk(query: Tensor, key: Tensor, value: Tensor, fade: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """What the positions of one chunk read, and the state after it."""
    if query.shape[2] == 1:
        state = fade.exp()[..., None] * state + key.transpose(2, 3) @ value
        return query @ state, state
    since = fade.cumsum(dim=2)
    between = since[..., :, None] - since[..., None, :]
    causal = torch.ones(between.shape[-2:], dtype=torch.bool).tril()
    weights = between.masked_fill(~causal, float("-inf")).exp()
    inside = (query @ key.transpose(2, 3) * weights) @ value
    result = inside + (query * since.exp()[..., None]) @ state
    left = (since[..., -1:] - since).exp()
    state = since[..., -1:, None].exp() * state + (key * left[..., None]).transpose(2, 3) @ value
    return result, state
