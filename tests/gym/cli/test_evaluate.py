"""`evaluate`: designs on the command line and in files, their outcomes, and how to write them wrongly."""

from __future__ import annotations

import json

import pyarrow
import pyarrow.parquet
import pytest

GOOD = {
    "policy": "lru",
    "ways": 2,
    "banks": 20,
    "voltage_v": 1.0,
    "order": ["n", "k", "m"],
    "prefetch": "auto",
}
NO_POLICY = {"policy": "none", "banks": 10, "voltage_v": 0.75, "order": ["m", "n", "k"], "prefetch": None}
NAN = GOOD | {"banks": 60}
LATENCY_NS = [100 / 20 + 2, 100 / 10 + 1]  # the plugin's formula, by hand


def with_value(**changed):
    return json.dumps(GOOD | changed)


def test_one_design_gives_every_metric_with_its_unit(cli):
    found = cli("evaluate", "toy-cache", "--design", json.dumps(GOOD), "--json").json
    assert found == {
        "problem": "toy-cache",
        "fidelity": "cycle",
        "units": {"latency_ns": "ns", "gain": "dB", "area_mm2": "mm^2"},
        "rows": [
            {
                "design": GOOD,
                "metrics": {"latency_ns": 7.0, "gain": 3.0, "area_mm2": 22.0},
                "status": "ok",
                "reason": "",
                "feasible": True,
            }
        ],
    }
    table = cli("evaluate", "toy-cache", "--design", json.dumps(GOOD)).out
    for fragment in ("status: ok", "latency_ns", "7", "ns", "dB"):
        assert fragment in table


def test_a_list_of_designs_keeps_its_order(cli):
    found = cli("evaluate", "toy-cache", "--design", json.dumps([GOOD, NO_POLICY, GOOD]), "--json").json
    assert [row["metrics"]["latency_ns"] for row in found["rows"]] == [*LATENCY_NS, LATENCY_NS[0]]


def test_the_default_design(cli):
    row = cli("evaluate", "toy-cache", "--default", "--json").json["rows"][0]
    assert row["design"]["policy"] == "lru"
    assert row["metrics"]["latency_ns"] == 100 / row["design"]["banks"] + row["design"]["ways"]


def test_arguments_and_fidelity_reach_the_problem(cli):
    found = cli(
        "evaluate", "toy-cache", "--default", "--set", "scale=2", "--fidelity", "cycle", "--json"
    ).json
    once = cli("evaluate", "toy-cache", "--default", "--json").json
    assert found["rows"][0]["metrics"]["latency_ns"] == 2 * once["rows"][0]["metrics"]["latency_ns"]
    assert found["fidelity"] == "cycle"


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_designs_are_read_from_files(cli, tmp_path, suffix):
    path = tmp_path / f"designs.{suffix}"
    rows = [GOOD, NO_POLICY]
    if suffix == "json":
        path.write_text(json.dumps(rows))
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    elif suffix == "csv":
        path.write_text(
            "order,policy,ways,banks,voltage_v,prefetch\n"
            '"[""n"", ""k"", ""m""]",lru,2,20,1.0,auto\n'
            '"[""m"", ""n"", ""k""]",none,,10,0.75,null\n'
        )
    else:
        table = {name: [row.get(name) for row in rows] for name in GOOD} | {"prefetch": ["auto", "null"]}
        pyarrow.parquet.write_table(pyarrow.table(table), path)
    found = cli("evaluate", "toy-cache", "--designs", path, "--json").json
    assert [row["design"] for row in found["rows"]] == rows
    assert [row["metrics"]["latency_ns"] for row in found["rows"]] == LATENCY_NS


def test_outcomes_that_are_not_ok_have_a_reason_and_exit_code_0(cli):
    designs = [
        GOOD | {"voltage_v": 0.5},
        GOOD | {"ways": 8, "banks": 40},
        NAN,
        GOOD | {"banks": 62},
        GOOD | {"banks": 59, "ways": 4},
    ]
    result = cli(
        "evaluate", "toy-cache", "--design", json.dumps(designs), "--json",
        "--set", "nan_above_banks=59", "--set", "crash_above_banks=61",
    )  # fmt: skip
    rows = result.json["rows"]
    assert [(row["status"], row["reason"], row["feasible"]) for row in rows] == [
        ("infeasible", "no power at all", False),
        ("infeasible", "forbidden: ways * banks > 256", False),
        ("failed", "metric latency_ns is nan", False),
        ("failed", "RuntimeError: the bank exploded", False),
        ("ok", "", False),  # too much area
    ]
    assert rows[2]["metrics"]["latency_ns"] is None


def test_a_simulator_that_takes_its_process_down_fails_its_design_only(command):
    result = command(
        "evaluate", "toy-cache", "--design", json.dumps([GOOD, NAN]), "--json", "--timeout-s", "60",
        "--set", "crash_above_banks=59", env={"TOY_CRASH": "exit"},
    )  # fmt: skip
    rows = result.json["rows"]
    assert [row["status"] for row in rows] == ["ok", "failed"]
    assert "exit code 3" in rows[1]["reason"]


def test_a_simulator_that_hangs_fails_its_design_only(command):
    result = command(
        "evaluate", "toy-cache", "--default", "--json", "--timeout-s", "0.2", "--set", "delay_s=600"
    )
    assert result.json["rows"][0]["reason"] == "took longer than 0.2 s"


@pytest.mark.parametrize(
    ("design", "fragments"),
    [
        (with_value(policy="lrv"), ("'policy'", "'lrv'", "the nearest is 'lru'")),
        (with_value(ways=3), ("'ways'", "3 is not allowed", "1, 2, 4, 8")),
        (with_value(banks=65), ("'banks'", "65", "an integer from 1 to 64", "the nearest is 64")),
        (with_value(voltage_v="high"), ("'voltage_v'", "'high'")),
        (with_value(voltage_v=float("nan")), ("'voltage_v'", "nan")),
        (with_value(order=["n", "k"]), ("'order'",)),
        (with_value(bank=1), ("unknown parameter 'bank'", "did you mean 'banks'?")),
        (with_value(policy="none"), ("'ways' is inactive",)),
        ("[]", ("no design",)),
        ("3", ("expected an object", "3")),
        ('{"policy": lru}', ("--design is not JSON", "character 12")),
        (json.dumps([GOOD, GOOD | {"banks": 0}]), ("design 1", "'banks'")),
    ],
)
def test_a_design_outside_the_space_is_one_line(cli, design, fragments):
    cli("evaluate", "toy-cache", "--design", design).assert_error(*fragments)


def test_a_design_outside_the_space_is_one_line_for_a_user(command):
    command("evaluate", "toy-cache", "--design", with_value(banks=65)).assert_error(
        "'banks'", "nearest is 64"
    )


@pytest.mark.parametrize(
    ("name", "content", "fragments"),
    [
        ("designs.json", b'[{"policy": "lru",\n "ways" 2}]', ("designs.json", "line 2", "not JSON")),
        ("designs.json", b"\xff\xfe\x00", ("designs.json", "not a text file")),
        ("designs.jsonl", b'{}\n{"a"\n', ("designs.jsonl", "line 2", "not JSON")),
        ("designs.jsonl", b"[1]\n", ("designs.jsonl", "line 1", "expected an object")),
        ("designs.csv", b"policy,banks\nlru,1\nlru\n", ("designs.csv", "line 3 has 1 cells; expected 2")),
        ("designs.csv", b"polcy,banks\nlru,1\n", ("designs.csv", "'polcy'", "did you mean 'policy'?")),
        ("designs.csv", b"", ("designs.csv", "no design")),
        ("designs.json", b"[]", ("designs.json", "no design")),
        ("designs.parquet", b"PAR1 not really", ("designs.parquet", "not a Parquet file")),
        ("designs.xlsx", b"", ("designs.xlsx", "expected .json, .jsonl, .csv, .parquet, not .xlsx")),
    ],
)
def test_a_file_of_designs_that_cannot_be_read_is_one_line(cli, tmp_path, name, content, fragments):
    (tmp_path / name).write_bytes(content)
    cli("evaluate", "toy-cache", "--designs", tmp_path / name).assert_error(*fragments)


def test_a_file_that_is_not_there_is_one_line(cli, tmp_path):
    cli("evaluate", "toy-cache", "--designs", tmp_path / "no.csv").assert_error("no.csv", "No such file")


def test_without_designs_it_is_the_default_one_and_said(cli):
    found = cli("evaluate", "toy-cache", "--json")
    assert found.json == cli("evaluate", "toy-cache", "--default", "--json").json
    assert "no --design was given: this is the default design" in found.err


def test_one_source_of_designs_is_enough(cli):
    cli("evaluate", "toy-cache", "--default", "--design", "{}").assert_error("expected one of")


@pytest.mark.parametrize("name", ["objectives", "constraints"])
def test_what_has_an_option_of_its_own_is_no_argument(cli, name):
    found = cli("evaluate", "toy-cache", "--default", "--set", f"{name}=latency_ns")
    found.assert_error(f"--set {name}=... is not an argument; use --{name[:-1]}")


def test_an_isolated_crash_costs_one_design(command):
    crash = GOOD | {"banks": 40}
    arguments = ("evaluate", "toy-cache", "--design", json.dumps([GOOD, crash]), "--json")
    arguments += ("--set", "crash_above_banks=30", "--isolated")
    rows = command(*arguments, env={"TOY_CRASH": "exit"}).json["rows"]
    assert [row["status"] for row in rows] == ["ok", "failed"]
    assert rows[1]["reason"] == "the worker process died (exit code 3)"


def test_a_design_that_needs_more_memory_than_it_may_fails(command):
    wishes = ("--set", "hoard_mb=3000", "--memory-mb", 300, "--json")
    (row,) = command("evaluate", "toy-cache", "--default", *wishes).json["rows"]
    assert row["status"] == "failed"
    assert "memory limit is 300 MB" in row["reason"]


def test_limits_and_fidelities_that_make_no_sense_are_one_line(cli):
    evaluate = ("evaluate", "toy-cache", "--default")
    cli(*evaluate, "--timeout-s", 0).assert_error("--timeout-s", "'0'")
    cli(*evaluate, "--memory-mb", -1).assert_error("--memory-mb", "'-1'")
    cli(*evaluate, "--fidelity", "cycel").assert_error("did you mean 'cycle'?")
    assert cli(*evaluate, "--fidelity", "analytical", "--json").json["fidelity"] == "analytical"


def test_a_seed_means_nothing_to_a_problem_that_draws_none(cli):
    cli("evaluate", "toy-cache", "--default", "--seed", 3).assert_error("draws no random numbers", "--seed")


@pytest.mark.parametrize("name", ["name", "settings", "self"])
def test_a_setting_that_is_none_is_named(cli, name):
    cli("evaluate", "toy-cache", "--default", "--set", f"{name}=x").assert_error("unknown argument", name)


def test_what_a_design_leaves_out_has_its_default_and_is_said(cli):
    found = cli("evaluate", "toy-cache", "--design", '{"banks": 10}', "--json")
    default = cli("evaluate", "toy-cache", "--default", "--json").json["rows"][0]["design"]
    (row,) = found.json["rows"]
    assert row["design"] == default | {"banks": 10}
    assert row["left_out"] == {name: value for name, value in default.items() if name != "banks"}
    assert row["metrics"]["latency_ns"] == 100 / 10 + default["ways"]
    assert "left out, so at the default: policy=lru" in found.err
    assert "banks" not in found.err


def test_a_default_is_taken_only_where_it_is_active(cli):
    designs = json.dumps([{"policy": "none"}, GOOD])
    found = cli("evaluate", "toy-cache", "--design", designs, "--json")
    first, second = found.json["rows"]
    assert "ways" not in first["design"]
    assert "ways" not in first["left_out"]
    assert second["left_out"] == {}
    assert "design 0: left out" in found.err
    assert "design 1" not in found.err
    cli("evaluate", "toy-cache", "--design", '{"policy": "none", "ways": 2}').assert_error(
        "'ways' is inactive, so leave it out"
    )
    cli("evaluate", "toy-cache", "--design", '{"bank": 2}').assert_error("unknown parameter", "'banks'")
