"""Component models against the published figures, and the tables that replace them."""

from __future__ import annotations

import pytest

from cosearch_simulators.accelerator.silicon import components
from cosearch_simulators.accelerator.system.architecture import preset
from cosearch_simulators.errors import ConfigurationError

ERT = """
ERT:
  version: 0.4
  tables:
    - name: system.chip.GlobalBuffer[1..1]
      actions:
        - {name: read, arguments: {data_delta: 1}, energy: 40.0}
        - {name: write, arguments: {data_delta: 1}, energy: 48.0}
        - {name: leak, energy: 0.001}
    - name: system.chip.pe[1..168].PsumRegister[1..1]
      actions: [{name: read, energy: 0.5}, {name: write, energy: 0.6}]
    - name: system.chip.pe[1..168].WeightRegister
      actions: [{name: read, energy: 1.5}, {name: write, energy: 1.6}]
    - name: system.chip.pe[1..168].InputRegister
      actions: [{name: read, energy: 0.1}, {name: write, energy: 0.2}]
    - name: system.DRAM[1..1]
      actions: [{name: read, energy: 512.0}, {name: write, energy: 512.0}]
    - name: system.chip.pe[1..168].MAC
      actions: [{name: mac_random, energy: 2.2}, {name: mac_reused, energy: 1.2}]
"""
ART = """
ART:
  version: 0.4
  tables:
    - {name: "system.chip.GlobalBuffer[1..1]", area: 500000.0}
"""


def test_published_points_are_met() -> None:
    # Horowitz, ISSCC 2014: a 64-bit read of 8 KiB is 10 pJ, of 1 MiB 100 pJ; DRAM 1.3 nJ.
    assert components.sram_energy_pj(8 * 8192, 64) == pytest.approx(10)
    assert components.sram_energy_pj(1024 * 8192, 64) == pytest.approx(100)
    assert components.dram_energy_pj(64) == pytest.approx(1300)
    # 8-bit multiplication 0.2 pJ, 32-bit 3.1 pJ, with an addition of 0.03 to 0.1 pJ.
    assert 0.2 + 0.03 < components.mac_energy_pj(8) < 0.2 + 0.1
    # Timeloop's table: 1 pJ for 16 bits at 0.5 KiB, 6 pJ at 100 KiB.
    assert components.timeloop_sram_energy_pj(0.5 * 8192, 16) == pytest.approx(1.0)
    assert components.timeloop_sram_energy_pj(100 * 8192, 16) == pytest.approx(6.0)


def test_a_register_file_costs_about_a_multiplication() -> None:
    # Chen et al., ISCA 2016, table of normalised energies: 0.5 KiB register file 1, MAC 1, 100 KiB buffer 6.
    register = components.sram_energy_pj(0.5 * 8192, 16)
    assert 0.5 < register / components.mac_energy_pj(16) < 2
    assert 3 < components.sram_energy_pj(100 * 8192, 16) / register < 20


def test_nodes_scale_as_published() -> None:
    # Stillmaker and Baas 2017, table of area factors: 45 nm to 7 nm 0.059, 65 nm to 45 nm about two thirds.
    assert components.area_scale(7) == pytest.approx(0.059)
    assert components.area_scale(45, 65) == pytest.approx(0.66, rel=0.02)
    energies = [components.energy_scale(node) for node in components.NODES_NM]
    assert energies == sorted(energies, reverse=True)
    assert components.energy_scale(45) == 1.0
    assert components.energy_scale(65, 16) * components.energy_scale(16, 65) == pytest.approx(1.0)
    with pytest.raises(ConfigurationError, match="technology_nm must be from 7 to 130, got 5"):
        components.energy_scale(5)


def test_accelergy_tables_replace_the_models(tmp_path) -> None:
    (tmp_path / "ERT.yaml").write_text(ERT)
    (tmp_path / "ART.yaml").write_text(ART)
    table = components.read_energy_table(tmp_path / "ERT.yaml", tmp_path / "ART.yaml")
    eyeriss = preset("eyeriss").with_energies(table)
    buffer = eyeriss.level("GlobalBuffer")
    assert (buffer.read_energy_pj, buffer.write_energy_pj) == (10.0, 12.0)  # blocks of four words
    assert eyeriss.level("DRAM").read_energy_pj == 512.0
    assert eyeriss.mac_pj == 2.2
    assert eyeriss.area_by_part_mm2()["GlobalBuffer"] == pytest.approx(0.5)


def test_plain_tables_replace_the_models(tmp_path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text("components: {Buffer: {read_energy_pj: 2, write_energy_pj: 3, area_um2: 4}}")
    table = components.read_energy_table(path)
    assert table.energy("Buffer", ("read",)) == 2
    assert table.area_um2 == {"Buffer": 4}
    with pytest.raises(ConfigurationError, match="no component 'Bufer'; did you mean 'Buffer'"):
        table.energy("Bufer", ("read",))
    with pytest.raises(ConfigurationError, match="Buffer has no action leak, only read, write"):
        table.energy("Buffer", ("leak",))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty, expected ERT, ART or components"),
        ("[1]", "expected ERT, ART or components, got [1]"),
        ("3", "expected ERT, ART or components, got 3"),
        ("other: 1", "expected ERT, ART or components, got other"),
        ("ERT: 1", "ERT must be a mapping, got 1"),
        ("ERT: {tables: {a: 1}}", "ERT: tables must be a list, got {'a': 1}"),
        ("ERT: {tables: [1]}", "ERT.tables.0: name must be a text, got None"),
        ("ERT: {tables: [{name: a}]}", "a: actions must be a list, got None"),
        ("ERT: {tables: [{name: a, actions: [{name: read}]}]}", "a: energy must be a number, got None"),
        ("ART: {tables: [{name: a, area: big}]}", "a: area must be a number, got 'big'"),
        (
            "components: {a: {energy: 1}}",
            "a: unknown 'energy', expected area_um2 or an action with _energy_pj behind it",
        ),
        (
            "ERT: {tables: [{name: chip.MAC, actions: [{name: compute, energy: -3}]}]}",
            "MAC: the energy of compute must be a finite number of at least 0, got -3",
        ),
        (
            "components: {Buffer: {read_energy_pj: .nan}}",
            "Buffer: the energy of read must be a finite number of at least 0, got nan",
        ),
        (
            "ART: {tables: [{name: chip.L2, area: .inf}]}",
            "L2: the area must be a finite number of at least 0, got inf",
        ),
    ],
)
def test_other_files_and_impossible_numbers_are_refused_in_one_line(text, words, tmp_path) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        components.read_energy_table(path)
    assert str(caught.value) == f"{path}: {words}"


def test_areas_alone_give_no_energies(tmp_path) -> None:
    (tmp_path / "ART.yaml").write_text(ART)
    with pytest.raises(
        ConfigurationError, match="the energy table has areas only: read a file with energies"
    ):
        preset("eyeriss").with_energies(components.read_energy_table(tmp_path / "ART.yaml"))
    with pytest.raises(ConfigurationError, match="Buffer: the energy of read must be a finite"):
        components.EnergyTable({"Buffer": {"read": -1.0}}, {})
