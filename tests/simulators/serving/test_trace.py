"""Traces from files: what is read, and what is refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators.errors import TraceError
from cosearch_simulators.serving import read_trace

CSV = "arrival_s,prompt_tokens,output_tokens\n0.0,100,10\n1.5,200,20\n2.5,300,30\n"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_csv_is_read_in_its_window(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", CSV)
    whole, part = read_trace(path), read_trace(path, start_s=1.0, seconds=1.0)
    assert (whole.count, whole.longest, whole.mean_prompt) == (3, 330, 200.0)
    piece = next(part.pieces())
    assert (piece.arrival.tolist(), piece.prompt.tolist(), piece.output.tolist()) == ([0.5], [200], [20])
    assert next(read_trace(path, speed=2.0).pieces()).arrival.tolist() == [0.0, 0.75, 1.25]


def test_mooncakes_own_lines_are_read_with_their_blocks(tmp_path: Path) -> None:
    lines = [
        {"timestamp": 0, "input_length": 1100, "output_length": 5, "hash_ids": [7, 8, 9]},
        {"timestamp": 2000, "input_length": 1030, "output_length": 5, "hash_ids": [7, 11, 12]},
    ]
    path = written(tmp_path, "m.jsonl", "\n".join(map(json.dumps, lines)))
    workload = read_trace(path)
    piece = next(workload.pieces())
    assert piece.arrival.tolist() == [0.0, 2.0]
    # Whole blocks only: two of 512 tokens each, of which the first is shared.
    assert piece.id_count.tolist() == [2, 2]
    assert workload.distinct_ids == 3
    assert workload.shared == pytest.approx(512 / (1100 + 1030))


def test_azures_own_times_are_read(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
    )
    piece = next(read_trace(written(tmp_path, "a.csv", text)).pieces())
    assert piece.arrival == pytest.approx([0.0, 4.314579], abs=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arrival_s,prompt_tokens\n0,5\n", "has no column output_tokens; it has arrival_s, prompt_tokens$"),
        ("arrival_s,prompt_tokens,outputs_tokens\n0,5,5\n", "output_tokens; did you mean 'outputs_tokens'"),
        ("arrival_s,output_tokens\n0,5\n", "has no column prompt_tokens"),
        (CSV + "2.0,1,1\n", "line 5: time goes backwards, from 2.5 to 2 s"),
        (CSV + "3.0,0,1\n", "line 5: prompt_tokens must be a whole number of at least 1, got 0"),
        (CSV + "3.0,many,1\n", "line 5: prompt_tokens must be a number, got 'many'"),
        (CSV + "3.0,1\n", "line 5: 2 fields, the head has 3"),
        (CSV + "nan,1,1\n", "line 5: arrival_s must be a number from 0, got nan"),
        (CSV.splitlines()[0] + "\n", "has no request"),
        ("", "is empty; expected a head with arrival_s, prompt_tokens, output_tokens"),
    ],
)
def test_a_trace_that_cannot_be_is_refused_with_file_and_line(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, "t.csv", text)
    with pytest.raises(TraceError, match=words) as caught:
        read_trace(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_traces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot read"):
        read_trace(tmp_path / "no.csv")
    with pytest.raises(TraceError, match="a trace is a .parquet, .csv or .jsonl file"):
        read_trace(written(tmp_path, "t.txt", CSV))
    with pytest.raises(TraceError, match="cannot read"):
        read_trace(written(tmp_path, "t.parquet", CSV))
    with pytest.raises(TraceError, match="line 2: not JSON"):
        read_trace(written(tmp_path, "t.jsonl", '{"arrival_s": 0}\n{'))
    with pytest.raises(TraceError, match="no request from 100 to 110 s; it has 0 to 2.5 s"):
        read_trace(written(tmp_path, "t.csv", CSV), start_s=100.0, seconds=10.0)


def test_the_shown_traces_are_read(reference: Path) -> None:
    conversation = read_trace(reference / "llm" / "traces" / "azure2023_conv.parquet")
    assert (conversation.count, np.round(conversation.mean_output, 1)) == (14176, 201.5)
    mooncake = read_trace(reference / "llm" / "traces" / "mooncake_conversation.parquet")
    assert mooncake.count == 7851
    assert 0.2 < mooncake.shared < 0.6
