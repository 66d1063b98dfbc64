"""The two controllers of `dram-controller`: their parameters, and designs as the simulator takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cosearch.errors import ArgumentError
from cosearch.space import Categorical, Designs, Forbidden, Ordinal, Parameter
from cosearch_plugins.dram.devices import Devices

if TYPE_CHECKING:
    from cosearch_simulators.dram import BankMachineControllers, Controllers

QUEUED = (
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
)
"""Ramulator 2.1's controller: a read and a write queue for all banks."""

BANK_MACHINES = (
    Categorical("page_policy", ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive")),
    Categorical("scheduler", ("FrFcfs", "FrFcfsGrp", "Fifo"), description="inside a bank"),
    Categorical("scheduler_buffer", ("Bankwise", "ReadWrite", "Shared"), description="what its size counts"),
    Ordinal("request_buffer_size", (1, 2, 4, 8, 16, 32, 64), default=8, description="requests"),
    Categorical("response_queue", ("Fifo", "Reorder")),
    # JESD79-4D, refresh command: eight at most may be postponed or pulled in.
    Ordinal("refresh_max_postponed", tuple(range(9)), default=0, description="refreshes"),
    Ordinal("refresh_max_pulled_in", tuple(range(9)), default=0, description="refreshes"),
    Categorical("arbiter", ("Simple", "Fifo", "Reorder")),
    Ordinal(
        "max_active_transactions",
        (1, 2, 4, 8, 16, 32, 64, 128),
        default=128,
        when={"arbiter": ["Fifo", "Reorder"]},
    ),
    Categorical("power_down_policy", ("NoPowerDown", "Staggered")),
)
"""DRAMSys' controller, a machine a bank; the values have DRAMSys' names."""

CONTROLLERS = {"queued": QUEUED, "bank_machines": BANK_MACHINES}

GROUPS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "queued": {
        "scheduling": ["scheduler", "row_policy", "row_cap", "refresh"],
        "queues": ["read_queue", "write_queue", "write_low_watermark", "write_high_watermark"],
        "addresses": ["address_mapping"],
    },
    "bank_machines": {
        "scheduling": ["scheduler", "page_policy"],
        "queues": [
            "scheduler_buffer",
            "request_buffer_size",
            "response_queue",
            "arbiter",
            "max_active_transactions",
        ],
        "refresh": ["refresh", "refresh_max_postponed", "refresh_max_pulled_in", "power_down_policy"],
        "addresses": ["address_mapping"],
    },
}

ADDRESS_MAPPINGS = ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR")
OWN_MAPPING = "custom"
"""What the mapping that the user gave is called in a design; the simulator calls it the device's."""

REFRESH_POLICY = {
    "all_bank": "AllBank",
    "per_bank": "PerBank",
    "same_bank": "SameBank",
    "none": "NoRefresh",
}


def refresh_values(refresh: str, devices: Devices) -> tuple[str, ...]:
    """What a design may choose, for the argument of that name.

    Raises:
        ArgumentError: a device does not have it.
    """
    if refresh in ("search", "search_with_none"):
        return (*devices.refresh_modes, *(["none"] if refresh == "search_with_none" else []))
    if refresh != "none" and devices.without(refresh):
        valid = [mode for mode in devices.refresh_modes if not devices.without(mode)]
        lack = devices.without(refresh)
        does = "does" if len(lack) == 1 else "do"
        raise ArgumentError(
            f"refresh mode {refresh!r}: {' and '.join(lack)} {does} not have it, "
            f"expected one of {', '.join((*valid, 'none'))}"
        )
    return (refresh,)


def controller_parameters(
    controller: str, refresh: Sequence[str], mappings: Sequence[str]
) -> tuple[Parameter, ...]:
    """The parameters of a controller, with refresh and address mapping where there is a choice of them."""
    mapping = [Categorical("address_mapping", mappings)] if len(mappings) > 1 else []
    mode = [Categorical("refresh", refresh)] if len(refresh) > 1 else []
    if controller == "queued":
        return (*QUEUED, *mapping, *mode)
    refreshing = [value for value in refresh if value != "none"]
    never = ["refresh_max_postponed", "refresh_max_pulled_in"] if not refreshing else []
    return (*mode, *(p for p in BANK_MACHINES if p.name not in never), *mapping)


def forbidden(controller: str, refresh: Sequence[str], devices: Devices) -> list[Forbidden]:
    """What no design may combine."""
    rules = [Forbidden("write_low_watermark >= write_high_watermark")] if controller == "queued" else []
    for mode in refresh if len(refresh) > 1 else ():
        lack = devices.without(mode)
        if mode != "none" and lack and len(devices.standards) > 1:
            rules.append(Forbidden(f"refresh == {mode!r} and standard in {[*lack]!r}"))
    return rules


def chosen(designs: Designs, name: str, values: Sequence[str]) -> np.ndarray:
    """What each design has of a parameter that is one only where there is a choice."""
    return designs[name] if name in designs.space else np.full(len(designs), values[0], dtype=object)


def controllers_of(
    controller: str, designs: Designs, refresh: Sequence[str], mappings: Sequence[str]
) -> Controllers | BankMachineControllers:
    """The simulator's controllers of designs, in a space of these refresh modes and address mappings."""
    from cosearch_simulators.dram import BankMachineControllers, Controllers
    from cosearch_simulators.dram.engines.ramulator.controllers import DEVICE_MAPPING

    columns = {p.name: designs[p.name] for p in CONTROLLERS[controller] if p.name in designs.space}
    mapping, modes = chosen(designs, "address_mapping", mappings), chosen(designs, "refresh", refresh)
    columns["address_mapping"] = np.where(mapping == OWN_MAPPING, DEVICE_MAPPING, mapping)
    if controller == "queued":
        return Controllers(**columns, refresh=modes)
    policies = [REFRESH_POLICY[mode] for mode in modes]
    return BankMachineControllers(**columns, refresh_policy=policies)
