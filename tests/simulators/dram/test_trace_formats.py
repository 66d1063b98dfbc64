"""Trace files: what is written is read back, real files are read as they are meant, damage is explained."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cosearch_simulators.dram import device, speed_grades
from cosearch_simulators.dram.common.mapping import decode_bits
from cosearch_simulators.dram.common.traces import formats as trace_formats
from cosearch_simulators.dram.common.traces.formats import FORMATS, read_trace, write_trace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.errors import TraceError

REFERENCE_DRAM = Path(__file__).parents[4] / "shared/reference/dram"


def examples(count: int) -> settings:
    """Every example overwrites the same file, which is meant."""
    return settings(
        max_examples=count, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
    )


whole = st.integers(0, 2**63 - 1)
requests = st.lists(st.tuples(whole, st.booleans(), st.integers(0, 2**40)), min_size=1, max_size=40)


def trace_of(rows, *, cycles: bool) -> Trace:
    address, is_write, cycle = zip(*rows, strict=True)
    return Trace(address, is_write, cycle if cycles else None)


def text_file(folder: Path, text: str, name: str = "trace.stl") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


# --- round trips ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "format", "cycles"),
    [
        ("t.npz", None, True),
        ("t.npz", None, False),
        ("t.stl", None, True),
        ("t.trace", None, False),
        ("t.txt", "readwrite", False),
        ("t.txt", "stl", True),
    ],
)
@examples(25)
@given(rows=requests)
def test_what_is_written_is_read_back(tmp_path, rows, name, format, cycles, gz):
    trace = trace_of(rows, cycles=cycles)
    write_trace(trace, tmp_path / (name + gz), format=format)
    back = read_trace(tmp_path / (name + gz))  # the format of .txt and .trace is found by their content
    assert back == trace
    assert back.name == "t"


def test_gzip_is_recognised_without_its_suffix(tmp_path):
    trace = Trace([0, 64], [False, True])
    write_trace(trace, tmp_path / "a.trace.gz")
    (tmp_path / "a.trace.gz").rename(tmp_path / "a.trace")
    assert read_trace(tmp_path / "a.trace") == trace


def test_the_same_trace_gives_the_same_gzip_bytes(tmp_path):
    for name in ("a.stl.gz", "b.stl.gz"):
        write_trace(Trace([0, 64], [False, True]), tmp_path / name)
    assert (tmp_path / "a.stl.gz").read_bytes() == (tmp_path / "b.stl.gz").read_bytes()


def test_a_trace_longer_than_a_block_of_text(tmp_path, monkeypatch):
    monkeypatch.setattr(trace_formats, "TEXT_BLOCK_BYTES", 64)
    trace = Trace(np.arange(500) * 64, np.arange(500) % 3 == 0, np.arange(500))
    write_trace(trace, tmp_path / "t.stl")
    assert read_trace(tmp_path / "t.stl") == trace
    broken = (tmp_path / "t.stl").read_text().replace("321:", "321;")
    with pytest.raises(TraceError, match=r"t.stl:322: "):
        read_trace(text_file(tmp_path, broken, "t.stl"))


def test_writing_refuses_what_a_format_cannot_hold(tmp_path):
    with_cycles = Trace([0], [False], [7])
    with pytest.raises(TraceError, match="loadstore has no place for cycles"):
        write_trace(with_cycles, tmp_path / "t.trace")
    with pytest.raises(TraceError, match="cannot write a trace in format None; valid: npz, stl, loadstore"):
        write_trace(with_cycles, tmp_path / "t.csv")
    with pytest.raises(TraceError, match="cannot be written"):
        write_trace(with_cycles, tmp_path / "missing" / "t.stl")


# --- what other tools write -------------------------------------------------------------------------------


def test_dramsys_lines(tmp_path):
    # DRAMSys 4, simulator/StlPlayer.cpp: `cycle: [(bytes)] command hex-address [data]`, comments by #.
    text = (
        "# a comment\n"
        "31:\tread\t0x400140\n"
        "\n"
        "33: write   0xF0000000  \r\n"
        "40:\twrite\t0x80 0x0011223344556677\n"
        "41: (32) read 0xc0\n"
        "42 read 100"
    )
    assert read_trace(text_file(tmp_path, text)) == Trace(
        [0x400140, 0xF0000000, 0x80, 0xC0, 0x100],
        [False, True, True, False, False],
        [31, 33, 40, 41, 42],
        length_byte=[0, 0, 0, 32, 0],
    )


def test_ramulator_2_load_store_lines(tmp_path):
    # Ramulator 2, loadstore_trace.cpp: hexadecimal after 0x, else decimal.
    path = text_file(tmp_path, "LD 0x100000\nST 1048640\n", "example.trace")
    assert read_trace(path) == Trace([0x100000, 1048640], [False, True])


def test_ramulator_1_memory_trace_lines(tmp_path):
    # Ramulator 1, README "Memory Trace Driven", and Processor.cpp: always hexadecimal.
    path = text_file(tmp_path, "0x12345680 R\n4cbd56c0 W\n", "dram.trace")
    assert read_trace(path) == Trace([0x12345680, 0x4CBD56C0], [False, True])


@pytest.mark.parametrize(
    ("text", "addresses", "writes", "cycles"),
    [
        # DRAMsim3, trace.h: address, operation, cycle; DRAMSim2's traces have other words.
        ("0x7fff80 READ 10\n0xc0 WRITE 2000\n", [0x7FFF80, 0xC0], [False, True], [10, 2000]),
        ("7fff80 read 10\nC0 write 11\n", [0x7FFF80, 0xC0], [False, True], [10, 11]),
        (
            "0x40 P_MEM_RD 1\n0x80 P_MEM_WR 2\n0x80 P_FETCH 3\n0x80 BOFF 4\n",
            [64, 128, 128, 128],
            "rwrw",
            "1234",
        ),
        # USIMM, its input: instructions before, R address PC or W address.
        ("10 R 0x400140 0x12ab\n0 W 0xc0\n", [0x400140, 0xC0], [False, True], None),
        # Ramulator 1 and 2 with words as other scripts write them.
        ("0x40 Read\n0x80 Write\n", [64, 128], [False, True], None),
        ("Read 0x40\nWRITE 128\n", [64, 128], [False, True], None),
        ("ld 64\nst 128\nload 0\nstore 1\n", [64, 128, 0, 1], "rwrw", None),
    ],
)
def test_lines_of_other_simulators(tmp_path, text, addresses, writes, cycles):
    trace = read_trace(text_file(tmp_path, text, "t.trc"))
    assert trace == Trace(addresses, [w in (True, "w") for w in writes], cycles and [*map(int, cycles)])


@pytest.mark.parametrize(
    ("standard", "line", "bank", "row", "column"),
    [
        ("DDR3", "R 0,1,2,100,32", 8 + 2, 100, 32),
        ("DDR4", "R 0,1,3,2,100,32", 16 + 3 * 4 + 2, 100, 32),
        ("DDR4", "R 0,1,14,100,32", 16 + 14, 100, 32),  # banks of all groups
        ("DDR4", "R 0,1,3,2,100,1016", 16 + 3 * 4 + 2, 100, 127),  # the column of a burst, not its number
    ],
)
def test_a_place_becomes_the_address_that_lies_there(tmp_path, standard, line, bank, row, column):
    # Ramulator 2, readwrite_trace.cpp: an address vector, from the channel to the column.
    memory = device(standard, f"{standard}_8Gb_x8", speed_grades(standard)[0], ranks=2)
    trace = read_trace(text_file(tmp_path, line, "t.trc"), device=memory)
    bits = memory.named_address_bits("RoBaRaCoCh")
    banks, rows = decode_bits(trace.address_byte, *bits.runs())
    assert (banks.tolist(), rows.tolist()) == ([bank], [row])
    assert trace.address_byte[0] // memory.transaction_bytes % 128 == column
    assert trace.length_byte.tolist() == [memory.transaction_bytes]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("R 0,2,2,1,100,32", "a rank from 0 to 1 of DDR4_8Gb_x8; set ranks"),
        ("R 0,0,2,1,99999999,32", "a row from 0 to 65535 of DDR4_8Gb_x8"),
        ("R 0,0,2,1,100,1024", "a column from 0 to 1023 of DDR4_8Gb_x8"),
    ],
)
def test_a_place_that_the_device_lacks_is_named(tmp_path, line, says):
    memory = device("DDR4", "DDR4_8Gb_x8", "DDR4_2400R", ranks=2)
    with pytest.raises(TraceError, match=f"t.trc:2: expected {says}, found `{line}`"):
        read_trace(text_file(tmp_path, f"R 0,0,0,0,0,0\n{line}", "t.trc"), device=memory)
    with pytest.raises(TraceError, match="need a device"):
        read_trace(text_file(tmp_path, line, "t.trc"))


def test_lengths_survive_where_there_is_room_for_them(tmp_path):
    trace = Trace([0, 64], [False, True], [3, 4], length_byte=[128, 0])
    for name in ("t.npz", "t.stl"):
        write_trace(trace, tmp_path / name)
        assert read_trace(tmp_path / name) == trace
    with pytest.raises(TraceError, match="no place for lengths"):
        write_trace(Trace([0], [True], length_byte=[128]), tmp_path / "t.trace")


def test_a_cpu_trace_is_read_only_when_asked_for(tmp_path):
    # Ramulator 1, README "CPU Trace Driven": instructions, read address, [write-back address], decimal.
    path = text_file(tmp_path, "3 20734016\n8 20841280 20734080\n", "cpu.trace")
    with pytest.raises(TraceError, match=r"cpu\.trace:1: .*format=simpleo3"):
        read_trace(path)
    expected = Trace([20734016, 20841280, 20734080], [False, False, True])
    assert read_trace(path, format="simpleo3") == expected


def test_a_format_overrides_the_suffix(tmp_path):
    path = text_file(tmp_path, "LD 0x40\n", "trace.stl")
    assert read_trace(path, format="loadstore") == Trace([64], [False])
    with pytest.raises(TraceError, match=r"unknown trace format 'csv'; valid: npz, stl"):
        read_trace(path, format="csv")


@pytest.mark.skipif(
    not REFERENCE_DRAM.is_dir(), reason="the reference measurements are not beside the checkout"
)
def test_reference_traces_survive_every_format(tmp_path):
    paths = sorted(REFERENCE_DRAM.glob("*/traces/*.npz"))
    assert len(paths) == 20
    for path in paths:
        trace = read_trace(path)
        with np.load(path) as arrays:
            np.testing.assert_array_equal(trace.address_byte, arrays["address"])
            np.testing.assert_array_equal(trace.is_write, arrays["is_write"])
        suffix = "trace" if trace.cycle is None else "stl"
        write_trace(trace, tmp_path / f"t.{suffix}.gz")
        assert read_trace(tmp_path / f"t.{suffix}.gz") == trace


# --- what is wrong is said --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        (
            "t.stl",
            "1: read 0x40\n2: red 0x80\n",
            "t.stl:2: expected `<cycle>: read|write <hex address>`, found `2: red 0x80`",
        ),
        (
            "t.stl",
            "# c\n\nread 0x40\n",
            "t.stl:3: expected `<cycle>: read|write <hex address>`, found `read 0x40`",
        ),
        ("t.stl", "1: (0) read 0x40", "t.stl:1: expected `<cycle>: read|write <hex address>`"),
        (
            "t.stl",
            "1: read 0xffffffffffffffff",
            "<hex address>` with addresses below 2^63, cycles up to 2^40 and lengths",
        ),
        ("t.stl", "9999999999999999999: read 0x40", "t.stl:1: expected"),
        (
            "t.stl",
            "1: read 0x40\n\x00\x1b[2J\n",
            r"t.stl:2: expected `<cycle>: read|write <hex address>`, found `\x00\x1b[2J`",
        ),
        ("t.trace", "LD 0x40\nST -64\n", "t.trace:2: expected `LD|ST <address>`, found `ST -64`"),
        ("t.trace", "0x40 R\n0x80 X\n", "t.trace:2: expected `<hex address> R|W`, found `0x80 X`"),
        (
            "t.trace",
            "R 0,0,1,2\n",
            "t.trace:1: expected `<cycle>: read|write <hex address>` or `LD|ST <address>` or",
        ),
        ("t.stl", "", "t.stl: expected a memory trace, found no request in it"),
        ("t.trace", "# only\n\n# comments", "t.trace: expected a memory trace, found no request in it"),
        ("t.npz", "", "t.npz: expected a NumPy .npz archive, found an empty file"),
        ("t.npz", "LD 0x40", "t.npz: expected a NumPy .npz archive, found LD 0x40"),
        ("t.npz", "PK\x03\x04 but no archive", "t.npz: damaged .npz archive"),
        ("t.stl", "\x1f\x0b", "t.stl:1: expected"),
        ("t.rstl", "1: read 0x40", "t.rstl: an .rstl trace counts its cycles from the answer before"),
    ],
)
def test_a_malformed_file_is_explained_in_one_line(tmp_path, name, lines, message):
    with pytest.raises(TraceError) as error:
        read_trace(text_file(tmp_path, lines, name))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_directory(tmp_path):
    with pytest.raises(TraceError, match=r"nowhere.stl: there is no such trace file"):
        read_trace(tmp_path / "nowhere.stl")
    with pytest.raises(TraceError, match="expected a trace file, found a directory"):
        read_trace(tmp_path)


def test_damaged_gzip(tmp_path):
    write_trace(Trace(np.arange(1000) * 64, np.zeros(1000, bool)), tmp_path / "t.trace.gz")
    content = (tmp_path / "t.trace.gz").read_bytes()
    for damaged in (content[:-20], content[:40] + b"\x00" * 40 + content[80:], content[:2]):
        (tmp_path / "t.trace.gz").write_bytes(damaged)
        with pytest.raises(TraceError, match=r"t.trace.gz: cannot be read"):
            read_trace(tmp_path / "t.trace.gz")


def test_one_endless_line_does_not_fill_the_memory(tmp_path):
    path = text_file(tmp_path, "0" * (3 * trace_formats.TEXT_BLOCK_BYTES), "t.trace")
    with pytest.raises(TraceError, match="found one of more than 1048576 bytes"):
        read_trace(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"address": [0]}, "expected an array 'is_write' in the .npz, found address"),
        ({"data": [0]}, "expected an array 'address' in the .npz, found data"),
        ({"address": [0.5], "is_write": [True]}, "address must be an array of integers, got float64"),
        ({"address": [0], "is_write": [1]}, "is_write must be an array of bool, got int64"),
        ({"address": [0, 1], "is_write": [True]}, "is_write must have one value for each of the 2 requests"),
        (
            {"address": np.array([None]), "is_write": [True]},
            "damaged .npz archive: Object arrays cannot be loaded",
        ),
        ({"address": [], "is_write": []}, "at least one request"),
        ({"address": [0], "is_write": [True], "cycle": [-1]}, "cycle must be from 0"),
    ],
)
def test_an_npz_with_the_wrong_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "t.npz", **{name: np.asarray(values) for name, values in arrays.items()})
    with pytest.raises(TraceError) as error:
        read_trace(tmp_path / "t.npz")
    assert f"{tmp_path / 't.npz'}: " in str(error.value)
    assert message in str(error.value)


# --- fuzzing ----------------------------------------------------------------------------------------------


def only_a_trace_or_a_trace_error(path: Path, format: str | None = None) -> None:
    message = ""
    try:
        assert len(read_trace(path, format=format)) >= 1
    except TraceError as error:
        message = str(error)
    assert "\n" not in message


@examples(150)
@given(content=st.binary(max_size=200), format=st.sampled_from((None, *FORMATS)), zipped=st.booleans())
def test_arbitrary_bytes(tmp_path, content, format, zipped):
    path = tmp_path / "fuzz"
    path.write_bytes(gzip.compress(content) if zipped else content)
    only_a_trace_or_a_trace_error(path, format)


TOKENS = [
    "0",
    "17",
    ":",
    "read",
    "write",
    "LD",
    "ST",
    "R",
    "W",
    "0x40",
    "ff",
    "(64)",
    "(0)",
    "-1",
    "#",
    "9999999999999999999",
    "0xffffffffffffffff",
    "é",
    "\x00",
]
tokens = st.sampled_from([*TOKENS, " ", "\t", "\n", "\r\n", "\r", "1: read 0x40\n", "LD 0x40\n", "0x40 R\n"])


@examples(300)
@given(text=st.lists(tokens, max_size=25).map("".join), format=st.sampled_from((None, *FORMATS[1:])))
def test_almost_a_trace(tmp_path, text, format):
    only_a_trace_or_a_trace_error(text_file(tmp_path, text, "fuzz"), format)


@examples(150)
@given(data=st.data())
def test_damaged_archives(tmp_path, data):
    buffer = io.BytesIO()
    np.savez(buffer, address=np.arange(3), is_write=np.ones(3, bool))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "fuzz.npz"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    only_a_trace_or_a_trace_error(path)
