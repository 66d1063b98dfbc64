"""Transformers: BERT, ViT, GPT-2 and Llama, whole and as single blocks.

Attention has a product with both operands computed for scores and one for the weighted sum. Causal masks save
nothing here: the whole square is multiplied. The scale 1 / sqrt(d) is part of the softmax.

Sources of the tables:
    - Devlin et al., "BERT", NAACL 2019, section 3, with the released model's vocabulary.
    - Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, table 1.
    - Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, table 2.
    - Touvron et al., "Llama 2", 2023; Dubey et al., "The Llama 3 Herd of Models", 2024, table 3, 8B.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.builder import NetworkBuilder, Tensor, concatenate
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.operators import Precision


@dataclass(frozen=True)
class Variant:
    """A transformer.

    Attributes:
        layers: blocks.
        features: of a token.
        heads: of attention.
        key_heads: of keys and values, shared by groups of heads (grouped-query attention).
        hidden: features between the two halves of the feed-forward part.
        vocabulary: tokens of the table; none for images.
        positions: longest sequence that can be embedded; none where positions are not learned.
        activation: of the feed-forward part.
        gated: whether the feed-forward part is gated by a third matrix, as in Llama.
        normalization: "layer_norm" or "rms_norm".
        bias: whether matrices have biases.
        fused: whether queries, keys and values are one matrix.
        rotary: whether positions are rotations of queries and keys.
    """

    layers: int
    features: int
    heads: int
    key_heads: int
    hidden: int
    vocabulary: int = 0
    positions: int = 0
    activation: str = "gelu"
    gated: bool = False
    normalization: str = "layer_norm"
    bias: bool = True
    fused: bool = True
    rotary: bool = False


_BERT = Variant(12, 768, 12, 12, 3072, 30_522, 512, fused=False)
_VIT = Variant(12, 768, 12, 12, 3072)
_GPT2 = Variant(12, 768, 12, 12, 3072, 50_257, 1024, "gelu_tanh")
_LLAMA = Variant(32, 4096, 32, 32, 11_008, 32_000, 0, "swish", True, "rms_norm", False, False, True)
_LLAMA3 = replace(_LLAMA, key_heads=8, hidden=14_336, vocabulary=128_256)

_BERT_LARGE = replace(_BERT, layers=24, features=1024, heads=16, key_heads=16, hidden=4096)

ENCODERS = {"bert_base": _BERT, "bert_large": _BERT_LARGE}
VISION = {"vit_b_16": (_VIT, 16)}  # and the side of a patch
DECODERS = {
    "gpt2": _GPT2,
    "gpt2_block": replace(_GPT2, layers=1, vocabulary=0),
    "llama2_7b": _LLAMA,
    "llama2_7b_block": replace(_LLAMA, layers=1, vocabulary=0),
    "llama3_8b": _LLAMA3,
    "llama3_8b_block": replace(_LLAMA3, layers=1, vocabulary=0),
}


def encoder(
    name: str, *, sequence_length: int = 128, batch: int = 1, precision: Precision | None = None
) -> Network:
    """BERT with its pooler, without a task's head; normalised after each residual."""
    variant = ENCODERS[name]
    _check_length(name, variant, sequence_length)
    builder = NetworkBuilder(name, precision)
    tokens = builder.input("tokens", (batch, sequence_length))
    segments = builder.input("segments", (batch, sequence_length))
    x = builder.embedding("embeddings.word", tokens, variant.vocabulary, variant.features)
    kinds = builder.embedding("embeddings.segment", segments, 2, variant.features)
    x = builder.elementwise("embeddings.add_segment", "add", [x, kinds])
    # the positions are always 0, 1, 2, ..., so they depend on no input
    indices = Tensor((), (sequence_length,))
    places = builder.embedding("embeddings.position", indices, variant.positions, variant.features)
    x = builder.elementwise("embeddings.add_position", "add", [x, places])
    x = _normalize(builder, "embeddings.norm", x, variant)
    for layer in range(variant.layers):
        name = f"layer{layer}"
        attended = _attention(builder, f"{name}.attention", x, variant)
        x = builder.elementwise(f"{name}.attention.add", "add", [attended, x])
        x = _normalize(builder, f"{name}.attention.norm", x, variant)
        transformed = _feed_forward(builder, f"{name}.mlp", x, variant)
        x = builder.elementwise(f"{name}.mlp.add", "add", [transformed, x])
        x = _normalize(builder, f"{name}.mlp.norm", x, variant)
    x = builder.linear("pooler", x.reshape(batch, variant.features), variant.features)
    builder.activation("pooler.tanh", "tanh", x)
    return builder.build()


def vision(
    name: str,
    *,
    batch: int = 1,
    image_size: int = 224,
    classes: int = 1000,
    precision: Precision | None = None,
) -> Network:
    """A vision transformer with a class token, normalised before each half of a block."""
    variant, patch = VISION[name]
    if image_size < patch or image_size % patch:
        raise WorkloadError(f"{name}: image_size must be a multiple of {patch}, got {image_size}")
    builder = NetworkBuilder(name, precision)
    x = builder.input("input", (batch, 3, image_size, image_size))
    x = builder.convolution("patches", x, variant.features, patch, patch, padding=0, bias=True)
    length = x.shape[2] * x.shape[3] + 1
    embedded = (batch, length, variant.features)
    # the class token and the learned positions are parameters
    x = builder.elementwise("embeddings", "add", [x], (1 + length) * variant.features, shape=embedded)
    for layer in range(variant.layers):
        x = _block(builder, f"layer{layer}", x, variant)
    x = _normalize(builder, "norm", x, variant)
    builder.linear("classifier", x.reshape(batch, variant.features), classes)
    return builder.build()


def decoder(
    name: str,
    *,
    sequence_length: int = 128,
    cached_tokens: int = 0,
    batch: int = 1,
    precision: Precision | None = None,
) -> Network:
    """A language model, or one of its blocks, normalised before each half.

    Args:
        sequence_length: tokens of this pass: the prompt in prefill, 1 in decoding.
        cached_tokens: tokens before them, whose keys and values come from the cache.
    """
    variant = DECODERS[name]
    if cached_tokens < 0:
        raise WorkloadError(f"{name}: cached_tokens must be at least 0, got {cached_tokens}")
    _check_length(name, variant, sequence_length, cached_tokens)
    builder = NetworkBuilder(name, precision)
    if variant.vocabulary:
        tokens = builder.input("tokens", (batch, sequence_length))
        x = builder.embedding("embeddings.word", tokens, variant.vocabulary, variant.features)
        if variant.positions:
            indices = Tensor((), (sequence_length,))
            places = builder.embedding("embeddings.position", indices, variant.positions, variant.features)
            x = builder.elementwise("embeddings.add", "add", [x, places])
    else:
        x = builder.input("input", (batch, sequence_length, variant.features))
    for layer in range(variant.layers):
        x = _block(builder, f"layer{layer}", x, variant, cached_tokens)
    if variant.vocabulary:
        x = _normalize(builder, "norm", x, variant)
        # GPT-2's output matrix is its word table; Llama's is its own
        builder.linear("logits", x, variant.vocabulary, bias=False, tied=bool(variant.positions))
    return builder.build()


def _block(builder: NetworkBuilder, name: str, x: Tensor, variant: Variant, cached_tokens: int = 0) -> Tensor:
    y = _normalize(builder, f"{name}.attention.norm", x, variant)
    y = _attention(builder, f"{name}.attention", y, variant, cached_tokens)
    x = builder.elementwise(f"{name}.attention.add", "add", [x, y])
    y = _normalize(builder, f"{name}.mlp.norm", x, variant)
    y = _feed_forward(builder, f"{name}.mlp", y, variant)
    return builder.elementwise(f"{name}.mlp.add", "add", [x, y])


def _attention(
    builder: NetworkBuilder, name: str, x: Tensor, variant: Variant, cached_tokens: int = 0
) -> Tensor:
    batch, length, features = x.shape
    width = features // variant.heads
    key_features = variant.key_heads * width
    if variant.fused:
        projected = builder.linear(f"{name}.qkv", x, features + 2 * key_features, variant.bias)
        query, key, value = (
            projected.reshape(batch, length, n) for n in (features, key_features, key_features)
        )
    else:
        query = builder.linear(f"{name}.query", x, features, variant.bias)
        key = builder.linear(f"{name}.key", x, key_features, variant.bias)
        value = builder.linear(f"{name}.value", x, key_features, variant.bias)
    if variant.rotary:
        query = builder.activation(f"{name}.query.rotary", "rotary", query)
        key = builder.activation(f"{name}.key.rotary", "rotary", key)
    if cached_tokens:
        cached = (batch, cached_tokens, key_features)
        key = concatenate([builder.input(f"{name}.key_cache", cached), key], axis=1)
        value = concatenate([builder.input(f"{name}.value_cache", cached), value], axis=1)
    # the heads that share keys are rows of one product
    groups, rows, context = (
        batch * variant.key_heads,
        length * variant.heads // variant.key_heads,
        key.shape[1],
    )
    scores = builder.matrix_multiply(
        f"{name}.scores", query.reshape(groups, rows, width), key.reshape(groups, width, context)
    )
    scores = builder.normalization(f"{name}.softmax", "softmax", scores, 0)
    mixed = builder.matrix_multiply(f"{name}.mix", scores, value.reshape(groups, context, width))
    return builder.linear(f"{name}.output", mixed.reshape(batch, length, features), features, variant.bias)


def _feed_forward(builder: NetworkBuilder, name: str, x: Tensor, variant: Variant) -> Tensor:
    y = builder.linear(f"{name}.expand", x, variant.hidden, variant.bias)
    y = builder.activation(f"{name}.activation", variant.activation, y)
    if variant.gated:
        gate = builder.linear(f"{name}.gate", x, variant.hidden, variant.bias)
        y = builder.elementwise(f"{name}.multiply", "multiply", [y, gate])
    return builder.linear(f"{name}.project", y, x.shape[-1], variant.bias)


def _normalize(builder: NetworkBuilder, name: str, x: Tensor, variant: Variant) -> Tensor:
    constants_each = 2 if variant.normalization == "layer_norm" else 1
    return builder.normalization(name, variant.normalization, x, constants_each)


def _check_length(name: str, variant: Variant, sequence_length: int, cached_tokens: int = 0) -> None:
    total = sequence_length + cached_tokens
    if variant.positions and total > variant.positions:
        raise WorkloadError(f"{name}: at most {variant.positions} tokens can be embedded, got {total}")
