"""The kinds of files that a network is read from, told apart by what is in them; one line of a table each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosearch.errors import WorkloadError
from cosearch_plugins.accelerator.peer_files import OTHER_KINDS, PEER_KINDS, PeerKind

if TYPE_CHECKING:
    from cosearch_simulators.workloads import Network

HEAD_BYTES = 4096
"""Of a file, by which its kind is told."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file that describes a network.

    Attributes:
        name: in words, as "an ONNX file".
        suits: whether a file of this path that begins with these bytes is one.
        read: the network of the file, with what stands behind its name in a workload: {name: text}.
    """

    name: str
    suits: Callable[[str, bytes], bool]
    read: Callable[[str, Mapping[str, str]], Network]


def read_network_file(path: str, arguments: Mapping[str, str]) -> Network:
    """The network of a file of any kind in `FILE_KINDS`; the first that suits reads it.

    Args:
        path: of the file.
        arguments: what stands behind the colon of a workload, as text.

    Raises:
        WorkloadError: there is no such file, it is of another kind, or it cannot be read.
        cosearch_simulators.errors.WorkloadError: what it holds is no network.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise WorkloadError(f"there is no file {path}") from None
    except OSError as error:
        raise WorkloadError(f"cannot read {path}: {error.strerror or error}") from None
    read: tuple[FileKind | PeerKind, ...] = (*FILE_KINDS, *PEER_KINDS)
    for kind in (*OTHER_KINDS, *read):
        if kind.suits(path, head):
            return kind.read(path, arguments)
    kinds = ", ".join(kind.name for kind in read)
    raise WorkloadError(f"{path} is no file that describes a network; those read are: {kinds}")


def sizes(path: str, arguments: Mapping[str, str]) -> dict[str, tuple[int, ...]]:
    """What stands behind a file's name as whole numbers: `batch=4` is (4,), `tokens=1x128` is (1, 128)."""
    found = {}
    for name, text in arguments.items():
        try:
            found[name] = tuple(int(size) for size in text.lower().split("x"))
        except ValueError:
            raise WorkloadError(
                f"{path}: {name} must be a whole number or sizes such as 1x128, got {text!r}"
            ) from None
    return found


def _is_onnx(path: str, head: bytes) -> bool:
    # protobuf: field 1, the IR version, is a small number and comes first
    return path.endswith(".onnx") or (head[:1] == b"\x08" and b"\x12" in head[2:4])


def _read_onnx(path: str, arguments: Mapping[str, str]) -> Network:
    from cosearch_simulators.workloads import from_onnx

    try:
        return from_onnx(path, axes=sizes(path, arguments))
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        raise WorkloadError(
            'reading an ONNX file needs the package onnx: pip install "cosearch[onnx]"'
        ) from None


FILE_KINDS: tuple[FileKind, ...] = (FileKind("an ONNX file", _is_onnx, _read_onnx),)
"""Tried in this order."""
