"""The built-in networks by name; each family's tables are in the file that it is named after."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads.network import Network
from cosearch_simulators.workloads.networks import mobile, plain, residual, segmentation, transformers
from cosearch_simulators.workloads.operators import Precision

NETWORKS: dict[str, Callable[..., Network]] = {
    **dict.fromkeys(residual.VARIANTS, residual.resnet),
    **dict.fromkeys(mobile.VARIANTS, mobile.mobile),
    **dict.fromkeys(plain.VARIANTS, plain.plain),
    **dict.fromkeys(segmentation.VARIANTS, segmentation.unet),
    **dict.fromkeys(transformers.ENCODERS, transformers.encoder),
    **dict.fromkeys(transformers.VISION, transformers.vision),
    **dict.fromkeys(transformers.DECODERS, transformers.decoder),
}


def networks() -> tuple[str, ...]:
    """The names of the built-in networks."""
    return tuple(NETWORKS)


def network(name: str, **arguments: Any) -> Network:
    """A built-in network.

    Args:
        name: one of `networks()`.
        arguments: `batch` and `precision` for all; `image_size` and `classes` for images; `sequence_length`
            for transformers, and `cached_tokens` for those that decode.

    Example:
        >>> network("resnet50").parameters
        25557032
        >>> network("gpt2", sequence_length=1, cached_tokens=1023).macs  # one step of decoding
        142406400

    Raises:
        WorkloadError: an unknown name or argument, or a value that the network cannot have.
    """
    build = NETWORKS[_check_known("network", name, tuple(NETWORKS))]
    accepted = tuple(argument for argument in signature(build).parameters if argument != "name")
    for argument, value in arguments.items():
        _check_known(f"argument of {name}", argument, accepted)
        if argument == "precision":
            if not isinstance(value, Precision):
                raise WorkloadError(f"{name}: precision must be a Precision, got {value!r}")
        elif not isinstance(value, int):
            raise WorkloadError(f"{name}: {argument} must be an integer, got {value!r}")
        elif value < 1 and argument not in ("cached_tokens", "padded"):
            raise WorkloadError(f"{name}: {argument} must be at least 1, got {value}")
    return build(name, **arguments)


def _check_known(kind: str, name: str, names: tuple[str, ...]) -> str:
    if name in names:
        return name
    raise WorkloadError(unknown(kind, name, names))
