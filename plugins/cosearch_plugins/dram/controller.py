"""The problem `dram-controller`: search a DRAM controller, and if wanted its device, under a memory trace.

Here are the arguments and the call of the simulator. The memories are in `devices`, the two controllers'
parameters in `controller_spaces`, traces in `workload` and `bursts`, several at once in `players`, the
metrics in `metrics`, the pictures in `pictures`. The clock is `cosearch_simulators.dram`, imported only when
a problem is built, because Gymnasium imports the plugins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from cosearch.errors import ArgumentError, WorkloadError
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.pictures import Picture
from cosearch.problem import Problem
from cosearch.space import Designs, DesignSpace
from cosearch_plugins.argument_checks import json_object, thread_count, whole_number
from cosearch_plugins.dram.controller_spaces import (
    ADDRESS_MAPPINGS,
    CONTROLLERS,
    GROUPS,
    OWN_MAPPING,
    controller_parameters,
    controllers_of,
    forbidden,
    refresh_values,
)
from cosearch_plugins.dram.devices import absolute_path, check_name, memspec_devices, named_devices
from cosearch_plugins.dram.metrics import METRICS, measured, metrics_of
from cosearch_plugins.dram.sampled import sampled_metrics
from cosearch_plugins.dram.workload import absolute, check_fits, is_path, read_workload

if TYPE_CHECKING:
    from cosearch_plugins.dram.players import Players
    from cosearch_simulators.dram import BankMachineControllers
    from cosearch_simulators.dram.trace_samples import TraceSample

# Four times the largest read queue; a trace of thousands of reads makes the reads left waiting negligible.
LEAST_READS = {"queued": 256, "bank_machines": 1}


class DramController(Problem):
    """A DRAM memory controller under a memory trace, simulated cycle by cycle.

    A controller with little room accepts requests late: a small `read_queue`, or of `bank_machines` a small
    `request_buffer_size` or few `max_active_transactions`. That waiting is not part of `latency_ns` but of
    `time_ns`, so a search for `latency_ns` alone starves the memory. Set `bandwidth_gb_per_s` as an objective
    or a constraint where it matters.

    A controller that never refreshes is faster, saves energy and loses its data (JESD79: every row once in 32
    or 64 ms). So no design does, unless the argument `refresh` says so. Refreshes that `bank_machines`
    postpones past the end of the trace cost nothing: let it last for many of the intervals (3.9 or 7.8 us).

    Several `players` can share the memory, each with a trace, a clock and a class of its own; the lower the
    class, the more urgent, and equals take turns. Each has metrics of its own (`cpu_latency_ns`), over all of
    its trace: let the traces last equally long. A player that is paced, by `gb_per_s` or by the cycles of its
    trace, has a `response_time_ns` too, from when it wants a request; any other sends as fast as it is let
    and waits mostly for itself: judge it by its `finish_time_ns`.

    Fidelities: `sampled`, eight windows with about an eighth of the trace, scaled to the whole; `cycle`, all
    of it, the default. A trace that is too short for windows is run whole at both. The windows of a streamed
    trace are kept in memory. Players have `cycle` alone.

    Args:
        workload: a trace generator, `zipf` or `zipf:write_share=0.3,requests=20000`, or the path of a trace
            file; see `generators` and `formats` in `cosearch_simulators.dram.traces`. A large file is
            streamed from disk, for every design anew. A Ramulator CPU trace is `FILE:format=simpleo3`.
        controller: "queued", Ramulator 2.1's controller, or "bank_machines", DRAMSys' with ArchGym's ten
            parameters and a power-down policy.
        standard: "DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5", "GDDR6", "HBM2" or "HBM3".
        organization: the chips, such as "DDR4_8Gb_x8"; default 8 Gb of the standard, x8 or x16.
        speed_grade: such as "DDR4_2400R"; default a usual one of the standard.
        ranks: how many ranks share a channel: 1 (the default), 2, 4 or 8. HBM's are its pseudo-channels,
            of which there are 2.
        channels: of the memory: 1, 2, 4, ... 32; the address mapping spreads the requests.
        memspec: path of a DRAMSys memspec (JSON), in place of the five arguments above.
        search_device: "speed_grade" searches the speed grades of the standard; true also the standards that
            are comparable (DDR3 to DDR5; LPDDR4, LPDDR5 and GDDR6; HBM2 and HBM3), with chips of the same
            density and width. `standard` and `speed_grade` are then the default design. Energies of
            different standards come from different sources: compare them with care.
        address_mapping: "search" the three named ones; one of "RoBaRaCoCh", "ChRaBaRoCo" and "MOP4CLXOR"; or
            bit lists with hashing as DRAMSys' CONGEN has them, as the path of the file or as an object like
            {"COLUMN_BIT": [...], "XOR": [{"FIRST": 13, "SECOND": 16}], ...}, which are called "custom" and
            searched beside the named ones.
        refresh: "all_bank"; "per_bank" or "same_bank" if the device has it; "search" for all that it has;
            "none" or "search_with_none", for studies of what refreshing costs.
        request_bytes: what a request of the trace moves; it takes several bursts of a memory whose burst is
            shorter, and counts as that many requests.
        trace_tck_ps: clock period of the trace's cycles, if it has any; default the device's.
        players: the path of a YAML file, or an object such as {"cpu": {"workload": "random", "gb_per_s": 4},
            "dma": {"workload": "gpu.stl", "tck_ps": 2000, "qos_class": 1}}, in place of `workload`; only with
            `bank_machines`. Of each player: `workload`, whose file is sought from the YAML file's folder;
            `gb_per_s`, which spaces the requests of a trace without cycles; `tck_ps`, the period of its clock
            and of the trace's cycles (default the device's), in which it sends one burst to each channel;
            `qos_class` (default 0); and `offset_bytes`, which is added to its addresses: all generators begin
            at 0, and those that draw draw the same unless they get a `seed`.
        starvation_cycles: memory cycles after which a player's request goes before all classes.
        threads: designs simulated at once; default as many as cores, but one in each of several workers.
        objectives: default latency_ns:min and energy_pj:min.
        constraints: default none.

    Raises:
        UnknownNameError: an unknown generator, standard, organization, speed grade or the like.
        WorkloadError: a trace that cannot be read or made, has too few reads, or does not fit any device.
        ArgumentError: an argument that is out of its bounds or does not fit the others, or a file that
            cannot be used.

    Example:
        >>> problem = DramController(workload="gups:requests=5000")
        >>> problem.evaluate(problem.space.sample(1, 0)).status.tolist()
        ['ok']
    """

    name = "dram-controller"
    metrics: Sequence[Metric] = METRICS
    objectives = (Objective("latency_ns", "min"), Objective("energy_pj", "min"))
    fidelities = ("sampled", "cycle")
    default_fidelity = "cycle"
    workloads: ClassVar[tuple[str, ...]] = (
        "stream",
        "random",
        "strided",
        "row_bursts",
        "multi_stream",
        "zipf",
        "pointer_chase",
        "gups",
    )

    def __init__(
        self,
        *,
        workload: str = "row_bursts",
        controller: Literal["queued", "bank_machines"] = "queued",
        standard: str = "DDR4",
        organization: str | None = None,
        speed_grade: str | None = None,
        ranks: int | None = None,
        channels: int = 1,
        memspec: str | None = None,
        search_device: bool | Literal["speed_grade"] = False,
        address_mapping: str | dict[str, Any] = "search",
        refresh: str = "all_bank",
        request_bytes: int = 64,
        trace_tck_ps: int | None = None,
        players: str | dict[str, Any] | None = None,
        starvation_cycles: int = 1000,
        threads: int | None = None,
        objectives: Sequence[Objective | str] | None = None,
        constraints: Sequence[Constraint | str] | None = None,
    ) -> None:
        check_name("controller", controller, CONTROLLERS)
        self.controller = controller
        if trace_tck_ps is not None:
            whole_number("trace_tck_ps", trace_tck_ps, 1, 1_000_000)  # 1 MHz
        self.trace_tck_ps = trace_tck_ps
        self.threads = thread_count(threads)
        if search_device not in (True, False, "speed_grade"):
            raise ArgumentError(f"search_device must be true, false or 'speed_grade', got {search_device!r}")
        if memspec is not None:
            _check_alone(self.arguments)
            devices = memspec_devices(memspec)
        else:
            devices = named_devices(
                standard, organization, speed_grade, ranks=ranks, channels=channels, search=search_device
            )
        mappings: tuple[str, ...] = ADDRESS_MAPPINGS
        if address_mapping in ADDRESS_MAPPINGS:
            mappings = (str(address_mapping),)
        elif address_mapping != "search":
            if isinstance(address_mapping, str) and address_mapping.lstrip().startswith("{"):
                address_mapping = json_object("address_mapping", address_mapping)
            if isinstance(address_mapping, str) and not is_path(address_mapping):
                check_name("address mapping", address_mapping, ("search", *ADDRESS_MAPPINGS))
            devices = devices.with_address_mapping(address_mapping)
            mappings = (OWN_MAPPING, *ADDRESS_MAPPINGS)
        self.devices = devices
        modes = refresh_values(refresh, devices)
        if request_bytes not in REQUEST_BYTES:
            raise ArgumentError(f"request_bytes must be one of {REQUEST_BYTES}, got {request_bytes!r}")
        self.metrics = metrics_of(controller)
        self.players: Players | None = None
        if players is None:
            played: dict[str, Any] = self._read_trace(workload, request_bytes)
        else:
            played = self._read_players(players, request_bytes, starvation_cycles)
        files = {
            name: absolute_path(path)
            for name, path in (("memspec", memspec), ("address_mapping", address_mapping))
            if isinstance(path, str) and (name == "memspec" or OWN_MAPPING in mappings)
        }
        self.workload_digest = _digest(self.workload_digest, files.values())
        # A study is to be resumed from any folder.
        self.arguments = {**self.arguments, **played, **files}
        self.space = DesignSpace(
            [*devices.parameters, *controller_parameters(controller, modes, mappings)],
            forbidden(controller, modes, devices),
            name=self.name,
        )
        self.groups = {
            group: [name for name in names if name in self.space]
            for group, names in GROUPS[controller].items()
        }
        if devices.parameters:
            self.groups["device"] = [parameter.name for parameter in devices.parameters]
        super().__init__(objectives=objectives, constraints=constraints)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator; one that cannot run is infeasible with its reason."""
        from cosearch_simulators.dram import simulate, simulate_players

        devices, controllers = self.devices.of(designs), controllers_of(self.controller, designs)
        if self.players is not None:
            together = simulate_players(
                devices,
                cast("BankMachineControllers", controllers),
                list(self.players.by_name.values()),
                starvation_cycles=self.players.starvation_cycles,
                threads=self.threads,
                on_error="mark",
            )
            metrics = measured(together.total, devices, self.controller)
            return Outcomes.of(metrics | self.players.measured(together), errors=together.total.error)
        if fidelity == "sampled":
            metrics, errors = sampled_metrics(
                *(devices, controllers, self._sample, designs["refresh"]),
                controller=self.controller,
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
        return Outcomes.of(measured(result, devices, self.controller), errors=result.error)

    @cached_property
    def _sample(self) -> TraceSample:
        from cosearch_simulators.dram.trace_samples import sample_trace

        return sample_trace(self.trace, least_reads=LEAST_READS[self.controller])

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Bandwidth and latency, the data bus over time, the rows that were found open, and the energy."""
        from cosearch_plugins.dram.pictures import dram_pictures, player_pictures

        one = self.space.designs([design])
        (device,), controllers = self.devices.of(one), controllers_of(self.controller, one)
        if self.players is not None:
            return tuple(player_pictures(device, cast("BankMachineControllers", controllers), self.players))
        return tuple(dram_pictures(device, controllers, self.trace, self.trace_tck_ps))

    def _read_trace(self, workload: str, request_bytes: int) -> dict[str, Any]:
        """Set the trace in bursts, and its digest, which does not depend on the device."""
        from cosearch_plugins.dram.bursts import in_bursts

        if "starvation_cycles" in self.arguments:
            raise ArgumentError("starvation_cycles is for players: leave it out, or give players")
        devices = list(self.devices.by_name.values())
        trace = read_workload(workload)
        check_fits(workload, trace, devices, self.trace_tck_ps, "trace_tck_ps")
        self.workload_digest = trace.digest
        self._check_reads(f"workload {workload!r} has", round(trace.read_share * trace.requests))
        self.trace = in_bursts(trace, request_bytes, devices[0].transaction_bytes)
        return {"workload": absolute(workload)}

    def _read_players(
        self, players: str | dict[str, Any], request_bytes: int, starvation_cycles: int
    ) -> dict[str, Any]:
        """Set the players, and the digest of their traces."""
        from cosearch_plugins.dram.players import read_players
        from cosearch_simulators.dram.players import LONGEST_STARVATION

        if self.controller != "bank_machines":
            raise ArgumentError("players need controller=bank_machines: the other one knows a single trace")
        if given := [name for name in ("workload", "trace_tck_ps") if self.arguments.get(name) is not None]:
            raise ArgumentError(f"players have their own traces and clocks: leave out {' and '.join(given)}")
        whole_number("starvation_cycles", starvation_cycles, 1, LONGEST_STARVATION)
        devices = list(self.devices.by_name.values())
        self.fidelities = ("cycle",)  # players wait for each other, so windows of each do not stand for it
        self.players = read_players(players, devices, request_bytes, starvation_cycles, self.metrics)
        self.workload_digest = self.players.digest
        self._check_reads("players have", self.players.reads)
        self.metrics = (*self.metrics, *self.players.metrics)
        return {"players": self.players.arguments}

    def _check_reads(self, whose: str, reads: int) -> None:
        least = LEAST_READS[self.controller]
        if reads < least:
            raise WorkloadError(
                f"{whose} {reads} reads, expected at least {least}"
                + (": those that wait when the last request is accepted have no latency" if least > 1 else "")
            )


REQUEST_BYTES = (8, 16, 32, 64, 128, 256)


def _check_alone(arguments: Mapping[str, Any]) -> None:
    named = ("standard", "organization", "speed_grade", "ranks", "channels", "search_device")
    given = [name for name in named if arguments.get(name) not in (None, False)]
    if given:
        raise ArgumentError(f"memspec gives the device: leave out {' and '.join(given)}")


def _digest(of_trace: str, paths: Iterable[str]) -> str:
    """The trace's digest, or that of it and the other files."""
    contents = [Path(path).read_bytes() for path in paths]
    if not contents:
        return of_trace
    digests = [of_trace, *(hashlib.sha256(content).hexdigest() for content in contents)]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()
