"""Devices from DRAMSys' memspec and CONGEN files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.dram import BankMachineControllers, Controllers, Trace, simulate
from cosearch_simulators.dram.common.mapping import channel_of, decode_bits
from cosearch_simulators.dram.common.memspecs.memspec import read_memspec
from cosearch_simulators.errors import ConfigurationError

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"
DDR4 = SAMPLE / "memspecs" / "JEDEC_4Gb_DDR4-2400_8bit_A.json"
DDR4_MAPPING = SAMPLE / "mappings" / "am_ddr4_8x4Gbx8_dimm_p1KB_brc.json"


def test_a_memspec_becomes_a_device() -> None:
    device = read_memspec(DDR4, DDR4_MAPPING)
    assert (device.standard, device.tck_ps, device.topology.banks) == ("DDR4", 833, 16)
    assert (device.chips_per_rank, device.transaction_bytes, device.capacity_bytes) == (8, 64, 4 << 30)
    assert device.read_latency_cycles == 16 + 4
    assert device.write_latency_cycles == 16 + 4
    assert device.timings["nCCDL"] == 6
    assert device.power.idd4r_ma == 184.5
    assert device.power.vpp_v == 2.5
    rule = next(
        r for r in device.rules if r.level == "BankGroup" and r.preceding[0] == "WR" and r.cycles != 6
    )
    assert rule.cycles == 16 + 4 + 9  # WL + BL + WTR_L


def test_pseudo_channels_are_ranks_with_two_command_buses() -> None:
    device = read_memspec(SAMPLE / "memspecs" / "HBM2.json", SAMPLE / "mappings" / "am_hbm2_8Gb_pc_brc.json")
    assert (device.ranks, device.topology.banks, device.transaction_bytes) == (2, 32, 32)
    assert sorted(set(device.bus_of)) == [0, 1]
    assert device.bus_cycles[0] == 2  # ACT


def test_the_words_of_dramsys_5_are_read_too(tmp_path: Path) -> None:
    memspec = json.loads(DDR4.read_text())
    older = read_memspec(DDR4, DDR4_MAPPING)
    newer = memspec["memspec"]
    newer["memarchitecturespec"]["nbrOfDevices"] = newer["memarchitecturespec"].pop("nbrOfDevicesOnDIMM")
    newer["memtimingspec"]["RFC1"] = newer["memtimingspec"].pop("RFC")
    newer["memtimingspec"]["tCK"] = 1e-6 / newer["memtimingspec"].pop("clkMhz")
    # As the public JEDEC_4Gb_DDR4-2400_8bit_A has them, in A
    newer["mempowerspec"] = {"vdd": 1.2, "idd0": 60.75e-3, "idd2n": 38.25e-3, "idd3n": 44.0e-3} | {
        "idd4r": 184.5e-3, "idd4w": 168.75e-3, "idd6n": 20.25e-3, "idd2p": 17.0e-3, "idd3p": 22.5e-3,
        "vpp": 2.5, "ipp0": 4.05e-3, "ipp6n": 2.6e-3, "idd5B": 118.0e-3,
    }  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    device = read_memspec(tmp_path / "m.json", DDR4_MAPPING)
    assert dict(device.timings) == pytest.approx(dict(older.timings))
    assert asdict(device.power) == pytest.approx({**asdict(older.power), "idd3p_ma": 22.5, "idd2p_ma": 17.0})
    assert (device.capacity_bytes, device.rules) == (older.capacity_bytes, older.rules)


def test_a_memspec_may_have_several_channels(tmp_path: Path) -> None:
    memspec, congen = json.loads(DDR4.read_text()), json.loads(DDR4_MAPPING.read_text())
    memspec["memspec"]["memarchitecturespec"]["nbrOfChannels"] = 4
    # The channel in the two bits above a transaction; a hash folds two row bits into them.
    congen["CONGEN"] = {
        "BYTE_BIT": [0, 1, 2],
        "COLUMN_BIT": [3, 4, 5, *range(8, 15)],
        "CHANNEL_BIT": [6, 7],
        "BANKGROUP_BIT": [15, 16],
        "BANK_BIT": [17, 18],
        "ROW_BIT": list(range(19, 34)),
        "XOR": [{"FIRST": 6, "SECOND": 19}, {"FIRST": 7, "SECOND": 20}],
    }
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    (tmp_path / "c.json").write_text(json.dumps(congen))
    one, four = read_memspec(DDR4, DDR4_MAPPING), read_memspec(tmp_path / "m.json", tmp_path / "c.json")
    assert (four.channels, four.capacity_bytes) == (4, 4 * one.capacity_bytes)
    assert four.peak_bandwidth_gb_per_s == 4 * one.peak_bandwidth_gb_per_s
    assert four.address_bits is not None
    addresses = np.array([0, 64, 128, 192, 1 << 19, (1 << 19) + 64, 3 << 19])
    np.testing.assert_array_equal(
        channel_of(addresses, *four.address_bits.channel_runs()), [0, 1, 2, 3, 1, 0, 3]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, c: m.update(memoryType="DDR9"), "'DDR9' is not one of DDR3, DDR4, LPDDR4, HBM2"),
        (
            lambda m, c: m["memtimingspec"].pop("FAW"),
            "m.json.*memtimingspec: field 'FAW' is missing, expected",
        ),
        (lambda m, c: m["memtimingspec"].pop("CCD_L"), "memtimingspec: field 'CCD_L' is missing"),
        (lambda m, c: m["memtimingspec"].pop("DQSCK"), "memtimingspec: field 'DQSCK' is missing"),
        (lambda m, c: m["memtimingspec"].pop("RFC"), "memtimingspec: field 'RFC' or 'RFC1' is missing"),
        (lambda m, c: m["memtimingspec"].pop("clkMhz"), "memtimingspec: field 'clkMhz' or 'tCK' is missing"),
        (lambda m, c: m["memtimingspec"].update(REFM=3), "REFM must be 1, 2 or 4, got 3"),
        (
            lambda m, c: m["memtimingspec"].update(REFI=10),
            "REFI must be more than 764 clock cycles, .*got 10",
        ),
        (lambda m, c: m["memtimingspec"].update(REFI=300), "refresh .RFC, 312. and of a row .*, got 300"),
        (lambda m, c: m["memtimingspec"].update(XS=9360), "XS must be less than the refresh interval REFI"),
        (lambda m, c: m["memtimingspec"].update(REFM=2, RFC2=4000), "REFI must be more than .*, got 4680"),
        (
            lambda m, c: m["memtimingspec"].update(RCD="x"),
            "RCD must be whole clock cycles from 0 .*, got 'x'",
        ),
        (lambda m, c: m["memtimingspec"].update(clkMhz=10**400), "clkMhz must be a number from 1 to 10000"),
        (lambda m, c: m["mempowerspec"].pop("idd5"), "mempowerspec: field 'idd5' or 'idd5B' is missing"),
        (lambda m, c: m["mempowerspec"].update(idd4r=10), "idd4r must be at least 44 mA .idd3n., got 10"),
        (lambda m, c: m.pop("mempowerspec"), "expected the field 'mempowerspec' as an object, got None"),
        (lambda m, c: m.update(memoryType=["DDR4"]), "memoryType .'DDR4'. is not one of DDR3"),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfBanks=2),
            "nbrOfBanks must be at least nbrOfBankGroups = 4, got 2",
        ),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfColumns=8),
            "nbrOfColumns must be at least 4 x burstLength = 32, got 8",
        ),
        (lambda m, c: m["memarchitecturespec"].update(nbrOfRows=1), "must be from 1 Mb to 1 Pb .*, got 0 Mb"),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfChannels=1 << 20),
            "nbrOfChannels must be a whole number from 1 to 64, got 1048576",
        ),
        (lambda m, c: c.update(XOR=[{"FIRST": 13}]), 'expected XOR as a list of {"FIRST": bit, "SECOND"'),
        (lambda m, c: c.update(BANK_BIT="x"), "expected BANK_BIT as a list of bit numbers, got 'x'"),
        (lambda m, c: c.update(BANK_BIT="13"), "expected BANK_BIT as a list of bit numbers, got '13'"),
        (
            lambda m, c: c.update(BANKBIT=[13]),
            r"address mapping: unknown field 'BANKBIT'; did you mean 'BANK_BIT'\?",
        ),
        (
            lambda m, c: c.update(XOR=[{"FIRST": 13, "SECOND": 17, "Thrid": 18}]),
            r"XOR: unknown field 'Thrid'; did you mean 'THIRD'\?",
        ),
        (lambda m, c: m["memarchitecturespec"].pop("width"), "field 'width' is missing"),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfRows=3),
            "must be from 1 Mb to 1 Pb .*, got 0 Mb",
        ),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfChannels=2),
            "CHANNEL_BIT has 0 bits, expected 1 for the 2 channels",
        ),
        (lambda m, c: m["memarchitecturespec"].update(burstLength=0), "burstLength must .*, got 0"),
        (lambda m, c: m["memarchitecturespec"].update(nbrOfBanks=16.0), r"nbrOfBanks must .*, got 16\.0"),
        (
            lambda m, c: m["memtimingspec"].update(RCD=-10),
            "RCD must be whole clock cycles .*, got -10",
        ),
        (lambda m, c: m["memtimingspec"].update(RCD=10**30), "RCD must be whole clock cycles"),
        (lambda m, c: m["memtimingspec"].update(REFI=0), "REFI must be more than .*, got 0"),
        (
            lambda m, c: m["memtimingspec"].update(clkMhz=-5),
            "clkMhz must be a number from 1 to 10000, got -5",
        ),
        (lambda m, c: m["memtimingspec"].update(clkMhz=0), "clkMhz must be a number .*, got 0"),
        (
            lambda m, c: m["mempowerspec"].update(idd0=float("nan")),
            "idd0 must be a number from 0 to .*, got nan",
        ),
        (
            lambda m, c: m["mempowerspec"].update(idd0=-1),
            "idd0 must be a number .*, got -1",
        ),
        (lambda m, c: c.update(XOR=[{"FIRST": 13, "SECOND": 70}]), "XOR has bit 70, expected .* 0 to 31"),
        (lambda m, c: c.update(XOR=[{"FIRST": -1, "SECOND": 13}]), "XOR has bit -1, expected"),
        (lambda m, c: c["ROW_BIT"].pop(), "ROW_BIT has 14 bits, expected 15 for the 32768 rows"),
        (lambda m, c: c["ROW_BIT"].__setitem__(0, 14), "must be used once, bit 14 is used 2 times"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(tmp_path: Path, change: Any, message: str) -> None:
    memspec, congen = json.loads(DDR4.read_text()), json.loads(DDR4_MAPPING.read_text())
    change(memspec["memspec"], congen["CONGEN"])
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    (tmp_path / "c.json").write_text(json.dumps(congen))
    with pytest.raises(ConfigurationError, match=message) as caught:
        read_memspec(tmp_path / "m.json", tmp_path / "c.json")
    assert "\n" not in str(caught.value)


def test_a_pseudo_channel_may_be_called_so(tmp_path: Path) -> None:
    files = SAMPLE / "memspecs" / "HBM2.json", SAMPLE / "mappings" / "am_hbm2_8Gb_pc_brc.json"
    congen = json.loads(files[1].read_text())
    congen["CONGEN"]["PSEUDOCHANNEL_BIT"] = congen["CONGEN"].pop("RANK_BIT")
    (tmp_path / "c.json").write_text(json.dumps(congen))
    assert read_memspec(files[0], tmp_path / "c.json").address_bits == read_memspec(*files).address_bits


def test_the_mappings_of_dramsys_5(tmp_path: Path) -> None:
    # configs/addressmapping: the key is `addressmapping`; an entry may be bits of which it is the XOR.
    old = json.loads(DDR4_MAPPING.read_text())["CONGEN"]
    expected = read_memspec(DDR4, DDR4_MAPPING).address_bits
    for content in ({"addressmapping": old}, {"CONGEN": old}, old):
        (tmp_path / "c.json").write_text(json.dumps(content))
        assert read_memspec(DDR4, tmp_path / "c.json").address_bits == expected
    hashed = {**old, "XOR": [{"FIRST": old["BANK_BIT"][0], "SECOND": old["ROW_BIT"][0]}]}
    listed = {**old, "BANK_BIT": [[old["BANK_BIT"][0], old["ROW_BIT"][0]], *old["BANK_BIT"][1:]]}
    read = []
    for mapping in (hashed, listed):
        (tmp_path / "c.json").write_text(json.dumps({"addressmapping": mapping}))
        read.append(read_memspec(DDR4, tmp_path / "c.json").address_bits)
    assert read[0] == read[1] != expected
    listed["ROW_BIT"] = [[old["BANK_BIT"][0], old["ROW_BIT"][0]], *old["ROW_BIT"][1:]]
    (tmp_path / "c.json").write_text(json.dumps({"addressmapping": listed}))
    with pytest.raises(ConfigurationError, match="expected a bit in it that no other entry has"):
        read_memspec(DDR4, tmp_path / "c.json")


def test_the_lists_of_an_entry_are_its_xor(tmp_path: Path) -> None:
    mapping = json.loads(DDR4_MAPPING.read_text())["CONGEN"]
    rows = mapping["ROW_BIT"]
    lists = {
        name: [[bit, rows[place], rows[place + 4]] for place, bit in enumerate(mapping[name])]
        for name in ("BANK_BIT", "BANKGROUP_BIT")
    }
    (tmp_path / "c.json").write_text(json.dumps({"addressmapping": {**mapping, **lists}}))
    bits = read_memspec(DDR4, tmp_path / "c.json").address_bits
    addresses = np.random.default_rng(3).integers(0, 1 << 32, 300)
    banks, found_rows = decode_bits(addresses, *bits.runs())
    entries = [*lists["BANK_BIT"], *lists["BANKGROUP_BIT"]]
    for address, bank, row in zip(addresses.tolist(), banks, found_rows, strict=True):
        parity = [sum(address >> bit & 1 for bit in entry) % 2 for entry in entries]
        assert bank == sum(bit << place for place, bit in enumerate(parity))
        assert row == sum((address >> bit & 1) << place for place, bit in enumerate(rows))


@pytest.mark.parametrize(
    ("groups", "banks", "columns", "stack_bits"), [(4, 16, 32, [30]), (8, 32, 32, [30]), (4, 16, 128, [30])]
)
def test_several_stacks_share_the_bus_of_a_pseudo_channel(
    tmp_path: Path, groups: int, banks: int, columns: int, stack_bits: list[int]
) -> None:
    # DRAMSys 5 counts the banks of one stack and the bursts of a row (configs/memspec/HBM2.json).
    memspec = json.loads((SAMPLE / "memspecs" / "HBM2.json").read_text())
    one = read_memspec(SAMPLE / "memspecs" / "HBM2.json")
    memspec["memspec"]["memarchitecturespec"] |= {
        "nbrOfStacks": 2,
        "nbrOfBankGroups": groups,
        "nbrOfBanks": banks,
        "nbrOfColumns": columns,
    }
    memspec["memspec"]["memtimingspec"]["CCDR"] = 5
    mapping = {
        **{"STACK_BIT": stack_bits, "PSEUDOCHANNEL_BIT": [29], "BANKGROUP_BIT": [27, 28]},
        **{"BANK_BIT": [25, 26], "BURST_BIT": [*range(5)], "COLUMN_BIT": [*range(5, 10)]},
        "ROW_BIT": [*range(10, 25)],
    }
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    (tmp_path / "c.json").write_text(json.dumps({"addressmapping": mapping}))
    two = read_memspec(tmp_path / "m.json", tmp_path / "c.json")
    assert two.capacity_bytes == 2 * one.capacity_bytes == 1 << 31
    assert two.topology.banks == 2 * one.topology.banks == 64
    assert two.topology.levels == ("Channel", "Rank", "Stack", "BankGroup", "Bank")

    def cycles_of_reads(addresses: list[int]) -> int:
        # alternating between two banks whose rows stay open
        trace = Trace(np.tile(addresses, 500), np.zeros(1000, bool))
        return int(simulate(two, Controllers(scheduler="fcfs", address_mapping="device"), trace).cycles[0])

    assert cycles_of_reads([0, 1 << 27]) == pytest.approx(2 * 1000, rel=0.2)
    assert cycles_of_reads([0, 1 << 30]) == pytest.approx(5 * 1000, rel=0.1)


def test_rows_may_be_no_power_of_two(tmp_path: Path) -> None:
    # An LPDDR4 of 6 Gb has 49,152 rows: 8 banks x 49,152 x 1,024 x 16 bits.
    memspec = json.loads((SAMPLE / "memspecs" / "JEDEC_8Gb_LPDDR4-3200_16bit.json").read_text())
    memspec["memspec"]["memarchitecturespec"]["nbrOfRows"] = 49152
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    memory = read_memspec(tmp_path / "m.json")
    assert memory.capacity_bytes == 6 << 27
    bursts = np.random.default_rng(0).integers(0, memory.capacity_bytes, 5000)
    bursts[0] = memory.capacity_bytes - 32
    for name in ("RoBaRaCoCh", "ChRaBaRoCo", "MOP4CLXOR"):
        banks, rows = decode_bits(bursts, *memory.named_address_bits(name).runs())
        assert set(banks.tolist()) == set(range(8))
        assert 49152 - 16 <= rows.max() < 49152
    top = {
        "BYTE_BIT": [0],
        "COLUMN_BIT": [*range(1, 11)],
        "BANK_BIT": [11, 12, 13],
        "ROW_BIT": [*range(14, 30)],
    }
    (tmp_path / "c.json").write_text(json.dumps({"addressmapping": top}))
    assert read_memspec(tmp_path / "m.json", tmp_path / "c.json").address_bits.row == tuple(range(14, 30))
    top |= {"BANK_BIT": [27, 28, 29], "ROW_BIT": [*range(11, 27)]}
    (tmp_path / "c.json").write_text(json.dumps({"addressmapping": top}))
    with pytest.raises(
        ConfigurationError, match="49152 rows are no power of two.* highest, 28, 29, .*They are 25, 26"
    ):
        read_memspec(tmp_path / "m.json", tmp_path / "c.json")


def test_without_a_mapping_the_channel_is_sliced_as_robaracoch() -> None:
    plain = read_memspec(DDR4)
    assert plain.address_bits is None
    named = replace(plain, address_bits=plain.named_address_bits("RoBaRaCoCh"))
    trace = Trace(np.random.default_rng(5).integers(0, 1 << 26, 400) * 64, np.zeros(400, bool))
    for controllers in (BankMachineControllers(), Controllers()):
        assert simulate(plain, controllers, trace).cycles == simulate(named, controllers, trace).cycles
    own = replace(plain, address_bits=plain.named_address_bits("ChRaBaRoCo"))
    assert simulate(own, BankMachineControllers(), trace).cycles != (
        simulate(plain, BankMachineControllers(), trace).cycles
    )
    with pytest.raises(ConfigurationError, match="cannot read no.json"):
        read_memspec("no.json")


def test_a_file_that_is_not_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read .*No such file"):
        read_memspec(tmp_path / "m.json", DDR4_MAPPING)
    with pytest.raises(ConfigurationError, match="it is an address mapping: give it as address_map"):
        read_memspec(DDR4_MAPPING, DDR4_MAPPING)
    with pytest.raises(ConfigurationError, match="it is a memspec: give it as memspec"):
        read_memspec(DDR4, DDR4)
    (tmp_path / "m.json").write_text('{"rows": 3}')
    with pytest.raises(ConfigurationError, match="expected an object with the field 'memspec', got"):
        read_memspec(tmp_path / "m.json")


def test_refreshes_of_a_bank_leave_time_for_requests(tmp_path: Path) -> None:
    mapping = SAMPLE / "mappings" / "am_hbm2_8Gb_pc_brc.json"
    memspec = json.loads((SAMPLE / "memspecs" / "HBM2.json").read_text())
    times = dict(memspec["memspec"]["memtimingspec"])
    for change, message in (
        (
            {"REFISB": 96},
            "REFISB must be more than 96 clock cycles, the longer of those of a refresh .RFCSB, 96. and of",
        ),
        ({"REFISB": 0}, "REFISB must be more than 96 clock cycles"),
        ({"REFI": 600, "RCDWR": 100}, "REFI must be more than 714 clock cycles"),
        ({"FAW": 488}, "FAW must be less than 488 clock cycles, twice REFISB, got 488"),
        ({"RRDL": 244}, "RRDL must be less than 244 clock cycles, REFISB, got 244"),
    ):
        memspec["memspec"]["memtimingspec"] = times | change
        (tmp_path / "m.json").write_text(json.dumps(memspec))
        with pytest.raises(ConfigurationError, match=message):
            read_memspec(tmp_path / "m.json", mapping)


def test_refreshes_of_a_bank_as_fast_as_they_may_come_let_every_request_through(tmp_path: Path) -> None:
    memspec = json.loads((SAMPLE / "memspecs" / "HBM2.json").read_text())
    memspec["memspec"]["memtimingspec"].update(REFISB=97)
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    device = read_memspec(tmp_path / "m.json")
    rng = np.random.default_rng(3)
    trace = Trace(rng.integers(0, 1 << 20, 500) * 32, rng.random(500) < 0.3)
    for flexibility in (0, 8):
        controllers = BankMachineControllers(
            refresh_policy="PerBank",
            refresh_max_postponed=flexibility,
            refresh_max_pulled_in=flexibility,
        )
        result = simulate(device, controllers, trace)
        assert result.reads_served[0] + result.writes_served[0] == 500
    assert simulate(device, Controllers(refresh="per_bank"), trace).error == [""]
    memspec["memspec"]["memarchitecturespec"].update(nbrOfBanks=1, nbrOfBankGroups=1, nbrOfRows=1 << 18)
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    with pytest.raises(ConfigurationError, match="REFISB must be more than 145 clock cycles, those of a"):
        read_memspec(tmp_path / "m.json")


@pytest.mark.parametrize("interval", [765, 800, 1000])
def test_what_the_checks_let_pass_is_simulated_to_its_end(tmp_path: Path, interval: int) -> None:
    """As fast as refreshes may come, every request is served."""
    memspec = json.loads(DDR4.read_text())
    memspec["memspec"]["memtimingspec"]["REFI"] = interval
    (tmp_path / "m.json").write_text(json.dumps(memspec))
    device = read_memspec(tmp_path / "m.json", DDR4_MAPPING)
    rng = np.random.default_rng(3)
    trace = Trace(rng.integers(0, 1 << 26, 500) * 64, rng.random(500) < 0.3)
    for controllers in (
        BankMachineControllers(),
        BankMachineControllers(
            refresh_max_postponed=8, refresh_max_pulled_in=8, power_down_policy="Staggered"
        ),
    ):
        result = simulate(device, controllers, trace)
        assert result.reads_served[0] + result.writes_served[0] == 500
        assert result.refreshes[0] > result.cycles[0] / interval - 20
    assert simulate(device, Controllers(), trace).error == [""]
