"""A command-line simulator that does, as its config file tells it, what simulators do on bad days.

python command_tool.py CONFIG.json      writes out.json, prints what it does
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def sleeps(x: int) -> None:
    time.sleep(600)


def forks_and_sleeps(x: int) -> None:
    """Leaves two children, one of them in a session of its own."""
    subprocess.Popen(["sleep", str(x)], start_new_session=True)
    subprocess.Popen(["sleep", str(x)]).wait()


def leaves_a_child(x: int) -> None:
    subprocess.Popen(["sleep", str(x)])


def leaves_a_daemon(x: int) -> None:
    subprocess.Popen(["sleep", str(x)], start_new_session=True)


def ignores_sigterm(x: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def eats_memory(x: int) -> None:
    held = []
    while True:
        held.append(b"m" * 10_000_000)


def children_eat_memory(x: int) -> None:
    if os.fork() == 0:
        eats_memory(x)
    time.sleep(600)


def prints_a_gigabyte(x: int) -> None:
    for _ in range(1000):
        os.write(1, b"m" * 1_000_000)


def writes_a_gigabyte(x: int) -> None:
    for number in range(1000):
        Path(f"dump{number}").write_bytes(b"m" * 1_000_000)
        time.sleep(0.005)


def crashes(x: int) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def exits(x: int) -> None:
    print("reading the memory map\n", file=sys.stderr)
    print("fatal: bank 7 is used twice", file=sys.stderr)
    sys.exit(3)


def prints_no_utf8(x: int) -> None:
    os.write(2, b"\xff\xfe caf\xe9\n")
    sys.exit(4)


def refuses(x: int) -> None:
    sys.exit("invalid configuration: 3 banks are no power of two")


def cuts_its_report(x: int) -> None:
    Path("out.json").write_text('{"latency": "12 n')
    sys.exit(0)


def writes_no_report(x: int) -> None:
    sys.exit(0)


def reports_nan(x: int) -> None:
    Path("out.json").write_text('{"latency": NaN}')
    sys.exit(0)


def reports_another_unit(x: int) -> None:
    Path("out.json").write_text('{"latency": "12 pJ"}')
    sys.exit(0)


def has_no_licence(x: int) -> None:
    """Succeeds at the third attempt."""
    counter = Path(os.environ["COUNTER"])
    attempts = counter.read_text() if counter.exists() else ""
    counter.write_text(attempts + ".")
    if len(attempts) < 2:
        sys.exit("licence server is busy")


def tells_its_surroundings(x: int) -> None:
    print(json.dumps({"cwd": os.getcwd(), "tmp": os.environ["TMPDIR"], "args": sys.argv[2:]}))


def naps(x: int) -> None:
    time.sleep(0.3)


def fine(x: int) -> None:
    pass


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    globals()[config["deed"]](config["x"])
    Path("out.json").write_text(json.dumps({"latency": f"{config['x']} ps"}))


if __name__ == "__main__":
    main()
