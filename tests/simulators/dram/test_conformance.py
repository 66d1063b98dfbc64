"""Both engines keep what every simulator promises: see `core.check`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.core.check import check_simulator
from cosearch_simulators.core.result import Result
from cosearch_simulators.dram import BankMachineControllers, Controllers, Trace, device, engines
from cosearch_simulators.dram.common.result import UNITS
from cosearch_simulators.dram.engines import dramsys, ramulator

QUEUED = Controllers(
    scheduler=["frfcfs", "fcfs", "frfcfs_row_hit", "first", "frfcfs"],
    row_policy="closed_cap",
    row_cap=[1, 4, 4, 4, 16],
    read_queue=[1, 8, 0, 8, 64],
    address_mapping=["RoBaRaCoCh", "MOP4CLXOR", "RoBaRaCoCh", "MOP4CLXOR", "ChRaBaRoCo"],
)
BANK_MACHINES = BankMachineControllers(
    page_policy=["Open", "Closed", "ClosedAdaptive", "Shut", "OpenAdaptive"],
    request_buffer_size=[1, 8, 0, 8, 2],
    refresh_policy=["AllBank", "NoRefresh", "AllBank", "AllBank", "AllBank"],
    arbiter=["Simple", "Fifo", "Fifo", "Simple", "Reorder"],
    power_down_policy="Staggered",
)


def _trace(timed: bool) -> Trace:
    rng = np.random.default_rng(1)
    cycle = np.cumsum(rng.integers(0, 8, 1500)) if timed else None
    return Trace(rng.integers(0, 2**20, 1500) * 64, rng.random(1500) < 0.3, cycle)


@pytest.mark.parametrize(
    ("evaluate", "designs"), [(ramulator.evaluate, QUEUED), (dramsys.evaluate, BANK_MACHINES)]
)
@pytest.mark.parametrize(("timed", "channels"), [(True, 1), (False, 2)])
def test_a_design_depends_on_nothing_but_itself(
    evaluate: Callable[..., Any], designs: Any, timed: bool, channels: int
) -> None:
    memory, trace = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=2, channels=channels), _trace(timed)
    run = partial(evaluate, memory, trace=trace, on_error="mark")

    def simulate(rows: Any, threads: int) -> Result:
        return run(controllers=rows, threads=threads).as_result()

    if timed:
        units = UNITS
    else:
        units = {name: unit for name, unit in UNITS.items() if name not in ("response_time_ns", "wait_ns")}
    found = check_simulator(simulate, designs, units, broken=(2, 3))
    assert (found["time_ns"][found.ok] > 0).all()


def _imports(folder: Path) -> set[str]:
    trees = [ast.parse(file.read_text()) for file in folder.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


def test_the_engines_are_siblings() -> None:
    root = Path(str(engines.__file__)).parents[1]
    for name, others in {"ramulator": ["dramsys"], "dramsys": ["ramulator"]}.items():
        found = _imports(root / "engines" / name)
        assert found, name
        assert not [one for one in found for other in others if f"dram.engines.{other}" in one]
    assert not [one for one in _imports(root / "common") if "dram.engines" in one]
