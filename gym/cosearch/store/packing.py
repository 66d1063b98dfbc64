"""How a block of evaluations is packed: a header that describes itself, then one column after the other.

    block    magic "cosb", version u2, columns u2, n u4, crc32 u4 of all else
    column   encoding u1, dtype 3 letters of numpy's, length of the name u2, width u2, bytes u4, name, data

A column is raw (n values, or n rows of `width`), constant (one value) or in runs (their lengths as u4, then
their values). What follows from a rule is left out: the status where all are ok, reasons and standard errors
where there are none, the trial's number where it is the row's, the fidelity where it is the study's, the
seed where it is 0, and `charged` where all are. Nothing is compressed: packed columns are small already
(`tests/benchmarks/core_speed.py` measures the bytes), and a column is read as it lies there.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import StoreError
from cosearch.outcomes import STATUSES, Outcomes
from cosearch.store.blocks import Block

MAGIC = b"cosb"
VERSION = 1
RAW, CONSTANT, RUNS = range(3)
_HEAD = struct.Struct("<4sHHI")
_CRC = struct.Struct("<I")
_COLUMN = struct.Struct("<B3sHHI")
_BEGIN = _HEAD.size + _CRC.size
_RUN = np.dtype("<u4")
_FLOAT = np.dtype("<f8")
_DTYPES = {b"|i1", b"|u1", b"<i2", b"<u2", b"<i4", b"<u4", b"<i8", b"<f8"}
_SMALL = (np.dtype("|i1"), np.dtype("<i2"), np.dtype("<i4"))


def pack(block: Block, first: int, fidelity: str) -> bytes:
    """A block as bytes.

    Args:
        block: the evaluations.
        first: the row number of its first one.
        fidelity: the study's.
    """
    n, outcomes = len(block), block.outcomes
    parts: list[bytes] = []
    _put(parts, b"index", block.designs, width=block.designs.shape[1])
    for name, column in outcomes.metrics.items():
        _put(parts, b"metric:" + name.encode(), np.asarray(column, dtype=_FLOAT))
    for name, column in outcomes.standard_error.items():
        _put(parts, b"error:" + name.encode(), np.asarray(column, dtype=_FLOAT))
    if np.count_nonzero(outcomes.codes):
        _squeeze(parts, b"code", outcomes.codes)
        _texts(parts, b"reason", outcomes.reason.tolist())
    if isinstance(block.number, np.ndarray):
        ahead = block.number - np.arange(first, first + n)
        if np.count_nonzero(ahead):
            _squeeze(parts, b"ahead", _narrow(ahead))
    elif block.number != first:
        _put(parts, b"ahead", np.array([block.number - first], dtype="<i8"), CONSTANT)
    if isinstance(block.fidelity, np.ndarray):
        _texts(parts, b"fidelity", block.fidelity.tolist())
    elif block.fidelity != fidelity:
        _texts(parts, b"fidelity", [block.fidelity])
    if isinstance(block.seed, np.ndarray):
        _squeeze(parts, b"seed", _narrow(block.seed))
    elif block.seed:
        _put(parts, b"seed", np.array([block.seed], dtype="<i8"), CONSTANT)
    if isinstance(block.charged, np.ndarray):
        if not block.charged.all():
            _squeeze(parts, b"charged", block.charged.view("|u1"))
    elif not block.charged:
        _put(parts, b"charged", np.zeros(1, dtype="|u1"), CONSTANT)
    if isinstance(block.seconds, np.ndarray):
        _squeeze(parts, b"seconds", np.asarray(block.seconds, dtype=_FLOAT))
    else:
        _put(parts, b"seconds", np.array([block.seconds], dtype=_FLOAT), CONSTANT)
    if outcomes.seconds is not None:
        _put(parts, b"took", np.asarray(outcomes.seconds, dtype=_FLOAT))
    head = _HEAD.pack(MAGIC, VERSION, len(parts) // 3, n)
    body = b"".join(parts)
    return head + _CRC.pack(_checksum(first, head, body)) + body


def unpack(payload: bytes, first: int, fidelity: str) -> Block:
    """The evaluations of a block.

    Raises:
        StoreError: if the bytes are not what `pack` wrote.
    """
    try:
        n, columns = _columns(bytes(payload), first)
        return _block(n, columns, first, fidelity)
    except StoreError:
        raise
    except Exception as error:  # whatever numpy and json raise for nonsense
        raise StoreError(f"its columns do not fit together ({type(error).__name__})") from None


def _put(
    parts: list[bytes],
    name: bytes,
    array: NDArray[Any],
    encoding: int = RAW,
    data: bytes = b"",
    width: int = 1,
) -> None:
    data += array.tobytes()
    parts += (_COLUMN.pack(encoding, array.dtype.str.encode(), len(name), width, len(data)), name, data)


def _squeeze(parts: list[bytes], name: bytes, array: NDArray[Any]) -> None:
    """A column that is often the same over many rows."""
    n = len(array)
    changes = np.flatnonzero(array[1:] != array[:-1]) + 1
    if not len(changes) and n:
        _put(parts, name, array[:1], CONSTANT)
    elif (len(changes) + 1) * (_RUN.itemsize + array.itemsize) < n * array.itemsize:
        begins = np.concatenate([[0], changes])
        lengths = np.diff(np.append(begins, n)).astype(_RUN)
        _put(parts, name, array[begins], RUNS, lengths.tobytes())
    else:
        _put(parts, name, array)


def _texts(parts: list[bytes], name: bytes, texts: list[str]) -> None:
    """Texts as codes into a list of the distinct ones."""
    code_of: dict[str, int] = {}
    codes = np.array([code_of.setdefault(text, len(code_of)) for text in texts], dtype="<u4")
    listed = np.frombuffer(json.dumps(list(code_of)).encode(), dtype="|u1")
    _put(parts, name + b":texts", listed)
    _squeeze(parts, name, _narrow(codes))


def _narrow(column: NDArray[Any]) -> NDArray[Any]:
    low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    for small in _SMALL:
        info = np.iinfo(small)
        if info.min <= low and high <= info.max:
            return column.astype(small)
    return column.astype("<i8")


def _checksum(first: int, head: bytes, body: bytes | memoryview) -> int:
    """Of a block at its place: one that was moved is damaged too."""
    return zlib.crc32(body, zlib.crc32(head, first & 0xFFFFFFFF))


def _columns(payload: bytes, first: int) -> tuple[int, dict[str, NDArray[Any]]]:
    if len(payload) < _BEGIN:
        raise StoreError("it is cut short")
    magic, version, count, n = _HEAD.unpack_from(payload)
    if magic != MAGIC:
        raise StoreError("it does not begin as a block does")
    checksum = _checksum(first, payload[: _HEAD.size], memoryview(payload)[_BEGIN:])
    if _CRC.unpack_from(payload, _HEAD.size)[0] != checksum:
        raise StoreError("its checksum is wrong")
    if version != VERSION:
        raise StoreError(f"it has version {version}, and this cosearch reads version {VERSION}")
    columns: dict[str, NDArray[Any]] = {}
    at = _BEGIN
    for _ in range(count):
        encoding, dtype, name_length, width, length = _COLUMN.unpack_from(payload, at)
        at += _COLUMN.size
        name = payload[at : at + name_length].decode()
        at += name_length
        if dtype not in _DTYPES or at + length > len(payload) or name in columns:
            raise StoreError(f"column {name!r} is not as described")
        columns[name] = _column(payload[at : at + length], np.dtype(dtype.decode()), encoding, name, n, width)
        at += length
    return n, columns


def _column(data: bytes, dtype: np.dtype[Any], encoding: int, name: str, n: int, width: int) -> NDArray[Any]:
    if encoding == RUNS:
        runs = len(data) // (_RUN.itemsize + dtype.itemsize)
        lengths = np.frombuffer(data, _RUN, runs)
        values = np.frombuffer(data, dtype, runs, runs * _RUN.itemsize)
        if int(lengths.sum()) != n:
            raise StoreError(f"column {name!r} has another length than the block")
        return np.repeat(values, lengths)
    values = np.frombuffer(data, dtype)
    if name.endswith(":texts"):
        return values
    if encoding == CONSTANT:
        return np.broadcast_to(values[:1], n)
    if len(values) != n * width:
        raise StoreError(f"column {name!r} has another length than the block")
    return values.reshape(n, width) if name == "index" else values


def _block(n: int, columns: dict[str, NDArray[Any]], first: int, fidelity: str) -> Block:
    codes = columns.get("code", np.zeros(n, dtype=np.int8))
    if n and not 0 <= int(codes.min()) <= int(codes.max()) < len(STATUSES):
        raise StoreError("a status code is none")
    outcomes = Outcomes(
        {name.removeprefix("metric:"): c for name, c in columns.items() if name.startswith("metric:")},
        codes,
        _text_column(columns, "reason", n, ""),
        standard_error={
            name.removeprefix("error:"): c for name, c in columns.items() if name.startswith("error:")
        },
        seconds=columns.get("took"),
    )
    ahead = columns.get("ahead")
    return Block(
        columns["index"],
        outcomes,
        first if ahead is None else ahead + np.arange(first, first + n),
        columns["charged"].astype(bool) if "charged" in columns else True,
        _text_column(columns, "fidelity", n, fidelity).astype(np.str_) if "fidelity" in columns else fidelity,
        columns["seed"].astype(np.int64) if "seed" in columns else 0,
        columns["seconds"],
    )


def _text_column(columns: dict[str, NDArray[Any]], name: str, n: int, default: str) -> NDArray[np.object_]:
    if name not in columns:
        return np.full(n, default, dtype=object)
    listed = json.loads(columns[f"{name}:texts"].tobytes())
    if not all(isinstance(text, str) for text in listed):
        raise StoreError(f"column {name!r} lists what is no text")
    if n and int(columns[name].min()) < 0:
        raise StoreError(f"column {name!r} names a text that is not listed")
    texts = np.empty(len(listed), dtype=object)
    texts[:] = listed
    return texts[columns[name]]
