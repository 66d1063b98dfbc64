"""Networks by name: what a user writes as the workload of an accelerator problem, read into a network."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from cosearch.errors import WorkloadError, WorkloadWarning, unknown_name
from cosearch.settings import NamesFiles
from cosearch_plugins.accelerator.network_files import read_network_file

if TYPE_CHECKING:
    from cosearch_simulators.workloads import Network

NETWORKS = (
    "resnet18",
    "resnet50",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "vgg16",
    "alexnet",
    "unet",
    "bert_base",
    "vit_b_16",
    "gpt2",
)
"""For listings; `cosearch_simulators.workloads.networks()` has all."""


def read_network(workload: str, bits: int | None = None) -> Network:
    """The network of `name`, `name:argument=number,...` or the path of a file, as it is deployed.

    Batch normalisations are folded into the layers before them.

    Args:
        workload: such as "resnet18", "gpt2:sequence_length=1,cached_tokens=1023", "model.onnx" or, where it
            leaves sizes open, "model.onnx:batch=1,sequence=128".
        bits: of all tensors; None: those of the network.

    Raises:
        UnknownNameError: there is neither such a network nor such a file.
        WorkloadError: the network cannot be made or read.
    """
    from cosearch_simulators.errors import WorkloadError as NetworkError
    from cosearch_simulators.workloads import Precision, network, networks

    name, arguments = _parts(workload)
    try:
        if name in networks():
            found = network(name, **_numbers(workload, arguments))
        elif os.path.exists(name) or os.path.splitext(name)[1] or os.sep in name:
            found = _told(read_network_file, name, _texts(workload, arguments))
        else:
            raise unknown_name("workload", name, networks())
        found = found.fold_batch_norms()
        if not found.operators:
            raise WorkloadError(f"workload {workload!r} has no operators")
        return found if bits is None else found.with_precision(Precision.uniform(bits))
    except NetworkError as error:
        raise WorkloadError(str(error)) from None


def _told(read: Callable[[str, Mapping[str, str]], Network], path: str, given: Mapping[str, str]) -> Network:
    """The network of a file; what its reader does not know is told of once, not by each worker."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", UserWarning)
        network = read(path, given)
    for warning in found:
        if multiprocessing.parent_process() is None:
            warnings.warn(str(warning.message), WorkloadWarning, stacklevel=3)
    return network


def described_network(network: Network) -> str:
    """What a network is, for `describe`: its size and its layers."""
    layers = len(network.matrix_operators)
    return (
        f"{network.name}: {network.macs:,} multiply-accumulates and {network.parameters:,} parameters in "
        f"{layers} layer{'s' if layers != 1 else ''}, {len(network.operators) - layers} other operators"
    )


def _absolute(workload: str) -> str:
    """The workload with the path of a file made absolute, so that a study is resumed from any folder."""
    (path, arguments), files = _parts(workload), _files(workload)
    return ":".join(filter(None, (os.path.abspath(path), arguments))) if files else workload


def _files(workload: str) -> list[str]:
    from cosearch_simulators.workloads import networks

    name = _parts(workload)[0]
    return [name] if name not in networks() and Path(name).is_file() else []


NetworkText = Annotated[
    str,
    AfterValidator(_absolute),
    NamesFiles(_files),
    Field(
        description="a built-in network, with arguments if wanted (`gpt2:sequence_length=128`), or a file: "
        "ONNX, with the sizes that it leaves open (`bert.onnx:batch=1,sequence=128`)"
    ),
]
"""The setting of a network, as `read_network` takes it."""


def _parts(workload: str) -> tuple[str, str]:
    """Name or path, and what stands behind the colon; a path may have colons of its own."""
    path, arguments = workload, ""
    while path and not os.path.isfile(path):
        path, _, last = path.rpartition(":")
        arguments = f"{last}:{arguments}" if arguments else last
    if path:
        return path, arguments
    name, _, arguments = workload.partition(":")
    return name, arguments


def _texts(workload: str, text: str) -> dict[str, str]:
    arguments: dict[str, str] = {}
    for assignment in filter(None, text.split(",")):
        name, found, value = (part.strip() for part in assignment.partition("="))
        if not (name and found and value):
            raise WorkloadError(
                f"workload {workload!r}: expected network:argument=number,..., found {assignment!r}"
            )
        arguments[name] = value
    return arguments


def _numbers(workload: str, text: str) -> dict[str, int]:
    numbers = {}
    for name, value in _texts(workload, text).items():
        try:
            numbers[name] = int(value)
        except ValueError:
            raise WorkloadError(
                f"workload {workload!r}: expected network:argument=number,..., found '{name}={value}'"
            ) from None
    return numbers
