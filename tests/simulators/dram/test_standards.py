"""The tables of the standards against the reference simulator's evaluated presets, and against arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.dram import device, organizations, speed_grades, standards
from cosearch_simulators.dram.common.device import STANDARDS
from cosearch_simulators.dram.common.earliest import (
    allowed_from,
    compile_pushes,
    new_earliest,
    new_history,
    push_back,
)
from cosearch_simulators.dram.common.rules import (
    COMMANDS,
    EvaluatedRule,
    Rule,
    Topology,
    compile_rules,
    cycles_of,
    evaluate,
)
from cosearch_simulators.dram.common.standard_tables.standard import whole_cycles, whole_cycles_up
from cosearch_simulators.errors import ConfigurationError

REFERENCE = json.loads(
    (Path(__file__).parents[2] / "reference" / "dram" / "ramulator2" / "timings.json").read_text()
)


@pytest.mark.parametrize(
    "preset", REFERENCE["presets"], ids=lambda p: f"{p['organization']}-{p['speed_grade']}"
)
def test_timings_and_rules_equal_the_reference(preset: dict) -> None:
    ours = device(preset["standard"], preset["organization"], preset["speed_grade"])
    chip = preset["chip"]
    assert {name: ours.timings[name] for name in preset["timings"]} == preset["timings"]
    assert ours.read_latency_cycles == preset["read_latency_cycles"]
    count = len(preset["rule_cycles"])  # those of the commands that the reference has; ours has more
    assert [rule.cycles for rule in ours.rules[:count]] == preset["rule_cycles"]
    assert (ours.chip.density_mb, ours.chip.dq_bits, ours.chip.rows, ours.chip.columns, ours.chip.banks) == (
        chip["density"],
        chip["dq"],
        chip["row"],
        chip["column"],
        chip["bank"],
    )
    assert (ours.chip.bankgroups, ours.channel_width_bits) == (
        chip.get("bankgroup", 1),
        chip["channel_width"],
    )


@pytest.mark.parametrize("standard", REFERENCE["rules"])
def test_rules_read_as_in_the_reference(standard: str) -> None:
    ours = [
        {
            "level": r.level,
            "preceding": list(r.preceding),
            "following": list(r.following),
            "rule": r.cycles,
            "window": r.window,
            "sibling": r.sibling,
        }
        for r in STANDARDS[standard].rules
    ]
    reference = REFERENCE["rules"][standard]
    assert ours[: len(reference)] == reference
    known = {command for rule in reference for command in (*rule["preceding"], *rule["following"])}
    for rule in ours[len(reference) :]:
        if rule["preceding"] == rule["following"] == ["REFab"]:
            continue  # never bound the reference, whose refreshes are an interval apart
        assert not (known.issuperset(rule["preceding"]) and known.issuperset(rule["following"]))


def test_all_reference_cases_where_they_are(reference: Path) -> None:
    cases = json.loads((reference / "dram" / "ramulator2" / "cases.json").read_text())
    for case in cases:
        ours = device(case["standard"], case["organization_preset"], case["timing_preset"])
        assert {name: ours.timings[name] for name in case["timings"]} == case["timings"]
        cycles = [rule["cycles"] for rule in case["rules"]]
        assert [rule.cycles for rule in ours.rules[: len(cycles)]] == cycles


@pytest.mark.parametrize("standard", standards())
def test_every_organisation_works_at_every_speed(standard: str) -> None:
    for organization in organizations(standard):
        chip = STANDARDS[standard].organizations[organization]
        density_bits = chip.bankgroups * chip.banks * chip.rows * chip.columns * chip.dq_bits
        assert density_bits == chip.density_mb << 20
        for grade in speed_grades(standard):
            channel = device(standard, organization, grade, ranks=2)
            assert channel.capacity_bytes == 2 * density_bits // 8 * channel.chips_per_rank
            assert channel.transaction_bytes == (64 if standard in ("DDR3", "DDR4", "DDR5") else 32)
            timings = channel.timings
            assert timings["nRC"] == timings["nRAS"] + timings["nRP"]
            # tCK is the time of the transfers that a clock cycle has, stated in whole picoseconds.
            transfers = channel.prefetch // timings["nBL"]
            assert abs(timings["tCK_ps"] - transfers * 1e6 / timings["rate"]) < 1.5
            assert timings["nREFI"] > timings["nRFC"] > timings["nRC"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("DDR9", "DDR5_8Gb_x8", "DDR5_3200AN"), "unknown standard 'DDR9'; did you mean 'DDR"),
        (
            ("DDR4", "DDR4_8Gb_x9", "DDR4_2400R"),
            "unknown organization 'DDR4_8Gb_x9'; did you mean 'DDR4_8Gb_x",
        ),
        (
            ("DDR4", "DDR4_8Gb_x8", "DDR4_2401R"),
            "unknown speed grade 'DDR4_2401R'; did you mean 'DDR4_2400R'",
        ),
    ],
)
def test_unknown_names_get_the_nearest(arguments: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        device(*arguments)


@pytest.mark.parametrize("ranks", [0, 3, -2])
def test_ranks_are_a_power_of_two(ranks: int) -> None:
    with pytest.raises(ConfigurationError, match=f"Rank count must be a power of two, got {ranks}"):
        device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=ranks)


def test_cycles_of_an_expression() -> None:
    assert cycles_of("nCL + nBL + 2 - nCWL", {"nCL": 16, "nBL": 4, "nCWL": 12}) == 10
    for wrong in ("nXX + 1", "nCL * 2", "__import__('os')", "nCL +", "1.5 + nCL", "nCL.real"):
        with pytest.raises(ConfigurationError, match="cannot evaluate the timing rule"):
            cycles_of(wrong, {"nCL": 16})


def test_rounding_follows_the_standard() -> None:
    # JESD79-4D section 13.5: 15 ns at tCK 937 ps are 16 cycles although 15 / 0.937 is a little more.
    assert whole_cycles(15.0, 937) == 16
    assert whole_cycles(13.75, 1250) == 11
    assert whole_cycles(2.5, 1250, 4) == 4
    assert whole_cycles_up(350.0, 1071) == 327
    assert whole_cycles_up(7800.0, 1250) == 6240


def test_rules_that_make_no_sense_are_rejected() -> None:
    topology = Topology(("Channel", "Rank", "Bank"), (1, 2, 8))
    for rule, message in (
        (EvaluatedRule("Bus", ("RD",), ("RD",), 4, 1, False), "level 'Bus'"),
        (EvaluatedRule("Bank", ("READ",), ("RD",), 4, 1, False), "'READ'"),
        (EvaluatedRule("Bank", ("RD",), ("RD",), 4, 0, False), "window must be 1 or more, got 0"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            compile_rules([rule], topology)


def test_of_rules_that_bind_alike_the_longest_stays() -> None:
    topology = Topology(("Channel", "Rank", "Bank"), (1, 1, 8))
    rules = evaluate(
        [Rule("Channel", ("RD",), ("RD",), "nBL"), Rule("Rank", ("RD",), ("RD",), "nCCD")],
        {"nBL": 4, "nCCD": 6},
    )
    entries = compile_rules(rules, topology).entries
    assert entries[:, :3].tolist() == [[COMMANDS.index("RD"), 6, 8]]


def test_longer_commands_keep_the_bus_and_shift_the_rules() -> None:
    topology = Topology(("Channel", "Rank", "Bank"), (1, 1, 2))
    rule = EvaluatedRule("Bank", ("ACT",), ("PREpb", "RD"), 10, 1, False)
    compiled = compile_rules([rule], topology, {"ACT": 2, "RD": 2})
    act = compiled.entries[compiled.first[0] : compiled.first[1]]
    by_bank = {COMMANDS[code]: cycles for code, cycles, span, *_ in act.tolist() if span == 1}
    by_channel = {COMMANDS[code]: cycles for code, cycles, span, *_ in act.tolist() if span == 2}
    assert by_bank == {"PREpb": 11, "RD": 10}
    # WRA is held back as WR is and shares its entries; RDA is not as RD is.
    assert by_channel == {command: 2 for command in COMMANDS if command != "WRA"}
    assert [COMMANDS[code] for code in compiled.twin] == [*COMMANDS[:6], "WR", *COMMANDS[7:]]
    assert np.all(compiled.entries[:, 1] > 0)


def test_a_window_may_count_two_commands_together() -> None:
    # Two activates and two refreshes of banks in cycles 1 to 4: the fifth may come 20 cycles after the first.
    topology = Topology(("Channel", "Rank", "Bank"), (1, 1, 8))
    both = ("ACT", "REFpb")
    compiled = compile_rules([EvaluatedRule("Rank", both, both, 20, 4, False)], topology)
    pushes, earliest, history = (
        compile_pushes(compiled, 8, both),
        new_earliest(8, 1),
        new_history(compiled, 8),
    )
    codes = [COMMANDS.index(command) for command in both]

    def allowed(command: int) -> list[int]:
        return [allowed_from(earliest, command, bank, 8, 3) for bank in range(8)]

    for now, name in enumerate(("ACT", "REFpb", "REFpb", "ACT"), start=1):
        assert max(*allowed(codes[0]), *allowed(codes[1])) <= now
        push_back(earliest.reshape(-1), history, *pushes, now, COMMANDS.index(name), now)
    assert allowed(codes[0]) == allowed(codes[1]) == [21] * 8
