"""A problem whose simulator is a command-line program."""

from __future__ import annotations

from typing import ClassVar

from cosearch.command_simulator.execution import Limits
from cosearch.command_simulator.simulator import CommandSimulator
from cosearch.errors import ProblemError
from cosearch.needs import EVERY
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.settings import InputFile, Settings, setting
from cosearch.space import Designs


class CommandSettings(Settings):
    """What a user may say of a program; a problem with more settings derives its own class from this."""

    program: InputFile | None = setting(None, "path of the program; default the one that is installed")
    run_timeout_s: float | None = setting(
        None, "time limit for each run of the program", unit="s", gt=0, affects_results=False
    )
    run_memory_mb: int | None = setting(
        None, "memory limit for each run", unit="MB", ge=1, affects_results=False
    )
    at_once: int | None = setting(
        None,
        "runs that go on together in one batch; with --workers N each result is kept as it comes",
        ge=1,
        le=1024,
        affects_results=False,
    )


class CommandProblem(Problem):
    """A problem that is data: a space, metrics, and a `CommandSimulator` that tells them.

    Attributes:
        simulator: what runs; its reports tell every metric.
    """

    simulator: CommandSimulator
    fidelities = ("external",)
    Settings: ClassVar[type[Settings] | None] = CommandSettings

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        simulator = vars(cls).get("simulator")
        if isinstance(simulator, CommandSimulator) and "needs" not in vars(cls):
            cls.needs = {EVERY: simulator.program}

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """One run for each design."""
        untold = [name for name in self.metric_names if name not in self.simulator.metrics]
        if untold:
            raise ProblemError(f"no report tells {', '.join(untold)}; name it among the fields of one")
        own, said = self.simulator.limits, self.settings
        limits = Limits(
            getattr(said, "run_timeout_s", None) or own.timeout_s,
            getattr(said, "run_memory_mb", None) or own.memory_mb,
            own.output_mb,
        )
        return self.simulator.run(
            designs,
            {metric.name: metric.unit for metric in self.metrics},
            owner=self.name,
            path=getattr(said, self.simulator.program.setting or "program", None),
            fidelity=fidelity,
            seed=seed,
            settings=said,
            limits=limits,
            at_once=getattr(said, "at_once", None),
        )
