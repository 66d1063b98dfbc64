"""Files of designs that would exhaust the machine, devices and pipes: each is refused in one line."""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from cosearch import bounded_files
from cosearch.arguments import json_value, parse_assignments
from cosearch.bounded_files import opened
from cosearch.cli import design_files
from cosearch.cli.design_files import designs_from_file, designs_from_json
from cosearch.errors import ArgumentError, CosearchError, DesignError
from cosearch.space import Categorical, DesignSpace, Integer, Permutation
from mutations import mutated
from reader_samples import readers

SPACE = DesignSpace([Categorical("kind", ["a", "b"]), Integer("n", 1, 4)])


def refused(path: Path) -> str:
    started = time.process_time()
    with pytest.raises(CosearchError) as error:
        designs_from_file(SPACE, path)
    assert time.process_time() - started < 5
    assert len(str(error.value)) < 1200
    return str(error.value)


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "parquet"])
def test_a_device_and_a_folder(kind, tmp_path):
    for target in ("/dev/zero", "/dev/null"):
        link = tmp_path / f"{Path(target).name}.{kind}"
        link.symlink_to(target)
        assert "it is a device" in refused(link)
    folder = tmp_path / f"folder.{kind}"
    folder.mkdir()
    assert "it is a folder" in refused(folder)


@pytest.mark.parametrize("kind", ["json", "jsonl", "csv", "parquet"])
def test_a_pipe(kind, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(bounded_files, "WAIT_S", 0.05)
    whole, pipe = tmp_path / f"whole.{kind}", tmp_path / f"pipe.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.table({"kind": ["b"], "n": [2]}), whole)
    else:
        whole.write_text("kind,n\nb,2\n" if kind == "csv" else '{"kind": "b", "n": 2}')
    os.mkfifo(pipe)

    def write() -> None:
        time.sleep(0.3)
        pipe.write_bytes(whole.read_bytes())

    writer = threading.Thread(target=write)
    writer.start()
    assert designs_from_file(SPACE, pipe).to_dicts() == [{"kind": "b", "n": 2}]
    writer.join()
    assert "waiting for somebody to write to the pipe" in capfd.readouterr().err


def test_a_design_in_a_pipe_that_is_refused_is_told_as_a_design(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe.json").write_text('{"kind": "c", "n": 2}'))
    writer.start()
    assert "parameter 'kind'" in refused(tmp_path / "pipe.json")
    writer.join()


def test_a_file_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(design_files, "MOST_BYTES", 1 << 20)
    for kind in ("json", "jsonl", "csv", "parquet"):
        path = tmp_path / f"long.{kind}"
        with path.open("wb") as file:
            file.truncate(1 << 40)
        assert "it holds more than 1 MiB" in refused(path)


def test_too_many_designs(tmp_path, monkeypatch):
    monkeypatch.setattr(design_files, "MOST_DESIGNS", 10)
    (tmp_path / "d.json").write_text(json.dumps([{"kind": "a", "n": 1}] * 11))
    (tmp_path / "d.jsonl").write_text('{"kind": "a", "n": 1}\n' * 11)
    (tmp_path / "d.csv").write_text("kind,n\n" + "a,1\n" * 11)
    pyarrow.parquet.write_table(pyarrow.table({"kind": ["a"] * 11, "n": [1] * 11}), tmp_path / "d.parquet")
    for kind in ("json", "jsonl", "csv", "parquet"):
        assert "more than 10 designs" in refused(tmp_path / f"d.{kind}")


@pytest.mark.parametrize("values", [["x" * 1_000_000] * 1000, [["x" * 1_000_000]] * 1000])
def test_a_small_parquet_file_whose_texts_unpack_to_a_gigabyte(values, tmp_path):
    path = tmp_path / "bomb.parquet"
    table = pyarrow.table({"kind": values, "n": [1] * 1000})
    pyarrow.parquet.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    assert "column 'kind'" in refused(path)


def test_orders_as_lists_in_a_parquet_file(tmp_path):
    space = DesignSpace([Permutation("order", ["a", "b", "c"])])
    orders = [["c", "a", "b"], ["a", "b", "c"]] * 500
    pyarrow.parquet.write_table(pyarrow.table({"order": orders}), tmp_path / "d.parquet")
    assert designs_from_file(space, tmp_path / "d.parquet").to_dicts()[0] == {"order": ("c", "a", "b")}


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("d.csv", b"kind,n\n" + b"a" * 200_000 + b",1\n", "line 2 is no CSV: field larger than field limit"),
        ("d.csv", b"kind,n\n\x00,1\n", "kind|CSV"),
        ("d.csv", b"kind,kind,n\na,a,1\n", "column 'kind' is given twice"),
        ("d.csv", b"\xff\xfe", "is not a text file"),
        ("d.json", b"[" * 100_000, "nested too deeply"),
        ("d.json", b'{"n": ' + b"7" * 5_000_000 + b"}", "a number has 5,000,000 digits"),
        ("d.jsonl", b'{"kind": "' + b"x" * 3_000_000 + b'"}', "kind"),
        ("d.json", b'{"kind": "\\ud800", "n": 1}', "half of a surrogate pair"),
        ("d.parquet", b"PAR1" + bytes(100) + b"PAR1", "Parquet"),
    ],
)
def test_designs_that_cannot_be(name, content, line, tmp_path):
    import re

    (tmp_path / name).write_bytes(content)
    assert re.search(line, refused(tmp_path / name))


def test_names_that_no_file_can_have():
    for name in ("a\x00.json", "a\ud800.json"):
        with pytest.raises(OSError, match="no file can have such a name"), opened(name, 10):
            pass


def test_arguments_are_bounded_and_quoted_in_part():
    with pytest.raises(ArgumentError, match="more than 100 levels"):
        json_value("[" * 101 + "]" * 101)
    assert json_value(json.dumps("[" * 200)) == "[" * 200
    with pytest.raises(ArgumentError) as error:
        parse_assignments(["x" * 100_000], "--set")
    assert len(str(error.value)) < 200
    with pytest.raises(DesignError) as refusal:
        designs_from_json(SPACE, json.dumps({"kind": "x" * 100_000, "n": 1}))
    assert len(str(refusal.value)) < 1200


def test_a_parquet_list_of_fifty_million_numbers_in_a_kilobyte(tmp_path):
    path, count = tmp_path / "bomb.parquet", 50_000_000
    zeros = pyarrow.array(np.zeros(count, np.int64))
    table = pyarrow.table({"kind": pyarrow.ListArray.from_arrays([0, count], zeros), "n": [1]})
    pyarrow.parquet.write_table(table, path)
    assert path.stat().st_size < 2000
    assert "column 'kind' may unpack to too much" in refused(path)


def test_parquet_metadata_that_end_the_process_of_whoever_looks_at_them(tmp_path):
    """The sizes of a column's levels contradict its schema; pyarrow 26 aborts when they are asked for."""
    number = 1225  # of seed 1 of tests/benchmarks/fuzz_readers.py
    reader = next(reader for reader in readers() if reader.name == "designs, .parquet")
    samples = list(reader.samples())
    rng = random.Random(f"1 {reader.name} {number}")
    path = tmp_path / "damaged.parquet"
    path.write_bytes(mutated(rng.choice(samples), samples, rng))
    with contextlib.suppress(CosearchError):  # what another version writes may be read
        designs_from_file(SPACE, path)
