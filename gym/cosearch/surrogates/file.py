"""The file of a surrogate: arrays and JSON in NumPy's `.npz`, nothing that is run when it is read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.bounded_files import opened
from cosearch.errors import CosearchError, SurrogateError
from cosearch.space import DesignSpace
from cosearch.surrogates.inputs import owners
from cosearch.surrogates.models import model_class
from cosearch.surrogates.outside import Seen
from cosearch.surrogates.scaling import Scales
from cosearch.surrogates.surrogate import LEVELS, Base, Origin, Surrogate
from cosearch.surrogates.trees import Table
from cosearch.surrogates.validity import Validity

FORMAT = 1
MOST_BYTES = 1 << 30
DESCRIPTION = "description"


def save(surrogate: Surrogate, path: str | Path) -> None:
    """Write a surrogate to a file.

    Raises:
        SurrogateError: if it cannot be written.
    """
    description = {
        "cosearch_surrogate": FORMAT,
        "origin": asdict(surrogate.origin),
        "space": surrogate.space.to_dict(),
        "model": surrogate.model.name,
        "examination": surrogate.examination,
    }
    arrays: dict[str, NDArray[Any]] = {
        DESCRIPTION: np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    }
    arrays |= _named("model", surrogate.model.arrays())
    arrays |= _named("scales", vars(surrogate.scales))
    arrays |= _named("seen", surrogate.seen.arrays())
    arrays["half_widths"] = surrogate.half_widths
    if surrogate.base is not None:
        arrays |= _named("base", vars(surrogate.base))
    if surrogate.validity is not None:
        arrays |= _named("validity", surrogate.validity.arrays())
    if surrogate.table is not None:
        arrays |= _named("table", surrogate.table.arrays())
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    try:
        Path(path).write_bytes(packed.getvalue())
    except OSError as error:
        raise SurrogateError(f"cannot write {path}: {error.strerror}") from None


def load(path: str | Path) -> Surrogate:
    """Read a surrogate from a file.

    Raises:
        SurrogateError: if it cannot be read, is none, is damaged, or was written by a newer cosearch.
    """
    arrays = _read(path)
    try:
        description = json.loads(arrays.pop(DESCRIPTION).astype(np.uint8).tobytes())
        version = description["cosearch_surrogate"]
    except (KeyError, ValueError, TypeError, RecursionError):
        raise SurrogateError(
            f"{path} is no surrogate; make one with `cosearch surrogate train STORE --output FILE`"
        ) from None
    if not isinstance(version, int) or version > FORMAT:
        raise SurrogateError(
            f"{path} was written by a newer cosearch (format {version}, this one reads up to {FORMAT})"
        )
    try:
        return _made(description, arrays)
    except CosearchError as error:
        raise SurrogateError(f"{path} is damaged: {error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError) as error:
        raise SurrogateError(f"{path} is damaged ({type(error).__name__}: {error})") from None


def _read(path: str | Path) -> dict[str, NDArray[Any]]:
    try:
        with opened(path, MOST_BYTES) as file:
            content = io.BytesIO(file.read())
        with zipfile.ZipFile(content) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
                raise SurrogateError(f"{path} unpacks to more than {MOST_BYTES >> 20:,} MiB")
        with np.load(content, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except OSError as error:
        raise SurrogateError(f"cannot read {path}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, SurrogateError):
            raise
        raise SurrogateError(
            f"{path} is no surrogate; make one with `cosearch surrogate train STORE --output FILE`"
        ) from None
    except Exception as error:  # zlib's own
        raise SurrogateError(f"{path} is damaged ({type(error).__name__})") from None


def _made(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Surrogate:
    origin = dict(description["origin"])
    origin["metrics"] = tuple((str(name), str(unit)) for name, unit in origin["metrics"])
    origin["studies"] = tuple(origin["studies"])
    made = Origin(**origin)
    space = DesignSpace.from_dict(description["space"], drop_functions=True)
    columns, inputs = len(made.metrics), len(owners(space))
    scales = Scales(**_part("scales", arrays))
    if any(len(value) != columns for value in vars(scales).values()):
        raise ValueError("its scales are of other metrics")
    base = Base(**_part("base", arrays)) if made.base else None
    if base is not None:
        if not ((base.columns >= 0) & (base.columns < columns)).all():
            raise ValueError("its rough metrics are others")
        inputs += len(base.columns)
    half_widths = np.asarray(arrays["half_widths"], dtype=np.float64)
    if half_widths.shape != (len(LEVELS), columns):
        raise ValueError("its intervals are of other metrics")
    validity, table = _part("validity", arrays), _part("table", arrays)
    return Surrogate(
        made,
        space,
        model_class(description["model"]).of_arrays(_part("model", arrays), inputs, columns),
        scales,
        base,
        half_widths,
        Validity.of_arrays(validity, inputs) if validity else None,
        Seen.of_arrays(_part("seen", arrays), space, len(owners(space))),
        dict(description["examination"]),
        Table.of_arrays(table, space, columns) if table else None,
    )


def _named(prefix: str, arrays: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    return {f"{prefix}.{name}": np.asarray(array) for name, array in arrays.items()}


def _part(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    start = prefix + "."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
