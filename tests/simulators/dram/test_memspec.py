"""Devices from DRAMSys' memspec and CONGEN files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.dram.mapping import channel_of
from cosearch_simulators.dram.memspec import read_memspec
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
        (lambda m, c: m["memtimingspec"].pop("FAW"), "cannot evaluate the timing rule 'nFAW'"),
        (lambda m, c: m["memarchitecturespec"].pop("width"), "field 'width' is missing"),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfRows=3),
            "row count must be a power of two, got 3",
        ),
        (
            lambda m, c: m["memarchitecturespec"].update(nbrOfChannels=2),
            "CHANNEL_BIT has 0 bits, expected 1 for 2 channels",
        ),
        (lambda m, c: m["memarchitecturespec"].update(burstLength=0), "burstLength must .*, got 0"),
        (lambda m, c: m["memarchitecturespec"].update(nbrOfBanks=16.0), r"nbrOfBanks must .*, got 16\.0"),
        (
            lambda m, c: m["memtimingspec"].update(RCD=-10),
            "RCD must be whole clock cycles .*, got -10",
        ),
        (lambda m, c: m["memtimingspec"].update(RCD=10**30), "RCD must be whole clock cycles"),
        (lambda m, c: m["memtimingspec"].update(REFI=0), "REFI must be whole clock cycles from 1 on, got 0"),
        (lambda m, c: m["memtimingspec"].update(clkMhz=-5), "clkMhz must be a finite number"),
        (lambda m, c: m["memtimingspec"].update(clkMhz=0), "clkMhz must be a finite number above 0, got 0"),
        (lambda m, c: m["mempowerspec"].update(idd0=float("nan")), "idd0 must be a finite number"),
        (
            lambda m, c: m["mempowerspec"].update(idd0=-1),
            "idd0 must be a finite number .*, got -1",
        ),
        (lambda m, c: c.update(XOR=[{"FIRST": 13, "SECOND": 70}]), "XOR has bit 70, expected .* 0 to 31"),
        (lambda m, c: c.update(XOR=[{"FIRST": -1, "SECOND": 13}]), "XOR has bit -1, expected"),
        (lambda m, c: c["ROW_BIT"].pop(), "ROW_BIT has 14 bits, expected 15 for 32768 rows"),
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


def test_a_file_that_is_not_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read .*No such file"):
        read_memspec(tmp_path / "m.json", DDR4_MAPPING)
    with pytest.raises(ConfigurationError, match="expected an object with the field 'memspec'"):
        read_memspec(DDR4_MAPPING, DDR4_MAPPING)
