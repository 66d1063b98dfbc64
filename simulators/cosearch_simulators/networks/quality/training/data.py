"""Images to train on: scikit-learn's digits, or a file that the user brings."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.bounded_files import open_file, size
from cosearch_simulators.errors import SimulatorError

VALIDATION, TEST = 0.25, 0.25
LEAST_IMAGES = 40
MOST_BYTES = 1 << 31
SPLIT_SEED = 0


@dataclass(frozen=True, eq=False)
class Images:
    """Images and their classes, in three parts.

    Attributes:
        name: for messages.
        train, validation, test: images float32 (n, channels, height, width), mean 0 and deviation 1 over the
            training part, and classes int64 (n,).
        classes: how many there are.
    """

    name: str
    train: tuple[NDArray[np.float32], NDArray[np.int64]]
    validation: tuple[NDArray[np.float32], NDArray[np.int64]]
    test: tuple[NDArray[np.float32], NDArray[np.int64]]
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.train[0].shape[1:]
        return channels, height, width


@lru_cache(maxsize=4)
def load_images(path: str | None = None) -> Images:
    """The digits (1,797 of 8 x 8, ten classes) or the images of an npz file.

    Args:
        path: of a file with `images` (n, height, width) or (n, channels, height, width) and `classes` (n,)
            from 0; a fourth is for validation and a fourth for the test, drawn with a fixed seed.

    Raises:
        SimulatorError: it cannot be read, or its arrays are not of this kind.
    """
    if path is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return _split("scikit-learn's digits", digits.images, digits.target)
    try:
        with open_file(path) as file, np.load(file, allow_pickle=False) as arrays:
            missing = [name for name in ("images", "classes") if name not in arrays]
            if missing:
                raise SimulatorError(f"{path} has no array {missing[0]!r}; it needs `images` and `classes`")
            unpacked = sum(info.file_size for info in arrays.zip.infolist())
            if unpacked > MOST_BYTES:
                raise SimulatorError(f"{path} unpacks to more than {size(MOST_BYTES)}, the most that is read")
            return _split(Path(path).name, arrays["images"], arrays["classes"])
    except OSError as error:
        raise SimulatorError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, SimulatorError):
            raise
        raise SimulatorError(f"{path} is no npz file with `images` and `classes`") from error


def _split(name: str, images: NDArray, classes: NDArray) -> Images:
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or classes.shape != images.shape[:1] or images.dtype.kind not in "iufb":
        raise SimulatorError(
            f"{name}: images must be (n, height, width) or (n, channels, height, width) numbers and classes "
            f"(n,), got {images.shape} and {classes.shape}"
        )
    if len(images) < LEAST_IMAGES:
        raise SimulatorError(f"{name} has {len(images)} images, at least {LEAST_IMAGES} are needed")
    if classes.dtype.kind not in "iu" or classes.min() < 0 or not np.isfinite(images).all():
        raise SimulatorError(f"{name}: classes must be whole numbers from 0, and images finite")
    count = int(classes.max()) + 1
    if count < 2 or count > len(images):
        raise SimulatorError(f"{name}: there must be 2 classes or more, and fewer than images; got {count}")
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    bounds = np.cumsum([round(len(order) * (1 - VALIDATION - TEST)), round(len(order) * VALIDATION)])
    train, validation, test = np.split(order, bounds)
    mean, deviation = images[train].mean(), images[train].std() or 1.0
    scaled = ((images - mean) / deviation).astype(np.float32)
    labels = classes.astype(np.int64)
    parts = [(scaled[rows], labels[rows]) for rows in (train, validation, test)]
    return Images(name, parts[0], parts[1], parts[2], count)
