"""What `dram-controller` is told: the trace or the players, the controller, the memory and how it is used."""

from __future__ import annotations

import os
from reprlib import repr as shown
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, model_validator

from cosearch.arguments import json_value
from cosearch.errors import ArgumentError, unknown_name
from cosearch.settings import InputFile, NamesFiles, Settings, setting
from cosearch_plugins.dram.controller_spaces import ADDRESS_MAPPINGS
from cosearch_plugins.dram.workload import TraceText, files_of, is_path
from cosearch_plugins.shared_settings import Threads

SEARCH = "search"

MEMSPEC_GIVES = ("standard", "organization", "speed_grade", "ranks", "channels", "search_device")


def _json_object(value: Any, info: ValidationInfo) -> Any:
    """Text that begins as a JSON object, as that object."""
    if not (isinstance(value, str) and value.lstrip().startswith("{")):
        return value
    try:
        return json_value(value)
    except ValueError as error:
        raise ArgumentError(f"{info.field_name}={shown(value)} is not JSON: {error}") from None


FileOrObject = Annotated[str | dict[str, Any], BeforeValidator(_json_object)]


def _address_mapping(mapping: str | dict[str, Any]) -> str | dict[str, Any]:
    named = (SEARCH, *ADDRESS_MAPPINGS)
    if isinstance(mapping, dict) or mapping in named:
        return mapping
    if not is_path(mapping):
        raise unknown_name("address_mapping", mapping, named)
    return os.path.abspath(mapping)


def _mapping_files(mapping: str | dict[str, Any]) -> list[str]:
    return [mapping] if isinstance(mapping, str) and is_path(mapping) else []


def _players(players: str | dict[str, Any]) -> dict[str, Any]:
    """The players of the file or object, with the paths of their traces made absolute."""
    from cosearch_plugins.dram.players import descriptions

    found = descriptions(players)
    return {name: player.model_dump(exclude_defaults=True) for name, player in found.items()}


def _player_files(players: dict[str, Any]) -> list[str]:
    return [path for player in players.values() for path in files_of(player["workload"])]


def _simulation_files(path: str) -> list[str]:
    from cosearch_plugins.dram.dramsys_file import simulation_files

    return simulation_files(path)


class DramControllerSettings(Settings):
    """What `dram-controller` is told."""

    workload: TraceText = setting(
        "multicore",
        "a trace generator, `zipf` or `zipf:write_share=0.3,requests=20000`, or the path of a trace file; "
        "see `generators` and `formats` in `cosearch_simulators.dram.common.traces`. With `gb_per_s=8` a "
        "generator's requests ask for that on average, at random times; without, all but `multicore` (half "
        "of the peak) send as fast as they are let. A large file is streamed from disk, for each design "
        "anew. Lines of DRAMSys, DRAMsim3, USIMM and Ramulator are known by their form; a Ramulator CPU "
        "trace is `FILE:format=simpleo3`",
    )
    controller: Literal["queued", "bank_machines"] = setting(
        "queued",
        "`queued`, Ramulator 2.1's controller, or `bank_machines`, DRAMSys' with ArchGym's ten parameters "
        "and a power-down policy",
    )
    standard: Literal["DDR3", "DDR4", "DDR5", "LPDDR4", "LPDDR5", "GDDR6", "HBM2", "HBM3"] = setting(
        "DDR4", "of the memory"
    )
    organization: str | None = setting(
        None, "the chips, such as `DDR4_8Gb_x8`; default 8 Gb of the standard, x8 or x16"
    )
    speed_grade: str | None = setting(None, "such as `DDR4_2400R`; default a usual one of the standard")
    ranks: Literal[1, 2, 4, 8] | None = setting(
        None, "that share a channel, default 1. HBM's are its pseudo-channels, of which there are 2"
    )
    channels: Literal[1, 2, 4, 8, 16, 32] = setting(
        1, "of the memory; the address mapping spreads the requests"
    )
    memspec: InputFile | None = setting(
        None, "a DRAMSys memspec (JSON), in place of the five arguments above"
    )
    simulation: Annotated[InputFile, NamesFiles(_simulation_files)] | None = setting(
        None,
        "a whole DRAMSys simulation (JSON), in place of memory, mapping and trace: its memspec and mapping, "
        "its players and generators as the workload (unless `workload` is given), and its mcconfig as the "
        "default design of `bank_machines`; `--default` evaluates it",
    )
    search_device: bool | Literal["speed_grade"] = setting(
        False,
        "`speed_grade` searches the speed grades of the standard; true also the standards that are "
        "comparable (DDR3 to DDR5; LPDDR4, LPDDR5 and GDDR6; HBM2 and HBM3), with chips of the same density "
        "and width. `standard` and `speed_grade` are then the default design. Energies of different "
        "standards come from different sources: compare them with care",
    )
    address_mapping: Annotated[FileOrObject, AfterValidator(_address_mapping), NamesFiles(_mapping_files)] = (
        setting(
            SEARCH,
            "`search` the three named ones; one of `RoBaRaCoCh`, `ChRaBaRoCo` and `MOP4CLXOR`; or bit lists "
            "with hashing as DRAMSys' CONGEN has them, as the path of the file or as an object like "
            '{"COLUMN_BIT": [...], "XOR": [{"FIRST": 13, "SECOND": 16}], ...}, which are called `custom` and '
            "searched beside the named ones",
        )
    )
    refresh: Literal["all_bank", "per_bank", "same_bank", "none", "search", "search_with_none"] = setting(
        "all_bank",
        "`per_bank` or `same_bank` if the device has it; `search` for all that it has; `none` or "
        "`search_with_none`, for studies of what refreshing costs",
    )
    request_bytes: Literal[8, 16, 32, 64, 128, 256] = setting(
        64,
        "what a request of the trace moves, unless its line says so, as `31: (128) read 0x40` of an .stl "
        "does; it takes several bursts of a memory whose burst is shorter, and counts as that many requests",
        unit="B",
    )
    beyond_capacity: Literal["refuse", "fold", "shift"] = setting(
        "refuse",
        "what becomes of a trace with addresses beyond the memory: `fold` wraps them around, `shift` moves "
        "all down so that the lowest lies at the begin",
    )
    trace_tck_ps: int | None = setting(
        None,
        "clock period of the trace's cycles, if it has any; default the device's, or a generator's own",
        unit="ps",
        ge=1,
        le=1_000_000,
    )
    players: Annotated[FileOrObject, AfterValidator(_players), NamesFiles(_player_files)] | None = setting(
        None,
        'the path of a YAML file, or an object such as {"cpu": {"workload": "random", "gb_per_s": 4}, "dma": '
        '{"workload": "gpu.stl", "tck_ps": 2000, "qos_class": 1}}, in place of `workload`; only with '
        "`bank_machines`. Of each player: `workload`, whose file is sought from the YAML file's folder; "
        "`gb_per_s`, which spaces the requests of a trace without cycles; `tck_ps`, the period of its clock "
        "and of the trace's cycles (default the device's), in which it sends one burst to each channel; "
        "`qos_class` (default 0); and `offset_bytes`, which is added to its addresses: all generators begin "
        "at 0, and those that draw draw the same unless they get a `seed`",
    )
    starvation_cycles: int = setting(
        1000,
        "memory cycles after which a player's request goes before all classes",
        ge=1,
        le=1 << 40,  # the simulator's longest run
    )
    threads: Threads = None

    @model_validator(mode="before")
    @classmethod
    def _controller_of_simulation(cls, given: Any) -> Any:
        """DRAMSys' controller is `bank_machines`."""
        if isinstance(given, dict) and given.get("simulation") and "controller" not in given:
            return {**given, "controller": "bank_machines"}
        return given

    @model_validator(mode="after")
    def _one_source_of_each(self) -> Self:
        """A memory is given by names or by a memspec, requests by one trace or by players."""
        given = [
            name
            for name in type(self).model_fields
            if name in self.model_fields_set and getattr(self, name) not in (None, False)
        ]
        gives = ("memspec", "players", *MEMSPEC_GIVES)
        if self.simulation is not None:
            if named := [
                n for n in (*gives, *(["address_mapping"] * (self.address_mapping != SEARCH))) if n in given
            ]:
                raise ArgumentError(
                    f"simulation gives memory, mapping and trace: leave out {' and '.join(named)}"
                )
            if self.controller != "bank_machines":
                raise ArgumentError("simulation is DRAMSys', whose controller is bank_machines, not queued")
        if self.memspec is not None and (named := [name for name in MEMSPEC_GIVES if name in given]):
            raise ArgumentError(f"memspec gives the device: leave out {' and '.join(named)}")
        if self.standard.startswith("HBM") and (self.ranks or 1) > 2:
            raise ArgumentError(f"ranks of {self.standard} are its pseudo-channels, 1 or 2, got {self.ranks}")
        if self.players is None:
            if "starvation_cycles" in given:
                raise ArgumentError("starvation_cycles is for players: leave it out, or give players")
        elif self.controller != "bank_machines":
            raise ArgumentError("players need controller=bank_machines: the other one knows a single trace")
        elif own := [name for name in ("workload", "trace_tck_ps") if name in given]:
            raise ArgumentError(f"players have their own traces and clocks: leave out {' and '.join(own)}")
        return self
