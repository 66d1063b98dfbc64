"""Damaged versions of a valid file: cut, flipped, spliced, and with values in it that nothing expects."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import yaml

STRANGE: list[Any] = [
    *(None, True, False, "", "x", "\x00", "é" * 50, "a" * 5000, "\ud800", "0x1", "1e400", "nan", "-1"),
    *(0, -1, 1, 3, 7, 2**31, 2**63, 2**64, -(2**63), 10**300, 10**999, 0.5, -0.5, 1e-300, 1e308),
    *(float("nan"), float("inf"), -float("inf")),
    *([], {}, [[]], [None], {"": 0}, [1] * 300, {str(i): i for i in range(50)}, [[[[[[[[1]]]]]]]]),
]
TOKENS = [
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"NaN", b"Infinity", b"-", b"1e400", b"9" * 25, b"9" * 1200),
    *(b"[" * 120, b'{"a":' * 120, b"- " * 150, b"\n" * 300, b"\t", b"\r", b'"', b"'", b"}", b"]", b":", b","),
    *(b"&a ", b"*a ", b"<<: ", b"!!int ", b"!!binary ", b"? ", b"| ", b"---\n", b"%TAG ! x\n", b"#" * 200),
    *(
        b"0x" + b"f" * 20,
        b"A" * 3000,
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\x1f\x8b",
        b"PAR1",
        b"\xff" * 8,
        b"\\ud800",
    ),
]


def mutated(sample: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """One damaged version."""
    if rng.random() < 0.4:
        changed = _with_strange_values(sample, rng)
        if changed is not None:
            return changed
    content = bytearray(sample)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        kind = rng.randrange(8)
        place = rng.randrange(len(content) + 1)
        end = min(len(content), place + rng.choice((1, 2, 8, 64, 512)))
        if kind == 0:
            del content[place:]
        elif kind == 1 and place < len(content):
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 2 and place < len(content):
            content[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 3:
            del content[place:end]
        elif kind == 4:
            content[place:place] = content[place:end] * rng.choice((1, 2, 30))
        elif kind == 5:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            content[place:end] = other[start : start + rng.choice((4, 64, 4096))]
        else:
            content[place : rng.choice((place, end))] = rng.choice(TOKENS)
    return bytes(content[: 1 << 20])


def _with_strange_values(sample: bytes, rng: random.Random) -> bytes | None:
    """JSON or YAML with some values in it exchanged; None where it is neither."""
    try:
        data = yaml.load(sample, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError):
        return None
    if not isinstance(data, dict | list):
        return None
    is_json = sample.lstrip()[:1] in (b"{", b"[")
    data = json.loads(json.dumps(data))  # no two places share a value
    for _ in range(rng.choice((1, 1, 2, 5))):
        places = list(_places(data))
        holder, key = rng.choice(places)
        kind = rng.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[rng.choice(("", "x", "NAME", "0", "a" * 300))] = holder.pop(key)
        elif kind == 2 and isinstance(holder, list):
            holder.extend(deepcopy(holder[key]) for _ in range(rng.choice((1, 40))))
        else:
            holder[key] = deepcopy(rng.choice(STRANGE))
        if not data:
            break
    text = json.dumps(data) if is_json or rng.random() < 0.5 else yaml.safe_dump(data, allow_unicode=False)
    return text.encode("utf-8", "surrogatepass")


def _places(data: Any) -> Any:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield data, key
        if isinstance(value, dict | list):
            yield from _places(value)
