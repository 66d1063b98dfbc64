"""The command line on the real thing: the DRAM controller, its traces, and what is wrong with them."""

from __future__ import annotations

import pytest

PROBLEM = "dram-controller"
ALONE = {"COSEARCH_PLUGINS": "builtin-problems,builtin-agents"}
SHORT = ("--set", "workload=zipf:requests=2000")


@pytest.fixture
def trace(tmp_path):
    """Write the lines of a trace file; its path."""

    def write(*lines: str) -> str:
        path = tmp_path / "requests.trace"
        path.write_text("".join(f"{line}\n" for line in lines))
        return str(path)

    return write


def test_a_default_controller_has_every_metric(builtin):
    row = builtin("evaluate", PROBLEM, "--default", *SHORT, "--json").json["rows"][0]
    assert row["status"] == "ok"
    parts = ("activate", "read", "write", "refresh", "background")
    assert row["metrics"]["energy_pj"] == pytest.approx(sum(row["metrics"][f"{p}_energy_pj"] for p in parts))
    assert row["metrics"]["latency_ns"] > 10  # less than one column access is no DRAM


def test_a_user_who_has_installed_nothing_else_can_search(command):
    found = command("search", PROBLEM, "--agent", "random", "--budget", 3, *SHORT, "--json", env=ALONE).json
    assert found["counts"]["ok"] == 3


def test_a_search_finds_a_faster_controller_than_the_default(builtin):
    default = builtin("evaluate", PROBLEM, "--default", *SHORT, "--json").json["rows"][0]["metrics"]
    found = builtin(
        "search", PROBLEM, "--agent", "random", "--budget", 40, "--seed", 1, *SHORT, "--json",
        "--objective", "time_ns:min", "--constraint", f"power_mw<={2 * default['power_mw']}",
    ).json  # fmt: skip
    assert found["pareto"][0]["metrics"]["time_ns"] < default["time_ns"]
    assert found["pareto"][0]["metrics"]["power_mw"] <= 2 * default["power_mw"]


def test_a_trace_file_is_a_workload(builtin, trace):
    path = trace(*(f"LD {64 * i:#x}" for i in range(300)))
    row = builtin("evaluate", PROBLEM, "--default", "--set", f"workload={path}", "--json").json["rows"][0]
    assert row["status"] == "ok"


@pytest.mark.parametrize(
    ("lines", "fragments"),
    [
        (["LD 0x40", "ST 0x80", "LD zebra"], ("requests.trace:3", "expected", "LD zebra")),
        ([], ("requests.trace", "expected a memory trace")),
        (["LD 0x40"] * 300 + ["LD 0xffffffffff"], ("0xffffffffff", "beyond the device")),
        (["ST 0x40"] * 300, ("0 reads", "expected at least")),
    ],
    ids=["malformed", "empty", "beyond the device", "no reads"],
)
def test_a_trace_that_cannot_be_simulated_is_one_line(builtin, trace, lines, fragments):
    result = builtin("evaluate", PROBLEM, "--default", "--set", f"workload={trace(*lines)}")
    result.assert_error(*fragments)


def test_a_malformed_trace_is_one_line_for_a_user(command, trace):
    path = trace("LD 0x40", "no request")
    result = command(
        "search", PROBLEM, "--agent", "random", "--budget", 3, "--set", f"workload={path}", env=ALONE
    )
    result.assert_error("requests.trace:2", "no request")


@pytest.mark.parametrize(
    ("setting", "fragments"),
    [
        ("workload=zpf", ("workload 'zpf'", "did you mean 'zipf'?")),
        ("workload=no/such.trace", ("no/such.trace", "no such trace file")),
        ("workload=zipf:request=9", ("request",)),
        ("standard=DDR9", ("'DDR9'", "did you mean 'DDR")),
        ("speed_grade=DDR4_2400X", ("DDR4_2400X",)),
        ("ranks=3", ("ranks", "3")),
        ("refresh=never", ("refresh", "'never'")),
        ("rank=2", ("'rank'", "did you mean 'ranks'?")),
    ],
)
def test_a_wrong_argument_is_one_line(builtin, setting, fragments):
    builtin("describe", PROBLEM, "--set", setting).assert_error(*fragments)


def test_validate_wants_cases_that_are_there(builtin, tmp_path):
    builtin("validate", "dram", "--cases", tmp_path / "no").assert_error("there is no folder of cases")
    builtin("validate", "dram", "--cases", tmp_path).assert_error("cases.json")
    (tmp_path / "cases.json").write_text("[{}]")
    builtin("validate", "dram", "--cases", tmp_path).assert_error("cases.json", "case 0")
