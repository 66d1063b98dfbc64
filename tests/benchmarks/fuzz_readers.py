"""Throw damaged files at every reader and count what surprises: a table for the README.

    python tests/benchmarks/fuzz_readers.py --inputs 2300 --seed 1 --readme gym/README.md

Each reader runs in a process of its own, so that a crash or a loop in compiled code is counted and does not
end the run. Unexpected is whatever is not the reader's own error, an error of several lines or of more than
1,200 characters, a crash, more than 5 s for an input, or more than 8 GB.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from mutations import mutated
from reader_samples import Reader, readers
from readme_table import write_table

LIMIT_S = 5.0
LONGEST_MESSAGE = 1200


class OverTime(BaseException):
    """An input took too long; no reader catches it."""


def _over_time(*_: object) -> None:
    raise OverTime


def surprise(reader: Reader, path: Path) -> str:
    """What is unexpected about reading a file; empty if nothing is."""
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        reader.read(path)
    except reader.error as error:
        text = str(error)
        if "\n" in text or len(text) > LONGEST_MESSAGE:
            return f"message of {len(text)} characters, {text.count(chr(10))} line ends: {text[:100]!r}"
    except OverTime:
        return f"more than {LIMIT_S:g} s"
    except BaseException as error:
        frame = error.__traceback__
        while frame and frame.tb_next:
            frame = frame.tb_next
        where = f" at {Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
        return f"{type(error).__name__}: {str(error)[:200]}{where}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return ""


def fuzz(reader: Reader, inputs: int, seed: int, folder: Path, first: int = 0) -> dict[str, list[int]]:
    """Surprises of one reader, each with the numbers of its inputs."""
    samples = list(reader.samples())
    path = folder / f"input{reader.suffix}"
    for sample in samples:
        path.write_bytes(sample)
        reader.read(path)
    found: dict[str, list[int]] = {}
    for number in range(first, inputs):
        (folder / "number").write_text(str(number))
        rng = random.Random(f"{seed} {reader.name} {number}")
        path.write_bytes(mutated(rng.choice(samples), samples, rng))
        faulthandler.dump_traceback_later(3 * LIMIT_S, exit=True)
        kind = surprise(reader, path)
        faulthandler.cancel_dump_traceback_later()
        if kind:
            found.setdefault(kind, []).append(number)
    return found


def _child(name: str, inputs: int, seed: int, folder: Path, first: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    signal.signal(signal.SIGALRM, _over_time)
    warnings.simplefilter("ignore")
    reader = next(reader for reader in readers() if reader.name == name)
    (folder / "found").write_text(json.dumps(fuzz(reader, inputs, seed, folder, first)))


def _in_a_process(name: str, arguments: argparse.Namespace) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as made:
        folder, first = Path(made), 0
        while first < arguments.inputs:
            command = [sys.executable, __file__, "--child", name, made, str(first)]
            command += ["--inputs", str(arguments.inputs), "--seed", str(arguments.seed)]
            ended = subprocess.run(command, capture_output=True, text=True)
            if ended.returncode == 0:
                for kind, numbers in json.loads((folder / "found").read_text()).items():
                    found.setdefault(kind, []).extend(numbers)
                break
            if not (folder / "number").exists():
                raise SystemExit(ended.stderr[-2000:])
            # The inputs before the crash were read; what they were found to be is lost with the process.
            number = int((folder / "number").read_text())
            found.setdefault(f"crash {ended.returncode}: {ended.stderr[-300:]}", []).append(number)
            first = number + 1
    return found


def main() -> int:
    """Fuzz all readers, or those that are named; the exit code is 1 where anything surprises."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=2300, help="of each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--reader", action="append", help="only this one; repeatable")
    parser.add_argument("--readme", type=Path, help="put the table between its markers")
    parser.add_argument("--child", nargs=3, metavar=("NAME", "FOLDER", "FIRST"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, folder, first = arguments.child
        _child(name, arguments.inputs, arguments.seed, Path(folder), int(first))
        return 0
    lines = ["| reader | inputs | unexpected errors |", "|---|---:|---:|"]
    total = unexpected = 0
    started = time.monotonic()
    for reader in readers():
        if arguments.reader and reader.name not in arguments.reader:
            continue
        found = _in_a_process(reader.name, arguments)
        count = sum(map(len, found.values()))
        for kind, numbers in found.items():
            print(f"{reader.name}: {len(numbers)} x {kind} (inputs {numbers[:3]})", file=sys.stderr)
        lines.append(f"| {reader.name} | {arguments.inputs:,} | {count:,} |")
        total, unexpected = total + arguments.inputs, unexpected + count
    lines.append(f"| all | {total:,} | {unexpected:,} |")
    print("\n".join(lines))
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    if arguments.readme:
        write_table(arguments.readme, "fuzz", lines)
    return int(unexpected > 0)


if __name__ == "__main__":
    sys.exit(main())
