"""The fidelity `external` of the problem `accelerator`: the tool that costs its designs beside ours."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cosearch.errors import ArgumentError
from cosearch.fidelity import Fidelity
from cosearch.needs import Need
from cosearch_plugins.external.tools import PYTHON_TOOLS
from cosearch_simulators.threads import threads_of

if TYPE_CHECKING:
    from cosearch_simulators.accelerator.system.designs import ArrayDesigns, Chip
    from cosearch_simulators.core.result import Result
    from cosearch_simulators.workloads import Network

OF_ENGINE: dict[str, tuple[str, ...]] = {
    "zigzag": ("zigzag",),
    "scalesim": ("scalesim",),
    "timeloop": ("timeloop", "accelforge"),
}
"""The tools that can judge the designs of an engine."""

FIDELITIES = {
    "zigzag": Fidelity("external", 1.0, "ZigZag itself, with LOMA's mappings"),
    "scalesim": Fidelity("external", 1.0, "SCALE-Sim itself, cycle by cycle"),
    "timeloop": Fidelity("external", 10.0, "timeloop-mapper itself"),
    "accelforge": Fidelity("external", 10.0, "AccelForge itself, with its own mapper"),
}
"""By tool. Relative costs: seconds for each design against a fraction of a millisecond."""


def tool_for(engine: str, asked: str | None) -> str:
    """The tool behind the fidelity `external`; empty where there is none.

    Raises:
        ArgumentError: the tool that is asked for does not judge this engine's designs.
    """
    known = OF_ENGINE.get(engine, ())
    if asked is None:
        return known[0] if engine in ("zigzag", "scalesim") else ""
    if asked not in known:
        use = next(name for name, tools in OF_ENGINE.items() if asked in tools)
        raise ArgumentError(f"external={asked} judges designs of engine={use}, got engine={engine}")
    return asked


def need(tool: str) -> Need:
    """What must be installed for a tool."""
    if tool == "timeloop":
        from cosearch_plugins.external.timeloop import PROGRAM

        return PROGRAM
    return PYTHON_TOOLS[tool]


def evaluate(
    tool: str,
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    *,
    threads: int | None,
    timeout_s: float,
    program: str | None = None,
    **mapping: Any,
) -> Result:
    """Every design by the tool.

    Args:
        tool: of `FIDELITIES`.
        designs: n of them.
        network: what runs.
        chip: what they have in common.
        threads: the tool's processes at a time; None: as many as cores.
        timeout_s: for each layer.
        program: where it is, for a tool that is a program.
        **mapping: `mapped_for` and `effort`, for tools that map.
    """
    module = import_module(f"cosearch_plugins.external.{tool}")
    asked = {} if tool == "scalesim" else mapping
    if tool == "timeloop":
        asked = asked | {"program": program}
    found: Result = module.evaluate(
        designs, network, chip, threads=threads_of(threads), timeout_s=timeout_s, **asked
    )
    return found
