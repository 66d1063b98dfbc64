"""The problem `dram-controller`: search a DRAM controller, and if wanted its device, under a memory trace.

Here are the design space, the workloads and the metrics; the clock is `cosearch_simulators.dram`, which is
imported only when a problem is built, because Gymnasium imports the plugins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from cosearch.errors import ArgumentError, WorkloadError, unknown_name
from cosearch.objectives import Constraint, Metric, Objective
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Ordinal, Parameter
from cosearch_plugins.dram_workload import absolute, read_workload

if TYPE_CHECKING:
    from cosearch_simulators.dram import Device

# The size of chip and the speed that a user gets who names only the standard.
USUAL_ORGANIZATION = "8Gb_x8"
USUAL_SPEED_GRADE = {"DDR3": "DDR3_1600K", "DDR4": "DDR4_2400R", "DDR5": "DDR5_4800BN"}
RANKS = (1, 2, 4, 8)

CONTROLLER = (
    Categorical("scheduler", ("frfcfs", "frfcfs_row_hit", "fcfs")),
    Categorical("row_policy", ("open", "closed_cap")),
    Ordinal("row_cap", (1, 2, 4, 8, 16, 32), default=4, when={"row_policy": ["closed_cap"]}),
    Ordinal("read_queue", (8, 16, 32, 64), default=32, description="entries"),
    Ordinal("write_queue", (8, 16, 32, 64), default=32, description="entries"),
    Ordinal(
        "write_low_watermark", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), default=0.2, description="share of the queue"
    ),
    Ordinal(
        "write_high_watermark", (0.4, 0.5, 0.6, 0.7, 0.8, 0.9), default=0.8, description="share of the queue"
    ),
    Categorical("address_mapping", ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")),
)
# Four times the largest read queue; a trace of thousands of reads makes the reads left waiting negligible.
LEAST_READS = 256
REFRESH = {"all_bank": ("all_bank",), "none": ("none",), "search": ("all_bank", "none")}

METRICS = (
    Metric("latency_ns", "ns", "average read latency, from acceptance by the controller to the last data"),
    Metric("energy_pj", "pJ", "energy of all chips over the run, the sum of the five parts below"),
    Metric("power_mw", "mW", "energy over time"),
    Metric("bandwidth_gb_per_s", "GB/s", "bytes read and written over time"),
    Metric("time_ns", "ns", "until the last request is accepted; includes the waiting for a full queue"),
    Metric("row_hit_share", "1", "requests that found their row open, of all that needed a row"),
    Metric("activate_energy_pj", "pJ", "row activations and precharges"),
    Metric("read_energy_pj", "pJ", "read bursts"),
    Metric("write_energy_pj", "pJ", "write bursts"),
    Metric("refresh_energy_pj", "pJ", "refreshes"),
    Metric("background_energy_pj", "pJ", "standby"),
)


class DramController(Problem):
    """A DRAM memory controller under a memory trace, simulated cycle by cycle.

    A small read queue accepts requests late, and that waiting is not part of `latency_ns`: it is part of
    `time_ns`. Set `bandwidth_gb_per_s` as an objective or a constraint where it matters.

    A controller that never refreshes is faster, saves energy and loses its data (JESD79: every row once in 32
    or 64 ms). So the parameter `refresh` has one value, "all_bank", unless the argument of that name says so.

    Args:
        workload: a trace generator, `zipf` or `zipf:write_share=0.3,requests=20000`, or the path of a trace
            file; see `cosearch_simulators.dram.generators` and `trace_formats` for what there is.
        standard: "DDR3", "DDR4" or "DDR5".
        organization: the chips, such as "DDR4_8Gb_x8"; default 8Gb_x8 of the standard.
        speed_grade: such as "DDR4_2400R"; default a usual one of the standard.
        ranks: how many ranks share the channel: 1, 2, 4 or 8.
        search_device: "speed_grade" searches the speed grades of the standard; true also the standards, with
            chips of the same density and width (the channel of DDR5 is half as wide). `standard` and
            `speed_grade` are then the default design.
        refresh: "all_bank"; "none", for studies of what refreshing costs; or "search" for both.
        trace_tck_ps: clock period of the trace's cycles, if it has any; default the device's.
        threads: designs simulated at once.
        objectives: default latency_ns:min and energy_pj:min.
        constraints: default none.

    Raises:
        UnknownNameError: an unknown generator, standard, organization or speed grade.
        WorkloadError: a trace that cannot be read or made, has too few reads, or does not fit any device.
        ArgumentError: an argument that is out of its bounds or does not fit the others.

    Example:
        >>> problem = DramController(workload="gups:requests=5000")
        >>> problem.evaluate(problem.space.sample(1, 0)).status.tolist()
        ['ok']
    """

    name = "dram-controller"
    metrics = METRICS
    objectives = (Objective("latency_ns", "min"), Objective("energy_pj", "min"))
    fidelities = ("cycle",)
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
        standard: str = "DDR4",
        organization: str | None = None,
        speed_grade: str | None = None,
        ranks: int = 1,
        search_device: bool | Literal["speed_grade"] = False,
        refresh: Literal["all_bank", "none", "search"] = "all_bank",
        trace_tck_ps: int | None = None,
        threads: int = 1,
        objectives: Sequence[Objective | str] | None = None,
        constraints: Sequence[Constraint | str] | None = None,
    ) -> None:
        _check_name("standard", standard, tuple(USUAL_SPEED_GRADE))
        _check_name("refresh mode", refresh, REFRESH)
        if ranks not in RANKS:
            raise ArgumentError(f"ranks must be one of {RANKS}, got {ranks!r}")
        self.standard = standard
        self.trace_tck_ps = _at_least_one("trace_tck_ps", trace_tck_ps) if trace_tck_ps is not None else None
        self.threads = _at_least_one("threads", threads)
        grade = USUAL_SPEED_GRADE[standard] if speed_grade is None else speed_grade
        organization = f"{standard}_{USUAL_ORGANIZATION}" if organization is None else organization
        searched = tuple(USUAL_SPEED_GRADE) if search_device is True else (standard,)
        self._devices = _devices(searched, standard, organization, grade, ranks, bool(search_device))
        self.trace = read_workload(workload)
        self.workload_digest = self.trace.digest
        self.arguments = {**self.arguments, "workload": absolute(workload)}  # to be resumed from any folder
        self._check_trace(workload)
        device_parameters = _device_parameters(self._devices, standard, grade)
        self.space = DesignSpace(
            [*device_parameters, *CONTROLLER, Categorical("refresh", REFRESH[refresh])],
            [Forbidden("write_low_watermark >= write_high_watermark")],
            name=self.name,
        )
        self.groups = {
            "scheduling": ["scheduler", "row_policy", "row_cap", "refresh"],
            "queues": ["read_queue", "write_queue", "write_low_watermark", "write_high_watermark"],
            "addresses": ["address_mapping"],
        }
        if device_parameters:
            self.groups["device"] = [parameter.name for parameter in device_parameters]
        super().__init__(objectives=objectives, constraints=constraints)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """All designs in one call of the simulator; one that cannot run is infeasible with its reason."""
        from cosearch_simulators.dram import Controllers, simulate

        controllers = Controllers(**{p.name: designs[p.name] for p in CONTROLLER}, refresh=designs["refresh"])
        result = simulate(
            self._devices_of(designs),
            controllers,
            self.trace,
            threads=self.threads,
            on_error="mark",
            trace_tck_ps=self.trace_tck_ps,
        )
        rows = result.row_hits + result.row_misses + result.row_conflicts
        answered = result.reads_served + result.reads_forwarded
        metrics = {m.name: getattr(result, m.name) for m in METRICS if m.name != "row_hit_share"}
        metrics["row_hit_share"] = result.row_hits / np.maximum(rows, 1)
        # The simulator divides by the reads served from DRAM, as Ramulator does, though the sum is over all.
        metrics["latency_ns"] = result.latency_ns * result.reads_served / np.maximum(answered, 1)
        return Outcomes.of(metrics, errors=result.error)

    def _devices_of(self, designs: Designs) -> list[Device]:
        if len(self._devices) == 1:
            return list(self._devices.values()) * len(designs)
        grades = {s: designs[_grade_parameter(s)] for s in {s for s, _ in self._devices}}
        standards = designs["standard"] if "standard" in self.space else [self.standard] * len(designs)
        return [self._devices[standard, grades[standard][i]] for i, standard in enumerate(standards)]

    def _check_trace(self, workload: str) -> None:
        reads = int(np.count_nonzero(~self.trace.is_write))
        if reads < LEAST_READS:
            raise WorkloadError(
                f"workload {workload!r} has {reads} reads, expected at least {LEAST_READS}: the run ends "
                "when the last request is accepted, and the reads that then wait have no latency"
            )
        largest = max(device.capacity_bytes for device in self._devices.values())
        highest = int(self.trace.address_byte.max())
        if highest >= largest:
            raise WorkloadError(
                f"workload {workload!r} reaches address {highest:#x}, beyond the device "
                f"({largest:#x} bytes); choose more ranks or a larger organization"
            )
        if self.trace.cycle is not None and self.trace_tck_ps is None and len(self._devices) > 1:
            raise ArgumentError(
                f"workload {workload!r} has cycles, and the device's clock is searched: "
                "give the clock period of the trace as trace_tck_ps"
            )


def _devices(
    standards: Sequence[str], standard: str, organization: str, speed_grade: str, ranks: int, search: bool
) -> dict[tuple[str, str], Device]:
    """Every device that a design may choose, by standard and speed grade."""
    from cosearch_simulators.dram import device, organizations, speed_grades

    _check_name(f"{standard} organization", organization, organizations(standard))
    _check_name(f"{standard} speed grade", speed_grade, speed_grades(standard))
    devices = {}
    for s in standards:
        same_chips = organization.replace(standard, s)
        if same_chips not in organizations(s):
            raise ArgumentError(
                f"{s} has no chips like {organization!r}, so the standard cannot be searched with them; "
                f"choose a density and width that every standard has, such as {standard}_{USUAL_ORGANIZATION}"
            )
        for grade in speed_grades(s) if search else (speed_grade,):
            devices[s, grade] = device(s, same_chips, grade, ranks=ranks)
    return devices


def _device_parameters(
    devices: Mapping[tuple[str, str], Device], standard: str, speed_grade: str
) -> list[Parameter]:
    if len(devices) == 1:
        return []
    standards = list(dict.fromkeys(s for s, _ in devices))
    default = USUAL_SPEED_GRADE | {standard: speed_grade}
    several = len(standards) > 1
    return [
        *([Categorical("standard", standards, default=standard)] if several else []),
        *(
            Categorical(
                _grade_parameter(s),
                [grade for its, grade in devices if its == s],
                default=default[s],
                when={"standard": [s]} if several else None,
            )
            for s in standards
        ),
    ]


def _grade_parameter(standard: str) -> str:
    return f"{standard.lower()}_speed_grade"


def _check_name(kind: str, name: str, valid: Iterable[str]) -> None:
    if name not in valid:
        raise unknown_name(kind, name, valid)


def _at_least_one(argument: str, value: int) -> int:
    if value < 1:
        raise ArgumentError(f"{argument} must be at least 1, got {value}")
    return value
