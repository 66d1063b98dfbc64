"""Architectures as data: round trips, errors that name the field, presets."""

from __future__ import annotations

import pytest
import yaml

from cosearch_simulators.accelerator.system.architecture import (
    Architecture,
    preset,
    presets,
    read_architecture,
    write_architecture,
)
from cosearch_simulators.documents import parse
from cosearch_simulators.errors import ConfigurationError

SMALL = {
    "levels": [
        {"name": "Buffer", "capacity_words": 1024, "array": [4, 4]},
        {"name": "DRAM", "kind": "dram"},
    ]
}


def changed(level: int, **fields) -> dict:
    levels = [dict(entry) for entry in SMALL["levels"]]
    levels[level] |= fields
    return {"levels": levels}


@pytest.mark.parametrize("suffix", ["yaml", "json"])
@pytest.mark.parametrize("name", presets())
def test_what_is_written_is_read(name, suffix, tmp_path) -> None:
    path = tmp_path / f"architecture.{suffix}"
    write_architecture(preset(name), path)
    assert read_architecture(path) == preset(name)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (changed(0, capacity_words=0), "levels.0.capacity_words: must be more than 0, got 0"),
        (changed(0, capacity_words=-5), "levels.0.capacity_words: must be more than 0, got -5"),
        (changed(0, capcity_words=5), "unknown field levels.0.capcity_words; did you mean 'capacity_words'?"),
        (
            changed(0, capacity_words=None),
            "levels.0.capacity_words is missing: only the last",
        ),
        (
            changed(0, array=[4, 0]),
            "levels.0.array: must have at least 1 instance along each axis, got [4",
        ),
        (changed(0, array=16), "levels.0.array: expected a list, got 16"),
        (changed(0, array=[16, 2.5]), "levels.0.array.1: expected a whole number, got 2.5"),
        (changed(0, array=[10**12] * 2), "levels.0.array: must have at most 1048576 instances along each"),
        (changed(0, array=[10**6] * 2), "levels: the arrays have 1000000000000 units together, more than"),
        (
            changed(0, capacity_words=10**400),
            "levels.0.capacity_words: must be at most 1099511627776, got 1000",
        ),
        (changed(0, word_bits=10**30), "levels.0.word_bits: must be at most 1048576, got 1000"),
        (changed(0, kind="rom"), "levels.0.kind: expected 'register_file', 'sram' or 'dram', got 'rom'"),
        (changed(0, multicast="maybe"), "levels.0.multicast: expected true or false, got 'maybe'"),
        (changed(0, read_energy_pj="x"), "levels.0.read_energy_pj: expected a number, got 'x'"),
        (
            changed(0, read_energy_pj=float("nan")),
            "levels.0.read_energy_pj: expected a finite number, got nan",
        ),
        (changed(0, name=""), "levels.0.name: expected a text that is not empty, got ''"),
        ({"levels": []}, "levels: expected a list that is not empty, got []"),
        (changed(0, name="DRAM"), "levels: two are called 'DRAM'"),
        (changed(1, holds=["Weights", "Outputs"]), "levels.1.holds: nothing feeds Inputs, the outermost"),
        (SMALL | {"mac": {"word_bit": 8}}, "unknown field mac.word_bit; did you mean 'word_bits'?"),
        (SMALL | {"technology_nm": 3}, "technology_nm: must be at least 7, got 3"),
        (SMALL | {"memory": "hbm"}, "memory: unknown 'hbm'; did you mean 'hbm2'?"),
        ({}, "levels is missing"),
        (None, "expected the fields name, levels, mac,"),
        (SMALL | {"mac": 8}, "mac: expected the fields word_bits, per_cycle,"),
        (changed(1, kind="sram"), "levels.1: the energy of an sram without capacity_words is not known"),
    ],
)
def test_errors_are_one_line_that_names_the_field(data, line) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse(Architecture, data, "machine.yaml")
    assert str(error.value).startswith(f"machine.yaml: {line}")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_files_that_are_not_there_or_no_yaml(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read .*: No such file"):
        read_architecture(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("levels: [")
    with pytest.raises(ConfigurationError, match="is no YAML"):
        read_architecture(tmp_path / "bad.yaml")


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'eyeriss'"):
        preset("eyeris")
    with pytest.raises(ConfigurationError, match="did you mean 'GlobalBuffer'"):
        preset("eyeriss").level("GlobalBufer")


def test_presets_have_the_published_numbers() -> None:
    assert {name: preset(name).units for name in presets()} == {
        "eyeriss": 168,
        "nvdla": 2048,
        "shidiannao": 64,
        "tpu": 65536,
    }
    eyeriss = preset("eyeriss")
    assert eyeriss.level("GlobalBuffer").capacity_words * 16 == 108 * 1024 * 8
    # Chen et al., ISCA 2016: a buffer access costs several times a register's, DRAM hundreds of times a MAC.
    compiled = eyeriss.compile()
    assert compiled.area_mm2 == pytest.approx(sum(eyeriss.area_by_part_mm2().values()))
    assert eyeriss.instances(0) == 168
    assert eyeriss.instances(3) == 1


def test_an_array_may_have_any_number_of_axes() -> None:
    machine = parse(Architecture, changed(0, array=[4, 3, 2]))
    assert machine.units == 24
    assert yaml.safe_load(yaml.safe_dump(machine.model_dump(mode="json")))["levels"][0]["array"] == [4, 3, 2]
