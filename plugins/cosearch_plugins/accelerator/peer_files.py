"""Files of other accelerator models as workloads, and files that are none, called what they are."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from cosearch.errors import WorkloadError

if TYPE_CHECKING:
    from cosearch_simulators.workloads import Network


class PeerKind(NamedTuple):
    """A kind of file, as `network_files.FileKind`."""

    name: str
    suits: Callable[[str, bytes], bool]
    read: Callable[[str, Mapping[str, str]], Network]


def _suffix(*suffixes: str) -> Callable[[str, bytes], bool]:
    return lambda path, head: os.path.splitext(path)[1].lower() in suffixes


def _reader(module: str, function: str) -> Callable[[str, Mapping[str, str]], Network]:
    def read(path: str, arguments: Mapping[str, str]) -> Network:
        from importlib import import_module

        from cosearch_simulators.errors import ConfigurationError

        if arguments:
            raise WorkloadError(f"{path}: nothing of it can be set, got {', '.join(arguments)}")
        reader = getattr(import_module(f"cosearch_simulators.accelerator.files.{module}"), function)
        try:
            found: Network = reader(path)
        except ConfigurationError as error:
            raise WorkloadError(str(error)) from None
        return found

    return read


def _other(what: str, instead: str) -> Callable[[str, Mapping[str, str]], Network]:
    def read(path: str, arguments: Mapping[str, str]) -> Network:
        raise WorkloadError(f"{path} is {what}: {instead}")

    return read


def _is_checkpoint(path: str, head: bytes) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("data.pkl") for name in archive.namelist())


_MODELS = (".pt", ".pth", ".safetensors", ".h5", ".keras", ".tflite", ".pb", ".mlmodel")
_EXPORT = "export the network to ONNX and give that"

PEER_KINDS: tuple[PeerKind, ...] = (
    PeerKind("a SCALE-Sim topology (.csv)", _suffix(".csv"), _reader("scalesim_topology", "read_topology")),
    PeerKind("a MAESTRO network (.m)", _suffix(".m"), _reader("maestro_network", "read_network")),
    PeerKind(
        "a Timeloop problem or a ZigZag workload (.yaml)",
        _suffix(".yaml", ".yml", ".json"),
        _reader("workload", "read_workload"),
    ),
)
"""Those that are read."""

OTHER_KINDS: tuple[PeerKind, ...] = (
    PeerKind(
        "",
        _suffix(".cfg", ".ini"),
        _other("a configuration", "of SCALE-Sim it is hardware: give it as architecture"),
    ),
    PeerKind(
        "",
        _is_checkpoint,
        _other("a PyTorch checkpoint", "export the network with torch.onnx.export and give that"),
    ),
    PeerKind("", lambda _, head: head[4:8] == b"TFL3", _other("a TensorFlow Lite model", _EXPORT)),
    PeerKind(
        "", lambda _, head: head[:8] == b"\x89HDF\r\n\x1a\n", _other("an HDF5 file, as Keras writes", _EXPORT)
    ),
    PeerKind("", lambda _, head: head[:4] == b"PK\x03\x04", _other("a zip archive", _EXPORT)),
    PeerKind("", lambda _, head: head[:2] == b"\x1f\x8b", _other("a gzipped file", "unzip it first")),
    PeerKind(
        "",
        _suffix(*_MODELS),
        _other("weights or a model of another framework", _EXPORT),
    ),
    PeerKind("", _suffix(".py"), _other("a Python file", "import it, and export its network to ONNX")),
)
"""Those that are not, by what they are."""
