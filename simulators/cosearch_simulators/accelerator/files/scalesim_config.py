"""SCALE-Sim's configurations (`.cfg`): the array, its three buffers, the dataflow and the bandwidth."""

from __future__ import annotations

import configparser
import re
from dataclasses import dataclass
from pathlib import Path

from cosearch_simulators.accelerator.engines.scalesim.entry import CODES
from cosearch_simulators.bounded_files import read_text
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError

SECTION = "architecture_presets"
_FLOWS = {code: name for name, code in CODES.items()}


@dataclass(frozen=True)
class SystolicConfig:
    """What a configuration says of the hardware.

    Attributes:
        name: of the run.
        rows, columns: of the array.
        dataflow: name of ours.
        sram_kib: of inputs, weights and outputs.
        bandwidth_words: words a cycle of the memory for inputs, weights and outputs; None: as many as needed.
    """

    name: str
    rows: int
    columns: int
    dataflow: str
    sram_kib: tuple[int, int, int]
    bandwidth_words: tuple[int, int, int] | None


def read_config(path: Path | str) -> SystolicConfig:
    """The hardware of a configuration.

    Raises:
        ConfigurationError: the file cannot be read or is something else, or an entry is missing or no number.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(path))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except configparser.Error as error:
        line = " ".join(str(error).split())[:200]
        raise ConfigurationError(f"{path} is no SCALE-Sim configuration: {line}") from None
    if not parser.has_section(SECTION):
        found = ", ".join(parser.sections()) or "none"
        raise ConfigurationError(f"{path}: expected the section [{SECTION}] of SCALE-Sim, found {found}")

    def entry(name: str) -> str:
        text = parser.get(SECTION, name, fallback=None)
        if text is None:
            known = list(parser[SECTION])
            raise ConfigurationError(f"{path}: [{SECTION}] has no {name}{hint(name.lower(), known)}")
        return text.strip()

    def number(name: str) -> int:
        text = entry(name)
        if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
            raise ConfigurationError(f"{path}: {name} must be a whole number of at least 1, got {text!r}")
        return int(text)

    flow = entry("Dataflow").lower()
    if flow not in _FLOWS:
        raise ConfigurationError(f"{path}: Dataflow must be {' or '.join(_FLOWS)}, got {flow!r}")
    sram = number("IfmapSramSzkB"), number("FilterSramSzkB"), number("OfmapSramSzkB")
    mode = parser.get("run_presets", "InterfaceBandwidth", fallback="CALC").strip().upper()
    words = None
    if mode == "USER":
        texts = [part.strip() for part in entry("Bandwidth").split(",")]
        if not all(re.fullmatch(r"\d{1,9}", text) and int(text) > 0 for text in texts) or len(texts) > 3:
            raise ConfigurationError(f"{path}: Bandwidth must be whole numbers, got {entry('Bandwidth')!r}")
        numbers = [int(text) for text in texts]
        first, second, third = (numbers + [numbers[-1]] * 3)[:3]
        words = first, second, third
    name = parser.get("general", "run_name", fallback=Path(path).stem).strip().strip("\"'")
    return SystolicConfig(name, number("ArrayHeight"), number("ArrayWidth"), _FLOWS[flow], sram, words)
