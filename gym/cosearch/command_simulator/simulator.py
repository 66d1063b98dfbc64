"""A simulator that is a command-line program: config files in, report out, one run for each design."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from cosearch.command_simulator.config_files import ConfigError, ConfigFile, rendered
from cosearch.command_simulator.execution import Commands, Limits, Run
from cosearch.command_simulator.logs import keep_log, printed, tail
from cosearch.command_simulator.program import Program
from cosearch.command_simulator.reports import Report, ReportError
from cosearch.errors import ArgumentError
from cosearch.outcomes import FAILED_CODE, INFEASIBLE_CODE, LOG, OK_CODE, Outcomes, bounded

SEARCHED = 1 << 20  # bytes of the end of what was printed, where patterns are looked for


@dataclass(frozen=True)
class CommandSimulator:
    r"""Runs a program once for each design and reads its report.

    Example:
        ```python
        cacti = CommandSimulator(
            Program("cacti", get="https://github.com/HewlettPackard/cacti", variable="CACTI"),
            arguments=("-infile", "cache.cfg"),
            files={"cache.cfg": Template("-size (bytes) {{ sets * ways * 64 }}\n")},
            reports=(RegexReport("stdout", {"access_ns": r"Access time \((?P<unit>\w+)\): (?P<value>\S+)"}),),
        )
        ```

    No shell is involved: each argument reaches the program as it is.

    Attributes:
        program: what runs.
        arguments: of the program, each a Jinja2 template.
        files: the files that it reads, by their paths in the folder where it runs.
        reports: what it tells, and where.
        environment: variables for it, each a template, beside this process's.
        limits: for each run.
        at_once: runs that go on together.
        rejects: what it prints where it refuses a design: that is infeasible, for the text that this regular
            expression finds (its group, if it has one).
        transient: what it prints where another attempt may help, as when a licence is taken. Nothing else is
            ever run again.
        transient_codes: exit codes that mean so.
        retries: how many further attempts.
        retry_pause_s: before the first of them; each further pause is twice as long.
        success: the exit codes of a success.
    """

    program: Program
    arguments: Sequence[str] = ()
    files: Mapping[str, ConfigFile] = field(default_factory=dict)
    reports: Sequence[Report] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    at_once: int = 1
    rejects: str = ""
    transient: str = ""
    transient_codes: Sequence[int] = ()
    retries: int = 3
    retry_pause_s: float = 1.0
    success: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        told = [name for report in self.reports for name in report.metrics]
        if twice := {name for name in told if told.count(name) > 1}:
            raise ArgumentError(f"{', '.join(sorted(twice))}: two reports tell it; leave it out of one")
        for path in self.files:
            if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise ArgumentError(f"file {path!r} is outside the folder where the program runs")

    @property
    def metrics(self) -> Sequence[str]:
        """The names that the reports tell."""
        return tuple(name for report in self.reports for name in report.metrics)

    def run(
        self,
        designs: Iterable[Mapping[str, Any]],
        units: Mapping[str, str],
        *,
        owner: str,
        path: str | None = None,
        fidelity: str = "",
        seed: int = 0,
        settings: Any = None,
        names: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        at_once: int | None = None,
    ) -> Outcomes:
        """Run the program on n designs.

        Args:
            designs: what templates call `design`; what is an identifier in it they know by its name too.
            units: the unit of each metric that the reports tell: numbers are converted to it.
            owner: the problem's name, for the folder of the logs.
            path: where the user says that the program is.
            fidelity: for the templates, as are `seed` and `settings`.
            seed: see there.
            settings: see there.
            names: more that templates know.
            limits: in place of the simulator's own.
            at_once: in place of the simulator's own.

        Returns:
            A column for each of `units`; a design whose run went wrong is `failed` or `infeasible`, with the
            reason, the end of what was printed, and where the log is. `seconds` are those of the program.

        Raises:
            UnavailableError: the program is not there.
        """
        command = self.program.command(path)
        told = {"fidelity": fidelity, "seed": seed, "settings": settings, **(names or {})}
        batch = _Batch(self, command, units, owner, told)
        return batch.run([dict(design) for design in designs], limits or self.limits, at_once or self.at_once)


class _Batch:
    """The runs of one batch of designs."""

    def __init__(
        self,
        simulator: CommandSimulator,
        command: Sequence[str],
        units: Mapping[str, str],
        owner: str,
        names: Mapping[str, Any],
    ) -> None:
        self.simulator, self.command, self.units, self.owner = simulator, command, units, owner
        self.names = names
        self.files: dict[int, dict[str, str]] = {}

    def run(self, designs: list[dict[str, Any]], limits: Limits, at_once: int) -> Outcomes:
        """See `CommandSimulator.run`."""
        n = len(designs)
        columns = {name: np.full(n, np.nan) for name in self.units}
        codes = np.zeros(n, dtype=np.int8)
        reason = np.full(n, "", dtype=object)
        seconds = np.zeros(n)
        attempts = np.zeros(n, dtype=int)
        waiting: list[tuple[float, int]] = [(0.0, i) for i in range(n)]  # (not before, whose)
        going = 0
        with Commands(limits, at_once) as commands:
            while waiting or going:
                now = time.monotonic()
                due = [entry for entry in waiting if entry[0] <= now][: at_once - going]
                for entry in due:
                    waiting.remove(entry)
                    i = entry[1]
                    attempts[i] += 1
                    try:
                        self._start(commands, i, designs[i])
                        going += 1
                    except (ConfigError, OSError) as error:
                        codes[i], reason[i] = FAILED_CODE, bounded(error)
                if not going:
                    if waiting:
                        time.sleep(max(0.0, min(entry[0] for entry in waiting) - time.monotonic()))
                    continue
                patience = None
                if waiting and going < at_once:
                    patience = max(0.0, min(entry[0] for entry in waiting) - time.monotonic())
                for run in commands.ended(patience):
                    going -= 1
                    i = run.number
                    seconds[i] += run.seconds
                    if self._may_help(run) and attempts[i] <= self.simulator.retries:
                        pause = self.simulator.retry_pause_s * 2.0 ** (attempts[i] - 1)
                        waiting.append((time.monotonic() + pause, i))
                    else:
                        codes[i], reason[i] = self._judged(run, designs[i], columns, int(attempts[i]))
                        self.files.pop(i, None)
                    commands.discard(run)
        return Outcomes(columns, codes, reason, seconds=seconds)

    def _start(self, commands: Commands, i: int, design: Mapping[str, Any]) -> None:
        simulator = self.simulator
        token, folder = commands.new_folder()
        own = {name: value for name, value in design.items() if name.isidentifier()}
        context = {"design": design, "folder": str(folder), **self.names, **own}
        texts = {}
        for name, file in simulator.files.items():
            try:
                texts[name] = file.text(context)
            except ConfigError as error:
                raise ConfigError(f"{name}: {error}") from None
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[name], encoding="utf-8")
        arguments = [rendered(text, context) for text in simulator.arguments]
        self.files[i] = texts
        environment = {name: rendered(text, context) for name, text in simulator.environment.items()}
        commands.start(i, [*self.command, *arguments], token, folder, environment)

    def _may_help(self, run: Run) -> bool:
        simulator = self.simulator
        if run.why or run.code in simulator.success:
            return False
        return run.code in simulator.transient_codes or bool(
            simulator.transient and re.search(simulator.transient, printed(run, SEARCHED), re.MULTILINE)
        )

    def _judged(
        self, run: Run, design: Mapping[str, Any], columns: Mapping[str, Any], attempts: int
    ) -> tuple[int, str]:
        """The status and the reason of a run that ended for good; its metrics, if it has some."""
        simulator = self.simulator
        if not run.why and simulator.rejects:
            refusal = re.search(simulator.rejects, printed(run, SEARCHED), re.MULTILINE)
            if refusal is not None:
                text = refusal[1] if refusal.re.groups and refusal[1] else refusal[0]
                return INFEASIBLE_CODE, bounded(" ".join(text.split()))
        why = run.ended_by if run.why or run.code not in simulator.success else ""
        if not why:
            try:
                for report in simulator.reports:
                    for name, value in report.read(run.folder, self.units).items():
                        if name in columns:
                            columns[name][run.number] = value
                return OK_CODE, ""
            except ReportError as error:
                why = str(error)
                for column in columns.values():
                    column[run.number] = np.nan
        if attempts > 1:
            why += f" (attempt {attempts})"
        if last := tail(run):
            why += f"; it last printed: {last}"
        log = keep_log(self.owner, run, design, self.files.get(run.number, {}), why)
        return FAILED_CODE, bounded(why if log is None else f"{why}{LOG}{_short(log)}")


def _short(path: Path) -> str:
    """A path as its user writes it."""
    home = str(Path.home())
    text = str(path)
    return f"~{text[len(home) :]}" if text.startswith(home + "/") else text
