"""A whole DRAMSys simulation file as the memory, the workload and the default design."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch.errors import ArgumentError
from cosearch_plugins.dram.controller import DramController
from cosearch_simulators.dram.common.traces.dramsys_generators import generated
from cosearch_simulators.errors import TraceError

SAMPLE = Path(__file__).parents[1] / "reference" / "dram" / "dramsys"
MCCONFIG = {
    **{"PagePolicy": "ClosedAdaptive", "Scheduler": "FrFcfsGrp", "SchedulerBuffer": "Shared"},
    **{"RequestBufferSize": 12, "CmdMux": "Oldest", "RespQueue": "Reorder", "RefreshPolicy": "AllBank"},
    **{"RefreshMaxPostponed": 2, "RefreshMaxPulledin": 1, "PowerDownPolicy": "NoPowerDown"},
    **{"Arbiter": "Fifo", "MaxActiveTransactions": 24},
}
DESIGN = {
    **{"page_policy": "ClosedAdaptive", "scheduler": "FrFcfsGrp"},
    **{"scheduler_buffer": "Shared", "request_buffer_size": 12, "response_queue": "Reorder"},
    **{"refresh_max_postponed": 2, "refresh_max_pulled_in": 1, "arbiter": "Fifo"},
    **{"max_active_transactions": 24, "power_down_policy": "NoPowerDown", "address_mapping": "custom"},
}
PLAYER = {"type": "player", "clkMhz": 200, "name": "traces/example.stl"}
GENERATOR = {
    **{"clkMhz": 1000, "name": "gen0", "numRequests": 3000, "rwRatio": 0.75, "dataLength": 64},
    **{"addressDistribution": "random", "seed": 7, "minAddress": 4096, "maxAddress": 65535},
}
TRACE = "0: read 0x400140\n10: write 0x400180\n20: (128) read 0x4001a0\n" * 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """DRAMSys 5's folder of configurations."""
    for name, source in (("memspec", "memspecs"), ("addressmapping", "mappings")):
        shutil.copytree(SAMPLE / source, tmp_path / name)
    for name, content in (
        ("mcconfig/fr.json", json.dumps({"mcconfig": MCCONFIG})),
        ("traces/example.stl", TRACE),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    return tmp_path


def simulation(folder: Path, *setup: dict[str, Any], **changed: Any) -> str:
    parts = {
        "simulationid": "example",
        "simconfig": "simconfig/example.json",
        "memspec": "memspec/JEDEC_4Gb_DDR4-2400_8bit_A.json",
        "addressmapping": "am_ddr4_8x4Gbx8_dimm_p1KB_brc.json",  # without its folder, as DRAMSys 4 names it
        "mcconfig": "mcconfig/fr.json",
        "tracesetup": list(setup),
    }
    path = folder / "example.json"
    path.write_text(json.dumps({"simulation": parts | changed}))
    return str(path)


def test_the_file_is_what_its_parts_are_one_by_one(folder: Path) -> None:
    whole = DramController(simulation=simulation(folder, PLAYER))
    parts = DramController(
        controller="bank_machines",
        memspec=str(folder / "memspec" / "JEDEC_4Gb_DDR4-2400_8bit_A.json"),
        address_mapping=str(folder / "addressmapping" / "am_ddr4_8x4Gbx8_dimm_p1KB_brc.json"),
        workload=str(folder / "traces" / "example.stl"),
        trace_tck_ps=5000,
    )
    assert whole.space.default() == DESIGN
    near = DESIGN | {"request_buffer_size": 16, "max_active_transactions": 32}
    ours, theirs = whole.evaluate([near]), parts.evaluate([near])
    for metric in whole.metrics:
        np.testing.assert_array_equal(ours[metric.name], theirs[metric.name])
    assert whole.evaluate([whole.space.default()]).status.tolist() == ["ok"]


def test_the_parts_may_stand_in_the_file_itself(folder: Path) -> None:
    named = DramController(simulation=simulation(folder, PLAYER))
    contents = {
        "memspec": json.loads((folder / "memspec/JEDEC_4Gb_DDR4-2400_8bit_A.json").read_text())["memspec"],
        "addressmapping": json.loads(
            (folder / "addressmapping/am_ddr4_8x4Gbx8_dimm_p1KB_brc.json").read_text()
        )["CONGEN"],
        "mcconfig": MCCONFIG,
    }
    own = DramController(simulation=simulation(folder, PLAYER, **contents))
    assert own.space == named.space
    assert own.evaluate([DESIGN])["energy_pj"] == named.evaluate([DESIGN])["energy_pj"]


def test_several_initiators_are_players(folder: Path) -> None:
    second = {"clkMhz": 300, "name": "example.stl", "dataLength": 64}
    built = DramController(simulation=simulation(folder, PLAYER, GENERATOR, second))
    assert list(built.players.by_name) == ["example", "gen0", "example_"]
    assert [player.tck_ps for player in built.players.by_name.values()] == [5000, 1000, 3333]
    outcome = built.evaluate([built.space.default()])
    assert outcome.status.tolist() == ["ok"]
    assert outcome["gen0_finish_time_ns"] >= 3000


def test_who_gives_a_workload_needs_no_trace_of_the_file(folder: Path) -> None:
    path = simulation(folder, PLAYER | {"name": "gone.stl"})
    with pytest.raises(
        ArgumentError, match="there is no trace 'gone.stl'; looked in .*give a trace as workload"
    ):
        DramController(simulation=path)
    built = DramController(simulation=path, workload="stream:requests=300")
    assert built.trace.requests == 300


def test_a_study_notices_when_a_file_that_is_named_changes(folder: Path) -> None:
    path = simulation(folder, PLAYER)
    before = DramController(simulation=path).settings.digest()
    (folder / "traces" / "example.stl").write_text("0: read 0x40\n")
    assert DramController(simulation=path).settings.digest() != before


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"memspec": "no.json"}, "there is no memspec 'no.json'; looked in"),
        ({"memspec": 3}, "simulation.memspec must be a file's name or an object, got 3"),
        ({"addressmapping": "memspec/HBM2.json"}, "addressmapping .*HBM2.json: it is a memspec"),
        ({"mcconfig": {"Scheduler": "FrFcf"}}, "Scheduler 'FrFcf' is not modelled.*did you mean 'FrFcfs'"),
        ({"mcconfig": {"RefreshPolicy": "DualBank"}}, "RefreshPolicy 'DualBank' is not modelled"),
        ({"tracesetup": 3}, "tracesetup must be a list"),
        ({"tracesetup": [{"name": "x"}]}, r"tracesetup\[0\]: clkMhz must be a number"),
        ({"tracesetup": [{"clkMhz": 1, "name": "h", "rowIncrement": 8}]}, "hammers rows and waits"),
        (
            {"tracesetup": [GENERATOR | {"rwRatio": 2}]},
            "generator gen0: rwRatio must be a number from 0 to 1",
        ),
    ],
)
def test_what_cannot_be_simulated_is_named(folder: Path, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        DramController(simulation=simulation(folder, **changed))


def test_a_strict_command_multiplexer_is_told_of(folder: Path) -> None:
    with pytest.warns(UserWarning, match="CmdMux Strict is simulated as Oldest"):
        built = DramController(
            simulation=simulation(folder, PLAYER, mcconfig=MCCONFIG | {"CmdMux": "Strict"})
        )
    assert "CmdMux Strict is simulated as Oldest" in built.about


def test_memory_and_controller_are_the_file_s(folder: Path) -> None:
    path = simulation(folder, PLAYER)
    with pytest.raises(ArgumentError, match="simulation gives memory, mapping and trace: leave out ranks"):
        DramController(simulation=path, ranks=2)
    with pytest.raises(ArgumentError, match="whose controller is bank_machines"):
        DramController(simulation=path, controller="queued")
    with pytest.raises(ArgumentError, match="it is a whole simulation: give it as simulation"):
        DramController(memspec=path)


def test_generators_send_as_their_fields_say() -> None:
    trace = generated(GENERATOR, 1 << 30, 32)
    assert trace.cycle.tolist() == list(range(3000))
    assert trace.read_share == pytest.approx(0.75, abs=0.03)
    assert 4096 <= trace.lowest_address < trace.highest_address <= 65535
    assert set(trace.address_byte % 64) == {0}
    assert set(trace.length_byte) == {64}
    assert generated(GENERATOR, 1 << 30, 32) == trace
    linear = {"addressDistribution": "sequential", "addressIncrement": 256, "maxAddress": 1023}
    machine = {
        **{"clkMhz": 100, "name": "m"},
        "states": [
            {"id": 0, "numRequests": 6, "rwRatio": 1, **linear},
            {"id": 1, "idleClks": 100},
            {"id": 2, "numRequests": 2, "rwRatio": 0, "addressDistribution": "sequential"},
        ],
        "transitions": [{"from": 0, "to": 1, "probability": 1}, {"from": 1, "to": 2, "probability": 1.0}],
    }
    states = generated(machine, 1 << 30, 32)
    assert states.address_byte.tolist() == [0, 256, 512, 768, 0, 256, 0, 32]
    assert states.cycle.tolist() == [*range(6), 106, 107]
    assert states.is_write.tolist() == [False] * 6 + [True] * 2
    with pytest.raises(TraceError, match="numRequests must be a whole number from 1, got None"):
        generated({"name": "g", "clkMhz": 1}, 1 << 30, 32)
