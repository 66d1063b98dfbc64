"""Small files that would exhaust the machine, devices and pipes: each is refused in one line, at once."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import threading
import time
import tracemalloc
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cosearch_simulators import bounded_files
from cosearch_simulators.bounded_files import read_bytes, read_text
from cosearch_simulators.bounded_json import parse_json
from cosearch_simulators.documents import load
from cosearch_simulators.dram.common.memspecs.memspec import read_memspec
from cosearch_simulators.dram.common.traces import formats
from cosearch_simulators.dram.common.traces.formats import read_trace
from cosearch_simulators.dram.common.traces.streams import stream_trace
from cosearch_simulators.errors import ConfigurationError, LongTraceError, SimulatorError, TraceError, shown
from mutations import mutated
from reader_samples import REFERENCE, Reader, readers

MEMSPEC = REFERENCE / "dram" / "dramsys" / "memspecs" / "JEDEC_4Gb_DDR4-1866_8bit_A.json"


def yaml_file(folder: Path, text: str) -> Path:
    path = folder / "bomb.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> str:
    """The line that a YAML file is refused with, in seconds at most."""
    started = time.process_time()
    with pytest.raises(ConfigurationError) as error:
        load(yaml_file(folder, text))
    assert time.process_time() - started < 5
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    return str(error.value)


# --- YAML -------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmn"
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise(LETTERS)
)
MERGES = "a: &a {x: 1, y: 2, z: 3, w: 4}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in pairwise(LETTERS)
)


@pytest.mark.parametrize("bomb", [ALIASES, MERGES], ids=["aliases", "merge keys"])
def test_a_yaml_bomb_is_counted_before_it_is_unpacked(bomb, tmp_path):
    assert len(bomb) < 1000
    assert "bomb.yaml: it holds more than 300,000 keys and values" in refused(tmp_path, bomb)


def test_aliases_of_real_files_are_read(tmp_path):
    level = "{capacity: 64, ports: [1, 2, 3]}"
    text = f"base: &base {level}\n" + "".join(f"level{i}: {{<<: *base, width: {i}}}\n" for i in range(200))
    assert load(yaml_file(tmp_path, text))["level7"] == {"capacity": 64, "ports": [1, 2, 3], "width": 7}


def test_a_mapping_that_was_merged_before_it_was_read_gives_no_key_twice(tmp_path):
    text = "levels: [&b {<<: {a: 2, c: 3}, a: 1}]\ntop: {<<: *b}\n"
    assert load(yaml_file(tmp_path, text)) == {"levels": [{"a": 1, "c": 3}], "top": {"a": 1, "c": 3}}


def test_forty_thousand_keys(tmp_path):
    path = yaml_file(tmp_path, "".join(f"key{i}: {i}\n" for i in range(40_000)))
    started = time.process_time()
    assert len(load(path)) == 40_000
    assert time.process_time() - started < 2
    assert "'key7' is given twice (line 40001)" in refused(tmp_path, path.read_text() + "key7: 1\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: " + "7" * 5_000_000, "a number of 5,000,000 digits"),
        ("a: 0x" + "f" * 5_000_000, "a number of 5,000,002 digits"),
        ("a: 1" + ":1" * 500_000, "a number of 1,000,001 digits"),
        ("- " * 5000, "nested too deeply"),
        ("&a [*a]", "alias 'a' stands inside of what it names"),
        ("*" + "a" * 1_000_000, "undefined alias"),
        ("!" + "a" * 1_000_000 + " x", "could not determine a constructor"),
        ("".join(f"%TAG !a{i}! tag:x,2000:\n" for i in range(100_000)) + "--- 1", "lines that begin with %"),
        ('!!int ""', "a value does not fit its !!tag"),
        ("a: \x00", "is no YAML"),
        ("[" + "1," * 400_000 + "1]", "more than 300,000"),
        ("#" * (17 << 20), "it holds more than 16 MiB"),
    ],
    ids=lambda value: value[:12],
)
def test_yaml_without_end_is_refused_in_one_short_line(text, line, tmp_path):
    assert line in refused(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "bomb.yaml"
    path.write_bytes(b"a: \xff\xfe")
    with pytest.raises(ConfigurationError, match="bomb.yaml: it is no text: byte 3 is not UTF-8"):
        load(path)


# --- JSON -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[" * 100_000, "nested deeper than 100 levels"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested deeper than 100 levels"),
        ('["' + "\\" * 99_999 + "[" * 300, "escape"),
        ("9" * 50_000_000, "a number of 50,000,000 digits"),
        ('{"a": 1, "a": 2}', "'a' is given twice"),
        ('{"' + "a" * 5000 + '": 1, "' + "a" * 5000 + '": 2}', "^'a{80}' is given twice"),
        ('"\\ud800"', "half of a surrogate pair"),
    ],
    ids=lambda value: value[:12],
)
def test_json_without_end_is_refused(text, line):
    started = time.process_time()
    with pytest.raises(ValueError, match=line):
        parse_json(text)
    assert time.process_time() - started < 5


def test_brackets_within_texts_are_no_nesting():
    assert parse_json(json.dumps({"a": '[{"' * 200})) == {"a": '[{"' * 200}
    assert parse_json('"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**900, True, "2", -1, None, [1], 1e308])
@pytest.mark.parametrize("field", ["nbrOfRanks", "nbrOfBanks", "width", "nbrOfDIMMRanks"])
def test_a_memspec_with_an_absurd_count(field, value, tmp_path):
    content = json.loads(MEMSPEC.read_text())
    content["memspec"]["memarchitecturespec"][field] = value
    path = tmp_path / "m.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigurationError, match=f"m.json: {field} must be") as error:
        read_memspec(path)
    assert len(str(error.value)) < 600


# --- traces -----------------------------------------------------------------------------------------------


def test_an_archive_that_unpacks_to_gigabytes_is_told_before_it_is_unpacked(tmp_path):
    path, requests = tmp_path / "bomb.npz", 1 << 26
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, dtype in (("address", "<i8"), ("is_write", "|b1")):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": dtype, "fortran_order": False, "shape": (requests,)}
                np.lib.format.write_array_header_2_0(file, header)
                zeros = bytes(1 << 24)
                for _ in range(requests * np.dtype(dtype).itemsize >> 24):
                    file.write(zeros)
    assert path.stat().st_size < 4 << 20  # 600 MB once unpacked
    tracemalloc.start()
    try:
        with pytest.raises(LongTraceError, match="more than 33,554,432 requests.*stream_trace reads it in"):
            read_trace(path)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()
    assert len(next(stream_trace(path).chunks(1000))) == 1000


def test_an_archive_whose_header_lies(tmp_path):
    for shape, version, message in (
        ("(999999999999,)", 1, "'address' ends too early"),
        ("(1,)" + " " * 20_000, 1, "a header of"),
        ("(" * 3000, 1, "damaged"),
    ):
        header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
        with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
            content = b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2, "little") + header
            archive.writestr("address.npy", content)
            archive.writestr("is_write.npy", content)
        with pytest.raises(TraceError, match=message):
            read_trace(tmp_path / "t.npz")


def test_packed_text_is_held_up_to_a_bound_and_streamed_beyond(tmp_path, monkeypatch):
    path = tmp_path / "t.trace.gz"
    path.write_bytes(gzip.compress(b"LD 0x40\n" * 50_000))
    assert len(read_trace(path)) == 50_000
    monkeypatch.setattr(formats, "MOST_REQUESTS", 49_999)
    with pytest.raises(LongTraceError, match="more than 49,999 requests"):
        read_trace(path)
    assert len(stream_trace(path)) == 50_000
    assert formats.holds_more_than(path, 300_000)
    assert not formats.holds_more_than(path, 400_000)


def test_comments_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "MOST_BYTES_WITHOUT_REQUEST", 1 << 20)
    path = tmp_path / "t.trace.gz"
    path.write_bytes(gzip.compress(b"# nothing\n" * 500_000))
    for read in (read_trace, stream_trace):
        with pytest.raises(TraceError, match="expected requests, found 1 MiB of comments"):
            read(path)


# --- what is no file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_a_device_is_refused(device):
    with pytest.raises(ConfigurationError, match=f"cannot read {device}: it is a device"):
        load(Path(device))
    with pytest.raises(ConfigurationError, match=f"cannot read {device}: it is a device"):
        read_memspec(device)
    for read in (read_trace, stream_trace):
        with pytest.raises(TraceError, match=f"{device}: cannot be read: it is a device"):
            read(device)


def test_a_folder_and_names_that_no_file_can_have(tmp_path):
    with pytest.raises(ConfigurationError, match="it is a folder, expected a file"):
        load(tmp_path)
    for name in ("a\x00b", "a\ud800"):
        with pytest.raises(ConfigurationError, match="no file can have such a name") as error:
            load(Path(name))
        str(error.value).encode()  # can be printed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = yaml_file(tmp_path, "a: 1")
    path.chmod(0)
    with pytest.raises(ConfigurationError, match="Permission denied"):
        load(path)


def test_a_longer_file_is_not_read_to_its_end(tmp_path):
    (tmp_path / "long").write_bytes(bytes(2 << 20))
    with pytest.raises(OSError, match="it holds more than 1 MiB, the most that is read") as error:
        read_bytes(tmp_path / "long", 1 << 20)
    assert error.value.errno == errno.EFBIG


def test_a_pipe_is_read_with_a_word_while_it_waits(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(bounded_files, "WAIT_S", 0.05)
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        time.sleep(0.3)
        (tmp_path / "pipe").write_text("a: 1\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert load(tmp_path / "pipe") == {"a": 1}
    writer.join()
    assert capfd.readouterr().err.count("waiting for somebody to write to the pipe") == 1


def test_a_pipe_that_is_written_at_once_is_read_without_a_word(tmp_path, capfd):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("LD 0x40\n"))
    writer.start()
    assert len(read_trace(tmp_path / "pipe")) == 1
    writer.join()
    assert capfd.readouterr().err == ""
    with pytest.raises(TraceError, match="a pipe can be read only once"):
        stream_trace(tmp_path / "pipe")


def test_text_with_a_byte_order_mark(tmp_path):
    (tmp_path / "t").write_bytes(b"\xef\xbb\xbfa")
    assert read_text(tmp_path / "t") == "a"


# --- errors -----------------------------------------------------------------------------------------------


def test_an_error_is_one_short_line_that_can_be_printed():
    text = str(SimulatorError("x" * 100_000 + "\n\ud800"))
    assert len(text) <= 1010
    assert text.startswith("xxx")
    assert text.endswith("\\ud800")
    assert str(SimulatorError("a\nb\x1b[2J")) == "a b\\x1b[2J"
    assert len(shown(["a" * 1000] * 1000)) < 90
    assert shown({"b": 1, "a": 2}) in ("{'a': 2, 'b': 1}", "{'b': 1, 'a': 2}")


# --- damaged files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.name)
def test_damaged_files_are_read_or_refused(reader: Reader, tmp_path: Path) -> None:
    """A few of what `tests/benchmarks/fuzz_readers.py` throws."""
    samples = list(reader.samples())
    path = tmp_path / f"input{reader.suffix}"
    for number in range(40):
        rng = random.Random(f"quick {reader.name} {number}")
        path.write_bytes(mutated(rng.choice(samples), samples, rng))
        message = ""
        try:
            reader.read(path)
        except reader.error as error:
            message = str(error)
        assert "\n" not in message, number
        assert len(message) < 1200, number
