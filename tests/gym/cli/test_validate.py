"""`validate`: the exit code says whether a simulator keeps its bounds."""

from __future__ import annotations

import pytest


@pytest.fixture
def cases(tmp_path):
    (tmp_path / "verdict").write_text("pass\n")
    return tmp_path


def test_a_simulator_within_its_bounds(cli, cases):
    found = cli("validate", "toy-simulator", "--cases", cases, "--json").json
    assert found["passed"] is True
    assert found["speed"] == {"all": {"requests_per_second": 1234567.0}}
    assert found["rows"] == [
        {
            "group": "small", "metric": "latency_ns", "cases": 2, "median": 0.01, "p95": 0.02,
            "maximum": 0.03, "share_within_bound": 1.0, "bound": 0.05, "passed": True,
        }
    ]  # fmt: skip
    shown = cli("validate", "toy-simulator", "--cases", cases)
    assert shown.code == 0
    for fragment in ("small", "latency_ns", "1 %", "2 %", "3 %", "5 %", "100 %", "yes", "1,234,567"):
        assert fragment in shown.out


def test_a_missed_bound_is_exit_code_1(cli, cases):
    (cases / "verdict").write_text("fail\n")
    shown = cli("validate", "toy-simulator", "--cases", cases)
    assert shown.code == 1
    assert "NO" in shown.out
    assert "out of bounds: case 9: latency_ns 2, reference 1" in shown.out
    assert "and 2 more" in shown.out
    assert cli("validate", "toy-simulator", "--cases", cases, "--json").code == 1


def test_cases_that_cannot_be_read_are_one_line(cli, command, tmp_path):
    cli("validate", "toy-simulator", "--cases", tmp_path).assert_error("toy-simulator", "no file verdict")
    cli("validate", "toy-simulator", "--cases", tmp_path / "no").assert_error("there is no folder of cases")
    command("validate", "toy-simulater", "--cases", tmp_path).assert_error("did you mean 'toy-simulator'?")


def test_the_table_of_a_readme_is_generated(cli, cases, tmp_path):
    readme = tmp_path / "README.md"
    begin, end = "<!-- validate:toy-simulator -->", "<!-- /validate:toy-simulator -->"
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        assert cli("validate", "toy-simulator", "--cases", cases, "--readme", readme).code == 0
    table = (
        "| group | metric | cases | median | p95 | maximum | share within bound | bound | passed |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| small | latency_ns | 2 | 1 % | 2 % | 3 % | 100 % | 5 % | yes |\n\n"
        "|  | requests per second |\n| --- | --- |\n| all | 1,234,567 |"
    )
    assert readme.read_text() == f"before\n{begin}\n{table}\n{end}\nafter\n"
    readme.write_text("nothing here")
    refused = cli("validate", "toy-simulator", "--cases", cases, "--readme", readme)
    assert refused.code == 2
    assert "has no place for the table" in refused.err
    assert readme.read_text() == "nothing here"
