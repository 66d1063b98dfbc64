"""The problem `dram-controller`: search a DRAM controller, and if wanted its device, under a memory trace.

Here is the call of the simulator. What a user may set is in `controller_settings`, the memories are in
`devices`, the two controllers' parameters in `controller_spaces`, traces in `workload` and `bursts`, several
at once in `players`, the metrics in `metrics`, the pictures in `pictures`. The clock is
`cosearch_simulators.dram`, imported only when a problem is built, because Gymnasium imports the plugins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from cosearch.errors import ArgumentError, WorkloadError
from cosearch.fidelity import Fidelity
from cosearch.objectives import Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.space import Designs, DesignSpace
from cosearch_plugins.dram.controller_settings import SEARCH, DramControllerSettings
from cosearch_plugins.dram.controller_spaces import (
    ADDRESS_MAPPINGS,
    GROUPS,
    OWN_MAPPING,
    chosen,
    controller_parameters,
    controllers_of,
    forbidden,
    refresh_values,
)
from cosearch_plugins.dram.devices import memspec_devices, named_devices
from cosearch_plugins.dram.metrics import METRICS, measured, metrics_of, objectives_of
from cosearch_plugins.dram.sampled import sampled_metrics
from cosearch_plugins.dram.workload import (
    check_fits,
    fixed_mapping,
    read_workload,
    trace_clock_ps,
    trace_text,
)

if TYPE_CHECKING:
    import numpy as np

    from cosearch_plugins.dram.dramsys_file import DramsysSimulation, Source
    from cosearch_plugins.dram.players import Players
    from cosearch_simulators.dram import BankMachineControllers, Controllers
    from cosearch_simulators.dram.common.trace_samples import TraceSample


class DramController(Problem):
    """A DRAM memory controller under a memory trace, simulated cycle by cycle.

    The objectives are what a user of the memory feels, and energy. Where the trace says when it wants its
    requests, as `multicore` does, that is `response_time_ns`, from that time to the data; otherwise
    `time_ns`, which the whole trace takes. A controller with little room (a small `read_queue`, or of
    `bank_machines` a small `request_buffer_size` or few `max_active_transactions`) accepts requests late.
    That wait is part of both, but not of `latency_ns`, the figure that Ramulator and DRAMSys give, which
    begins with acceptance: the smallest queue has the best `latency_ns`, and serves nobody.

    The default workload asks for half of the bandwidth that the memory has at its peak.

    A controller that never refreshes is faster, saves energy and loses its data (JESD79: every row once in 32
    or 64 ms). So no design does, unless the argument `refresh` says so. Refreshes that `bank_machines`
    postpones past the end of the trace are owed: their energy is counted, but nobody waited for them. Where
    that matters let the trace last for many of the intervals (3.9 or 7.8 us).

    Several `players` can share the memory, each with a trace, a clock and a class of its own; the lower the
    class, the more urgent, and equals take turns. Each has metrics of its own (`cpu_latency_ns`), over all of
    its trace: let the traces last equally long. A player that is paced, by `gb_per_s` or by the cycles of its
    trace, has a `response_time_ns` too, from when it wants a request; any other sends as fast as it is let
    and waits mostly for itself: judge it by its `finish_time_ns`.

    Fidelities: `sampled`, eight windows with about an eighth of the trace, scaled to the whole; `cycle`, all
    of it, the default. A trace that is too short for windows is run whole at both. The windows of a streamed
    trace are kept in memory. Players have `cycle` alone.

    Example:
        >>> problem = DramController(workload="gups:requests=5000")
        >>> problem.evaluate(problem.space.sample(1, 0)).status.tolist()
        ['ok']
    """

    Settings = DramControllerSettings
    settings: DramControllerSettings
    name = "dram-controller"
    # 1: a simulation runs on to the last answer, and its clock starts with the trace.
    version = 1
    metrics: Sequence[Metric] = METRICS
    objectives: Sequence[Objective] = objectives_of(timed=True)
    # About what is simulated of the trace, as a share; tests/benchmarks/fidelity_ranks.py measures it.
    fidelities: Sequence[Fidelity | str] = (
        Fidelity("sampled", 0.17, "eight windows of the trace, scaled to the whole"),
        Fidelity("cycle", 1.0, "all of the trace"),
    )
    default_fidelity = "cycle"
    workloads: ClassVar[tuple[str, ...]] = (
        "multicore",
        "stream",
        "random",
        "strided",
        "row_bursts",
        "multi_stream",
        "zipf",
        "pointer_chase",
        "gups",
    )

    def build(self) -> None:
        """Read the memory, the mapping and the trace or the players; make the space of what is searched."""
        settings = self.settings
        self.controller, self.threads = settings.controller, settings.threads
        self.trace_tck_ps = settings.trace_tck_ps
        if self._simulation is not None:
            from cosearch_plugins.dram.dramsys_file import simulated_devices

            devices = simulated_devices(str(settings.simulation), self._simulation)
        elif settings.memspec is not None:
            devices = memspec_devices(settings.memspec)
        else:
            devices = named_devices(
                settings.standard,
                settings.organization,
                settings.speed_grade,
                ranks=settings.ranks,
                channels=settings.channels,
                search=settings.search_device,
            )
        mappings: tuple[str, ...] = ADDRESS_MAPPINGS
        if settings.address_mapping in ADDRESS_MAPPINGS:
            mappings = (str(settings.address_mapping),)
        elif self._simulation is not None:
            mappings = (OWN_MAPPING, *ADDRESS_MAPPINGS)
        elif settings.address_mapping != SEARCH:
            devices = devices.with_address_mapping(settings.address_mapping)
            mappings = (OWN_MAPPING, *ADDRESS_MAPPINGS)
        mappings = self._mappings_of_trace(mappings)
        self.devices = devices
        usual = {} if self._simulation is None else dict(self._simulation.controller)
        if "refresh" in settings.model_fields_set:
            usual.pop("refresh", None)
        modes = refresh_values(usual.get("refresh", settings.refresh), devices)
        self.refresh_modes, self.address_mappings = modes, mappings
        self.players: Players | None = None
        sources = self._sources()
        together = settings.players is not None or len(sources) > 1
        timed = self._read_players(sources) if together else self._read_trace(sources)
        if self._simulation is not None and self._simulation.notes:
            self.about += f". {'; '.join(self._simulation.notes)}"
        self.objectives = objectives_of(timed=timed)
        parameters = [*devices.parameters, *controller_parameters(self.controller, modes, mappings)]
        if usual:
            from cosearch_plugins.dram.dramsys_file import with_defaults

            parameters = with_defaults(parameters, usual)
        groups = {
            group: [p.name for p in parameters if p.name in names]
            for group, names in GROUPS[self.controller].items()
        }
        groups["device"] = [parameter.name for parameter in devices.parameters]
        self.space = DesignSpace(
            parameters,
            forbidden(self.controller, modes, devices),
            name=self.name,
            groups={group: names for group, names in groups.items() if names},
        )

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator; one that cannot run is infeasible with its reason."""
        from cosearch_simulators.dram import simulate, simulate_players

        devices, controllers = self.devices.of(designs), self._controllers(designs)
        if self.players is not None:
            together = simulate_players(
                devices,
                cast("BankMachineControllers", controllers),
                list(self.players.by_name.values()),
                starvation_cycles=self.players.starvation_cycles,
                threads=self.threads,
                on_error="mark",
            )
            of_all = self.metrics[: -len(self.players.metrics)]
            metrics = measured(together.total, devices, of_all, owing=self._owing(designs))
            return Outcomes.of(metrics | self.players.measured(together), errors=together.total.error)
        if fidelity == "sampled":
            metrics, errors = sampled_metrics(
                *(devices, controllers, self._sample, self._refresh(designs)),
                controller=self.controller,
                metrics=self.metrics,
                trace_tck_ps=self.trace_tck_ps,
                threads=self.threads,
            )
            return Outcomes.of(metrics, errors=errors)
        result = simulate(
            devices,
            controllers,
            self.trace,
            threads=self.threads,
            on_error="mark",
            trace_tck_ps=self.trace_tck_ps,
        )
        metrics = measured(result, devices, self.metrics, owing=self._owing(designs))
        return Outcomes.of(metrics, errors=result.error)

    def _controllers(self, designs: Designs) -> Controllers | BankMachineControllers:
        return controllers_of(self.controller, designs, self.refresh_modes, self.address_mappings)

    def _refresh(self, designs: Designs) -> np.ndarray:
        return chosen(designs, "refresh", self.refresh_modes)

    def _owing(self, designs: Designs) -> list[str] | None:
        """How the designs refresh, if refreshes can be postponed."""
        return self._refresh(designs).tolist() if self.controller == "bank_machines" else None

    @cached_property
    def _sample(self) -> TraceSample:
        from cosearch_simulators.dram.common.trace_samples import sample_trace

        return sample_trace(self.trace)

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Bandwidth and latency, the data bus over time, the rows that were found open, and the energy."""
        from cosearch_plugins.dram.pictures import dram_pictures, player_pictures

        one = self.space.designs([design])
        (device,), controllers = self.devices.of(one), self._controllers(one)
        if self.players is not None:
            return tuple(player_pictures(device, cast("BankMachineControllers", controllers), self.players))
        return tuple(dram_pictures(device, controllers, self.trace, self.trace_tck_ps))

    def _mappings_of_trace(self, mappings: tuple[str, ...]) -> tuple[str, ...]:
        """The address mappings that leave the trace what its file says."""
        players = cast("Mapping[str, Any]", self.settings.players or {})
        workloads = [player["workload"] for player in players.values()] or [self.settings.workload]
        for workload in workloads:
            fixed = fixed_mapping(workload)
            if fixed is not None and fixed not in mappings:
                raise ArgumentError(
                    f"workload {workload!r} names channels, banks and rows: address_mapping must be {fixed}"
                )
            mappings = mappings if fixed is None else (fixed,)
        return mappings

    @cached_property
    def _simulation(self) -> DramsysSimulation | None:
        from cosearch_plugins.dram.dramsys_file import simulation_of

        path = self.settings.simulation
        return None if path is None else simulation_of(path)

    def _sources(self) -> list[Source]:
        """Who sends, where it is more than one trace as the workload, or that of a simulation file."""
        from cosearch_plugins.dram.dramsys_file import sources
        from cosearch_plugins.dram.players import described_sources

        settings = self.settings
        if settings.players is not None:
            players = cast("Mapping[str, Any]", settings.players)
            found = described_sources(players, self.devices.default, settings.request_bytes)
            return found
        if self._simulation is None or "workload" in settings.model_fields_set:
            return []
        return sources(
            str(settings.simulation), self._simulation, self.devices.default, settings.request_bytes
        )

    def _read_trace(self, sources: Sequence[Source]) -> bool:
        """Set the trace in bursts, its clock and the metrics; whether it says when it wants its requests."""
        from cosearch_simulators.dram.common.traces.bursts import in_bursts, within

        workload, request_bytes = self.settings.workload, int(self.settings.request_bytes)
        devices, usual = list(self.devices.by_name.values()), self.devices.default
        peak = usual.peak_bandwidth_gb_per_s
        if sources:
            (source,) = sources
            workload, request_bytes, trace = source.label, source.request_bytes, source.trace
            self.trace_tck_ps = self.trace_tck_ps or source.tck_ps
        else:
            trace = read_workload(workload, peak_gb_per_s=peak, request_bytes=request_bytes, device=usual)
            self.trace_tck_ps = self.trace_tck_ps or trace_clock_ps(workload, trace)
        least = min(device.capacity_bytes for device in devices)
        bursts = in_bursts(trace, request_bytes, devices[0].transaction_bytes)
        self.trace = within(bursts, least, self.settings.beyond_capacity)
        check_fits(workload, self.trace, devices, self.trace_tck_ps, "trace_tck_ps")
        self._check_reads(f"workload {workload!r} has", round(trace.read_share * trace.requests))
        tck_ps, highest = self.trace_tck_ps or usual.tck_ps, self.trace.highest_address
        self.about = f"{workload}: {trace_text(trace, peak, tck_ps, request_bytes, highest)}"
        self.metrics = metrics_of(self.controller, timed=trace.timed)
        return trace.timed

    def _read_players(self, sources: Sequence[Source]) -> bool:
        """Set the players and the metrics; whether all of them say when they want their requests."""
        from cosearch_plugins.dram.players import read_players

        # Players wait for each other, so windows of each do not stand for it.
        self.fidelities = self.fidelities[1:]
        devices = list(self.devices.by_name.values())
        settings = self.settings
        self.players = read_players(
            sources, devices, settings.starvation_cycles, METRICS, settings.beyond_capacity
        )
        self._check_reads("players have", self.players.reads)
        self.about = self.players.about
        self.metrics = (*metrics_of(self.controller, timed=self.players.timed), *self.players.metrics)
        return self.players.timed

    def _check_reads(self, whose: str, reads: int) -> None:
        if reads < 1:
            raise WorkloadError(f"{whose} {reads} reads, expected at least 1")
