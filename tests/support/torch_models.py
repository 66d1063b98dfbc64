"""Well-known networks in plain torch.nn, to test importers on real modules without torchvision."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


class BasicBlock(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        blocks, channels = [], 64
        for out, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
            blocks.append(BasicBlock(channels, out, stride))
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.fc(torch.flatten(self.avgpool(self.blocks(x)), 1))


def unit(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(out), nn.ReLU6(inplace=True)]


class InvertedResidual(nn.Module):
    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        expand = unit(channels, hidden, 1) if expansion > 1 else []
        project = unit(hidden, out, 1)[:2]
        self.conv = nn.Sequential(*expand, *unit(hidden, hidden, 3, stride, groups=hidden), *project)
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        table = (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        )
        layers, channels = unit(3, 32, 3, 2), 32
        for t, c, n, s in table:
            for repeat in range(n):
                layers.append(InvertedResidual(channels, c, s if repeat == 0 else 1, t))
                channels = c
        self.features = nn.Sequential(*layers, *unit(320, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


class Bert(nn.Module):
    """BERT of PyTorch's own encoder layers."""

    def __init__(self, layers: int = 12, features: int = 768, heads: int = 12, words: int = 30_522) -> None:
        super().__init__()
        self.word = nn.Embedding(words, features)
        self.position = nn.Embedding(512, features)
        self.segment = nn.Embedding(2, features)
        self.norm = nn.LayerNorm(features)
        layer = nn.TransformerEncoderLayer(features, heads, 4 * features, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.pooler = nn.Linear(features, features)

    def forward(self, words: Tensor, segments: Tensor) -> Tensor:
        positions = torch.arange(words.shape[1], device=words.device)
        x = self.norm(self.word(words) + self.segment(segments) + self.position(positions))
        return torch.tanh(self.pooler(self.encoder(x)[:, 0]))


class VisionTransformer(nn.Module):
    """A ViT of PyTorch's attention, with a class token."""

    def __init__(self, layers: int = 12, features: int = 768, heads: int = 12, image: int = 224) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, features, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, features))
        self.positions = nn.Parameter(torch.zeros(1, (image // 16) ** 2 + 1, features))
        layer = nn.TransformerEncoderLayer(
            features, heads, 4 * features, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, layers, nn.LayerNorm(features), enable_nested_tensor=False
        )
        self.head = nn.Linear(features, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.head(self.encoder(x)[:, 0])


class Gpt2(nn.Module):
    """GPT-2 with fused projections and tied output weights."""

    def __init__(self, layers: int = 12, features: int = 768, heads: int = 12, words: int = 50_257) -> None:
        super().__init__()
        self.heads = heads
        self.word = nn.Embedding(words, features)
        self.position = nn.Embedding(1024, features)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(features),
                    "qkv": nn.Linear(features, 3 * features),
                    "out": nn.Linear(features, features),
                    "norm2": nn.LayerNorm(features),
                    "up": nn.Linear(features, 4 * features),
                    "down": nn.Linear(4 * features, features),
                }
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(features)
        self.logits = nn.Linear(features, words, bias=False)
        self.logits.weight = self.word.weight

    def forward(self, words: Tensor) -> Tensor:
        batch, length = words.shape
        x = self.word(words) + self.position(torch.arange(length, device=words.device))
        for layer in self.layers:
            parts = layer["qkv"](layer["norm1"](x)).chunk(3, dim=-1)
            q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + layer["out"](y.transpose(1, 2).reshape(batch, length, -1))
            y = nn.functional.gelu(layer["up"](layer["norm2"](x)), approximate="tanh")
            x = x + layer["down"](y)
        return self.logits(self.norm(x))


class UNet(nn.Module):
    """The U-Net of the paper: no padding, cropped skips."""

    def __init__(self, channels: tuple[int, ...] = (64, 128, 256, 512, 1024)) -> None:
        super().__init__()
        self.channels = channels
        self.down = nn.ModuleList(
            self._double(before, after) for before, after in zip((1, *channels), channels, strict=False)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(after, before, 2, 2) for before, after in pairwise(channels)
        )
        self.merge = nn.ModuleList(self._double(2 * size, size) for size in channels[:-1])
        self.classifier = nn.Conv2d(channels[0], 2, 1)

    @staticmethod
    def _double(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(before, after, 3), nn.ReLU(), nn.Conv2d(after, after, 3), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        skipped = []
        for level, down in enumerate(self.down):
            x = down(nn.functional.max_pool2d(x, 2) if level else x)
            skipped.append(x)
        for level in reversed(range(len(self.up))):
            x = self.up[level](x)
            margin = (skipped[level].shape[2] - x.shape[2]) // 2
            kept = slice(margin, margin + x.shape[2])
            x = self.merge[level](torch.cat([skipped[level][:, :, kept, kept], x], dim=1))
        return self.classifier(x)
