"""Problems over the program `command_tool.py`; here, where worker processes find their classes."""

from __future__ import annotations

import command_tool
from cosearch import Categorical, DesignSpace, Fidelity, Integer, Metric, Objective
from cosearch.command_simulator import CommandProblem, CommandSimulator, JsonFile, JsonReport, Limits, Program
from cosearch.needs import Library

DEEDS = sorted(
    name for name, deed in vars(command_tool).items() if callable(deed) and deed.__module__ == "command_tool"
)
TOOL = Program(command_tool.__file__, "it is part of the tests", "COMMAND_TOOL", interpreter=("python",))
CONFIG = JsonFile({"deed": "{{ deed }}", "x": "{{ x }}"})


def simulator(**changes) -> CommandSimulator:
    return CommandSimulator(
        TOOL,
        **{
            "arguments": ("config.json",),
            "files": {"config.json": CONFIG},
            "reports": (JsonReport("out.json", {"latency_ns": "latency"}),),
            "rejects": r"^invalid configuration: (.*)",
            "limits": Limits(timeout_s=20, memory_mb=200, output_mb=10),
            **changes,
        },
    )


class Tool(CommandProblem):
    """What the tool tells."""

    name = "tool"
    space = DesignSpace([Categorical("deed", DEEDS), Integer("x", 0, 999_999)])
    metrics = (Metric("latency_ns", "ns"),)
    objectives = (Objective("latency_ns"),)
    simulator = simulator()


class FineTool(Tool):
    """The tool on good days."""

    name = "fine-tool"
    space = Tool.space.hold({"deed": "fine"})


class TwoFidelities(Tool):
    """A formula, and somebody's simulator."""

    name = "two-fidelities"
    fidelities = (Fidelity("analytical", 0.1), Fidelity("external"))
    default_fidelity = "analytical"
    needs = {"external": Library("no_such_package_7", 'pip install "cosearch[no-such]"')}  # noqa: RUF012

    def simulate(self, designs, *, fidelity, seed):
        return {"latency_ns": designs["x"] / 1000}
