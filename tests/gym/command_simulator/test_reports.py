"""Reports: what is read, and what is said where a report is cut, of another kind, or does not say it."""

from __future__ import annotations

import os

import pytest

from cosearch.command_simulator import (
    STDOUT,
    At,
    CsvReport,
    JsonReport,
    RegexReport,
    ReportError,
    YamlReport,
)

DOCUMENT = (
    '{"timing": {"phases": [{"total": 12.5}, {"total": "3 us"}], "unit": "us"}, "a.b": {"e": "1,234 pJ"}}'
)
TABLE = "layer, energy nJ, cycles\nconv1, 1.5, 100\nconv2, 2.5, 300\nTotal, 4.0, 400\n"
LOG = "phase one\nTotal Time: 12300 ps\nAverage BW: 9.5 GB/s\nTotal Time: 24.6 ns\n"


def read(tmp_path, report, text, unit):
    (tmp_path / report.file).write_text(text)
    found = report.read(tmp_path, dict.fromkeys(report.metrics, unit))
    return found[next(iter(report.metrics))]


@pytest.mark.parametrize(
    ("at", "unit", "expected"),
    [
        (At("timing.phases[0].total", unit="ns"), "ps", 12500),
        (At("timing.phases[0].total", unit_at="timing.unit"), "ns", 12500),
        ("timing.phases[0].total", "ns", 12.5),
        ("timing.phases[-1].total", "ns", 3000),
        ("a.b.e", "nJ", 1.234),
        (lambda document: (document["timing"]["phases"][0]["total"], "ms"), "us", 12500),
        (lambda document: len(document["timing"]["phases"]), "1", 2),
    ],
)
@pytest.mark.parametrize("kind", [JsonReport, YamlReport])
def test_a_document_is_read_by_its_paths(tmp_path, kind, at, unit, expected):
    assert read(tmp_path, kind("out", {"m": at}), DOCUMENT, unit) == expected


@pytest.mark.parametrize(
    ("at", "unit", "expected"),
    [
        (At("energy nJ", unit="nJ", where={"layer": "Total"}), "pJ", 4000),
        (At("energy nJ", unit="nJ", which="last"), "nJ", 4.0),
        (At("cycles", which="first"), "cycles", 100),
        (At("cycles", which="sum"), "cycles", 800),
        (At("cycles", which="mean", where={"layer": "conv2"}), "cycles", 300),
        (lambda rows: sum(float(row["cycles"]) for row in rows if row["layer"] != "Total"), "cycles", 400),
    ],
)
def test_a_table_is_read_by_its_headings(tmp_path, at, unit, expected):
    assert read(tmp_path, CsvReport("out.csv", {"m": at}), TABLE, unit) == expected


@pytest.mark.parametrize(
    ("at", "unit", "expected"),
    [
        (At(r"^Total Time: (?P<value>\S+) (?P<unit>\w+)", which="first"), "ns", 12.3),
        (At(r"^Total Time: (?P<value>\S+) (?P<unit>\w+)", which="last"), "ps", 24600),
        (At(r"^Total Time: (.*)$", which="sum"), "ns", 36.9),
        (r"BW: (\S+) GB/s", "GB/s", 9.5),
        (At(r"BW: (\S+)", unit="GB/s"), "Gbit/s", 76),
    ],
)
def test_a_text_is_read_by_patterns_and_a_unit_that_changes_is_honoured(tmp_path, at, unit, expected):
    assert read(tmp_path, RegexReport(STDOUT, {"m": at}), LOG, unit) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("report", "text", "says"),
    [
        (JsonReport("o", {"m": "timing.phases[0].totel"}), DOCUMENT, ".totel'; did you mean 'total'?"),
        (JsonReport("o", {"m": "timing.phases[2].total"}), DOCUMENT, "has 2 items; there is no [2]"),
        (JsonReport("o", {"m": "timing.unit.x"}), DOCUMENT, "which is one value"),
        (JsonReport("o", {"m": "timing.unit"}), DOCUMENT, "it is 'us', not a number"),
        (JsonReport("o", {"m": "timing"}), DOCUMENT, "not a number"),
        (JsonReport("o", {"m": "x"}), DOCUMENT[:40], "is no JSON"),
        (JsonReport("o", {"m": "x"}), "", "is no JSON"),
        (JsonReport("o", {"m": "x"}), "[" * 100_000, "is no JSON"),
        (JsonReport("o", {"m": "x"}), '{"x": true}', "it is True, not a number"),
        (JsonReport("o", {"m": lambda document: document["y"]}), "{}", "does not say it: KeyError: 'y'"),
        (YamlReport("o", {"m": "x"}), "x: [1", "is no YAML"),
        (CsvReport("o", {"m": "cycels"}), TABLE, "no column 'cycels'; did you mean 'cycles'?"),
        (CsvReport("o", {"m": "cycles"}), TABLE, "is there 3 times"),
        (CsvReport("o", {"m": At("cycles", where={"layer": "fc"})}), TABLE, "no row has layer 'fc'"),
        (CsvReport("o", {"m": At("cycles", which="sum")}), TABLE[:-6], "a row ends before column 'cycles'"),
        (CsvReport("o", {"m": "cycles"}), TABLE.splitlines()[0], "has no rows"),
        (CsvReport("o", {"m": "cycles"}), "", "o is empty"),
        (RegexReport("o", {"m": r"Total Time: (\S+)"}), LOG, "is there 2 times"),
        (RegexReport("o", {"m": r"Total time: (\S+)"}), LOG, "nothing matches"),
        (RegexReport("o", {"m": r"BW: (.*)"}), LOG, "it is in 'GB/s', which is no unit for 'ns'"),
        (RegexReport("o", {"m": r"x=(.*)"}), "x=1,2", "may be read as two numbers"),
    ],
)  # fmt: skip
def test_what_a_report_does_not_say_is_one_line(tmp_path, report, text, says):
    with pytest.raises(ReportError) as error:
        read(tmp_path, report, text, "ns")
    assert says in str(error.value)
    assert str(error.value).startswith("o")
    assert "\n" not in str(error.value)


def test_a_report_that_is_not_there_or_no_file_is_one_line(tmp_path):
    report = JsonReport("out.json", {"m": "x"})
    with pytest.raises(ReportError, match="it wrote no out.json"):
        report.read(tmp_path, {"m": "ns"})
    os.mkfifo(tmp_path / "out.json")
    with pytest.raises(ReportError, match="out.json is no file"):
        report.read(tmp_path, {"m": "ns"})


def test_numbers_of_every_spelling(tmp_path):
    for text, expected in {
        "1e3": 1e3,
        "-2.5E-3": -2.5e-3,
        ".5": 0.5,
        "1,234,567.5": 1234567.5,
        "7.": 7,
    }.items():
        assert read(tmp_path, RegexReport("o", {"m": r"x=(\S+)"}), f"x={text}", "1") == expected
    assert read(tmp_path, RegexReport("o", {"m": r"x=(\S+)"}), "x=nan", "1") != 0
